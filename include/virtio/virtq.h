/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A split virtqueue, the device's side (virtio 1.2, section 2.7). The driver's rings and buffers
 * are guest memory that another CPU may change at any moment: each field is read once, checked, and
 * the copy used. Whatever breaks a rule of the ring makes the queue broken; it stays so until reset.
 *
 * Not locked: the device's lock is held around every call.
 */
#ifndef LKVM_VIRTIO_VIRTQ_H
#define LKVM_VIRTIO_VIRTQ_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include "vm/ram.h"

#define VIRTQ_SIZE_MAX 1024

struct virtq {
	const struct ram *ram;
	uint16_t size_max;          /* what the device offers: a power of two */
	uint16_t size;              /* what the driver chose: a power of two, at most @size_max */
	gpa_t desc, driver, device; /* addresses of the areas, as the driver wrote them */

	bool enabled;
	bool elsewhere;           /* somebody else serves it: its rings are not touched here */
	bool event_idx, indirect; /* negotiated */
	bool quiet;               /* the driver was told not to notify (without event_idx) */
	const char *broken;       /* which rule the driver broke, in words, or NULL; static */

	uint8_t *desc_area; /* while enabled: the areas' places in host memory */
	uint8_t *driver_area;
	uint8_t *device_area;
	uint16_t next_avail; /* index of the next entry to take from the driver's ring */
	uint16_t seen_avail; /* how far the driver's ring was filled when last looked at */
	uint16_t next_used;  /* index of the next entry to put in the device's ring */
	uint16_t told_used;  /* @next_used when last asked whether to interrupt */
};

/*
 * One buffer that the driver made available: a chain of descriptors, device-readable parts before
 * device-writable ones (2.7.4.2). Parts of no length are left out.
 */
struct virtq_chain {
	uint16_t head;            /* its name in the used ring; a bad driver may give one twice */
	uint16_t nr_out;          /* iov[0..nr_out): the device reads */
	uint16_t nr_in;           /* iov[nr_out..nr_out + nr_in): the device writes */
	uint32_t out_len, in_len; /* bytes in all; their sum is below 4 GiB (2.7.5.2) */
	struct iovec *iov;        /* the caller's array */
};

/* As after reset: disabled, size @size_max (1 to VIRTQ_SIZE_MAX, a power of two), no addresses. */
void virtq_init(struct virtq *q, const struct ram *ram, uint16_t size_max);

/*
 * Starts the queue with the size and the addresses set in it. Returns false, with q->broken set, if
 * the areas are not aligned (2.7) or not all in RAM.
 */
bool virtq_enable(struct virtq *q, bool event_idx, bool indirect);

/*
 * Takes the next buffer, its parts into @iov of @nr_iov entries. Returns 1; 0: there is none (or the
 * queue is not enabled or broken); -1: the driver broke a rule (or needs more than @nr_iov parts), the
 * queue is broken now. Never more than @size buffers are taken and not yet pushed.
 */
int virtq_pop(struct virtq *q, struct virtq_chain *chain, struct iovec *iov, unsigned int nr_iov);

/* Undoes the virtq_pop() that was last, if nothing was pushed since: the same buffer comes again. */
void virtq_unpop(struct virtq *q);

/*
 * Gives the buffer @head, one that was popped, back with @written bytes written into its
 * device-writable parts from the first on (2.7.8.2). Nothing happens in a queue that is broken or not
 * enabled.
 */
void virtq_push(struct virtq *q, uint16_t head, uint32_t written);

/* The same, but the driver does not see it before the next virtq_push(): for what it must find all at once. */
void virtq_fill(struct virtq *q, uint16_t head, uint32_t written);

/* Whether the driver wants to be interrupted for what was pushed since this was last asked. */
bool virtq_wants_interrupt(struct virtq *q);

/*
 * Copies what the device may read of a buffer, from its byte @off on and at most @len bytes, to @buf, each byte read
 * once. Returns how many there were.
 */
uint32_t virtq_copy_out(const struct virtq_chain *chain, uint64_t off, void *buf, uint32_t len);

/*
 * The driver need not notify until virtq_enable_notify(): for while buffers are being taken anyway.
 * virtq_enable_notify() returns whether buffers are there already: then take those first.
 */
void virtq_disable_notify(struct virtq *q);
bool virtq_enable_notify(struct virtq *q);

#endif
