/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device (virtio 1.2, section 5.4): fills the guest's buffers with random bytes from a source, at
 * most so many a second.
 */
#ifndef LKVM_VIRTIO_RNG_H
#define LKVM_VIRTIO_RNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "virtio/device.h"
#include "vm/bucket.h"
#include "vm/timer.h"

struct rng_source {
	/* Fills @len bytes at @buf; must not block. False: there are none to be had. */
	bool (*fill)(void *ctx, void *buf, size_t len);
	void *ctx;
};

struct virtio_rng {
	struct virtio_device dev; /* first: the class gets it back from here */
	struct rng_source source;
	struct bucket limit; /* of bytes */
	struct clock clock;
	struct timer timer;
};

/*
 * Makes the device. @clock (any that goes forward) and @timer, which calls virtio_rng_due(@rng) with dev->lock
 * held, are for the rate and to give other sources of the loop their turn. Returns 0, or -ENOMEM with @e
 * set; virtio_rng_destroy() also after that.
 */
int virtio_rng_init(struct virtio_rng *rng, const char *name, const struct ram *ram,
		    struct rng_source source, uint64_t rate, struct clock clock, struct timer timer,
		    struct err *e);
void virtio_rng_destroy(struct virtio_rng *rng);

/* @rng is a struct virtio_rng. With dev->lock held. */
void virtio_rng_due(void *rng);

#endif
