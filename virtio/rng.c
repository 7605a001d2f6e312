/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The entropy device. A buffer gets as many bytes as it has room for, but no more than a piece at once: drivers have
 * to take less than they asked for (5.4.6.1), so no request takes long, whatever its size.
 *
 * A buffer that cannot be paid for (vm/bucket.h) goes back to its ring until the timer says that it can.
 */
#include <linux/virtio_ids.h>
#include "util/bits.h"
#include "virtio/rng.h"
#include "vm/dt_in.h"

#define QUEUE_SIZE 64

#define PCI_CLASS_OTHERS 0xff0000

/* At most so many bytes a buffer, and buffers before other sources of the loop have their turn. */
#define PIECE (64 * KiB)
#define TURN  4

/* How many bytes a buffer of @len gets: with a limit, no more than a second brings. */
static size_t share(const struct virtio_rng *rng, uint32_t len)
{
	uint64_t most = rng->limit.rate && rng->limit.rate < PIECE ? rng->limit.rate : PIECE;

	return len < most ? len : most;
}

static bool fill(struct virtio_rng *rng, const struct virtq_chain *chain, size_t len)
{
	for (unsigned int i = 0; len; i++) {
		const struct iovec *iov = &chain->iov[i];
		size_t part = iov->iov_len < len ? iov->iov_len : len;

		if (!rng->source.fill(rng->source.ctx, iov->iov_base, part))
			return false;
		len -= part;
	}
	return true;
}

/* Serves one buffer. Returns whether to go on; otherwise the timer or the driver's next notification does. */
static bool serve(struct virtio_rng *rng)
{
	struct iovec iov[QUEUE_SIZE];
	struct virtq_chain chain;
	uint64_t early;
	size_t len;

	if (!virtio_pop(&rng->dev, 0, &chain, iov, QUEUE_SIZE))
		return false;
	len = share(rng, chain.in_len);
	if (chain.nr_out || !len) {
		virtio_break(&rng->dev, "a buffer for random bytes cannot be written (5.4.6.1)");
		return false;
	}
	early = bucket_wait(&rng->limit, len, rng->clock.now(rng->clock.ctx));
	if (early) {
		virtq_unpop(&rng->dev.queue[0]);
		timer_set(&rng->timer, early);
		return false;
	}
	if (!fill(rng, &chain, len)) {
		virtio_break(&rng->dev, "the host has no random bytes");
		return false;
	}
	bucket_spend(&rng->limit, len);
	virtio_push(&rng->dev, 0, chain.head, (uint32_t)len);
	return true;
}

static void rng_notify(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_rng *rng = container_of(dev, struct virtio_rng, dev);
	unsigned int left = TURN;

	while (left && serve(rng))
		left--;
	virtio_push_end(dev, queue);
	if (!left)
		timer_set(&rng->timer, 1);
}

void virtio_rng_due(void *ctx)
{
	struct virtio_rng *rng = ctx;

	virtio_notify(&rng->dev, 0);
}

/* The time since is not counted: a machine that stands still earns nothing. */
static void rng_save(const struct virtio_device *dev, struct dt *dt)
{
	int64_t credit = container_of(dev, struct virtio_rng, dev)->limit.credit;

	dt_u64(dt, "credit", credit > 0 ? (uint64_t)credit : 0);
}

static void rng_restore(struct virtio_device *dev, struct dt_in *in, int node)
{
	uint64_t credit = 0;

	dt_in_u64(in, node, "credit", &credit);
	if (credit > NS_PER_S)
		dt_in_fail(in, "credit", "no such value");
	else
		container_of(dev, struct virtio_rng, dev)->limit.credit = (int64_t)credit;
}

static const struct virtio_class rng_class = {
	.name = "rng",
	.id = VIRTIO_ID_RNG,
	.pci_class = PCI_CLASS_OTHERS,
	.notify = rng_notify,
	.save = rng_save,
	.restore = rng_restore,
};

int virtio_rng_init(struct virtio_rng *rng, const char *name, const struct ram *ram,
		    struct rng_source source, uint64_t rate, struct clock clock, struct timer timer,
		    struct err *e)
{
	*rng = (struct virtio_rng){
		.source = source,
		.clock = clock,
		.timer = timer,
		.limit = bucket_of(rate, clock.now(clock.ctx)),
	};
	return virtio_init(&rng->dev, &rng_class, name, ram, 1, QUEUE_SIZE, 0, e);
}

void virtio_rng_destroy(struct virtio_rng *rng)
{
	virtio_destroy(&rng->dev);
}
