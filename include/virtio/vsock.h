/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket device (virtio 1.2, section 5.10) over a struct vsock_backend: stream sockets between the guest and
 * programs of the host, without a network.
 */
#ifndef LKVM_VIRTIO_VSOCK_H
#define LKVM_VIRTIO_VSOCK_H

#include <stdbool.h>
#include <stdint.h>
#include "virtio/device.h"
#include "virtio/vhost.h"
#include "vm/timer.h"
#include "vm/vsockdev.h"

#define VSOCK_CID_HOST      2
#define VSOCK_CID_GUEST_MIN 3
#define VSOCK_CID_GUEST_MAX 0xfffffffe

/* So many connections at once, and bytes of each that the host has not taken yet. */
#define VSOCK_CONNS_MAX 512
#define VSOCK_BUFFER    (128 * 1024)

#define VSOCK_BUCKETS 64
#define VSOCK_RESETS  64 /* answers to packets of no connection; what is more gets none */

/* A packet that is answered by RST. */
struct vsock_reset {
	uint64_t cid; /* whom the guest took for its peer */
	uint32_t host_port, guest_port;
	uint16_t type;
};

struct virtio_vsock {
	struct virtio_device dev; /* first: the class gets it back from here */
	struct virtio_vhost
		vhost; /* serves packets, if .nr is not 0: then the rest is not in use */
	struct vsock_backend backend;
	struct timer again;
	uint64_t budget; /* what is left of this turn */
	struct vsock_conn *bucket[VSOCK_BUCKETS];
	struct vsock_conn *lingering; /* closed by the guest; bytes of theirs wait for the host */
	struct vsock_conn *ready, **ready_last; /* those that may have something for the guest */
	unsigned int nr_conns;
	uint32_t next_port;
	struct vsock_reset reset[VSOCK_RESETS];
	unsigned int nr_resets;
	uint64_t cid;
	uint8_t config[8];
};

/*
 * Makes the device of the guest @cid. @again, which calls virtio_vsock_again(@vsock) with dev->lock held, gives
 * other sources of the loop their turn while there is much to do. Returns 0, or -ENOMEM with @e set;
 * virtio_vsock_destroy() also after that.
 */
int virtio_vsock_init(struct virtio_vsock *vsock, const char *name, const struct ram *ram,
		      uint64_t cid, struct vsock_backend backend, struct timer again,
		      struct err *e);

/* Packets are served by @vhost, and not here: before the device is put on a machine. */
void virtio_vsock_use_vhost(struct virtio_vsock *vsock, struct vhost_backend vhost);

/* Closes all streams first. */
void virtio_vsock_destroy(struct virtio_vsock *vsock);

/* @vsock is a struct virtio_vsock. With dev->lock held. */
void virtio_vsock_again(void *vsock);

/* What the back end calls. */
struct vsock_frontend virtio_vsock_frontend(struct virtio_vsock *vsock);

#endif
