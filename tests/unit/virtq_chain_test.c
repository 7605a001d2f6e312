/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains of descriptors, direct and indirect: each rule of 2.7.4 and 2.7.5 that a device can check. */
#include <sys/mman.h>
#include "virtq_world.h"

static void desc(struct world *w, uint16_t index, uint64_t addr, uint32_t len, uint16_t flags,
		 uint16_t next)
{
	ring_desc(&w->ring, w->ring.desc, index, addr, len, flags, next);
}

/* Descriptor @index of the indirect table at TABLE. */
static void indirect(struct world *w, uint16_t index, uint64_t addr, uint32_t len, uint16_t flags,
		     uint16_t next)
{
	ring_desc(&w->ring, TABLE, index, addr, len, flags, next);
}

static void assert_part(const struct world *w, unsigned int nr, gpa_t gpa, size_t len)
{
	assert_ptr_equal(w->iov[nr].iov_base, w->ram.host + (gpa - BASE));
	assert_int_equal(w->iov[nr].iov_len, len);
}

/* --- 2.7.4, 2.7.5 --- */

static void a_chain_arrives_as_readable_and_writable_parts(void **state)
{
	struct world *w = *state;
	const struct ring_part parts[] = {
		{ BUF, 16, false },
		{ BUF + 0x100, 512, false },
		{ BUF + 0x1000, 4096, true },
		{ RAM_END - 1, 1, true },
	};
	uint16_t head = ring_add(&w->ring, parts, 4);

	assert_int_equal(pop(w), 1);
	assert_int_equal(w->chain.head, head);
	assert_int_equal(w->chain.nr_out, 2);
	assert_int_equal(w->chain.nr_in, 2);
	assert_int_equal(w->chain.out_len, 528);
	assert_int_equal(w->chain.in_len, 4097);
	assert_ptr_equal(w->chain.iov, w->iov);
	for (unsigned int i = 0; i < 4; i++)
		assert_part(w, i, parts[i].addr, parts[i].len);
}

static void a_chain_may_go_through_the_table_in_any_order(void **state)
{
	struct world *w = *state;

	desc(w, 7, BUF, 1, RING_NEXT, 0);
	desc(w, 0, BUF + 1, 2, RING_NEXT, 3);
	desc(w, 3, BUF + 3, 3, 0, 0xffff);
	ring_offer(&w->ring, 7);
	assert_int_equal(pop(w), 1);
	assert_int_equal(w->chain.nr_out, 3);
	assert_part(w, 2, BUF + 3, 3);
}

/* 2.7.4.2 */
static void a_readable_part_after_a_writable_one_breaks(void **state)
{
	struct world *w = *state;

	ring_add(&w->ring, (struct ring_part[]){ { BUF, 1, true }, { BUF, 1, false } }, 2);
	assert_breaks(w);
}

static void a_part_outside_of_ram_breaks(void **state)
{
	struct world *w = *state;
	static const struct {
		uint64_t addr;
		uint32_t len;
	} bad[] = {
		{ 0x0a000000, 4 }, /* a device's registers (CVE-2021-20255) */
		{ BASE - 1, 1 },
		{ BASE - 1, 2 },
		{ RAM_END, 1 },
		{ RAM_END - 1, 2 },
		{ RAM_END - 4096, 4097 },
		{ BASE, UINT32_MAX },
		{ UINT64_MAX, 1 },
		{ UINT64_MAX - 0xff, 0x200 },
		{ UINT64_MAX - BASE, UINT32_MAX },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start_queue(w, SIZE, SIZE, false, false);
		desc(w, 0, bad[i].addr, bad[i].len, i & 1 ? RING_WRITE : 0, 0);
		ring_offer(&w->ring, 0);
		assert_breaks(w);
	}
}

static void a_next_beyond_the_table_breaks(void **state)
{
	struct world *w = *state;

	desc(w, 0, BUF, 1, RING_NEXT, SIZE);
	ring_offer(&w->ring, 0);
	assert_breaks(w);
}

