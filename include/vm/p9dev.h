/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a 9P device and the server behind it. The device hands each message of the guest down with the
 * room for its answer, the server completes them, at once or later, in any order; neither knows the
 * other's type. Messages stay in guest memory: only the server looks into them.
 */
#ifndef LKVM_VM_P9DEV_H
#define LKVM_VM_P9DEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "vm/work.h"

/* Owned by the device; the back end's from submit() until it is complete. */
struct p9_request {
	/* Guest memory, which the guest may change meanwhile: the message, and room for the answer. */
	const struct iovec *out, *in;
	unsigned int nr_out, nr_in;
	uint32_t out_len, in_len; /* bytes in all */
	/* When complete: bytes of the answer, or -EBADMSG: it was no message, or without room for an answer. */
	int result;

	/* The back end's. */
	struct work work;
	uint32_t size; /* the message's header */
	uint8_t type;
	uint16_t tag, oldtag;
	struct p9_request *next;    /* the others that are not complete */
	struct p9_request *flushes; /* those that want to be answered after this one */
};

/* The server's side. Called by the device with the device's lock held; must not block. */
struct p9_backend {
	/* Starts @req. Returns true if it is complete already: done() is not called for it then. */
	bool (*submit)(void *ctx, struct p9_request *req);
	/* Calls done_end() soon: for who has more to do than is fair. */
	void (*later)(void *ctx);
	/* Another driver takes over: what the guest had open is not to be used any more. */
	void (*reset)(void *ctx);
	void *ctx;
};

/* The device's side. Called on the loop's thread with @lock, the device's own, held. */
struct p9_frontend {
	void (*done)(void *ctx, struct p9_request *req);
	/* Ends a batch of done(): now is the time to interrupt, and to submit what had to wait. */
	void (*done_end)(void *ctx);
	void *ctx;
	pthread_mutex_t *lock;
};

#endif
