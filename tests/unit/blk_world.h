/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the block device (virtio 1.2, section 5.2) share: a driver's ring, and a back end of the test's own, which
 * holds requests back, answers them in any order, or with errors.
 */
#ifndef LKVM_TESTS_BLK_WORLD_H
#define LKVM_TESTS_BLK_WORLD_H

#include <errno.h>
#include <linux/virtio_blk.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "virtio/blk.h"

#define BASE   0x40000000ULL
#define SIZE   64 /* of the queues that tests use */
#define QUEUES 2
#define RINGS  (BASE + 0x1000)
#define HEADER (BASE + 0x20000) /* 16 bytes */
#define STATUS (BASE + 0x20100) /* 1 byte */
#define DATA   (BASE + 0x21000) /* 64 KiB */

#define DISK_SIZE (64 * KiB)
#define HELD_MAX  600

#define F(name) (1ULL << VIRTIO_BLK_F_##name)

struct world {
	struct ram ram;
	struct virtio_blk blk;
	struct ring ring[QUEUES];
	struct ring_counts counts;

	uint8_t disk[DISK_SIZE];
	bool hold;  /* submit() leaves the request for later */
	int result; /* what requests that complete get */
	unsigned int nr_ops, nr_kicks, nr_later;
	struct block_request last; /* as it was submitted */
	struct block_request *held[HELD_MAX];
	unsigned int nr_held;
};

static inline void transfer(struct world *w, const struct block_request *req)
{
	uint8_t *at = w->disk + req->off;

	assert_true(req->off <= DISK_SIZE && req->len <= DISK_SIZE - req->off);
	if (req->op == BLOCK_WRITE_ZEROES)
		memset(at, 0, req->len);
	if (req->op != BLOCK_READ && req->op != BLOCK_WRITE)
		return;
	for (unsigned int i = 0; i < req->nr_iov; i++) {
		if (req->op == BLOCK_READ)
			memcpy(req->iov[i].iov_base, at, req->iov[i].iov_len);
		else
			memcpy(at, req->iov[i].iov_base, req->iov[i].iov_len);
		at += req->iov[i].iov_len;
	}
	assert_true(at == w->disk + req->off + req->len);
}

static inline void answer(struct world *w, struct block_request *req)
{
	req->result = w->result;
	if (!w->result)
		transfer(w, req);
}

static inline bool fake_submit(void *ctx, struct block_request *req)
{
	struct world *w = ctx;

	w->nr_ops++;
	w->last = *req;
	if (w->hold) {
		assert_true(w->nr_held < HELD_MAX);
		w->held[w->nr_held++] = req;
		return false;
	}
	answer(w, req);
	return true;
}

static inline void fake_kick(void *ctx)
{
	((struct world *)ctx)->nr_kicks++;
}

static inline void fake_later(void *ctx)
{
	((struct world *)ctx)->nr_later++;
}

static const struct block_info plain = {
	.size = DISK_SIZE,
	.logical_block = 512,
	.physical_block = 4096,
	.optimal_io = 65536,
	.discard_align = 4096,
	.discard = true,
	.writeback = true,
};

static inline void make(struct world *w, const struct block_info *info, unsigned int nr_queues)
{
	struct block_backend backend = {
		.submit = fake_submit,
		.kick = fake_kick,
		.later = fake_later,
		.ctx = w,
		.info = *info,
	};
	struct err e = { 0 };

	assert_int_equal(virtio_blk_init(&w->blk, "blk0", &w->ram, backend, nr_queues, "SERIAL-1",
					 &e),
			 0);
	virtio_attach(&w->blk.dev, &ring_transport, &w->counts);
	for (unsigned int i = 0; i < QUEUES; i++)
		ring_make(&w->ring[i], &w->ram, RINGS + i * 0x4000, SIZE);
}

static inline void start(struct world *w, uint64_t features)
{
	uint8_t status = ring_start(&w->blk.dev, FEATURE_VERSION_1 | features, w->ring,
				    w->blk.dev.nr_queues);

	assert_int_equal(status, STATUS_RUNS);
}

static inline int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	ring_ram(&w->ram, BASE, 0x40000);
	for (unsigned int i = 0; i < DISK_SIZE; i++)
		w->disk[i] = (uint8_t)(i / 512 + i);
	make(w, &plain, 1);
	*state = w;
	return 0;
}

/* The same device again, with other properties. */
static inline void remake(struct world *w, const struct block_info *info, unsigned int nr_queues)
{
	virtio_blk_destroy(&w->blk);
	make(w, info, nr_queues);
}

static inline int tear_down(void **state)
{
	struct world *w = *state;

	virtio_blk_destroy(&w->blk);
	ring_ram_free(&w->ram);
	free(w);
	return 0;
}

static inline void put_header(struct world *w, uint32_t type, uint64_t sector)
{
	ring_put(&w->ring[0], HEADER, type, 4);
	ring_put(&w->ring[0], HEADER + 4, 0, 4);
	ring_put(&w->ring[0], HEADER + 8, sector, 8);
	ring_put(&w->ring[0], STATUS, 0xff, 1);
}

static inline uint8_t status(const struct world *w)
{
	return (uint8_t)ring_get(&w->ring[0], STATUS, 1);
}

static inline void notify(struct world *w, unsigned int queue)
{
	virtio_notify(&w->blk.dev, queue);
}

/* Offers a request with @len bytes of data, which the device writes if @in. */
static inline void offer(struct world *w, unsigned int queue, uint32_t type, uint64_t sector,
			 uint32_t len, bool in)
{
	struct ring_part part[] = { { HEADER, 16, false }, { DATA, len, in }, { STATUS, 1, true } };

	put_header(w, type, sector);
	if (!len)
		part[1] = part[2];
	ring_add(&w->ring[queue], part, len ? 3 : 2);
}

/* The same, at once; returns the status byte, and what the used ring counts in *written. */
static inline uint8_t request(struct world *w, uint32_t type, uint64_t sector, uint32_t len,
			      bool in, uint32_t *written)
{
	uint32_t id, count;

	offer(w, 0, type, sector, len, in);
	notify(w, 0);
	assert_true(ring_used(&w->ring[0], &id, &count));
	if (written)
		*written = count;
	return status(w);
}

static inline uint64_t config(const struct world *w, size_t off, unsigned int len)
{
	return virtio_config_read(&w->blk.dev, off, len);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
