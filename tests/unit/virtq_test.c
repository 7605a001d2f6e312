/* SPDX-License-Identifier: BSD-2-Clause */
/* The split ring itself: indexes, areas, used entries, and who is told what. Chains: virtq_chain_test.c. */
#include <pthread.h>
#include <stdatomic.h>
#include "virtq_world.h"

/* --- The areas: 2.7, 2.7.1 --- */

static bool enables_with(struct world *w, gpa_t desc, gpa_t driver, gpa_t device)
{
	bool ok;

	virtq_init(&w->q, &w->ram, SIZE);
	w->q.desc = desc;
	w->q.driver = driver;
	w->q.device = device;
	ok = virtq_enable(&w->q, false, false);
	assert_true(ok == !w->q.broken);
	assert_true(ok == w->q.enabled);
	return ok;
}

static void the_areas_must_be_aligned(void **state)
{
	struct world *w = *state;

	assert_true(enables_with(w, BASE + 16, BASE + 0x1002, BASE + 0x2004));
	assert_false(enables_with(w, BASE + 8, BASE + 0x1000, BASE + 0x2000));
	assert_false(enables_with(w, BASE, BASE + 0x1001, BASE + 0x2000));
	assert_false(enables_with(w, BASE, BASE + 0x1000, BASE + 0x2002));
}

/* 16 * size, 6 + 2 * size and 6 + 8 * size bytes. */
static void the_areas_must_end_in_ram(void **state)
{
	struct world *w = *state;

	assert_true(enables_with(w, RAM_END - 16 * SIZE, BASE, BASE + 0x2000));
	assert_false(enables_with(w, RAM_END - 16 * SIZE + 16, BASE, BASE + 0x2000));
	assert_true(enables_with(w, BASE, RAM_END - 6 - 2 * SIZE, BASE + 0x2000));
	assert_false(enables_with(w, BASE, RAM_END - 6 - 2 * SIZE + 2, BASE + 0x2000));
	assert_true(enables_with(w, BASE, BASE + 0x1000, RAM_END - 8 - 8 * SIZE));
	assert_false(enables_with(w, BASE, BASE + 0x1000, RAM_END - 8 - 8 * SIZE + 4));
}

static void areas_outside_of_ram_are_refused(void **state)
{
	struct world *w = *state;

	assert_false(enables_with(w, 0, BASE, BASE + 0x2000));
	assert_false(enables_with(w, BASE, UINT64_MAX - 1, BASE + 0x2000));
	assert_false(enables_with(w, BASE, BASE + 0x1000, BASE - 8));
	assert_false(enables_with(w, UINT64_MAX - 15, BASE, BASE + 0x2000));
}

static void a_queue_that_is_not_enabled_gives_and_takes_nothing(void **state)
{
	struct world *w = *state;

	add_one(w);
	virtq_init(&w->q, &w->ram, SIZE);
	assert_int_equal(pop(w), 0);
	virtq_push(&w->q, 0, 0);
	assert_false(virtq_wants_interrupt(&w->q));
	virtq_disable_notify(&w->q);
	assert_false(virtq_enable_notify(&w->q));
	assert_int_equal(ring_used_idx(&w->ring), 0);
}

/* --- The available ring: 2.7.6 --- */

static void an_empty_ring_gives_nothing(void **state)
{
	assert_int_equal(pop(*state), 0);
	assert_null(((struct world *)*state)->q.broken);
}

static void buffers_come_in_the_order_of_the_ring(void **state)
{
	struct world *w = *state;

	for (uint16_t i = 0; i < SIZE; i++)
		ring_desc(&w->ring, w->ring.desc, i, BUF + i, 1, 0, 0);
	ring_offer(&w->ring, 5);
	ring_offer(&w->ring, 2);
	assert_int_equal(pop(w), 1);
	assert_int_equal(w->chain.head, 5);
	assert_int_equal(pop(w), 1);
	assert_int_equal(w->chain.head, 2);
	assert_int_equal(pop(w), 0);
}

static void an_index_further_ahead_than_the_ring_is_long_breaks(void **state)
{
	struct world *w = *state;

	ring_set_idx(&w->ring, SIZE + 1);
	assert_breaks(w);
}

/* 2.7.6.1: there is no way to take a buffer back. */
static void an_index_that_goes_backwards_breaks(void **state)
{
	struct world *w = *state;

	add_one(w);
	add_one(w);
	assert_int_equal(pop(w), 1);
	assert_int_equal(pop(w), 1);
	ring_set_idx(&w->ring, 1);
	assert_breaks(w);
}

