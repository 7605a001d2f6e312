/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block device (virtio 1.2, section 5.2) over a back end of the test's own, which holds
 * requests back, answers them in any order, or with errors.
 */
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

/* --- The back end --- */

static void transfer(struct world *w, const struct block_request *req)
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

static void answer(struct world *w, struct block_request *req)
{
	req->result = w->result;
	if (!w->result)
		transfer(w, req);
}

static bool fake_submit(void *ctx, struct block_request *req)
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

static void fake_kick(void *ctx)
{
	((struct world *)ctx)->nr_kicks++;
}

static void fake_later(void *ctx)
{
	((struct world *)ctx)->nr_later++;
}

/* Completes the held request @i. */
static void complete(struct world *w, unsigned int i)
{
	struct block_frontend frontend = virtio_blk_frontend(&w->blk);
	struct block_request *req = w->held[i];

	w->held[i] = w->held[--w->nr_held];
	answer(w, req);
	frontend.done(frontend.ctx, req);
}

static void done_end(struct world *w)
{
	struct block_frontend frontend = virtio_blk_frontend(&w->blk);

	frontend.done_end(frontend.ctx);
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

static void make(struct world *w, const struct block_info *info, unsigned int nr_queues)
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

static void start(struct world *w, uint64_t features)
{
	uint8_t status = ring_start(&w->blk.dev, FEATURE_VERSION_1 | features, w->ring,
				    w->blk.dev.nr_queues);

	assert_int_equal(status, STATUS_RUNS);
}

static int set_up(void **state)
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
static void remake(struct world *w, const struct block_info *info, unsigned int nr_queues)
{
	virtio_blk_destroy(&w->blk);
	make(w, info, nr_queues);
}

static int tear_down(void **state)
{
	struct world *w = *state;

	virtio_blk_destroy(&w->blk);
	ring_ram_free(&w->ram);
	free(w);
	return 0;
}

/* --- The driver --- */

static void put_header(struct world *w, uint32_t type, uint64_t sector)
{
	ring_put(&w->ring[0], HEADER, type, 4);
	ring_put(&w->ring[0], HEADER + 4, 0, 4);
	ring_put(&w->ring[0], HEADER + 8, sector, 8);
	ring_put(&w->ring[0], STATUS, 0xff, 1);
}

static uint8_t status(const struct world *w)
{
	return (uint8_t)ring_get(&w->ring[0], STATUS, 1);
}

static uint8_t *data(struct world *w)
{
	return ram_slice(&w->ram, DATA, 64 * KiB);
}

static void notify(struct world *w, unsigned int queue)
{
	virtio_notify(&w->blk.dev, queue);
}

/* Offers a request with @len bytes of data, which the device writes if @in. */
static void offer(struct world *w, unsigned int queue, uint32_t type, uint64_t sector, uint32_t len,
		  bool in)
{
	struct ring_part part[] = { { HEADER, 16, false }, { DATA, len, in }, { STATUS, 1, true } };

	put_header(w, type, sector);
	if (!len)
		part[1] = part[2];
	ring_add(&w->ring[queue], part, len ? 3 : 2);
}

/* The same, at once; returns the status byte, and what the used ring counts in *written. */
static uint8_t request(struct world *w, uint32_t type, uint64_t sector, uint32_t len, bool in,
		       uint32_t *written)
{
	uint32_t id, count;

	offer(w, 0, type, sector, len, in);
	notify(w, 0);
	assert_true(ring_used(&w->ring[0], &id, &count));
	if (written)
		*written = count;
	return status(w);
}

static uint8_t range_request(struct world *w, uint32_t type, uint64_t sector, uint32_t nr,
			     uint32_t flags)
{
	ring_put(&w->ring[0], DATA, sector, 8);
	ring_put(&w->ring[0], DATA + 8, nr, 4);
	ring_put(&w->ring[0], DATA + 12, flags, 4);
	return request(w, type, 0, 16, false, NULL);
}

static uint64_t config(const struct world *w, size_t off, unsigned int len)
{
	return virtio_config_read(&w->blk.dev, off, len);
}

#define CONFIG(w, name)                                     \
	config(w, offsetof(struct virtio_blk_config, name), \
	       sizeof(((struct virtio_blk_config *)NULL)->name))

/* --- Configuration: 5.2.4 --- */

static void the_configuration_describes_the_image(void **state)
{
	struct world *w = *state;

	assert_int_equal(CONFIG(w, capacity), DISK_SIZE / 512);
	assert_int_equal(CONFIG(w, seg_max), VIRTIO_BLK_QUEUE_SIZE - 2);
	assert_int_equal(CONFIG(w, blk_size), 512);
	assert_int_equal(CONFIG(w, physical_block_exp), 3);
	assert_int_equal(CONFIG(w, alignment_offset), 0);
	assert_int_equal(CONFIG(w, min_io_size), 8);
	assert_int_equal(CONFIG(w, opt_io_size), 128);
	assert_int_equal(CONFIG(w, wce), 1);
	assert_int_equal(CONFIG(w, num_queues), 1);
	assert_int_equal(CONFIG(w, max_discard_seg), 1);
	assert_int_equal(CONFIG(w, discard_sector_alignment), 8);
	assert_int_equal(CONFIG(w, max_write_zeroes_seg), 1);
	assert_int_equal(CONFIG(w, write_zeroes_may_unmap), 1);
	assert_int_equal(config(w, VIRTIO_BLK_CONFIG_SIZE, 4), 0);
}

static void features_follow_the_image(void **state)
{
	struct world *w = *state;
	struct block_info info = plain;
	const uint64_t all = F(SEG_MAX) | F(BLK_SIZE) | F(FLUSH) | F(TOPOLOGY) | F(CONFIG_WCE) |
			     F(DISCARD) | F(WRITE_ZEROES);

	assert_int_equal(w->blk.dev.offered & 0xffffff, all);
	info.discard = false;
	remake(w, &info, 2);
	assert_int_equal(w->blk.dev.offered & 0xffffff, (all & ~F(DISCARD)) | F(MQ));
	info.readonly = true;
	remake(w, &info, 1);
	assert_int_equal(w->blk.dev.offered & 0xffffff,
			 (all & ~(F(DISCARD) | F(WRITE_ZEROES))) | F(RO));
}

static void a_driver_can_switch_to_writethrough(void **state)
{
	struct world *w = *state;
	const size_t wce = offsetof(struct virtio_blk_config, wce);

	start(w, F(FLUSH) | F(CONFIG_WCE));
	request(w, VIRTIO_BLK_T_OUT, 0, 512, false, NULL);
	assert_false(w->last.durable);
	virtio_config_write(&w->blk.dev, wce, 0, 1);
	assert_int_equal(CONFIG(w, wce), 0);
	request(w, VIRTIO_BLK_T_OUT, 0, 512, false, NULL);
	assert_true(w->last.durable);
	virtio_config_write(&w->blk.dev, wce, 0xff, 1);
	assert_int_equal(CONFIG(w, wce), 1);
}

static void only_the_cache_mode_can_be_written(void **state)
{
	struct world *w = *state;

	start(w, F(FLUSH) | F(CONFIG_WCE));
	for (unsigned int i = 0; i < VIRTIO_BLK_CONFIG_SIZE; i++) {
		uint64_t old = config(w, i, 1);

		if (i == offsetof(struct virtio_blk_config, wce))
			continue;
		virtio_config_write(&w->blk.dev, i, ~old, 1);
		assert_int_equal(config(w, i, 1), old);
	}
}

static void without_config_wce_the_cache_mode_cannot_be_written(void **state)
{
	struct world *w = *state;

	start(w, F(FLUSH));
	virtio_config_write(&w->blk.dev, offsetof(struct virtio_blk_config, wce), 0, 1);
	assert_int_equal(CONFIG(w, wce), 1);
}

/* 5.2.5.2: a driver that cannot flush must not be given a cache to flush. */
static void without_flush_the_cache_is_written_through(void **state)
{
	struct world *w = *state;

	start(w, F(CONFIG_WCE));
	assert_int_equal(CONFIG(w, wce), 0);
	virtio_config_write(&w->blk.dev, offsetof(struct virtio_blk_config, wce), 1, 1);
	assert_int_equal(CONFIG(w, wce), 0);
	request(w, VIRTIO_BLK_T_OUT, 0, 512, false, NULL);
	assert_true(w->last.durable);
}

/* 5.2.6.2: neither accepted, so a write is stable when it completes. */
static void a_driver_that_knows_no_flush_has_durable_writes(void **state)
{
	struct world *w = *state;

	start(w, 0);
	request(w, VIRTIO_BLK_T_OUT, 0, 512, false, NULL);
	assert_true(w->last.durable);
}

static void a_reset_brings_the_users_cache_mode_back(void **state)
{
	struct world *w = *state;

	start(w, F(FLUSH) | F(CONFIG_WCE));
	virtio_config_write(&w->blk.dev, offsetof(struct virtio_blk_config, wce), 0, 1);
	virtio_set_status(&w->blk.dev, 0);
	assert_int_equal(CONFIG(w, wce), 1);
}

/* --- Requests: 5.2.6 --- */

static void a_read_brings_the_sectors(void **state)
{
	struct world *w = *state;
	uint32_t written;

	start(w, 0);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, 3, 1024, true, &written), VIRTIO_BLK_S_OK);
	assert_int_equal(written, 1025);
	assert_memory_equal(data(w), w->disk + 3 * 512, 1024);
	assert_int_equal(w->counts.used, 1);
}

