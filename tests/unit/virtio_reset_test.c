/* SPDX-License-Identifier: BSD-2-Clause */
/* The core: queues' registers, resets of the device (2.4) and of a queue (2.6.1), with requests in flight. */
#include "virtio_world.h"

static void run(struct world *w)
{
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		ring_make(&w->ring[i], &w->ram, w->ring[i].desc, w->ring[i].size);
	assert_int_equal(ring_start(&w->dev, FEATURES, w->ring, NR_QUEUES), STATUS_RUNS);
}

/* The device runs, and has a request of @queue in the host's hands. */
static void run_with_one_in_flight(struct world *w, unsigned int queue)
{
	run(w);
	w->keep = true;
	add_one(w, queue);
	virtio_notify(&w->dev, queue);
	assert_int_equal(w->nr_held, 1);
}

/* --- Queue registers --- */

static void a_queue_that_does_not_exist_reads_0_and_is_not_written(void **state)
{
	struct world *w = *state;
	static const uint32_t numbers[] = { NR_QUEUES, 0x10000, UINT32_MAX };

	ring_negotiate(&w->dev, FEATURES);
	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		ring_connect(&w->dev, numbers[i], &w->ring[0]);
		assert_int_equal(virtio_queue_size_max(&w->dev, numbers[i]), 0);
		assert_int_equal(virtio_queue_size(&w->dev, numbers[i]), 0);
		assert_int_equal(virtio_queue_addr(&w->dev, numbers[i], VIRTIO_DESC, true), 0);
		assert_false(virtio_queue_enabled(&w->dev, numbers[i]));
		virtio_reset_queue(&w->dev, numbers[i]);
		assert_false(virtio_queue_resetting(&w->dev, numbers[i]));
		virtio_enable_queue(&w->dev, numbers[i], false);
	}
	assert_int_equal(virtio_get_status(&w->dev), STATUS_READY);
}

static void a_size_that_is_no_power_of_two_up_to_the_maximum_breaks(void **state)
{
	struct world *w = *state;
	static const uint32_t bad[] = { 0, 3, 12, SIZE + 1, 2 * SIZE, 0x10000, 0x10001, 1U << 31 };

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		ring_negotiate(&w->dev, FEATURES);
		virtio_set_queue_size(&w->dev, 0, bad[i]);
		assert_int_equal(virtio_get_status(&w->dev), STATUS_READY | STATUS_NEEDS_RESET);
		assert_int_equal(virtio_queue_size(&w->dev, 0), SIZE);
	}
}

static void a_smaller_size_is_honoured(void **state)
{
	struct world *w = *state;

	for (uint16_t size = 1; size <= SIZE; size *= 2) {
		ring_make(&w->ring[0], &w->ram, BASE, size);
		ring_start(&w->dev, FEATURES, w->ring, 1);
		assert_int_equal(virtio_queue_size(&w->dev, 0), size);
		assert_int_equal(virtio_queue_size_max(&w->dev, 0), SIZE);
		for (unsigned int i = 0; i < 3 * SIZE; i++) {
			uint32_t id, len, head = add_one(w, 0);

			virtio_notify(&w->dev, 0);
			assert_true(ring_used(&w->ring[0], &id, &len));
			assert_int_equal(id, head);
			assert_int_equal(len, 7);
		}
		assert_int_equal(ring_used_idx(&w->ring[0]), 3 * SIZE);
	}
	virtio_set_status(&w->dev, 0);
	assert_int_equal(virtio_queue_size(&w->dev, 0), SIZE);
}

static void addresses_have_two_halves(void **state)
{
	struct world *w = *state;

	for (unsigned int area = VIRTIO_DESC; area <= VIRTIO_DEVICE; area++) {
		virtio_set_queue_addr(&w->dev, 1, area, true, 0x1000 + area);
		virtio_set_queue_addr(&w->dev, 1, area, false, 0xffff0000 + area);
	}
	for (unsigned int area = VIRTIO_DESC; area <= VIRTIO_DEVICE; area++) {
		assert_int_equal(virtio_queue_addr(&w->dev, 1, area, true), 0x1000 + area);
		assert_int_equal(virtio_queue_addr(&w->dev, 1, area, false), 0xffff0000 + area);
		assert_int_equal(virtio_queue_addr(&w->dev, 0, area, false), 0);
	}
	assert_true(w->dev.queue[1].driver == 0x1001ffff0001);
	virtio_set_status(&w->dev, 0);
	assert_int_equal(virtio_queue_addr(&w->dev, 1, VIRTIO_DESC, true), 0);
}