static void an_index_may_go_no_further_back_than_zero_either(void **state)
{
	struct world *w = *state;

	ring_set_idx(&w->ring, 0xffff);
	assert_breaks(w);
}

/* The driver has @size descriptors: those in flight cannot be available once more. */
static void a_device_never_has_more_buffers_than_the_queue_is_long(void **state)
{
	struct world *w = *state;

	for (unsigned int i = 0; i < SIZE; i++)
		add_one(w);
	for (unsigned int i = 0; i < SIZE; i++)
		assert_int_equal(pop(w), 1);
	ring_set_idx(&w->ring, SIZE + 1);
	assert_breaks(w);
}

static void a_head_beyond_the_table_breaks(void **state)
{
	struct world *w = *state;

	ring_offer(&w->ring, SIZE);
	assert_breaks(w);
	start_queue(w, SIZE, SIZE, false, false);
	ring_offer(&w->ring, 0xffff);
	assert_breaks(w);
}

static void the_size_that_the_driver_chose_is_the_size(void **state)
{
	struct world *w = *state;

	for (uint16_t size = 1; size <= VIRTQ_SIZE_MAX; size *= 2) {
		start_queue(w, VIRTQ_SIZE_MAX, size, false, false);
		for (unsigned int i = 0; i < size; i++)
			add_one(w);
		for (unsigned int i = 0; i < size; i++) {
			assert_int_equal(pop(w), 1);
			assert_int_equal(w->chain.head, i);
		}
		assert_int_equal(pop(w), 0);
		start_queue(w, VIRTQ_SIZE_MAX, size, false, false);
		ring_offer(&w->ring, size);
		assert_breaks(w);
	}
}

static void indexes_go_on_past_65535(void **state)
{
	struct world *w = *state;
	uint32_t id, len;

	start_queue(w, 2 * SIZE, SIZE, false, false);
	for (unsigned int i = 0; i < 70000; i++) {
		uint16_t head = add_one(w);

		assert_int_equal(pop(w), 1);
		assert_int_equal(w->chain.head, head);
		virtq_push(&w->q, head, i);
		assert_true(ring_used(&w->ring, &id, &len));
		assert_int_equal(id, head);
		assert_int_equal(len, i);
	}
	assert_int_equal(ring_used_idx(&w->ring), (uint16_t)70000);
	assert_int_equal(pop(w), 0);
}

static void what_was_unpopped_comes_again(void **state)
{
	struct world *w = *state;
	uint16_t head = add_one(w);

	assert_int_equal(pop(w), 1);
	virtq_unpop(&w->q);
	memset(&w->chain, 0xff, sizeof(w->chain));
	assert_int_equal(pop(w), 1);
	assert_int_equal(w->chain.head, head);
	assert_int_equal(pop(w), 0);
}

/* --- The used ring: 2.7.8 --- */

static void a_used_entry_names_the_head_and_the_length(void **state)
{
	struct world *w = *state;
	uint32_t id, len;

	add_one(w);
	add_one(w);
	assert_int_equal(pop(w), 1);
	assert_int_equal(pop(w), 1);
	ring_put(&w->ring, w->ring.device + 4, UINT64_MAX, 8); /* what was there does not stay */
	virtq_push(&w->q, 1, 0x12345678);
	virtq_push(&w->q, 0, 0);
	assert_true(ring_used(&w->ring, &id, &len));
	assert_int_equal(id, 1);
	assert_int_equal(len, 0x12345678);
	assert_true(ring_used(&w->ring, &id, &len));
	assert_int_equal(id, 0);
	assert_int_equal(len, 0);
	assert_false(ring_used(&w->ring, &id, &len));
}

static void a_broken_queue_gives_and_takes_nothing(void **state)
{
	struct world *w = *state;

	add_one(w);
	assert_int_equal(pop(w), 1);
	ring_offer(&w->ring, SIZE);
	assert_breaks(w);
	virtq_push(&w->q, 0, 0);
	assert_int_equal(ring_used_idx(&w->ring), 0);
	assert_false(virtq_wants_interrupt(&w->q));
	virtq_disable_notify(&w->q);
	assert_int_equal(ring_used_flags(&w->ring), 0);
	assert_false(virtq_enable_notify(&w->q));
	virtq_unpop(&w->q);
	assert_int_equal(pop(w), 0);
}

