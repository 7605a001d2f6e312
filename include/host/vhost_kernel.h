/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's vhost (vhost-net, vhost-vsock) as a struct vhost_backend. Opened before the machine is built,
 * closed after its end; connected to a device each life in between. Loop's thread, or when the loop does not run.
 */
#ifndef LKVM_HOST_VHOST_KERNEL_H
#define LKVM_HOST_VHOST_KERNEL_H

#include <stdint.h>
#include "util/err.h"
#include "vm/loop.h"
#include "vm/vhostdev.h"

struct vhost_kernel;

/*
 * /dev/vhost-net: queue 2 * i receives from @tap[i], queue 2 * i + 1 sends to it, with the header that the
 * tap's descriptor is set to (TUNSETVNETHDRSZ); @nr_pairs of them, at most VHOST_QUEUES_MAX / 2. The descriptors
 * stay the caller's and open until vhost_kernel_close(). Returns NULL with @e set.
 */
struct vhost_kernel *vhost_net_open(const int *tap, unsigned int nr_pairs, struct loop *loop,
				    struct err *e);

/*
 * /dev/vhost-vsock: queues 0 and 1 (receive, transmit) of the machine that the host reaches by @cid, which is taken from now on. Queue 2, of
 * events, is the caller's. Returns NULL with @e set.
 */
struct vhost_kernel *vhost_vsock_open(uint64_t cid, struct loop *loop, struct err *e);

/* What virtio_vhost_init() wants. */
struct vhost_backend vhost_kernel_backend(struct vhost_kernel *v);
/* Queues it serves. */
unsigned int vhost_kernel_nr_queues(const struct vhost_kernel *v);

/*
 * For a machine's life: its RAM, the eventfd @kick[] of each queue (slots_lend_bells(), not owned), and the device.
 * Before vCPUs run. Returns 0, or -errno with @e set; vhost_kernel_disconnect() also after that.
 */
int vhost_kernel_connect(struct vhost_kernel *v, const struct ram *ram, const int *kick,
			 struct vhost_frontend frontend, struct err *e);
/* Ends it: nothing of the machine is touched any more. Not connected is fine. */
void vhost_kernel_disconnect(struct vhost_kernel *v);

/* NULL is fine. Disconnects. */
void vhost_kernel_close(struct vhost_kernel *v);

#endif
