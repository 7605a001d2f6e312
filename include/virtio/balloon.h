/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory balloon (virtio 1.2, section 5.5): the guest gives pages back as it is told to, and, by free page
 * reporting, what it does not use anyway. Coming back, pages are zero; nobody is asked for them.
 */
#ifndef LKVM_VIRTIO_BALLOON_H
#define LKVM_VIRTIO_BALLOON_H

#include <stdbool.h>
#include <stdint.h>
#include "virtio/device.h"
#include "vm/balloon.h"
#include "vm/timer.h"

/* Inflate, deflate, statistics, and two places where a driver may look for the reporting queue. */
#define VIRTIO_BALLOON_QUEUES 5
#define VIRTIO_BALLOON_CONFIG 8 /* bytes of configuration: num_pages, actual */

struct virtio_balloon {
	struct virtio_device dev; /* first: the class gets it back from here */
	struct balloon_backend backend;
	struct timer again;
	uint64_t done
		[VIRTIO_BALLOON_QUEUES]; /* bytes of each queue's oldest buffer that are served */
	uint64_t budget;                 /* what is left of this turn */
	uint8_t *
		given; /* a bit for each 4 KiB of RAM in the balloon; only if the host's pages are larger */
	bool held; /* the guest's buffer for statistics is here: @head */
	uint16_t head;
	uint64_t answers;
	uint64_t stat[BALLOON_NR_STATS];
	uint8_t config[VIRTIO_BALLOON_CONFIG];
};

/*
 * Makes the device. @target: bytes that the guest is to give back from the start on. @again, which calls
 * virtio_balloon_again(@b) with dev->lock held, gives other sources of the loop their turn while a guest gives
 * much. Returns 0, or -ENOMEM with @e set; virtio_balloon_destroy() also after that.
 */
int virtio_balloon_init(struct virtio_balloon *b, const char *name, const struct ram *ram,
			struct balloon_backend backend, uint64_t target, struct timer again,
			struct err *e);
void virtio_balloon_destroy(struct virtio_balloon *b);

/* @b is a struct virtio_balloon. With dev->lock held. */
void virtio_balloon_again(void *b);

/* The guest is to give @target bytes back, all in all. With dev->lock held. */
void virtio_balloon_set_target(struct virtio_balloon *b, uint64_t target);

/* Asks for new statistics: state.answers counts when they are there. With dev->lock held. */
void virtio_balloon_ask(struct virtio_balloon *b);

/* How it stands. With dev->lock held. */
void virtio_balloon_state(const struct virtio_balloon *b, struct balloon_state *state);

#endif