/* 2.7.5.2 */
static void a_chain_that_loops_breaks(void **state)
{
	struct world *w = *state;

	desc(w, 0, BUF, 1, RING_NEXT, 1);
	desc(w, 1, BUF, 1, RING_NEXT, 0);
	ring_offer(&w->ring, 0);
	assert_breaks(w);
}

/* CVE-2016-6490: a loop that never fills anything. */
static void a_chain_that_loops_over_nothing_breaks(void **state)
{
	struct world *w = *state;

	desc(w, 0, BUF, 0, RING_NEXT, 0);
	ring_offer(&w->ring, 0);
	assert_breaks(w);
}

static void a_chain_may_be_as_long_as_the_queue(void **state)
{
	struct world *w = *state;

	for (uint16_t i = 0; i < SIZE; i++)
		desc(w, i, BUF, 1, i + 1 < SIZE ? RING_NEXT : 0, i + 1);
	ring_offer(&w->ring, 0);
	assert_int_equal(pop(w), 1);
	assert_int_equal(w->chain.nr_out, SIZE);
}

/* The parts' addresses mean nothing then. */
static void parts_of_no_length_are_left_out(void **state)
{
	struct world *w = *state;

	desc(w, 0, UINT64_MAX, 0, RING_NEXT, 1);
	desc(w, 1, BUF, 5, RING_NEXT, 2);
	desc(w, 2, 0, 0, RING_NEXT | RING_WRITE, 3);
	desc(w, 3, BUF + 8, 6, RING_WRITE, 0);
	ring_offer(&w->ring, 0);
	assert_int_equal(pop(w), 1);
	assert_int_equal(w->chain.nr_out, 1);
	assert_int_equal(w->chain.nr_in, 1);
	assert_part(w, 0, BUF, 5);
	assert_part(w, 1, BUF + 8, 6);
}

/* 2.7.4.1: a device may limit the parts it takes. */
static void more_parts_than_the_device_takes_break(void **state)
{
	struct world *w = *state;

	ring_add(&w->ring, (struct ring_part[]){ { BUF, 1, false }, { BUF, 1, true } }, 2);
	assert_int_equal(virtq_pop(&w->q, &w->chain, w->iov, 1), -1);
	assert_non_null(w->q.broken);
	start_queue(w, SIZE, SIZE, false, false);
	ring_add(&w->ring, (struct ring_part[]){ { BUF, 1, false }, { BUF, 1, true } }, 2);
	assert_int_equal(virtq_pop(&w->q, &w->chain, w->iov, 2), 1);
}

