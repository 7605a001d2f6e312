/* SPDX-License-Identifier: BSD-2-Clause */
/* The block device (virtio 1.2, section 5.2) over a struct block_backend. */
#ifndef LKVM_VIRTIO_BLK_H
#define LKVM_VIRTIO_BLK_H

#include "virtio/device.h"
#include "vm/bucket.h"
#include "vm/blockdev.h"
#include "vm/timer.h"

#define VIRTIO_BLK_QUEUES_MAX 16
#define VIRTIO_BLK_QUEUE_SIZE 256
#define VIRTIO_BLK_SERIAL_MAX 20 /* bytes of GET_ID (5.2.6) */
#define VIRTIO_BLK_CONFIG_SIZE \
	60 /* bytes of the configuration, up to write_zeroes_may_unmap (5.2.4) */

struct virtio_blk_request;

struct virtio_blk {
	struct virtio_device dev; /* first: the class gets it back from here */
	struct block_backend backend;
	char serial[VIRTIO_BLK_SERIAL_MAX + 1];
	uint8_t config[VIRTIO_BLK_CONFIG_SIZE];
	struct virtio_blk_request *request; /* room for every buffer of every queue, and one */
	unsigned int nr_requests, nr_used;  /* those from @nr_used on were never touched */
	struct work *free;                  /* of the others */
	unsigned int in_flight;             /* in the back end's hands */
	uint16_t queue_in_flight[VIRTIO_BLK_QUEUES_MAX];
	struct virtio_blk_limit {
		struct bucket bytes, requests; /* read and written; of all kinds */
		struct clock clock;
		struct timer timer;
	} limit;
	uint32_t pushed;  /* queues whose driver has not been interrupted for all yet: a bit each */
	uint32_t waiting; /* queues that were left with buffers in them */
	struct {
		uint64_t reads, read_bytes, writes, write_bytes, flushes, discards, errors;
	} count;
};

/*
 * Makes the device, with @nr_queues queues (1 to VIRTIO_BLK_QUEUES_MAX). @serial: up to
 * VIRTIO_BLK_SERIAL_MAX bytes. Returns 0, or -ENOMEM with @e set; virtio_blk_destroy() also after
 * that.
 */
int virtio_blk_init(struct virtio_blk *blk, const char *name, const struct ram *ram,
		    struct block_backend backend, unsigned int nr_queues, const char *serial,
		    struct err *e);

/*
 * From now on so many @bytes and @requests a second at the most, 0: any number. @clock goes forward alone; @timer calls virtio_blk_due(@blk)
 * with dev->lock held. After virtio_blk_init(), and before the guest runs.
 */
void virtio_blk_set_limit(struct virtio_blk *blk, uint64_t bytes, uint64_t requests,
			  struct clock clock, struct timer timer);
/* @blk is a struct virtio_blk. */
void virtio_blk_due(void *blk);

/* Nothing is in the back end's hands any more. */
void virtio_blk_destroy(struct virtio_blk *blk);

/* What the back end calls. */
struct block_frontend virtio_blk_frontend(struct virtio_blk *blk);

#endif
