/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The memory balloon. Giving pages back is a system call of the back end's for each contiguous range, so the
 * page numbers of a buffer are sorted and joined first, and a turn on the loop is paid for in bytes: what a guest
 * gives beyond that stays in its ring until the next turn.
 *
 * A page of the balloon has 4 KiB, whatever guest and host have. If the host's pages are larger, one of them is
 * given back when all of its pages are in the balloon, which a bitmap tells; the guest then has to tell
 * before it takes one out (MUST_TELL_HOST), or the whole page would be given back under it.
 *
 * PAGE_POISON is not offered: guests that fill or poison free pages do without free page reporting.
 */
#include <errno.h>
#include <linux/virtio_balloon.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include "util/bits.h"
#include "virtio/balloon.h"
#include "vm/dt_in.h"

#define QUEUE_SIZE 128

#define PCI_CLASS_OTHERS 0xff0000

#define PAGE_SIZE (1ULL << VIRTIO_BALLOON_PFN_SHIFT)

/* A turn: so many bytes given back, where each range counts for some more, as a call costs. */
#define TURN_BYTES (64 * MiB)
#define CALL_COST  (64 * KiB)
#define PIECE      (16 * MiB) /* of one range at once */
#define NR_PFNS    256        /* page numbers that are read and sorted at once */

#define STAT_SIZE 10 /* le16 tag, le64 value */

/* 5.5.2, where a queue that is not negotiated has a number all the same. */
enum { QUEUE_INFLATE, QUEUE_DEFLATE, QUEUE_STATS, QUEUE_HINTING, QUEUE_REPORTING };

static struct virtio_balloon *to_balloon(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_balloon, dev);
}

static const struct ram *ram_of(const struct virtio_balloon *b)
{
	return b->dev.queue[0].ram;
}

/* Bytes of b->given. */
static size_t given_size(const struct virtio_balloon *b)
{
	return ram_of(b)->size / PAGE_SIZE / 8 + 1;
}

static void pay(struct virtio_balloon *b, uint64_t cost)
{
	b->budget -= cost < b->budget ? cost : b->budget;
}

/* Gives back what of @len bytes at @gpa, all in RAM, are whole pages of the host. */
static void discard(struct virtio_balloon *b, gpa_t gpa, uint64_t len)
{
	const struct ram *ram = ram_of(b);
	uint64_t first = align_up(gpa - ram->base, ram->page_size);
	uint64_t end = align_down(gpa - ram->base + len, ram->page_size);

	pay(b, CALL_COST);
	if (first >= end)
		return;
	pay(b, end - first);
	b->backend.discard(b->backend.ctx, ram->base + first, end - first);
}

/* --- Pages by their numbers --- */

static void mark(struct virtio_balloon *b, uint64_t page, bool given)
{
	uint8_t bit = (uint8_t)(1U << page % 8);

	if (given)
		b->given[page / 8] |= bit;
	else
		b->given[page / 8] &= (uint8_t)~bit;
}

/* Whether all @nr pages from @page on, multiples of each other, are in the balloon. */
static bool all_given(const struct virtio_balloon *b, uint64_t page, uint64_t nr)
{
	if (nr < 8)
		return !(~b->given[page / 8] >> page % 8 & ((1U << nr) - 1));
	for (uint64_t i = page / 8; i < (page + nr) / 8; i++) {
		if (b->given[i] != 0xff)
			return false;
	}
	return true;
}

