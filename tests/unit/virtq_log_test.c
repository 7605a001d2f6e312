/* SPDX-License-Identifier: BSD-2-Clause */
/* What a device writes to memory is logged for a VM that moves: buffers when they are given back, and the ring itself. */
#include "virtq_world.h"

#define PAGE 4096

/* The log as bits of pages from BASE on, taken. */
static uint64_t taken(struct world *w)
{
	uint64_t bits[(RAM_SIZE / PAGE + 63) / 64] = { 0 };

	ram_log_take(&w->ram, bits);
	return bits[0];
}

static uint64_t page(gpa_t gpa)
{
	return 1ULL << (gpa - BASE) / PAGE;
}

static int setup_logged(void **state)
{
	struct world *w;

	setup(state);
	w = *state;
	assert_int_equal(ram_log_start(&w->ram, NULL), 0);
	return 0;
}

static int teardown_logged(void **state)
{
	struct world *w = *state;

	free(atomic_load(&w->ram.log));
	return teardown(state);
}

static void a_buffer_is_logged_when_it_is_given_back(void **state)
{
	struct world *w = *state;
	const struct ring_part parts[] = {
		{ BUF, 10, false },
		{ BUF + PAGE, 10, true },
		{ BUF + 4 * PAGE - 1, 2, true }, /* across two pages */
	};
	uint16_t head = ring_add(&w->ring, parts, 3);

	assert_int_equal(pop(w), 1);
	assert_int_equal(taken(w), 0);
	virtq_push(&w->q, head, 12);
	assert_int_equal(taken(w), page(BUF + PAGE) | page(BUF + 3 * PAGE) | page(BUF + 4 * PAGE) |
					   page(w->ring.device));
	assert_int_equal(taken(w), 0);
}

static void so_is_one_in_an_indirect_table(void **state)
{
	struct world *w = *state;
	const struct ring_part parts[] = { { BUF, 10, false }, { BUF + 7 * PAGE, PAGE, true } };
	uint16_t head = ring_add_indirect(&w->ring, TABLE, parts, 2);

	assert_int_equal(pop(w), 1);
	virtq_fill(&w->q, head, 1);
	assert_int_equal(taken(w), page(BUF + 7 * PAGE));
}

static void what_the_driver_did_to_it_meanwhile_is_its_own_affair(void **state)
{
	struct world *w = *state;
	uint16_t head = ring_add(&w->ring, &(struct ring_part){ BUF, 8, true }, 1);

	assert_int_equal(pop(w), 1);
	ring_desc(&w->ring, w->ring.desc, head, RAM_END - 1, 8, RING_WRITE, 0);
	virtq_push(&w->q, head, 8);
	assert_null(w->q.broken);
	assert_int_equal(taken(w), page(w->ring.device));
	add_one(w);
	assert_int_equal(pop(w), 1);
	ring_desc(&w->ring, w->ring.desc, w->chain.head, BUF, 8, RING_NEXT, w->chain.head);
	virtq_push(&w->q, w->chain.head, 0);
	assert_null(w->q.broken);
}

static void the_ring_s_own_words_are_logged(void **state)
{
	struct world *w = *state;

	virtq_disable_notify(&w->q);
	assert_int_equal(taken(w), page(w->ring.device));
	virtq_enable_notify(&w->q);
	assert_int_equal(taken(w), page(w->ring.device));
}

static void without_a_log_nothing_is_kept(void **state)
{
	struct world *w = *state;
	uint16_t head = add_one(w);

	assert_false(ram_is_logged(&w->ram));
	assert_int_equal(pop(w), 1);
	virtq_push(&w->q, head, 0);
	assert_int_equal(taken(w), 0);
}

#define LOGGED(name) cmocka_unit_test_setup_teardown(name, setup_logged, teardown_logged)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOGGED(a_buffer_is_logged_when_it_is_given_back),
		LOGGED(so_is_one_in_an_indirect_table),
		LOGGED(what_the_driver_did_to_it_meanwhile_is_its_own_affair),
		LOGGED(the_ring_s_own_words_are_logged),
		cmocka_unit_test_setup_teardown(without_a_log_nothing_is_kept, setup, teardown),
	};

	return cmocka_run_group_tests_name("virtq log", tests, NULL, NULL);
}