static void a_write_changes_those_sectors_alone(void **state)
{
	struct world *w = *state;
	uint8_t before[DISK_SIZE];
	uint32_t written;

	start(w, 0);
	memcpy(before, w->disk, sizeof(before));
	memset(data(w), 0xa5, 1024);
	assert_int_equal(request(w, VIRTIO_BLK_T_OUT, 5, 1024, false, &written), VIRTIO_BLK_S_OK);
	assert_int_equal(written, 1);
	memset(before + 5 * 512, 0xa5, 1024);
	assert_memory_equal(before, w->disk, sizeof(before));
}

/* 2.7.4.2: no assumption about which descriptor holds what. */
static void a_request_may_be_cut_anywhere(void **state)
{
	struct world *w = *state;
	struct ring_part part[40];
	uint32_t id, written;

	start(w, 0);
	put_header(w, VIRTIO_BLK_T_IN, 2);
	for (unsigned int i = 0; i < 16; i++)
		part[i] = (struct ring_part){ HEADER + i, 1, false };
	part[16] = (struct ring_part){ DATA, 1, true };
	part[17] = (struct ring_part){ DATA + 1, 510, true };
	part[18] = (struct ring_part){ DATA + 511, 2, true }; /* data and status in one */
	ring_add(&w->ring[0], part, 19);
	notify(w, 0);
	assert_true(ring_used(&w->ring[0], &id, &written));
	assert_int_equal(written, 513);
	assert_memory_equal(data(w), w->disk + 2 * 512, 512);
	assert_int_equal(data(w)[512], VIRTIO_BLK_S_OK);
}

