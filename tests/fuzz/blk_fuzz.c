/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block device over a disk in memory, with a hostile driver: bytes become chains,
 * notifications, resets and completions in any order. The back end insists that what it is asked
 * lies on the disk.
 *
 *	1 byte: properties of the device; then operations, a byte each with what it needs
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "util/log.h"
#include "virtio/blk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BASE      0x40000000ULL
#define RAM_SIZE  (64 * KiB)
#define DISK_SIZE (16 * KiB)
#define QUEUES    2
#define RING_SIZE 16
#define BUFFERS   (BASE + 0x4000)
#define TABLE     (BASE + 0x8000)

struct input {
	const uint8_t *data;
	size_t left;
};

struct world {
	struct input in;
	struct ram ram;
	struct virtio_blk blk;
	struct ring ring[QUEUES];
	struct ring_counts counts;
	uint8_t disk[DISK_SIZE];
	struct block_request *held[QUEUES * VIRTIO_BLK_QUEUE_SIZE];
	unsigned int nr_held;
	bool hold;
	int later;
};

static uint32_t take(struct input *in, unsigned int len)
{
	uint32_t value = 0;

	for (; len && in->left; len--, in->left--)
		value = value << 8 | *in->data++;
	return value;
}

static void answer(struct world *w, struct block_request *req)
{
	uint64_t total = 0;

	assert(req->off <= DISK_SIZE && req->len <= DISK_SIZE - req->off);
	assert(req->off % BLOCK_SECTOR == 0 && req->len % BLOCK_SECTOR == 0);
	req->result = 0;
	if (req->op == BLOCK_WRITE_ZEROES)
		memset(w->disk + req->off, 0, req->len);
	if (req->op != BLOCK_READ && req->op != BLOCK_WRITE)
		return;
	for (unsigned int i = 0; i < req->nr_iov; i++) {
		const struct iovec *iov = &req->iov[i];

		assert(total + iov->iov_len <= req->len);
		if (req->op == BLOCK_READ)
			memcpy(iov->iov_base, w->disk + req->off + total, iov->iov_len);
		else
			memcpy(w->disk + req->off + total, iov->iov_base, iov->iov_len);
		total += iov->iov_len;
	}
	assert(total == req->len);
}

static bool submit(void *ctx, struct block_request *req)
{
	struct world *w = ctx;

	if (w->hold) {
		assert(w->nr_held < ARRAY_SIZE(w->held));
		w->held[w->nr_held++] = req;
		return false;
	}
	answer(w, req);
	return true;
}

static void kick(void *ctx)
{
	(void)ctx;
}

static void later(void *ctx)
{
	((struct world *)ctx)->later++;
}

static void complete(struct world *w, unsigned int i)
{
	struct block_frontend frontend = virtio_blk_frontend(&w->blk);
	struct block_request *req;

	if (w->nr_held) {
		i %= w->nr_held;
		req = w->held[i];
		w->held[i] = w->held[--w->nr_held];
		answer(w, req);
		if (i & 1)
			req->result = -5;
		frontend.done(frontend.ctx, req);
	}
	frontend.done_end(frontend.ctx);
}

/* A chain of up to eight parts, most of them as a request has them. */
static void add_chain(struct world *w, struct ring *ring)
{
	static const uint32_t lengths[] = { 16, 512, 1, 4096, 15, 0, 20, 1024 };
	static const uint8_t types[] = { 0, 1, 4, 8, 11, 13, 2, 99 };
	uint8_t shape = (uint8_t)take(&w->in, 1);
	unsigned int nr = 1 + (shape & 7);
	struct ring_part part[8];
	gpa_t at = BUFFERS + (shape >> 3) * 16;

	ring_put(ring, at, types[take(&w->in, 1) & 7], 4);
	ring_put(ring, at + 8, take(&w->in, 1), 8);
	for (unsigned int i = 0; i < nr; i++) {
		uint8_t how = (uint8_t)take(&w->in, 1);

		part[i] = (struct ring_part){
			.addr = i ? BUFFERS + 0x400 * i + (how >> 5) : at,
			.len = how & 8 ? take(&w->in, 2) : lengths[how & 7],
			.in = how & 16,
		};
	}
	if (shape & 0x80)
		ring_add_indirect(ring, TABLE, part, nr);
	else
		ring_add(ring, part, nr);
}

static void set_up_driver(struct world *w, uint64_t features)
{
	for (unsigned int i = 0; i < QUEUES; i++)
		ring_make(&w->ring[i], &w->ram, BASE + i * 0x1000, RING_SIZE);
	ring_start(&w->blk.dev, FEATURE_VERSION_1 | (features & w->blk.dev.offered), w->ring,
		   QUEUES);
}

static void operate(struct world *w)
{
	uint8_t op = (uint8_t)take(&w->in, 1);
	unsigned int queue = op >> 7;
	struct ring *ring = &w->ring[queue];

	switch (op & 15) {
	case 0 ... 4:
		add_chain(w, ring);
		break;
	case 5 ... 7:
		virtio_notify(&w->blk.dev, queue);
		break;
	case 8:
		w->hold = !w->hold;
		break;
	case 9 ... 10:
		complete(w, op >> 4);
		break;
	case 11:
		virtio_reset_queue(&w->blk.dev, queue);
		break;
	case 12:
		ring_make(ring, &w->ram, ring->desc, RING_SIZE);
		ring_connect(&w->blk.dev, queue, ring);
		break;
	case 13:
		virtio_config_write(&w->blk.dev, take(&w->in, 1), take(&w->in, 4),
				    1 << (op >> 4 & 3));
		break;
	case 14:
		virtio_set_status(&w->blk.dev, 0);
		if (!virtio_busy(&w->blk.dev))
			set_up_driver(w, (uint64_t)take(&w->in, 2) | ~0xffffULL);
		break;
	case 15:
		/* Whatever the driver writes where. */
		ring_put(ring, BASE + take(&w->in, 2) % (RAM_SIZE - 4), take(&w->in, 4), 4);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world *w = calloc(1, sizeof(*w));
	struct block_backend backend = {
		.submit = submit,
		.kick = kick,
		.later = later,
		.ctx = w,
		.info = { .size = DISK_SIZE, .logical_block = 512, .physical_block = 512 },
	};
	struct err e;
	uint8_t how;

	log_set_level(LOG_ERROR);
	w->in = (struct input){ data, size };
	how = (uint8_t)take(&w->in, 1);
	backend.info.readonly = how & 1;
	backend.info.discard = how & 2;
	backend.info.writeback = how & 4;
	ring_ram(&w->ram, BASE, RAM_SIZE);
	if (virtio_blk_init(&w->blk, "blk", &w->ram, backend, QUEUES, "serial", &e))
		abort();
	virtio_attach(&w->blk.dev, &ring_transport, &w->counts);
	set_up_driver(w, ~0ULL);
	while (w->in.left)
		operate(w);
	while (w->nr_held)
		complete(w, 0);
	assert(!virtio_busy(&w->blk.dev) && !w->blk.in_flight);
	virtio_blk_destroy(&w->blk);
	ring_ram_free(&w->ram);
	free(w);
	return 0;
}