/* Tries to change everything of a queue; returns whether anything came of it. */
static bool can_change(struct world *w, uint32_t queue)
{
	struct virtq before = w->dev.queue[queue];

	virtio_set_queue_size(&w->dev, queue, 2);
	for (unsigned int area = VIRTIO_DESC; area <= VIRTIO_DEVICE; area++) {
		virtio_set_queue_addr(&w->dev, queue, area, false, 0x1230);
		virtio_set_queue_addr(&w->dev, queue, area, true, 1);
	}
	return memcmp(&before, &w->dev.queue[queue], sizeof(before)) != 0;
}

static void an_enabled_queue_is_not_changed(void **state)
{
	struct world *w = *state;

	ring_negotiate(&w->dev, FEATURES);
	assert_true(can_change(w, 0));
	ring_connect(&w->dev, 0, &w->ring[0]);
	assert_true(virtio_queue_enabled(&w->dev, 0));
	assert_false(can_change(w, 0));
	virtio_enable_queue(&w->dev, 0, true);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_READY);
}

/* CVE-2026-5747 */
static void no_queue_is_changed_or_enabled_after_driver_ok(void **state)
{
	struct world *w = *state;

	ring_start(&w->dev, FEATURES, w->ring, 1);
	assert_false(can_change(w, 0));
	assert_false(can_change(w, 1));
	ring_connect(&w->dev, 1, &w->ring[1]);
	assert_false(virtio_queue_enabled(&w->dev, 1));
	assert_int_equal(virtio_get_status(&w->dev), STATUS_RUNS);
}

static void a_queue_enabled_before_features_ok_breaks(void **state)
{
	struct world *w = *state;

	virtio_set_status(&w->dev, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	ring_connect(&w->dev, 0, &w->ring[0]);
	assert_false(virtio_queue_enabled(&w->dev, 0));
	assert_true(virtio_get_status(&w->dev) & STATUS_NEEDS_RESET);
}

static void a_queue_that_is_not_in_ram_breaks(void **state)
{
	struct world *w = *state;

	w->ring[0].device = BASE + RAM_SIZE;
	ring_start(&w->dev, FEATURES, w->ring, 1);
	assert_false(virtio_queue_enabled(&w->dev, 0));
	assert_int_equal(virtio_get_status(&w->dev), STATUS_READY | STATUS_NEEDS_RESET);
	assert_false(can_change(w, 1));
	assert_int_equal(w->starts, 0);
}

/* 4.2.2.2 */
static void a_queue_may_be_disabled_before_the_device_runs(void **state)
{
	struct world *w = *state;

	ring_negotiate(&w->dev, FEATURE_VERSION_1);
	ring_connect(&w->dev, 0, &w->ring[0]);
	virtio_enable_queue(&w->dev, 0, false);
	assert_false(virtio_queue_enabled(&w->dev, 0));
	assert_int_equal(w->stopped_queue[0], 0);
	ring_connect(&w->dev, 0, &w->ring[0]);
	assert_true(virtio_queue_enabled(&w->dev, 0));
}

/* 4.2.2.1: nothing of the queue is touched once it reads as disabled. */
static void a_queue_disabled_with_requests_in_flight_reads_so_when_they_are_back(void **state)
{
	struct world *w = *state;

	run_with_one_in_flight(w, 0);
	virtio_enable_queue(&w->dev, 0, false);
	assert_int_equal(w->stopped_queue[0], 1);
	assert_true(virtio_queue_enabled(&w->dev, 0));
	virtio_enable_queue(&w->dev, 0, false);
	virtio_enable_queue(&w->dev, 0, true);
	assert_int_equal(w->stopped_queue[0], 1);
	complete_all(w);
	assert_false(virtio_queue_enabled(&w->dev, 0));
	assert_int_equal(ring_used_idx(&w->ring[0]), 0);
}

/* --- Reset of the device: 2.4 --- */

static void a_reset_puts_everything_back(void **state)
{
	struct world *w = *state;

	run(w);
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	virtio_set_status(&w->dev, 0);
	assert_int_equal(virtio_get_status(&w->dev), 0);
	assert_false(virtio_busy(&w->dev));
	assert_int_equal(w->stops, 1);
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		struct virtq fresh;

		virtq_init(&fresh, &w->ram, SIZE);
		assert_memory_equal(&fresh, &w->dev.queue[i], sizeof(fresh));
	}
	assert_int_equal(w->dev.features, 0);
}

static void a_device_that_never_started_is_not_stopped(void **state)
{
	struct world *w = *state;

	ring_negotiate(&w->dev, FEATURES);
	w->told.resets = 0;
	virtio_set_status(&w->dev, 0);
	virtio_set_status(&w->dev, 0);
	assert_int_equal(w->stops, 0);
	assert_int_equal(w->told.resets, 2);
}

