/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a network device and what carries its frames on the host: two small interfaces, so that neither
 * knows the other's type. The device asks for frames and hands frames down; whoever has none, or no room,
 * says so and is asked again when the back end calls ready().
 *
 * In both directions a frame is preceded by NET_HDR_SIZE bytes, a struct virtio_net_hdr_v1 (virtio 1.2, 5.1.6).
 */
#ifndef LKVM_VM_NETDEV_H
#define LKVM_VM_NETDEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#define NET_HDR_SIZE 12
#define NET_MAC_SIZE 6
/* An Ethernet header, with a VLAN's tag, and the longest IP packet. */
#define NET_FRAME_MAX (14 + 4 + 65535)
#define NET_PAIRS_MAX 8

/* What may be left undone in a frame: bits. */
enum net_offload {
	NET_CSUM = 1, /* its checksum; towards the guest also: it has been checked */
	NET_TSO4 = 2, /* cutting TCP into segments, over IPv4 */
	NET_TSO6 = 4,
	NET_TSO_ECN = 8,
};

struct net_info {
	unsigned int nr_pairs; /* of queues, 1 to NET_PAIRS_MAX */
	unsigned int
		tx_offloads; /* what the back end does for the guest's frames: enum net_offload */
	unsigned int rx_offloads; /* what it may leave to the guest, if told so by set_offloads() */
	uint16_t mtu;             /* that the guest should use, or 0 */
	bool up;                  /* the link */
};

/* The host's side. Called by the device with the device's lock held; must not block. */
struct net_backend {
	/*
	 * Sends a frame: @len bytes in @iov of @nr parts, with its header. Returns true if that is over, also if
	 * the frame had to be dropped; false: there is no room now.
	 */
	bool (*send)(void *ctx, unsigned int pair, const struct iovec *iov, unsigned int nr,
		     size_t len);
	/*
	 * Puts the next frame, with its header, into @iov of @nr parts, and returns how many bytes it has; those
	 * beyond the end of @iov are lost. 0: there is none, or enough has been taken in this turn of the loop.
	 */
	size_t (*receive)(void *ctx, unsigned int pair, const struct iovec *iov, unsigned int nr);
	/*
	 * From now on calls ready(), once or again and again, when there may be a frame to receive (@read) and
	 * when there may be room to send (@write); not otherwise.
	 */
	void (*watch)(void *ctx, unsigned int pair, bool read, bool write);
	/* The guest uses the first @nr pairs; 1 to info.nr_pairs. Without: 1. */
	void (*set_pairs)(void *ctx, unsigned int nr);
	/* What of info.rx_offloads the guest takes. Without: nothing. */
	void (*set_offloads)(void *ctx, unsigned int offloads);
	void *ctx;
	struct net_info info;
};

/* The device's side. Called from the loop's thread with @lock, the device's own, held. */
struct net_frontend {
	void (*ready)(void *ctx, unsigned int pair, bool read, bool write);
	/* The link is up or down from now on. */
	void (*link)(void *ctx, bool up);
	void *ctx;
	pthread_mutex_t *lock;
};

#endif
