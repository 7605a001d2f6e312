/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a block device and the image behind it. The device hands requests down, the back end
 * completes them, at once or later, in any order; neither knows the other's type.
 */
#ifndef LKVM_VM_BLOCKDEV_H
#define LKVM_VM_BLOCKDEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "vm/work.h"

#define BLOCK_SECTOR 512

enum block_op {
	BLOCK_READ,
	BLOCK_WRITE,
	BLOCK_FLUSH,        /* what was written and completed before is on stable storage after */
	BLOCK_DISCARD,      /* the range's content does not matter any more */
	BLOCK_WRITE_ZEROES, /* the range reads as zeroes from now on */
};

/* Owned by the device; the back end's from submit() until it is complete. */
struct block_request {
	enum block_op op;
	bool unmap;   /* WRITE_ZEROES: its storage may be given back */
	bool durable; /* when it is complete, it is on stable storage: as if a FLUSH came after it */
	uint64_t off, len; /* bytes, multiples of BLOCK_SECTOR, within info.size; 0, 0 for FLUSH */
	/* READ, WRITE: guest memory, @len bytes in all. The back end may change these four on its way. */
	struct iovec *iov;
	unsigned int nr_iov;
	int result;       /* when complete: 0 or -errno */
	struct work work; /* the back end's */
};

struct block_info {
	uint64_t size; /* bytes, a multiple of BLOCK_SECTOR */
	/* What the device shows as its block size: 512 or more, a power of two. */
	uint32_t logical_block;
	uint32_t physical_block;
	uint32_t optimal_io;    /* bytes; 0: nothing to say */
	uint32_t discard_align; /* bytes */
	bool readonly;
	bool discard;   /* DISCARD does something */
	bool writeback; /* completed writes may be lost until FLUSH; false: they are durable */
};

/* The image's side. Called by the device with the device's lock held; must not block. */
struct block_backend {
	/*
	 * Starts @req. Returns true if it is complete already (done() is not called for it then);
	 * false: done() follows. What is started may wait for kick().
	 */
	bool (*submit)(void *ctx, struct block_request *req);
	/* Ends a batch of submit(). May call done() for some of it, but not done_end(). */
	void (*kick)(void *ctx);
	/*
	 * Calls done_end() soon, whether or not anything is done by then: for who has more to do
	 * than is fair.
	 */
	void (*later)(void *ctx);
	void *ctx;
	struct block_info info;
};

/*
 * The device's side. Called with @lock, the device's own, held: on the loop's thread, but for what
 * kick() calls.
 */
struct block_frontend {
	void (*done)(void *ctx, struct block_request *req);
	/* Ends a batch of done(): now is the time to interrupt, and to submit what had to wait. */
	void (*done_end)(void *ctx);
	/* The image has another size now (info.size as of the back end). */
	void (*resized)(void *ctx, uint64_t size);
	void *ctx;
	pthread_mutex_t *lock;
};

#endif