/* 2.4.1: until the status reads 0 the device may still use the buffers. */
static void a_reset_waits_for_what_is_in_the_host_s_hands(void **state)
{
	struct world *w = *state;

	run_with_one_in_flight(w, 0);
	w->told.resets = 0;
	virtio_set_status(&w->dev, 0);
	assert_true(virtio_busy(&w->dev));
	assert_int_equal(virtio_get_status(&w->dev), STATUS_RUNS);
	assert_int_equal(w->told.resets, 0);
	complete_all(w);
	assert_false(virtio_busy(&w->dev));
	assert_int_equal(virtio_get_status(&w->dev), 0);
	assert_int_equal(w->told.resets, 1);
	assert_int_equal(w->stops, 1);
}

/* CVE-2026-45782 */
static void what_completes_after_a_reset_touches_nothing(void **state)
{
	struct world *w = *state;

	run_with_one_in_flight(w, 0);
	virtio_set_status(&w->dev, 0);
	complete_all(w);
	assert_int_equal(ring_used_idx(&w->ring[0]), 0);
	assert_int_equal(w->told.used + w->told.config, 0);
}

static void while_a_reset_waits_nothing_else_happens(void **state)
{
	struct world *w = *state;
	unsigned int notified;

	run_with_one_in_flight(w, 0);
	notified = w->notified[0] + w->notified[1];
	virtio_set_status(&w->dev, 0);
	virtio_set_status(&w->dev, 0);
	virtio_set_status(&w->dev, STATUS_RUNS | STATUS_FAILED);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_RUNS);
	assert_int_equal(w->stops, 1);
	virtio_notify(&w->dev, 0);
	virtio_notify(&w->dev, 1);
	assert_int_equal(w->notified[0] + w->notified[1], notified);
	virtio_break(&w->dev, "test");
	virtio_config_changed(&w->dev);
	assert_int_equal(w->told.config, 0);
	virtio_reset_queue(&w->dev, 1);
	virtio_enable_queue(&w->dev, 1, false);
	assert_int_equal(w->stopped_queue[1], 0);
	assert_false(can_change(w, 0));
	complete_all(w);
	assert_int_equal(virtio_get_status(&w->dev), 0);
	run(w);
}

static void a_broken_device_is_stopped_by_its_reset(void **state)
{
	struct world *w = *state;

	run_with_one_in_flight(w, 0);
	virtio_break(&w->dev, "test");
	assert_int_equal(w->stops, 0);
	virtio_set_status(&w->dev, 0);
	assert_int_equal(w->stops, 1);
	assert_true(virtio_busy(&w->dev));
	complete_all(w);
	assert_int_equal(virtio_get_status(&w->dev), 0);
}

static void a_driver_that_gave_up_has_no_device_until_reset(void **state)
{
	struct world *w = *state;

	run(w);
	virtio_set_status(&w->dev, STATUS_RUNS | STATUS_FAILED);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_RUNS | STATUS_FAILED);
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	assert_int_equal(ring_used_idx(&w->ring[0]), 0);
	virtio_set_status(&w->dev, 0);
	assert_int_equal(w->stops, 1);
	virtio_set_status(&w->dev, STATUS_FAILED);
	virtio_set_accepted(&w->dev, 1, 1);
	virtio_set_status(&w->dev, STATUS_RUNS | STATUS_FAILED);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_READY | STATUS_FAILED);
	assert_int_equal(w->starts, 1);
}

static void what_was_used_before_a_rule_was_broken_does_not_interrupt_after(void **state)
{
	struct world *w = *state;

	w->keep = true;
	run(w);
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	virtio_push(&w->dev, 0, w->held[0], 0);
	virtio_break(&w->dev, "test");
	virtio_push_end(&w->dev, 0);
	assert_int_equal(w->told.used, 0);
}

static void to_say_stopped_where_nothing_waits_is_harmless(void **state)
{
	struct world *w = *state;

	run(w);
	w->told.resets = 0;
	virtio_stopped(&w->dev, VIRTIO_ALL);
	virtio_stopped(&w->dev, 0);
	virtio_stopped(&w->dev, NR_QUEUES);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_RUNS);
	assert_true(virtio_queue_enabled(&w->dev, 0));
	assert_int_equal(w->told.resets, 0);
}

/* --- Reset of a queue: 2.6.1 --- */

static void a_queue_is_reset_only_if_that_was_negotiated(void **state)
{
	struct world *w = *state;

	ring_start(&w->dev, FEATURE_VERSION_1, w->ring, 1);
	virtio_reset_queue(&w->dev, 0);
	assert_true(virtio_queue_enabled(&w->dev, 0));
	assert_int_equal(w->stopped_queue[0], 0);
}