static void header_and_data_may_share_a_descriptor(void **state)
{
	struct world *w = *state;
	struct ring_part part[] = { { HEADER, 16 + 512, false }, { STATUS + 0x400, 1, true } };
	uint32_t id, written;

	start(w, 0);
	put_header(w, VIRTIO_BLK_T_OUT, 1);
	memset(ram_slice(&w->ram, HEADER + 16, 512), 0x3c, 512);
	ring_add(&w->ring[0], part, 2);
	notify(w, 0);
	assert_true(ring_used(&w->ring[0], &id, &written));
	assert_int_equal(w->disk[512], 0x3c);
	assert_int_equal(w->disk[1023], 0x3c);
	assert_int_equal(w->disk[1024], (uint8_t)(2 + 1024));
}

static void the_last_sector_can_be_read_and_the_next_cannot(void **state)
{
	struct world *w = *state;
	uint64_t last = DISK_SIZE / 512 - 1;

	start(w, 0);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, last, 512, true, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, last, 1024, true, NULL), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, last + 1, 512, true, NULL),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(w, VIRTIO_BLK_T_OUT, UINT64_MAX, 512, false, NULL),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(w, VIRTIO_BLK_T_OUT, UINT64_MAX / 512, 1024, false, NULL),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(w->nr_ops, 1);
}

