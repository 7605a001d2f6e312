/* SPDX-License-Identifier: BSD-2-Clause */
/* A request of the block device's driver, as it is read out of its buffer: for blk.c. */
#ifndef LKVM_VIRTIO_BLK_CHAIN_H
#define LKVM_VIRTIO_BLK_CHAIN_H

#include "virtio/blk.h"

/* The ring allows a chain as many descriptors as the queue has entries (2.7.5.3.1). */
#define BLK_PARTS_MAX VIRTIO_BLK_QUEUE_SIZE

struct virtio_blk_request {
	struct block_request io; /* io.iov: the data, somewhere in @iov */
	uint8_t *status;         /* guest memory, the last byte of the buffer (5.2.6) */
	uint32_t written;        /* bytes of the buffer that have been written if all goes well */
	uint16_t head;
	uint8_t queue;
	struct iovec iov[BLK_PARTS_MAX];
};

/* What is not a status byte: the back end has to do something first. */
#define BLK_SUBMIT 0x100

/*
 * Reads the request in @chain, whose parts are rq->iov, and fills in the rest of @rq but head and
 * queue. Returns BLK_SUBMIT, the status byte of a request that is over already, or -1 if there is
 * no header or no room for a status: then the driver broke a rule.
 */
int blk_read_chain(const struct virtio_blk *blk, struct virtio_blk_request *rq,
		   const struct virtq_chain *chain);

/*
 * Whether a write is to be on stable storage when it completes (5.2.6.2: when it becomes stable).
 */
bool blk_writes_through(const struct virtio_blk *blk);

#endif