/* 2.6.1.1.1 */
static void a_queue_reset_forgets_everything_of_that_queue_alone(void **state)
{
	struct world *w = *state;
	struct virtq fresh;

	run(w);
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	virtio_reset_queue(&w->dev, 0);
	assert_false(virtio_queue_resetting(&w->dev, 0));
	assert_false(virtio_queue_enabled(&w->dev, 0));
	virtq_init(&fresh, &w->ram, SIZE);
	assert_memory_equal(&fresh, &w->dev.queue[0], sizeof(fresh));
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	assert_int_equal(ring_used_idx(&w->ring[0]), 1);
	add_one(w, 1);
	virtio_notify(&w->dev, 1);
	assert_int_equal(ring_used_idx(&w->ring[1]), 1);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_RUNS);
}

/* 2.6.1.2 */
static void a_queue_that_was_reset_starts_anew_with_another_size(void **state)
{
	struct world *w = *state;

	run(w);
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	virtio_reset_queue(&w->dev, 0);
	ring_make(&w->ring[0], &w->ram, BUF - 0x1000, 4);
	ring_connect(&w->dev, 0, &w->ring[0]);
	assert_true(virtio_queue_enabled(&w->dev, 0));
	assert_false(virtio_queue_resetting(&w->dev, 0));
	assert_false(can_change(w, 0));
	for (unsigned int i = 0; i < 9; i++) {
		add_one(w, 0);
		virtio_notify(&w->dev, 0);
	}
	assert_int_equal(ring_used_idx(&w->ring[0]), 9);
}

static void a_queue_reset_waits_for_its_own_requests(void **state)
{
	struct world *w = *state;

	run_with_one_in_flight(w, 0);
	virtio_reset_queue(&w->dev, 0);
	assert_true(virtio_queue_resetting(&w->dev, 0));
	assert_false(can_change(w, 0));
	virtio_reset_queue(&w->dev, 0);
	assert_int_equal(w->stopped_queue[0], 1);
	virtio_reset_queue(&w->dev, 1); /* has none */
	assert_false(virtio_queue_resetting(&w->dev, 1));
	complete_all(w);
	assert_false(virtio_queue_resetting(&w->dev, 0));
	assert_false(virtio_queue_enabled(&w->dev, 0));
	assert_int_equal(ring_used_idx(&w->ring[0]), 0);
	assert_int_equal(w->told.used, 0);
	assert_true(can_change(w, 0));
}

static void a_device_reset_overtakes_a_queue_s(void **state)
{
	struct world *w = *state;

	run_with_one_in_flight(w, 0);
	virtio_reset_queue(&w->dev, 0);
	virtio_set_status(&w->dev, 0);
	assert_true(virtio_busy(&w->dev));
	complete_all(w);
	assert_int_equal(virtio_get_status(&w->dev), 0);
	assert_false(virtio_queue_resetting(&w->dev, 0));
	w->keep = false;
	run(w);
	assert_false(can_change(w, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_queue_that_does_not_exist_reads_0_and_is_not_written),
		TEST(a_size_that_is_no_power_of_two_up_to_the_maximum_breaks),
		TEST(a_smaller_size_is_honoured),
		TEST(addresses_have_two_halves),
		TEST(an_enabled_queue_is_not_changed),
		TEST(no_queue_is_changed_or_enabled_after_driver_ok),
		TEST(a_queue_enabled_before_features_ok_breaks),
		TEST(a_queue_that_is_not_in_ram_breaks),
		TEST(a_queue_may_be_disabled_before_the_device_runs),
		TEST(a_queue_disabled_with_requests_in_flight_reads_so_when_they_are_back),
		TEST(a_reset_puts_everything_back),
		TEST(a_device_that_never_started_is_not_stopped),
		TEST(a_reset_waits_for_what_is_in_the_host_s_hands),
		TEST(what_completes_after_a_reset_touches_nothing),
		TEST(while_a_reset_waits_nothing_else_happens),
		TEST(a_broken_device_is_stopped_by_its_reset),
		TEST(a_driver_that_gave_up_has_no_device_until_reset),
		TEST(what_was_used_before_a_rule_was_broken_does_not_interrupt_after),
		TEST(to_say_stopped_where_nothing_waits_is_harmless),
		TEST(a_queue_is_reset_only_if_that_was_negotiated),
		TEST(a_queue_reset_forgets_everything_of_that_queue_alone),
		TEST(a_queue_that_was_reset_starts_anew_with_another_size),
		TEST(a_queue_reset_waits_for_its_own_requests),
		TEST(a_device_reset_overtakes_a_queue_s),
	};

	return cmocka_run_group_tests_name("virtio reset", tests, NULL, NULL);
}