/* 2.7.5.2; the memory is never touched. */
static void a_chain_longer_than_4_gib_breaks(void **state)
{
	struct world *w = *state;
	const uint64_t size = 3ULL << 30;
	struct ram big = { .base = BASE, .size = size };

	big.host = mmap(NULL, size, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(big.host, MAP_FAILED);
	for (uint32_t more = 0; more < 2; more++) {
		ring_make(&w->ring, &big, BASE, SIZE);
		virtq_init(&w->q, &big, SIZE);
		w->q.desc = w->ring.desc;
		w->q.driver = w->ring.driver;
		w->q.device = w->ring.device;
		assert_true(virtq_enable(&w->q, false, false));
		ring_add(&w->ring,
			 (struct ring_part[]){ { BASE, 0x80000000, false },
					       { BASE, 0x7fffffff, true },
					       { BASE, more, true } },
			 3);
		assert_int_equal(pop(w), more ? -1 : 1);
	}
	munmap(big.host, size);
}

/* --- Indirect tables: 2.7.5.3 --- */

static void an_indirect_table_holds_both_kinds(void **state)
{
	struct world *w = *state;
	const struct ring_part parts[] = {
		{ BUF, 16, false },
		{ BUF + 0x1000, 4096, true },
		{ BUF + 0x100, 1, true },
	};
	uint16_t head = ring_add_indirect(&w->ring, TABLE, parts, 3);

	assert_int_equal(pop(w), 1);
	assert_int_equal(w->chain.head, head);
	assert_int_equal(w->chain.nr_out, 1);
	assert_int_equal(w->chain.nr_in, 2);
	for (unsigned int i = 0; i < 3; i++)
		assert_part(w, i, parts[i].addr, parts[i].len);
}

static void an_indirect_table_may_lie_anywhere(void **state)
{
	struct world *w = *state;
	const struct ring_part parts[] = { { BUF, 16, false }, { BUF, 3, true } };

	for (unsigned int off = 0; off < 17; off++) {
		ring_add_indirect(&w->ring, RAM_END - 32 - off, parts, 2);
		assert_int_equal(pop(w), 1);
		assert_part(w, 1, BUF, 3);
		virtq_push(&w->q, w->chain.head, 0);
	}
}

/* 2.7.5.3.1 */
static void an_indirect_table_that_was_not_negotiated_breaks(void **state)
{
	struct world *w = *state;

	start_queue(w, SIZE, SIZE, false, false);
	ring_add_indirect(&w->ring, TABLE, &(struct ring_part){ BUF, 1, false }, 1);
	assert_breaks(w);
}

/* 2.7.5.3.1 */
static void an_indirect_table_in_an_indirect_table_breaks(void **state)
{
	struct world *w = *state;

	desc(w, 0, TABLE, 16, RING_INDIRECT, 0);
	indirect(w, 0, TABLE, 16, RING_INDIRECT, 0);
	ring_offer(&w->ring, 0);
	assert_breaks(w);
}

/* 2.7.5.3.1 */
static void an_indirect_descriptor_with_a_successor_breaks(void **state)
{
	struct world *w = *state;

	desc(w, 0, TABLE, 16, RING_INDIRECT | RING_NEXT, 1);
	indirect(w, 0, BUF, 1, 0, 0);
	desc(w, 1, BUF, 1, 0, 0);
	ring_offer(&w->ring, 0);
	assert_breaks(w);
}

/* 2.7.5.3.2 */
static void direct_parts_may_precede_an_indirect_table(void **state)
{
	struct world *w = *state;

	desc(w, 0, BUF, 1, RING_NEXT, 1);
	desc(w, 1, BUF + 1, 2, RING_NEXT, 2);
	desc(w, 2, TABLE, 32, RING_INDIRECT, 0);
	indirect(w, 0, BUF + 3, 3, RING_NEXT, 1);
	indirect(w, 1, BUF + 6, 4, RING_WRITE, 0);
	ring_offer(&w->ring, 0);
	assert_int_equal(pop(w), 1);
	assert_int_equal(w->chain.nr_out, 3);
	assert_int_equal(w->chain.nr_in, 1);
	assert_part(w, 2, BUF + 3, 3);
	assert_part(w, 3, BUF + 6, 4);
}

/* 2.7.5.3.2 */
static void the_write_flag_of_an_indirect_descriptor_is_ignored(void **state)
{
	struct world *w = *state;

	desc(w, 0, TABLE, 16, RING_INDIRECT | RING_WRITE, 0);
	indirect(w, 0, BUF, 1, 0, 0);
	ring_offer(&w->ring, 0);
	assert_int_equal(pop(w), 1);
	assert_int_equal(w->chain.nr_out, 1);
	assert_int_equal(w->chain.nr_in, 0);
}

static void an_indirect_table_of_a_bad_length_breaks(void **state)
{
	struct world *w = *state;
	static const uint32_t bad[] = { 0, 1, 15, 17, 24, 16 * (SIZE + 1), 0xfffffff0 };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start_queue(w, SIZE, SIZE, false, true);
		desc(w, 0, TABLE, bad[i], RING_INDIRECT, 0);
		indirect(w, 0, BUF, 1, 0, 0);
		ring_offer(&w->ring, 0);
		assert_breaks(w);
	}
}

static void an_indirect_table_outside_of_ram_breaks(void **state)
{
	struct world *w = *state;
	static const uint64_t bad[] = { 0, BASE - 16, RAM_END - 16, UINT64_MAX - 15 };

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		start_queue(w, SIZE, SIZE, false, true);
		desc(w, 0, bad[i], 32, RING_INDIRECT, 0);
		ring_offer(&w->ring, 0);
		assert_breaks(w);
	}
}

