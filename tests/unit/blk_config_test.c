/* SPDX-License-Identifier: BSD-2-Clause */
/* The block device: what it says of itself, the cache mode, and a new size. */
#include "blk_world.h"

#define CONFIG(w, name)                                     \
	config(w, offsetof(struct virtio_blk_config, name), \
	       sizeof(((struct virtio_blk_config *)NULL)->name))

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
		TEST(a_new_size_is_told_and_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
