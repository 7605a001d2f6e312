/* SPDX-License-Identifier: BSD-2-Clause */
/* The block device's requests: reads, writes and the other types, and what is wrong in them. */
#include "blk_world.h"

static uint8_t *data(struct world *w)
{
	return ram_slice(&w->ram, DATA, 64 * KiB);
}

static uint8_t range_request(struct world *w, uint32_t type, uint64_t sector, uint32_t nr,
			     uint32_t flags)
{
	ring_put(&w->ring[0], DATA, sector, 8);
	ring_put(&w->ring[0], DATA + 8, nr, 4);
	ring_put(&w->ring[0], DATA + 12, flags, 4);
	return request(w, type, 0, 16, false, NULL);
}

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

int main(void)
{
	const struct CMUnitTest tests[] = {
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
