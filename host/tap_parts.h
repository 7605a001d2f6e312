/* SPDX-License-Identifier: BSD-2-Clause */
/* What the two halves of a tap interface, opening it and using it, have of each other. */
#ifndef LKVM_HOST_TAP_PARTS_H
#define LKVM_HOST_TAP_PARTS_H

#include <net/if.h>
#include "host/tap.h"

#define TAP_OFFLOADS (NET_CSUM | NET_TSO4 | NET_TSO6 | NET_TSO_ECN)

struct tap_queue {
	struct tap *tap;
	unsigned int nr;
	struct loop_source source;
	uint32_t events;   /* that the device wants to hear of */
	unsigned int left; /* frames that may still be read in this turn */
	bool detached;     /* the kernel does not use it */
};

struct tap {
	struct loop *loop;
	char name[IFNAMSIZ];
	uint16_t mtu; /* if it is not the usual one */
	unsigned int rx_offloads;
	bool lost; /* the interface is no more */
	struct net_frontend frontend;
	unsigned int nr; /* queues */
	struct tap_queue queue[NET_PAIRS_MAX];
};

/* A queue's source calls it. */
void tap_ready(void *ctx, uint32_t events);

/* Lets the kernel leave @offloads, enum net_offload, undone in what is read from @fd. Returns 0 or -errno. */
int tap_offloads(int fd, unsigned int offloads);

#endif