static int compare_pfns(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* Joins the @nr sorted numbers of pages, from RAM's first, to ranges of the host's pages. */
static void give_back(struct virtio_balloon *b, const uint32_t *page, unsigned int nr)
{
	uint64_t size = ram_of(b)->page_size, each = size / PAGE_SIZE;
	uint64_t begin = 0, end = 0;

	for (unsigned int i = 0; i < nr; i++) {
		uint64_t at = align_down(page[i] * PAGE_SIZE, size);

		if (at < end || (each > 1 && !all_given(b, at / PAGE_SIZE, each)))
			continue;
		if (at > end || end == begin) {
			if (end > begin)
				discard(b, ram_of(b)->base + begin, end - begin);
			begin = at;
		}
		end = at + size;
	}
	if (end > begin)
		discard(b, ram_of(b)->base + begin, end - begin);
}

/*
 * Serves the next page numbers of a buffer, into the balloon or out of it. Numbers are of guest-physical pages and
 * become those of RAM's. Returns false if one is of none: the device is broken then.
 */
static bool serve_pfns(struct virtio_balloon *b, unsigned int queue,
		       const struct virtq_chain *chain)
{
	const struct ram *ram = ram_of(b);
	uint32_t page[NR_PFNS];
	uint32_t len = virtq_copy_out(chain, b->done[queue], page, sizeof(page));
	unsigned int nr = len / sizeof(page[0]);

	b->done[queue] += len;
	for (unsigned int i = 0; i < nr; i++) {
		uint64_t off = le32toh(page[i]) * PAGE_SIZE - ram->base;

		if (off >= ram->size) {
			virtio_break(&b->dev, "page 0x%x of the balloon is no memory",
				     le32toh(page[i]));
			return false;
		}
		page[i] = (uint32_t)(off / PAGE_SIZE);
		if (b->given)
			mark(b, page[i], queue == QUEUE_INFLATE);
	}
	pay(b, CALL_COST);
	if (queue == QUEUE_INFLATE) {
		qsort(page, nr, sizeof(page[0]), compare_pfns);
		give_back(b, page, nr);
	}
	return true;
}

/* --- Pages that the guest reports free: the buffer's own parts --- */

static bool serve_report(struct virtio_balloon *b, unsigned int queue,
			 const struct virtq_chain *chain)
{
	const struct ram *ram = ram_of(b);
	uint64_t skip = b->done[queue];
	const struct iovec *part = chain->iov;
	uint64_t len;

	for (; skip >= part->iov_len; part++)
		skip -= part->iov_len;
	len = part->iov_len - skip < PIECE ? part->iov_len - skip : PIECE;
	discard(b, ram->base + (gpa_t)((uint8_t *)part->iov_base - ram->host) + skip, len);
	b->done[queue] += len;
	return true;
}

/* --- Queues --- */

/*
 * The reporting queue is the fifth of the specification's; Linux counts only queues that were negotiated (and
 * both are not in use for anything else here).
 */
static bool is_reporting(const struct virtio_balloon *b, unsigned int queue)
{
	if (queue == QUEUE_STATS)
		return !virtio_has(&b->dev, VIRTIO_BALLOON_F_STATS_VQ);
	return queue == QUEUE_HINTING || queue == QUEUE_REPORTING;
}

/* Whether the buffer is of the kind that belongs in its queue; the device is broken if not. */
static bool fits(struct virtio_balloon *b, const struct virtq_chain *chain, bool in)
{
	if (in ? !chain->nr_out : !chain->nr_in)
		return true;
	virtio_break(&b->dev, "a buffer is one %s", in ? "to read" : "to write to");
	return false;
}

/* Serves a queue until it is empty or the turn is over. */
static void serve(struct virtio_balloon *b, unsigned int queue)
{
	bool in = is_reporting(b, queue);
	struct iovec iov[QUEUE_SIZE];
	struct virtq_chain chain;

	while (b->budget && virtio_pop(&b->dev, queue, &chain, iov, QUEUE_SIZE)) {
		uint64_t len = in ? chain.in_len : chain.out_len;

		if (!fits(b, &chain, in))
			return;
		while (b->done[queue] < len && b->budget) {
			if (in ? !serve_report(b, queue, &chain) : !serve_pfns(b, queue, &chain))
				return;
		}
		if (b->done[queue] < len) {
			virtq_unpop(&b->dev.queue[queue]);
			break;
		}
		b->done[queue] = 0;
		pay(b, CALL_COST);
		virtio_push(&b->dev, queue, chain.head, 0);
	}
	virtio_push_end(&b->dev, queue);
	if (!b->budget)
		timer_set(&b->again, 1);
}

/* The guest's statistics have come, in the one buffer that there is for them: kept until asked again. */
static void take_stats(struct virtio_balloon *b)
{
	uint8_t raw[64 * STAT_SIZE];
	struct iovec iov[QUEUE_SIZE];
	struct virtq_chain chain;
	uint32_t len;

	if (b->held || !virtio_pop(&b->dev, QUEUE_STATS, &chain, iov, QUEUE_SIZE) ||
	    !fits(b, &chain, false))
		return;
	len = virtq_copy_out(&chain, 0, raw, sizeof(raw));
	memset(b->stat, 0xff, sizeof(b->stat)); /* BALLOON_STAT_UNKNOWN */
	for (uint32_t off = 0; len - off >= STAT_SIZE; off += STAT_SIZE) {
		uint16_t tag = get_le16(raw + off);

		if (tag < BALLOON_NR_STATS)
			b->stat[tag] = get_le64(raw + off + 2);
	}
	b->held = true;
	b->head = chain.head;
	b->answers++;
}

static void balloon_notify(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_balloon *b = to_balloon(dev);

	b->budget = TURN_BYTES;
	if (queue == QUEUE_STATS && !is_reporting(b, queue))
		take_stats(b);
	else
		serve(b, queue);
}

void virtio_balloon_again(void *ctx)
{
	struct virtio_balloon *b = ctx;

	for (unsigned int i = 0; i < VIRTIO_BALLOON_QUEUES; i++)
		virtio_notify(&b->dev, i);
}

static bool balloon_stop(struct virtio_device *dev, int queue)
{
	struct virtio_balloon *b = to_balloon(dev);

	for (unsigned int i = 0; i < VIRTIO_BALLOON_QUEUES; i++) {
		if (queue == VIRTIO_ALL || queue == (int)i)
			b->done[i] = 0;
	}
	if (queue == VIRTIO_ALL || queue == QUEUE_STATS)
		b->held = false;
	if (queue == VIRTIO_ALL) {
		put_le32(b->config + offsetof(struct virtio_balloon_config, actual), 0);
		b->answers = 0;
		if (b->given)
			memset(b->given, 0, given_size(b));
		timer_set(&b->again, 0);
	}
	return true;
}

/* The driver says what it has given: the only field that it may write. */
static void balloon_config_write(struct virtio_device *dev, uint32_t off, uint32_t value,
				 unsigned int len)
{
	struct virtio_balloon *b = to_balloon(dev);

	for (unsigned int i = 0; i < len; i++, off++) {
		if (off >= offsetof(struct virtio_balloon_config, actual))
			b->config[off] = (uint8_t)(value >> 8 * i);
	}
}

/* The guest's buffer of statistics goes back to its ring, from where its answer is taken again. */
static bool balloon_freeze(struct virtio_device *dev)
{
	struct virtio_balloon *b = to_balloon(dev);

	if (b->held) {
		b->held = false;
		b->answers--;
		virtq_unpop(&dev->queue[QUEUE_STATS]);
	}
	return true;
}

/* How far a buffer is served is not told: what was done is done again, without harm. */
static void balloon_save(const struct virtio_device *dev, struct dt *dt)
{
	const struct virtio_balloon *b = container_of(dev, struct virtio_balloon, dev);

	dt_bytes(dt, "config", b->config, sizeof(b->config));
	if (b->given)
		dt_bytes(dt, "given", b->given, given_size(b));
}

static void balloon_restore(struct virtio_device *dev, struct dt_in *in, int node)
{
	struct virtio_balloon *b = to_balloon(dev);
	size_t len = sizeof(b->config), given = b->given ? given_size(b) : 0;

	dt_in_bytes(in, node, "config", b->config, sizeof(b->config), &len);
	if (b->given)
		dt_in_bytes(in, node, "given", b->given, given_size(b), &given);
	if (len != sizeof(b->config) || (b->given && given != given_size(b)))
		dt_in_fail(in, "config", "its length is wrong");
}

static const struct virtio_class balloon_class = {
	.name = "balloon",
	.id = VIRTIO_ID_BALLOON,
	.pci_class = PCI_CLASS_OTHERS,
	.config_write = balloon_config_write,
	.notify = balloon_notify,
	.stop = balloon_stop,
	.freeze = balloon_freeze,
	.save = balloon_save,
	.restore = balloon_restore,
};

static void put_target(struct virtio_balloon *b, uint64_t target)
{
	put_le32(b->config + offsetof(struct virtio_balloon_config, num_pages),
		 (uint32_t)(target / PAGE_SIZE));
}

int virtio_balloon_init(struct virtio_balloon *b, const char *name, const struct ram *ram,
			struct balloon_backend backend, uint64_t target, struct timer again,
			struct err *e)
{
	uint64_t offered = 1ULL << VIRTIO_BALLOON_F_STATS_VQ |
			   1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM |
			   1ULL << VIRTIO_BALLOON_F_REPORTING;
	int ret;

	*b = (struct virtio_balloon){ .backend = backend, .again = again };
	if (ram->page_size > PAGE_SIZE) {
		offered |= 1ULL << VIRTIO_BALLOON_F_MUST_TELL_HOST;
		b->given = calloc(1, ram->size / PAGE_SIZE / 8 + 1); /* given_size() */
	}
	ret = virtio_init(&b->dev, &balloon_class, name, ram, VIRTIO_BALLOON_QUEUES, QUEUE_SIZE,
			  offered, e);
	if (ret == 0 && ram->page_size > PAGE_SIZE && !b->given)
		ret = err_set(e, ENOMEM, "%s: no memory", name);
	b->dev.config = b->config;
	b->dev.config_size = sizeof(b->config);
	put_target(b, target);
	return ret;
}

void virtio_balloon_destroy(struct virtio_balloon *b)
{
	virtio_destroy(&b->dev);
	free(b->given);
}

void virtio_balloon_set_target(struct virtio_balloon *b, uint64_t target)
{
	put_target(b, target);
	virtio_config_changed(&b->dev);
}

void virtio_balloon_ask(struct virtio_balloon *b)
{
	if (!b->held || !virtio_runs(&b->dev))
		return;
	b->held = false;
	virtio_push(&b->dev, QUEUE_STATS, b->head, 0);
	virtio_push_end(&b->dev, QUEUE_STATS);
	take_stats(b); /* which finds none yet: the driver is asked to notify */
}

void virtio_balloon_state(const struct virtio_balloon *b, struct balloon_state *state)
{
	*state = (struct balloon_state){
		.target = get_le32(b->config) * PAGE_SIZE,
		.actual = get_le32(b->config + 4) * PAGE_SIZE,
		.answers = b->answers,
	};
	memcpy(state->stat, b->stat, sizeof(state->stat));
	if (!b->answers)
		memset(state->stat, 0xff, sizeof(state->stat));
}
