/* SPDX-License-Identifier: BSD-2-Clause */
/* A tap interface of the host's kernel behind a network device: all lives of a machine. */
#ifndef LKVM_HOST_TAP_H
#define LKVM_HOST_TAP_H

#include "util/err.h"
#include "vm/loop.h"
#include "vm/netdev.h"

struct tap_config {
	const char *name;      /* of the interface; NULL: a new one whose name the kernel picks */
	const char *script;    /* a program to run with the interface's name, or NULL */
	unsigned int nr_pairs; /* of queues, 1 to NET_PAIRS_MAX */
	/* Instead of @name: descriptors of an interface that someone else opened, @nr_pairs of them. */
	bool by_fd;
	int fd[NET_PAIRS_MAX];
};

struct tap;

/*
 * Opens, or makes, the interface and runs the script. Descriptors of @cfg are the tap's from then on. Returns
 * NULL with @e set on failure.
 */
struct tap *tap_open(const struct tap_config *cfg, struct loop *loop, struct err *e);

/* The interface's name, and the descriptor of a pair of queues; the tap's own. */
const char *tap_name(const struct tap *tap);
int tap_fd(const struct tap *tap, unsigned int pair);

struct net_backend tap_backend(struct tap *tap);

/* Between a machine's devices being made and their end; the loop does not run. */
void tap_connect(struct tap *tap, struct net_frontend frontend);
void tap_disconnect(struct tap *tap);

/* NULL is fine. */
void tap_close(struct tap *tap);

#endif