static void a_next_beyond_the_indirect_table_breaks(void **state)
{
	struct world *w = *state;

	desc(w, 0, TABLE, 32, RING_INDIRECT, 0);
	indirect(w, 0, BUF, 1, RING_NEXT, 2);
	indirect(w, 2, BUF, 1, 0, 0);
	ring_offer(&w->ring, 0);
	assert_breaks(w);
}

static void an_indirect_table_that_loops_breaks(void **state)
{
	struct world *w = *state;

	desc(w, 0, TABLE, 32, RING_INDIRECT, 0);
	indirect(w, 0, BUF, 0, RING_NEXT, 1);
	indirect(w, 1, BUF, 0, RING_NEXT, 0);
	ring_offer(&w->ring, 0);
	assert_breaks(w);
}

/* 2.7.5.3.1: the descriptor that refers to the table counts for nothing in a driver's own limits. */
static void an_indirect_chain_may_be_as_long_as_the_device_s_queue_and_no_longer(void **state)
{
	struct world *w = *state;

	for (unsigned int direct = 0; direct < 2; direct++) {
		start_queue(w, SIZE, SIZE, false, true);
		for (uint16_t i = 0; i < SIZE; i++)
			indirect(w, i, BUF, 1, i + 1 < SIZE ? RING_NEXT : 0, i + 1);
		desc(w, 0, BUF, 1, RING_NEXT, 1);
		desc(w, 1, TABLE, 16 * SIZE, RING_INDIRECT, 0);
		ring_offer(&w->ring, direct ? 0 : 1);
		assert_int_equal(pop(w), direct ? -1 : 1);
	}
}

static void a_small_ring_takes_indirect_chains_of_the_device_s_length(void **state)
{
	struct world *w = *state;

	start_queue(w, 16, 2, false, true);
	for (uint16_t i = 0; i < 16; i++)
		indirect(w, i, BUF, 1, i + 1 < 16 ? RING_NEXT : 0, i + 1);
	desc(w, 1, TABLE, 16 * 16, RING_INDIRECT, 0);
	ring_offer(&w->ring, 1);
	assert_int_equal(pop(w), 1);
	assert_int_equal(w->chain.nr_out, 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_chain_arrives_as_readable_and_writable_parts),
		TEST(a_chain_may_go_through_the_table_in_any_order),
		TEST(a_readable_part_after_a_writable_one_breaks),
		TEST(a_part_outside_of_ram_breaks),
		TEST(a_next_beyond_the_table_breaks),
		TEST(a_chain_that_loops_breaks),
		TEST(a_chain_that_loops_over_nothing_breaks),
		TEST(a_chain_may_be_as_long_as_the_queue),
		TEST(parts_of_no_length_are_left_out),
		TEST(more_parts_than_the_device_takes_break),
		TEST(a_chain_longer_than_4_gib_breaks),
		TEST(an_indirect_table_holds_both_kinds),
		TEST(an_indirect_table_may_lie_anywhere),
		TEST(an_indirect_table_that_was_not_negotiated_breaks),
		TEST(an_indirect_table_in_an_indirect_table_breaks),
		TEST(an_indirect_descriptor_with_a_successor_breaks),
		TEST(direct_parts_may_precede_an_indirect_table),
		TEST(the_write_flag_of_an_indirect_descriptor_is_ignored),
		TEST(an_indirect_table_of_a_bad_length_breaks),
		TEST(an_indirect_table_outside_of_ram_breaks),
		TEST(a_next_beyond_the_indirect_table_breaks),
		TEST(an_indirect_table_that_loops_breaks),
		TEST(an_indirect_chain_may_be_as_long_as_the_device_s_queue_and_no_longer),
		TEST(a_small_ring_takes_indirect_chains_of_the_device_s_length),
	};

	return cmocka_run_group_tests_name("virtq chains", tests, NULL, NULL);
}