static void data_that_is_not_whole_sectors_is_an_error(void **state)
{
	struct world *w = *state;
	uint32_t written;

	start(w, 0);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, 0, 511, true, &written), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(w, VIRTIO_BLK_T_OUT, 0, 513, false, &written), VIRTIO_BLK_S_IOERR);
	assert_int_equal(w->nr_ops, 0);
}

static void a_transfer_of_nothing_is_done(void **state)
{
	struct world *w = *state;

	start(w, 0);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, 0, 0, true, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(w->nr_ops, 0);
}

static void an_unknown_type_is_unsupported(void **state)
{
	struct world *w = *state;

	start(w, 0);
	assert_int_equal(request(w, 0x4242, 0, 512, true, NULL), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(request(w, 2, 0, 512, false, NULL), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(w->nr_ops, 0);
}

static void get_id_gives_the_serial_number_padded(void **state)
{
	struct world *w = *state;
	uint32_t written;

	start(w, 0);
	memset(data(w), 0xff, 32);
	assert_int_equal(request(w, VIRTIO_BLK_T_GET_ID, 0, 20, true, &written), VIRTIO_BLK_S_OK);
	assert_int_equal(written, 21);
	assert_memory_equal(data(w), "SERIAL-1\0\0\0\0\0\0\0\0\0\0\0\0\xff", 21);
	assert_int_equal(request(w, VIRTIO_BLK_T_GET_ID, 0, 4, true, &written), VIRTIO_BLK_S_OK);
	assert_int_equal(written, 5);
}

static void a_flush_reaches_the_image(void **state)
{
	struct world *w = *state;

	start(w, F(FLUSH));
	assert_int_equal(request(w, VIRTIO_BLK_T_FLUSH, 0, 0, false, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(w->nr_ops, 1);
	assert_int_equal(w->last.op, BLOCK_FLUSH);
}

static void a_discard_names_its_range(void **state)
{
	struct world *w = *state;

	start(w, F(DISCARD));
	assert_int_equal(range_request(w, VIRTIO_BLK_T_DISCARD, 8, 16, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(w->last.op, BLOCK_DISCARD);
	assert_int_equal(w->last.off, 8 * 512);
	assert_int_equal(w->last.len, 16 * 512);
}

static void zeroes_are_written_with_or_without_unmap(void **state)
{
	struct world *w = *state;

	start(w, F(WRITE_ZEROES));
	assert_int_equal(range_request(w, VIRTIO_BLK_T_WRITE_ZEROES, 1, 2, 0), VIRTIO_BLK_S_OK);
	assert_int_equal(w->last.op, BLOCK_WRITE_ZEROES);
	assert_false(w->last.unmap);
	assert_int_equal(w->disk[512], 0);
	assert_int_equal(range_request(w, VIRTIO_BLK_T_WRITE_ZEROES, 1, 2, 1), VIRTIO_BLK_S_OK);
	assert_true(w->last.unmap);
}

/* 5.2.6.2: unknown flags, and unmap for a discard, are unsupported. */
static void flags_that_do_not_fit_are_unsupported(void **state)
{
	struct world *w = *state;

	start(w, F(DISCARD) | F(WRITE_ZEROES));
	assert_int_equal(range_request(w, VIRTIO_BLK_T_DISCARD, 0, 8, 1), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range_request(w, VIRTIO_BLK_T_DISCARD, 0, 8, 2), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range_request(w, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0x80000000),
			 VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(w->nr_ops, 0);
}

static void segments_have_to_lie_on_the_disk(void **state)
{
	struct world *w = *state;

	start(w, F(DISCARD) | F(WRITE_ZEROES));
	assert_int_equal(range_request(w, VIRTIO_BLK_T_DISCARD, DISK_SIZE / 512, 1, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(range_request(w, VIRTIO_BLK_T_DISCARD, UINT64_MAX, 1, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(range_request(w, VIRTIO_BLK_T_WRITE_ZEROES, 1, DISK_SIZE / 512, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(range_request(w, VIRTIO_BLK_T_WRITE_ZEROES, 1, UINT32_MAX, 0),
			 VIRTIO_BLK_S_IOERR);
	assert_int_equal(w->nr_ops, 0);
}

static void one_segment_is_what_a_request_has(void **state)
{
	struct world *w = *state;

	start(w, F(DISCARD));
	memset(data(w), 0, 64);
	assert_int_equal(request(w, VIRTIO_BLK_T_DISCARD, 0, 32, false, NULL), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(w, VIRTIO_BLK_T_DISCARD, 0, 15, false, NULL), VIRTIO_BLK_S_IOERR);
	assert_int_equal(request(w, VIRTIO_BLK_T_DISCARD, 0, 0, false, NULL), VIRTIO_BLK_S_IOERR);
	assert_int_equal(w->nr_ops, 0);
}

static void what_was_not_negotiated_is_unsupported(void **state)
{
	struct world *w = *state;

	start(w, 0);
	assert_int_equal(range_request(w, VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(range_request(w, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
	assert_int_equal(w->nr_ops, 0);
}

/* 5.2.6.2: a write to a read-only device is an I/O error and writes nothing. */
static void a_read_only_disk_is_not_written(void **state)
{
	struct world *w = *state;
	struct block_info info = plain;

	info.readonly = true;
	remake(w, &info, 1);
	start(w, F(RO));
	assert_int_equal(request(w, VIRTIO_BLK_T_OUT, 0, 512, false, NULL), VIRTIO_BLK_S_IOERR);
	assert_int_equal(w->nr_ops, 0);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, 0, 512, true, NULL), VIRTIO_BLK_S_OK);
}

static void the_images_errors_reach_the_driver(void **state)
{
	struct world *w = *state;
	uint32_t written;

	start(w, F(FLUSH) | F(DISCARD));
	w->result = -ENOSPC;
	assert_int_equal(request(w, VIRTIO_BLK_T_OUT, 0, 512, false, &written), VIRTIO_BLK_S_IOERR);
	assert_int_equal(written, 1);
	w->result = -EIO;
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, 0, 512, true, &written), VIRTIO_BLK_S_IOERR);
	assert_int_equal(written, 0); /* nothing is promised about the data */
	assert_int_equal(request(w, VIRTIO_BLK_T_FLUSH, 0, 0, false, NULL), VIRTIO_BLK_S_IOERR);
	w->result = -EOPNOTSUPP;
	assert_int_equal(range_request(w, VIRTIO_BLK_T_DISCARD, 0, 8, 0), VIRTIO_BLK_S_UNSUPP);
}

static void what_it_moves_is_counted(void **state)
{
	struct world *w = *state;

	start(w, F(FLUSH) | F(DISCARD) | F(WRITE_ZEROES));
	request(w, VIRTIO_BLK_T_IN, 0, 1024, true, NULL);
	request(w, VIRTIO_BLK_T_IN, 2, 512, true, NULL);
	request(w, VIRTIO_BLK_T_OUT, 0, 4096, false, NULL);
	request(w, VIRTIO_BLK_T_FLUSH, 0, 0, false, NULL);
	range_request(w, VIRTIO_BLK_T_DISCARD, 0, 8, 0);
	range_request(w, VIRTIO_BLK_T_WRITE_ZEROES, 0, 8, 0);
	w->result = -EIO;
	request(w, VIRTIO_BLK_T_IN, 0, 512, true, NULL);
	request(w, VIRTIO_BLK_T_IN, DISK_SIZE / 512, 512, true, NULL);
	assert_int_equal(w->blk.count.reads, 3);
	assert_int_equal(w->blk.count.read_bytes, 2048);
	assert_int_equal(w->blk.count.writes, 1);
	assert_int_equal(w->blk.count.write_bytes, 4096);
	assert_int_equal(w->blk.count.flushes, 1);
	assert_int_equal(w->blk.count.discards, 2);
	assert_int_equal(w->blk.count.errors, 2);
	assert_int_equal(w->blk.dev.nr_notifications, 1 + 8); /* the first when it starts */
	assert_int_equal(w->blk.dev.nr_interrupts, w->counts.used);
}

/* --- Chains that are no requests --- */

static void breaks(struct world *w, const struct ring_part *part, unsigned int nr)
{
	uint32_t id, written;

	start(w, 0);
	put_header(w, VIRTIO_BLK_T_IN, 0);
	ring_add(&w->ring[0], part, nr);
	notify(w, 0);
	assert_false(ring_used(&w->ring[0], &id, &written));
	assert_true(virtio_get_status(&w->blk.dev) & STATUS_NEEDS_RESET);
	assert_int_equal(w->nr_ops, 0);
	assert_int_equal(w->counts.config, 1);
}

static void without_room_for_a_status_the_device_breaks(void **state)
{
	const struct ring_part part[] = { { HEADER, 16, false }, { DATA, 512, false } };

	breaks(*state, part, 2);
}

static void without_a_whole_header_the_device_breaks(void **state)
{
	const struct ring_part part[] = { { HEADER, 15, false }, { STATUS, 1, true } };

	breaks(*state, part, 2);
}

static void without_any_header_the_device_breaks(void **state)
{
	const struct ring_part part[] = { { STATUS, 1, true } };

	breaks(*state, part, 1);
}

static void after_a_break_a_reset_makes_it_work_again(void **state)
{
	struct world *w = *state;

	without_a_whole_header_the_device_breaks(state);
	ring_make(&w->ring[0], &w->ram, RINGS, SIZE);
	start(w, 0);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, 0, 512, true, NULL), VIRTIO_BLK_S_OK);
}

/* --- In flight --- */

static void requests_complete_in_any_order(void **state)
{
	struct world *w = *state;
	uint32_t id, written;

	start(w, 0);
	w->hold = true;
	w->nr_kicks = 0;
	for (unsigned int i = 0; i < 3; i++)
		offer(w, 0, VIRTIO_BLK_T_IN, i, 512, true);
	notify(w, 0);
	assert_int_equal(w->nr_held, 3);
	assert_int_equal(w->nr_kicks, 1);
	assert_false(ring_used(&w->ring[0], &id, &written));
	complete(w, 1);
	assert_true(ring_used(&w->ring[0], &id, &written));
	assert_int_equal(id, 3); /* the head of the second chain of three */
	complete(w, 0);
	complete(w, 0);
	assert_int_equal(ring_used_idx(&w->ring[0]), 3);
	assert_int_equal(w->blk.in_flight, 0);
}

static void a_batch_makes_one_interrupt(void **state)
{
	struct world *w = *state;

	start(w, 0);
	w->hold = true;
	for (unsigned int i = 0; i < 3; i++)
		offer(w, 0, VIRTIO_BLK_T_IN, i, 512, true);
	notify(w, 0);
	complete(w, 0);
	complete(w, 0);
	assert_int_equal(w->counts.used, 0);
	done_end(w);
	assert_int_equal(w->counts.used, 1);
	done_end(w);
	assert_int_equal(w->counts.used, 1);
}

static void each_queue_gets_its_own_back(void **state)
{
	struct world *w = *state;
	uint32_t id, written;

	remake(w, &plain, 2);
	start(w, F(MQ));
	w->hold = true;
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	offer(w, 1, VIRTIO_BLK_T_IN, 0, 512, true);
	notify(w, 1);
	notify(w, 0);
	assert_int_equal(w->nr_held, 2);
	complete(w, 0);
	assert_true(ring_used(&w->ring[1], &id, &written));
	assert_false(ring_used(&w->ring[0], &id, &written));
	complete(w, 0);
	done_end(w);
	assert_int_equal(w->counts.used, 2);
}

static void a_reset_waits_for_what_is_in_flight(void **state)
{
	struct world *w = *state;

	start(w, 0);
	w->hold = true;
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	offer(w, 0, VIRTIO_BLK_T_IN, 1, 512, true);
	notify(w, 0);
	virtio_set_status(&w->blk.dev, 0);
	assert_true(virtio_busy(&w->blk.dev));
	complete(w, 0);
	assert_true(virtio_busy(&w->blk.dev));
	complete(w, 0);
	done_end(w);
	assert_false(virtio_busy(&w->blk.dev));
	assert_int_equal(virtio_get_status(&w->blk.dev), 0);
	assert_int_equal(ring_used_idx(&w->ring[0]), 0); /* 2.4.1: nothing after the reset began */
	assert_int_equal(w->counts.used, 0);
}

static void a_queue_reset_waits_for_its_own_alone(void **state)
{
	struct world *w = *state;

	remake(w, &plain, 2);
	start(w, F(MQ) | FEATURE_RING_RESET);
	w->hold = true;
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	offer(w, 1, VIRTIO_BLK_T_IN, 0, 512, true);
	notify(w, 0);
	notify(w, 1);
	virtio_reset_queue(&w->blk.dev, 0);
	assert_true(virtio_queue_resetting(&w->blk.dev, 0));
	complete(w, 1);
	assert_true(virtio_queue_resetting(&w->blk.dev, 0));
	assert_int_equal(ring_used_idx(&w->ring[1]), 1);
	complete(w, 0);
	assert_false(virtio_queue_resetting(&w->blk.dev, 0));
	assert_int_equal(ring_used_idx(&w->ring[0]), 0);
}

static void a_queue_works_again_after_its_reset(void **state)
{
	struct world *w = *state;

	start(w, FEATURE_RING_RESET);
	request(w, VIRTIO_BLK_T_IN, 0, 512, true, NULL);
	virtio_reset_queue(&w->blk.dev, 0);
	ring_make(&w->ring[0], &w->ram, RINGS, SIZE / 2);
	ring_connect(&w->blk.dev, 0, &w->ring[0]);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, 0, 512, true, NULL), VIRTIO_BLK_S_OK);
}

/*
 * A driver that offers buffers which are in flight cannot make the device hold more than its ring
 * has.
 */
static void what_is_in_flight_is_bounded(void **state)
{
	struct world *w = *state;

	start(w, 0);
	w->hold = true;
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	for (unsigned int i = 0; i < 2 * SIZE; i++) {
		notify(w, 0);
		ring_offer(&w->ring[0], 0);
	}
	assert_int_equal(w->nr_held, SIZE);
	assert_true(virtio_get_status(&w->blk.dev) & STATUS_NEEDS_RESET);
}

/* All the room that the device has is in use, and nothing is wrong. */
static void a_notification_while_every_buffer_is_in_flight_is_harmless(void **state)
{
	struct world *w = *state;

	ring_make(&w->ring[0], &w->ram, RINGS, VIRTIO_BLK_QUEUE_SIZE);
	start(w, 0);
	w->hold = true;
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	for (unsigned int i = 1; i < VIRTIO_BLK_QUEUE_SIZE; i++)
		ring_offer(&w->ring[0], 0);
	for (unsigned int i = 0; i < VIRTIO_BLK_QUEUE_SIZE; i++)
		notify(w, 0);
	assert_int_equal(w->nr_held, VIRTIO_BLK_QUEUE_SIZE);
	assert_int_equal(virtio_get_status(&w->blk.dev), STATUS_RUNS);
	while (w->nr_held)
		complete(w, 0);
	assert_int_equal(ring_used_idx(&w->ring[0]), VIRTIO_BLK_QUEUE_SIZE);
}

/* A driver that refills its queue while it is served must not keep the loop for itself. */
static bool refill_submit(void *ctx, struct block_request *req)
{
	struct world *w = ctx;
	uint32_t id, written;

	if (w->nr_ops < 1000) {
		while (ring_used(&w->ring[0], &id, &written))
			;
		ring_offer(&w->ring[0], 0);
	}
	return fake_submit(w, req);
}

static void a_full_queue_gets_a_share_of_the_loop(void **state)
{
	struct world *w = *state;

	w->blk.backend.submit = refill_submit;
	start(w, 0);
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	notify(w, 0);
	assert_in_range(w->nr_ops, 1, VIRTIO_BLK_QUEUE_SIZE);
	assert_int_equal(w->nr_later, 1);
	for (unsigned int i = 0; i < 1000 && w->nr_later; i++) {
		w->nr_later = 0;
		done_end(w);
	}
	assert_int_equal(w->nr_ops, 1001);
}

static void a_new_size_is_told_and_used(void **state)
{
	struct world *w = *state;
	struct block_frontend frontend;

	start(w, 0);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, 64, 512, true, NULL), VIRTIO_BLK_S_OK);
	frontend = virtio_blk_frontend(&w->blk);
	frontend.resized(frontend.ctx, DISK_SIZE / 2);
	assert_int_equal(CONFIG(w, capacity), DISK_SIZE / 1024);
	assert_int_equal(w->counts.config, 1);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, 64, 512, true, NULL), VIRTIO_BLK_S_IOERR);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_configuration_describes_the_image),
		TEST(features_follow_the_image),
		TEST(a_driver_can_switch_to_writethrough),
		TEST(only_the_cache_mode_can_be_written),
		TEST(without_config_wce_the_cache_mode_cannot_be_written),
		TEST(without_flush_the_cache_is_written_through),
		TEST(a_driver_that_knows_no_flush_has_durable_writes),
		TEST(a_reset_brings_the_users_cache_mode_back),
		TEST(a_read_brings_the_sectors),
		TEST(a_write_changes_those_sectors_alone),
		TEST(a_request_may_be_cut_anywhere),
		TEST(header_and_data_may_share_a_descriptor),
		TEST(the_last_sector_can_be_read_and_the_next_cannot),
		TEST(data_that_is_not_whole_sectors_is_an_error),
		TEST(a_transfer_of_nothing_is_done),
		TEST(an_unknown_type_is_unsupported),
		TEST(get_id_gives_the_serial_number_padded),
		TEST(a_flush_reaches_the_image),
		TEST(a_discard_names_its_range),
		TEST(zeroes_are_written_with_or_without_unmap),
		TEST(flags_that_do_not_fit_are_unsupported),
		TEST(segments_have_to_lie_on_the_disk),
		TEST(one_segment_is_what_a_request_has),
		TEST(what_was_not_negotiated_is_unsupported),
		TEST(a_read_only_disk_is_not_written),
		TEST(the_images_errors_reach_the_driver),
		TEST(what_it_moves_is_counted),
		TEST(without_room_for_a_status_the_device_breaks),
		TEST(without_a_whole_header_the_device_breaks),
		TEST(without_any_header_the_device_breaks),
		TEST(after_a_break_a_reset_makes_it_work_again),
		TEST(requests_complete_in_any_order),
		TEST(a_batch_makes_one_interrupt),
		TEST(each_queue_gets_its_own_back),
		TEST(a_reset_waits_for_what_is_in_flight),
		TEST(a_queue_reset_waits_for_its_own_alone),
		TEST(a_queue_works_again_after_its_reset),
		TEST(what_is_in_flight_is_bounded),
		TEST(a_notification_while_every_buffer_is_in_flight_is_harmless),
		TEST(a_full_queue_gets_a_share_of_the_loop),
		TEST(a_new_size_is_told_and_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
