/* SPDX-License-Identifier: BSD-2-Clause */
/* The core: status, features, configuration, buffers. Queues' registers and resets: virtio_reset_test.c. */
#include "virtio_world.h"

static void run(struct world *w)
{
	assert_int_equal(ring_start(&w->dev, FEATURES, w->ring, NR_QUEUES), STATUS_RUNS);
}

/* The guest breaks a rule of queue 0. */
static void break_a_rule(struct world *w)
{
	ring_offer(&w->ring[0], SIZE);
	virtio_notify(&w->dev, 0);
}

/* --- Status: 2.1 --- */

static void the_status_is_0_after_reset(void **state)
{
	struct world *w = *state;

	assert_int_equal(virtio_get_status(&w->dev), 0);
	run(w);
	virtio_set_status(&w->dev, 0);
	assert_int_equal(virtio_get_status(&w->dev), 0);
}

/* 2.1.1 */
static void the_driver_cannot_clear_a_bit(void **state)
{
	struct world *w = *state;

	virtio_set_status(&w->dev, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	virtio_set_status(&w->dev, STATUS_DRIVER);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	run(w);
	virtio_set_status(&w->dev, STATUS_ACKNOWLEDGE);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_RUNS);
	assert_int_equal(w->starts, 1);
}

static void bits_that_do_not_exist_or_are_the_device_s_are_not_set(void **state)
{
	struct world *w = *state;

	virtio_set_status(&w->dev, STATUS_ACKNOWLEDGE | STATUS_NEEDS_RESET | 0x30);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_ACKNOWLEDGE);
	virtio_set_status(&w->dev, 0x100);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_ACKNOWLEDGE);
}