/* --- Interrupts: 2.7.7.2 --- */

/* Uses @nr buffers, one after the other, and asks then. */
static bool wants_after(struct world *w, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		uint16_t head = add_one(w);

		assert_int_equal(pop(w), 1);
		virtq_push(&w->q, head, 0);
	}
	return virtq_wants_interrupt(&w->q);
}

static void without_event_idx_flags_decide(void **state)
{
	struct world *w = *state;

	assert_true(wants_after(w, 1));
	ring_set_flags(&w->ring, 1);
	assert_false(wants_after(w, 1));
	ring_set_flags(&w->ring, 0);
	assert_true(wants_after(w, 3));
}

static void without_event_idx_used_event_means_nothing(void **state)
{
	struct world *w = *state;

	ring_set_used_event(&w->ring, 1000);
	assert_true(wants_after(w, 1));
}

static void what_is_filled_in_is_seen_with_the_next_push(void **state)
{
	struct world *w = *state;
	uint32_t id, len;

	start_queue(w, SIZE, SIZE, false, false);
	for (int i = 0; i < 3; i++) {
		add_one(w);
		assert_int_equal(pop(w), 1);
	}
	virtq_fill(&w->q, 2, 20);
	virtq_fill(&w->q, 1, 10);
	assert_int_equal(ring_used_idx(&w->ring), 0);
	virtq_push(&w->q, 0, 5);
	assert_int_equal(ring_used_idx(&w->ring), 3);
	assert_true(ring_used(&w->ring, &id, &len));
	assert_int_equal(id, 2);
	assert_int_equal(len, 20);
	assert_true(ring_used(&w->ring, &id, &len));
	assert_int_equal(len, 10);
}

static void where_nothing_was_pushed_nobody_is_interrupted(void **state)
{
	struct world *w = *state;

	assert_false(virtq_wants_interrupt(&w->q));
	assert_true(wants_after(w, 1));
	assert_false(virtq_wants_interrupt(&w->q));
	start_queue(w, SIZE, SIZE, true, false);
	ring_set_used_event(&w->ring, 0xffff);
	assert_false(virtq_wants_interrupt(&w->q));
}

static void with_event_idx_the_entry_at_used_event_interrupts(void **state)
{
	struct world *w = *state;

	start_queue(w, SIZE, SIZE, true, false);
	ring_set_used_event(&w->ring, 2);
	assert_false(wants_after(w, 1)); /* entry 0 */
	assert_false(wants_after(w, 1));
	assert_true(wants_after(w, 1));
	assert_false(wants_after(w, 1));
	ring_set_used_event(&w->ring, 5);
	assert_true(wants_after(w, 4)); /* entries 4 to 7 */
	ring_set_used_event(&w->ring, 12);
	assert_false(wants_after(w, 4)); /* 8 to 11 */
	assert_true(wants_after(w, 1));
}

static void with_event_idx_the_first_entry_and_the_65536th_after_it_interrupt(void **state)
{
	struct world *w = *state;
	unsigned int nr = 0;

	start_queue(w, SIZE, SIZE, true, false);
	for (unsigned int i = 0; i < 3 * 65536; i++)
		nr += wants_after(w, 1);
	assert_int_equal(nr, 3);
}

static void with_event_idx_flags_mean_nothing(void **state)
{
	struct world *w = *state;

	start_queue(w, SIZE, SIZE, true, false);
	ring_set_flags(&w->ring, 1);
	assert_true(wants_after(w, 1));
}

/* --- Notifications: 2.7.10.2 --- */

static void without_event_idx_flags_are_0_or_1(void **state)
{
	struct world *w = *state;

	assert_int_equal(ring_used_flags(&w->ring), 0);
	virtq_disable_notify(&w->q);
	assert_int_equal(ring_used_flags(&w->ring), 1);
	virtq_disable_notify(&w->q);
	assert_int_equal(ring_used_flags(&w->ring), 1);
	assert_false(virtq_enable_notify(&w->q));
	assert_int_equal(ring_used_flags(&w->ring), 0);
	assert_int_equal(ring_avail_event(&w->ring), 0);
}

static void with_event_idx_flags_stay_0_and_avail_event_moves(void **state)
{
	struct world *w = *state;

	start_queue(w, SIZE, SIZE, true, false);
	wants_after(w, 5);
	virtq_disable_notify(&w->q);
	assert_int_equal(ring_used_flags(&w->ring), 0);
	assert_int_equal(ring_avail_event(&w->ring), 0); /* passed: the driver keeps quiet */
	assert_false(virtq_enable_notify(&w->q));
	assert_int_equal(ring_used_flags(&w->ring), 0);
	assert_int_equal(ring_avail_event(&w->ring), 5); /* the next one */
}

