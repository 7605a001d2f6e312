/* SPDX-License-Identifier: BSD-2-Clause */
/* The network device (virtio 1.2, section 5.1) over a struct net_backend. */
#ifndef LKVM_VIRTIO_NET_H
#define LKVM_VIRTIO_NET_H

#include "virtio/device.h"
#include "virtio/vhost.h"
#include "vm/bucket.h"
#include "vm/netdev.h"
#include "vm/timer.h"

#define VIRTIO_NET_QUEUE_SIZE  256
#define VIRTIO_NET_CONFIG_SIZE 17 /* bytes of the configuration, up to duplex (5.1.4) */
#define VIRTIO_NET_MACS_MAX    64 /* addresses of a driver's two tables together */
/* Parts of guest buffers that are taken ahead, and one more buffer's. */
#define VIRTIO_NET_PARTS (2 * VIRTIO_NET_QUEUE_SIZE)

struct virtio_net;

/* A guest's buffer to receive in. */
struct virtio_net_buffer {
	uint16_t head;
	uint16_t nr; /* parts */
	uint32_t len;
};

/* One pair of queues. */
struct virtio_net_pair {
	struct virtio_net *net;
	unsigned int nr;
	bool read, write; /* what the back end watches for */

	/*
	 * Buffers taken from the receive queue, for the frames that come; the parts of all, one after the
	 * other, and behind them, while a frame is read, @spill.
	 */
	struct virtio_net_buffer buffer[VIRTIO_NET_QUEUE_SIZE];
	unsigned int nr_buffers, nr_parts;
	size_t room; /* bytes in all of them */
	struct iovec iov[VIRTIO_NET_PARTS + 1];

	size_t frame;   /* bytes of a frame that waits for more buffers, or 0 */
	size_t spilled; /* of these, the last ones, which are not in a buffer yet */
	size_t spill_off;
	uint8_t spill[NET_HDR_SIZE + NET_FRAME_MAX];
};

/* Which frames the guest wants (5.1.6.5.1, 5.1.6.5.2, 5.1.6.5.3). */
struct virtio_net_filter {
	bool promisc, allmulti, alluni, nomulti, nouni, nobcast;
	bool many_uni, many_multi; /* the driver's table was too long: all of the kind are wanted */
	unsigned int nr_uni, nr_macs;
	uint8_t mac[VIRTIO_NET_MACS_MAX][NET_MAC_SIZE]; /* @nr_uni single ones first */
	uint8_t vlan[4096 / 8];
};

struct virtio_net {
	struct virtio_device dev; /* first: the class gets it back from here */
	struct net_backend backend;
	struct virtio_vhost vhost; /* serves the pairs in the place of this file if vhost.nr */
	uint8_t mac[NET_MAC_SIZE]; /* as given */
	uint8_t config[VIRTIO_NET_CONFIG_SIZE];
	unsigned int offloads;  /* what the guest takes at present */
	unsigned int nr_active; /* pairs that the guest uses */
	bool control_waits;     /* commands are left for another turn */
	struct virtio_net_filter filter;
	struct virtio_net_limit {
		struct bucket sent, received; /* bytes of frames */
		struct clock clock;
		struct timer timer;
	} limit;
	struct virtio_net_pair *pair; /* backend.info.nr_pairs of them */
	struct { /* without vhost: whole frames, as the guest has sent and got them */
		uint64_t sent, sent_bytes, received, received_bytes, filtered;
	} count;
};

/*
 * Makes the device with the address @mac. Returns 0, or -ENOMEM with @e set; virtio_net_destroy() also after
 * that.
 */
int virtio_net_init(struct virtio_net *net, const char *name, const struct ram *ram,
		    struct net_backend backend, const uint8_t mac[NET_MAC_SIZE], struct err *e);

/*
 * From now on so many @bytes a second each way at the most, 0: any number. @clock goes forward alone; @timer calls virtio_net_due(@net) with
 * dev->lock held. After virtio_net_init(), before the guest runs, and not with vhost, which knows no limit.
 */
void virtio_net_set_limit(struct virtio_net *net, uint64_t bytes, struct clock clock,
			  struct timer timer);
/* @net is a struct virtio_net. */
void virtio_net_due(void *net);

/*
 * Lets @vhost move the frames between the queues and what is behind @backend, all 2 * info.nr_pairs of them;
 * commands, link and what else there is stays the device's. After virtio_net_init().
 */
void virtio_net_use_vhost(struct virtio_net *net, struct vhost_backend vhost);

void virtio_net_destroy(struct virtio_net *net);

/* What the back end calls. */
struct net_frontend virtio_net_frontend(struct virtio_net *net);

#endif