static void driver_ok_needs_features_ok(void **state)
{
	struct world *w = *state;

	virtio_set_status(&w->dev, STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	assert_int_equal(w->starts, 0);
}

/* 2.1.2: neither consume buffers nor notify the driver. */
static void nothing_is_done_before_driver_ok(void **state)
{
	struct world *w = *state;
	struct virtq_chain chain;
	struct iovec iov[SIZE];

	ring_negotiate(&w->dev, FEATURES);
	ring_connect(&w->dev, 0, &w->ring[0]);
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	assert_int_equal(w->notified[0], 0);
	assert_false(virtio_pop(&w->dev, 0, &chain, iov, SIZE));
	virtio_push(&w->dev, 0, 0, 0);
	virtio_push_end(&w->dev, 0);
	virtio_config_changed(&w->dev);
	assert_int_equal(ring_used_idx(&w->ring[0]), 0);
	assert_int_equal(w->told.used + w->told.config, 0);
}

static void buffers_and_changes_from_before_driver_ok_are_seen_then(void **state)
{
	struct world *w = *state;

	ring_negotiate(&w->dev, FEATURES);
	ring_connect(&w->dev, 1, &w->ring[1]);
	add_one(w, 1);
	virtio_notify(&w->dev, 1);
	virtio_config_changed(&w->dev);
	virtio_set_status(&w->dev, STATUS_RUNS);
	assert_int_equal(w->notified[0], 0);
	assert_int_equal(w->notified[1], 1);
	assert_int_equal(ring_used_idx(&w->ring[1]), 1);
	assert_int_equal(w->told.config, 1);
	virtio_set_status(&w->dev, STATUS_RUNS);
	assert_int_equal(w->starts, 1);
	assert_int_equal(w->told.config, 1);
}

static void a_change_from_before_the_driver_came_is_no_news(void **state)
{
	struct world *w = *state;

	virtio_config_changed(&w->dev);
	run(w);
	assert_int_equal(w->told.config, 0);
}

/* --- Features: 2.2 --- */

static void features_are_offered_in_two_halves(void **state)
{
	struct world *w = *state;

	assert_int_equal(virtio_get_offered(&w->dev, 0),
			 FEATURE_3 | FEATURE_9 | FEATURE_INDIRECT | FEATURE_EVENT_IDX);
	assert_int_equal(virtio_get_offered(&w->dev, 1),
			 (FEATURE_VERSION_1 | FEATURE_RING_RESET) >> 32);
	assert_int_equal(virtio_get_offered(&w->dev, 2), 0);
	assert_int_equal(virtio_get_offered(&w->dev, 33), 0);
	assert_int_equal(virtio_get_offered(&w->dev, UINT32_MAX), 0);
}

/* 2.2.1 */
static void a_feature_that_was_not_offered_is_refused(void **state)
{
	struct world *w = *state;

	for (unsigned int bit = 0; bit < 64; bit++) {
		bool offered = (w->dev.offered | FEATURE_VERSION_1) >> bit & 1;

		assert_int_equal(ring_negotiate(&w->dev, FEATURE_VERSION_1 | 1ULL << bit),
				 offered ? STATUS_READY : STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	}
}

static void access_platform_is_refused_unless_offered(void **state)
{
	struct world *w = *state;
	const uint64_t features = FEATURES | FEATURE_ACCESS_PLATFORM;

	assert_int_equal(ring_negotiate(&w->dev, features), STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	w->dev.offered |= FEATURE_ACCESS_PLATFORM;
	assert_int_equal(ring_negotiate(&w->dev, features), STATUS_READY);
}

/* 6.1, 6.2 */
static void a_driver_without_version_1_is_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(ring_negotiate(&w->dev, FEATURE_3), STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	virtio_set_status(&w->dev, STATUS_RUNS);
	assert_int_equal(w->starts, 0);
}

/* 2.2.2 */
static void any_subset_with_version_1_is_accepted_and_again_after_reset(void **state)
{
	struct world *w = *state;
	static const uint64_t bits[] = { FEATURE_3, FEATURE_9, FEATURE_INDIRECT, FEATURE_EVENT_IDX,
					 FEATURE_RING_RESET };

	for (unsigned int set = 0; set < 2 * 32; set++) {
		uint64_t features = FEATURE_VERSION_1;

		for (unsigned int i = 0; i < 5; i++)
			features |= set / 2 >> i & 1 ? bits[i] : 0;
		assert_int_equal(ring_negotiate(&w->dev, features), STATUS_READY);
		assert_int_equal(virtio_get_accepted(&w->dev, 0), (uint32_t)features);
		assert_int_equal(virtio_get_accepted(&w->dev, 1), features >> 32);
		assert_true(virtio_has(&w->dev, 3) == !!(features & FEATURE_3));
	}
}

/* 3.1.1, step 5 */
static void nothing_is_accepted_after_features_ok(void **state)
{
	struct world *w = *state;

	ring_negotiate(&w->dev, FEATURES);
	virtio_set_accepted(&w->dev, 0, FEATURE_3);
	virtio_set_accepted(&w->dev, 1, 0);
	assert_int_equal(virtio_get_accepted(&w->dev, 0), (uint32_t)FEATURES);
	assert_int_equal(virtio_get_accepted(&w->dev, 1), FEATURES >> 32);
	virtio_set_status(&w->dev, 0);
	assert_int_equal(virtio_get_accepted(&w->dev, 0), 0);
	assert_int_equal(virtio_get_accepted(&w->dev, 1), 0);
}

static void a_third_half_of_features_does_not_exist(void **state)
{
	struct world *w = *state;

	virtio_set_accepted(&w->dev, 2, UINT32_MAX);
	virtio_set_accepted(&w->dev, UINT32_MAX, UINT32_MAX);
	assert_int_equal(w->dev.features, 0);
	assert_int_equal(virtio_get_accepted(&w->dev, 2), 0);
}

static void what_was_negotiated_reaches_the_queue(void **state)
{
	struct world *w = *state;

	ring_start(&w->dev, FEATURE_VERSION_1 | FEATURE_EVENT_IDX, w->ring, 1);
	assert_true(w->dev.queue[0].event_idx);
	assert_false(w->dev.queue[0].indirect);
	ring_start(&w->dev, FEATURE_VERSION_1 | FEATURE_INDIRECT, w->ring, 1);
	assert_false(w->dev.queue[0].event_idx);
	assert_true(w->dev.queue[0].indirect);
}

/* --- Configuration: 2.5 --- */

/* 2.5.2: also before FEATURES_OK. */
static void the_configuration_reads_at_any_width_and_place(void **state)
{
	struct world *w = *state;

	assert_int_equal(virtio_config_read(&w->dev, 3, 1), 0x13);
	assert_int_equal(virtio_config_read(&w->dev, 2, 2), 0x1312);
	assert_int_equal(virtio_config_read(&w->dev, 5, 4), 0x18171615);
	assert_true(virtio_config_read(&w->dev, 8, 8) == 0x1f1e1d1c1b1a1918);
}

static void beyond_its_end_the_configuration_is_zero(void **state)
{
	struct world *w = *state;

	w->starts = UINT32_MAX; /* lies behind it */
	assert_int_equal(virtio_config_read(&w->dev, CONFIG_SIZE, 1), 0);
	assert_int_equal(virtio_config_read(&w->dev, CONFIG_SIZE - 1, 4), 0x23);
	assert_int_equal(virtio_config_read(&w->dev, CONFIG_SIZE - 4, 8), 0x23222120);
	assert_int_equal(virtio_config_read(&w->dev, UINT64_MAX, 8), 0);
	assert_int_equal(virtio_config_read(&w->dev, UINT64_MAX - 3, 4), 0);
	assert_int_equal(virtio_config_read(&w->dev, 1ULL << 32, 4), 0);
}

static void the_class_gets_writes_that_are_within(void **state)
{
	struct world *w = *state;

	virtio_config_write(&w->dev, CONFIG_SIZE - 1, 0xab, 1);
	assert_int_equal(w->writes, 1);
	assert_int_equal(w->write_off, CONFIG_SIZE - 1);
	assert_int_equal(w->write_value, 0xab);
	assert_int_equal(w->write_len, 1);
	virtio_config_write(&w->dev, 8, 0x1122334455667788, 8); /* as two */
	assert_int_equal(w->writes, 3);
	assert_int_equal(w->write_off, 12);
	assert_int_equal(w->write_value, 0x11223344);
	assert_int_equal(w->write_len, 4);
	virtio_config_write(&w->dev, CONFIG_SIZE - 1, 0, 2);
	virtio_config_write(&w->dev, CONFIG_SIZE, 0, 1);
	virtio_config_write(&w->dev, UINT64_MAX, 0, 1);
	virtio_config_write(&w->dev, UINT64_MAX - 3, 0, 4);
	virtio_config_write(&w->dev, 1ULL << 32, 0, 4);
	assert_int_equal(w->writes, 3);
}

static void a_device_that_is_broken_or_being_reset_is_not_configured(void **state)
{
	struct world *w = *state;

	run(w);
	virtio_break(&w->dev, "test");
	virtio_config_write(&w->dev, 0, 0, 1);
	w->keep = true;
	run(w);
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	virtio_set_status(&w->dev, 0);
	virtio_config_write(&w->dev, 0, 0, 1);
	assert_int_equal(w->writes, 0);
}

/* 2.5 */
static void a_change_has_a_new_generation_and_interrupts(void **state)
{
	struct world *w = *state;
	uint8_t before = w->dev.generation;

	run(w);
	virtio_config_changed(&w->dev);
	assert_int_not_equal(w->dev.generation, before);
	assert_int_equal(w->told.config, 1);
	assert_int_equal(w->told.used, 0);
}

/* --- Buffers --- */

static void a_notified_queue_is_served_and_the_driver_told(void **state)
{
	struct world *w = *state;
	uint32_t id, len;

	run(w);
	add_one(w, 1);
	add_one(w, 1);
	virtio_notify(&w->dev, 1);
	assert_true(ring_used(&w->ring[1], &id, &len));
	assert_int_equal(len, 7);
	assert_true(ring_used(&w->ring[1], &id, &len));
	assert_int_equal(id, 1);
	assert_int_equal(w->told.used, 1); /* once for the batch */
	assert_int_equal(w->told.last_queue, 1);
	virtio_notify(&w->dev, 1); /* spurious (2.7.10.2) */
	assert_int_equal(w->told.used, 1);
}

/* CVE-2011-2512 */
static void a_queue_that_does_not_exist_cannot_be_notified(void **state)
{
	struct world *w = *state;

	run(w);
	w->notified[0] = w->notified[1] = 0;
	virtio_notify(&w->dev, NR_QUEUES);
	virtio_notify(&w->dev, UINT32_MAX);
	virtio_notify(&w->dev, 0x10000);
	assert_int_equal(w->notified[0] + w->notified[1], 0);
}

static void a_queue_that_is_not_enabled_is_not_notified(void **state)
{
	struct world *w = *state;

	ring_start(&w->dev, FEATURES, w->ring, 1);
	virtio_notify(&w->dev, 1);
	assert_int_equal(w->notified[1], 0);
}

static void a_queue_found_empty_is_notified_of_the_next_buffer(void **state)
{
	struct world *w = *state;

	for (unsigned int event_idx = 0; event_idx < 2; event_idx++) {
		ring_make(&w->ring[0], &w->ram, BASE, SIZE);
		ring_start(&w->dev, FEATURES | (event_idx ? FEATURE_EVENT_IDX : 0), w->ring, 1);
		for (unsigned int i = 0; i < 3; i++) {
			add_one(w, 0);
			virtio_notify(&w->dev, 0);
		}
		assert_int_equal(ring_used_flags(&w->ring[0]), 0);
		assert_int_equal(ring_avail_event(&w->ring[0]), event_idx ? 3 : 0);
	}
}

static void notify_nothing(struct virtio_device *dev, unsigned int queue)
{
	(void)dev;
	(void)queue;
}

/* The class does not take what it cannot use yet, so it need not be told of more. */
static void while_buffers_are_left_there_is_no_need_to_notify(void **state)
{
	static const struct virtio_class idle = { .name = "idle", .notify = notify_nothing };
	struct world *w = *state;
	struct virtq_chain chain;
	struct iovec iov[SIZE];

	w->dev.class = &idle;
	run(w);
	add_one(w, 0);
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	assert_int_equal(ring_used_flags(&w->ring[0]), 1);
	assert_true(virtio_pop(&w->dev, 0, &chain, iov, SIZE));
	assert_int_equal(ring_used_flags(&w->ring[0]), 1);
	assert_true(virtio_pop(&w->dev, 0, &chain, iov, SIZE));
	assert_false(virtio_pop(&w->dev, 0, &chain, iov, SIZE));
	assert_int_equal(ring_used_flags(&w->ring[0]), 0);
}

/* --- A driver that breaks rules: 2.1.2 --- */

static void a_broken_rule_means_needs_reset_and_a_config_interrupt(void **state)
{
	struct world *w = *state;

	run(w);
	break_a_rule(w);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_RUNS | STATUS_NEEDS_RESET);
	assert_int_equal(w->told.config, 1);
	assert_int_equal(w->told.used, 0);
	virtio_break(&w->dev, "again");
	assert_int_equal(w->told.config, 1);
}

static void before_driver_ok_a_broken_rule_does_not_interrupt(void **state)
{
	struct world *w = *state;

	ring_negotiate(&w->dev, FEATURES);
	virtio_break(&w->dev, "test");
	assert_int_equal(virtio_get_status(&w->dev), STATUS_READY | STATUS_NEEDS_RESET);
	assert_int_equal(w->told.config, 0);
	virtio_set_status(&w->dev, STATUS_RUNS);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_READY | STATUS_NEEDS_RESET);
	assert_int_equal(w->starts, 0);
}

static void a_broken_device_does_nothing_until_reset(void **state)
{
	struct world *w = *state;
	unsigned int notified;

	w->keep = true;
	run(w);
	add_one(w, 1);
	virtio_notify(&w->dev, 1);
	break_a_rule(w);
	notified = w->notified[1];
	virtio_notify(&w->dev, 1);
	assert_int_equal(w->notified[1], notified);
	complete_all(w);
	assert_int_equal(ring_used_idx(&w->ring[1]), 0);
	assert_int_equal(w->told.used, 0);
	virtio_config_changed(&w->dev);
	assert_int_equal(w->told.config, 1);
	w->keep = false;
	ring_make(&w->ring[0], &w->ram, w->ring[0].desc, SIZE);
	ring_make(&w->ring[1], &w->ram, w->ring[1].desc, SIZE);
	run(w);
	add_one(w, 1);
	virtio_notify(&w->dev, 1);
	assert_int_equal(ring_used_idx(&w->ring[1]), 1);
}

static void a_broken_device_does_not_disturb_another(void **state)
{
	struct world *w = *state;
	struct world *other;

	setup((void **)&other);
	run(w);
	run(other);
	break_a_rule(w);
	add_one(other, 0);
	virtio_notify(&other->dev, 0);
	assert_int_equal(ring_used_idx(&other->ring[0]), 1);
	assert_int_equal(virtio_get_status(&other->dev), STATUS_RUNS);
	teardown((void **)&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_status_is_0_after_reset),
		TEST(the_driver_cannot_clear_a_bit),
		TEST(bits_that_do_not_exist_or_are_the_device_s_are_not_set),
		TEST(driver_ok_needs_features_ok),
		TEST(nothing_is_done_before_driver_ok),
		TEST(buffers_and_changes_from_before_driver_ok_are_seen_then),
		TEST(a_change_from_before_the_driver_came_is_no_news),
		TEST(features_are_offered_in_two_halves),
		TEST(a_feature_that_was_not_offered_is_refused),
		TEST(access_platform_is_refused_unless_offered),
		TEST(a_driver_without_version_1_is_refused),
		TEST(any_subset_with_version_1_is_accepted_and_again_after_reset),
		TEST(nothing_is_accepted_after_features_ok),
		TEST(a_third_half_of_features_does_not_exist),
		TEST(what_was_negotiated_reaches_the_queue),
		TEST(the_configuration_reads_at_any_width_and_place),
		TEST(beyond_its_end_the_configuration_is_zero),
		TEST(the_class_gets_writes_that_are_within),
		TEST(a_device_that_is_broken_or_being_reset_is_not_configured),
		TEST(a_change_has_a_new_generation_and_interrupts),
		TEST(a_notified_queue_is_served_and_the_driver_told),
		TEST(a_queue_that_does_not_exist_cannot_be_notified),
		TEST(a_queue_that_is_not_enabled_is_not_notified),
		TEST(a_queue_found_empty_is_notified_of_the_next_buffer),
		TEST(while_buffers_are_left_there_is_no_need_to_notify),
		TEST(a_broken_rule_means_needs_reset_and_a_config_interrupt),
		TEST(before_driver_ok_a_broken_rule_does_not_interrupt),
		TEST(a_broken_device_does_nothing_until_reset),
		TEST(a_broken_device_does_not_disturb_another),
	};

	return cmocka_run_group_tests_name("virtio device", tests, NULL, NULL);
}