static void a_buffer_that_came_while_nobody_notified_is_seen(void **state)
{
	struct world *w = *state;

	for (unsigned int event_idx = 0; event_idx < 2; event_idx++) {
		start_queue(w, SIZE, SIZE, event_idx, false);
		virtq_disable_notify(&w->q);
		add_one(w);
		assert_true(virtq_enable_notify(&w->q));
		assert_int_equal(pop(w), 1);
		assert_false(virtq_enable_notify(&w->q));
	}
}

/* --- The driver as an adversary on another CPU --- */

struct race {
	struct world *w;
	void (*flip)(struct world *w, bool odd);
	atomic_bool end;
};

static void *run_race(void *ctx)
{
	struct race *race = ctx;

	for (unsigned int i = 0; !atomic_load_explicit(&race->end, memory_order_relaxed); i++)
		race->flip(race->w, i & 1);
	return NULL;
}

static void start_race(struct race *race, pthread_t *thread)
{
	assert_int_equal(pthread_create(thread, NULL, run_race, race), 0);
}

static void end_race(struct race *race, pthread_t thread)
{
	atomic_store(&race->end, true);
	pthread_join(thread, NULL);
}

/* Stores that the compiler keeps. */
static void flip_len(struct world *w, bool odd)
{
	uint32_t *len = ram_slice(&w->ram, w->ring.desc + 8, 4);

	__atomic_store_n(len, odd ? 4096 : 16, __ATOMIC_RELAXED);
}

static void a_length_that_changes_is_read_once(void **state)
{
	struct world *w = *state;
	struct race race = { .w = w, .flip = flip_len };
	unsigned int nr[2] = { 0 };
	pthread_t thread;

	ring_desc(&w->ring, w->ring.desc, 0, RAM_END - 16, 16, 0, 0);
	ring_offer(&w->ring, 0);
	start_race(&race, &thread);
	for (unsigned int i = 0; i < 10000000 && (nr[0] < 20000 || nr[1] < 20000); i++) {
		w->q.next_avail = 0;
		w->q.broken = NULL;
		if (pop(w) == 1) {
			nr[0]++;
			assert_int_equal(w->iov[0].iov_len, 16);
			assert_int_equal(w->chain.out_len, 16);
		} else {
			nr[1]++;
		}
	}
	end_race(&race, thread);
	assert_true(nr[0] && nr[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_areas_must_be_aligned),
		TEST(the_areas_must_end_in_ram),
		TEST(areas_outside_of_ram_are_refused),
		TEST(a_queue_that_is_not_enabled_gives_and_takes_nothing),
		TEST(an_empty_ring_gives_nothing),
		TEST(buffers_come_in_the_order_of_the_ring),
		TEST(an_index_further_ahead_than_the_ring_is_long_breaks),
		TEST(an_index_that_goes_backwards_breaks),
		TEST(an_index_may_go_no_further_back_than_zero_either),
		TEST(a_device_never_has_more_buffers_than_the_queue_is_long),
		TEST(a_head_beyond_the_table_breaks),
		TEST(the_size_that_the_driver_chose_is_the_size),
		TEST(indexes_go_on_past_65535),
		TEST(what_was_unpopped_comes_again),
		TEST(a_used_entry_names_the_head_and_the_length),
		TEST(a_broken_queue_gives_and_takes_nothing),
		TEST(without_event_idx_flags_decide),
		TEST(without_event_idx_used_event_means_nothing),
		TEST(what_is_filled_in_is_seen_with_the_next_push),
		TEST(where_nothing_was_pushed_nobody_is_interrupted),
		TEST(with_event_idx_the_entry_at_used_event_interrupts),
		TEST(with_event_idx_the_first_entry_and_the_65536th_after_it_interrupt),
		TEST(with_event_idx_flags_mean_nothing),
		TEST(without_event_idx_flags_are_0_or_1),
		TEST(with_event_idx_flags_stay_0_and_avail_event_moves),
		TEST(a_buffer_that_came_while_nobody_notified_is_seen),
		TEST(a_length_that_changes_is_read_once),
	};

	return cmocka_run_group_tests_name("virtq", tests, NULL, NULL);
}
