/* SPDX-License-Identifier: BSD-2-Clause */
/* The walk of a guest's page tables, over tables made by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "../../arm/stage1.h"
#include "util/bits.h"

#define SCTLR_M  1ULL
#define SCTLR_EE (1ULL << 25)

#define TABLE(gpa) ((gpa) | 3)
#define PAGE(gpa)  ((gpa) | 0x703)
#define BLOCK(gpa) ((gpa) | 0x701)

/* Memory where a few descriptors are and all else cannot be read. */
struct memory {
	struct {
		gpa_t gpa;
		uint64_t value;
	} at[8];
	unsigned int nr, reads;
};

static int read_memory(void *ctx, gpa_t gpa, void *buf, uint64_t len)
{
	struct memory *mem = ctx;

	assert_int_equal(len, 8);
	mem->reads++;
	for (unsigned int i = 0; i < mem->nr; i++) {
		if (mem->at[i].gpa == gpa) {
			memcpy(buf, &mem->at[i].value, len);
			return 0;
		}
	}
	return -EFAULT;
}

static void put(struct memory *mem, gpa_t gpa, uint64_t value)
{
	mem->at[mem->nr].gpa = gpa;
	mem->at[mem->nr++].value = htole64(value);
}

static void assert_at(const struct stage1 *s, uint64_t va, gpa_t want)
{
	gpa_t gpa = 0x1234;

	assert_int_equal(stage1_translate(s, va, &gpa), 0);
	assert_int_equal(gpa, want);
}

static void assert_nowhere(const struct stage1 *s, uint64_t va)
{
	gpa_t gpa;

	assert_int_equal(stage1_translate(s, va, &gpa), -EFAULT);
}

/* Both halves of 48 bits, 4 KiB. */
#define TCR_48_4K (16 | 16 << 16 | 2ULL << 30)

static struct stage1 over(struct memory *mem, uint64_t tcr)
{
	return (struct stage1){ .sctlr = SCTLR_M,
				.tcr = tcr,
				.ttbr = { 0x40000000, 0x41000000 },
				.read = read_memory,
				.ctx = mem };
}

static void without_an_mmu_an_address_is_itself(void **state)
{
	struct memory mem = { 0 };
	struct stage1 s = over(&mem, TCR_48_4K);

	(void)state;
	s.sctlr = 0;
	assert_at(&s, 0x40200123, 0x40200123);
	assert_int_equal(mem.reads, 0);
}

static void four_levels_lead_to_a_page(void **state)
{
	struct memory mem = { 0 };
	struct stage1 s = over(&mem, TCR_48_4K);
	/* Indices 1, 2, 3, 4 and an offset. */
	uint64_t va = 1ULL << 39 | 2ULL << 30 | 3ULL << 21 | 4ULL << 12 | 0x567;

	(void)state;
	put(&mem, 0x40000000 + 8, TABLE(0x40001000));
	put(&mem, 0x40001000 + 16, TABLE(0x40002000));
	put(&mem, 0x40002000 + 24, TABLE(0x40003000));
	put(&mem, 0x40003000 + 32, PAGE(0x77777000));
	assert_at(&s, va, 0x77777567);
	assert_int_equal(mem.reads, 4);
	assert_nowhere(&s, va + 0x1000);
	/* The other half has tables of its own. */
	assert_nowhere(&s, va | 0xffffULL << 48);
	put(&mem, 0x41000000 + 8, TABLE(0x40001000));
	assert_at(&s, va | 0xffffULL << 48, 0x77777567);
}

static void blocks_are_larger_pages(void **state)
{
	struct memory mem = { 0 };
	struct stage1 s = over(&mem, TCR_48_4K);

	(void)state;
	put(&mem, 0x40000000, TABLE(0x40001000));
	put(&mem, 0x40001000, BLOCK(0x80000000)); /* 1 GiB */
	put(&mem, 0x40001008, TABLE(0x40002000));
	put(&mem, 0x40002000, BLOCK(0x0060000000200000)); /* 2 MiB, not for EL1's or EL0's code */
	assert_at(&s, 0x12345678, 0x80000000 + 0x12345678);
	assert_at(&s, 0x40012345, 0x00212345);
	/* There are none of 512 GiB. */
	put(&mem, 0x40000008, BLOCK(0));
	assert_nowhere(&s, 1ULL << 39);
}

static void a_level_3_descriptor_that_is_no_page_is_a_fault(void **state)
{
	struct memory mem = { 0 };
	struct stage1 s = over(&mem, TCR_48_4K);

	(void)state;
	put(&mem, 0x40000000, TABLE(0x40001000));
	put(&mem, 0x40001000, TABLE(0x40002000));
	put(&mem, 0x40002000, TABLE(0x40003000));
	put(&mem, 0x40003000, BLOCK(0x80000000));
	assert_nowhere(&s, 0x10);
}

static void a_short_first_table_is_aligned_to_its_size(void **state)
{
	struct memory mem = { 0 };
	/* 39 bits: it starts on level 1; 36: with 64 descriptors. */
	struct stage1 s = over(&mem, 25 | 25 << 16 | 2ULL << 30);

	(void)state;
	put(&mem, 0x40000000 + 0x1f8 * 8, BLOCK(0x80000000));
	assert_at(&s, 0x1f8ULL << 30 | 5, 0x80000005);
	assert_int_equal(mem.reads, 1);
	s = over(&mem, 28 | 25 << 16 | 2ULL << 30);
	s.ttbr[0] = 0x42000200;
	put(&mem, 0x42000200 + 8, BLOCK(0xc0000000));
	assert_at(&s, 0x40000007, 0xc0000007);
	assert_nowhere(&s, 1ULL << 36);
}

static void granules_of_16_and_64_kib_have_their_own_shape(void **state)
{
	struct memory mem = { 0 };
	/* 47 bits of 16 KiB: levels 1 to 3 of 11 bits. */
	struct stage1 s = over(&mem, 17 | 2 << 14 | 16 << 16 | 2ULL << 30);

	(void)state;
	put(&mem, 0x40000000 + 8, TABLE(0x40004000));
	put(&mem, 0x40004000 + 16, TABLE(0x40008000));
	put(&mem, 0x40008000 + 24, PAGE(0x8000c000));
	put(&mem, 0x40004000 + 24, BLOCK(0x82000000)); /* 32 MiB */
	assert_at(&s, 1ULL << 36 | 2ULL << 25 | 3ULL << 14 | 0x3fff, 0x8000ffff);
	assert_at(&s, 1ULL << 36 | 3ULL << 25 | 0x123456, 0x82123456);

	/* 42 bits of 64 KiB in the upper half: levels 2 and 3 of 13 bits. */
	s = over(&mem, 16 | 22 << 16 | 3ULL << 30);
	mem.nr = 0;
	put(&mem, 0x41000000 + 8, TABLE(0x41010000));
	put(&mem, 0x41010000 + 16, PAGE(0x80050000));
	put(&mem, 0x41000000 + 16, BLOCK(0xa0000000)); /* 512 MiB */
	assert_at(&s, 0xfffffc0000000000 | 1ULL << 29 | 2ULL << 16 | 0xabcd, 0x8005abcd);
	assert_at(&s, 0xfffffc0000000000 | 2ULL << 29 | 0xabcd, 0xa000abcd);
}

static void addresses_of_52_bits_are_put_together(void **state)
{
	struct memory mem = { 0 };
	/* 64 KiB and 52 bits: the table's and the page's bits 51 to 48 stand elsewhere. */
	struct stage1 s = over(&mem, 12 | 1 << 14 | 16 << 16 | 2ULL << 30 | 6ULL << 32);

	(void)state;
	s.ttbr[0] = 0x40000000 | 0xfULL << 2;
	put(&mem, 0xfULL << 48 | (0x40000000 + 8), TABLE(0x40010000 | 0x2ULL << 12));
	put(&mem, 2ULL << 48 | 0x40010000, TABLE(0x40020000));
	put(&mem, 0x40020000, PAGE(0x80050000 | 0xaULL << 12));
	assert_at(&s, 1ULL << 42 | 0x1234, 0xaULL << 48 | 0x80051234);

	/* 4 KiB with DS: five levels, and bits 51 and 50 in 9 and 8. */
	s = over(&mem, 12 | 16 << 16 | 2ULL << 30 | 6ULL << 32 | 1ULL << 59);
	mem.nr = mem.reads = 0;
	put(&mem, 0x40000000 + 8, TABLE(0x40001000));
	put(&mem, 0x40001000, TABLE(0x40002000));
	put(&mem, 0x40002000, TABLE(0x40003000));
	put(&mem, 0x40003000, TABLE(0x40004000));
	put(&mem, 0x40004000, 0x80000403 | 2ULL << 8 | 1ULL << 48);
	assert_at(&s, 1ULL << 48 | 0xfff, 2ULL << 50 | 1ULL << 48 | 0x80000fff);
	assert_int_equal(mem.reads, 5);
}

static void a_tag_counts_only_where_it_is_no_tag(void **state)
{
	struct memory mem = { 0 };
	struct stage1 s = over(&mem, TCR_48_4K);

	(void)state;
	put(&mem, 0x40000000, TABLE(0x40001000));
	put(&mem, 0x40001000, BLOCK(0x80000000));
	assert_nowhere(&s, 0x0500000000000010);
	s.tcr |= 1ULL << 37;
	assert_at(&s, 0x0500000000000010, 0x80000010);
	/* Bits 54 to 48 are no tag. */
	assert_nowhere(&s, 0x0001000000000010);
}

static void a_disabled_half_and_reserved_sizes_are_faults(void **state)
{
	struct memory mem = { 0 };
	struct stage1 s = over(&mem, TCR_48_4K);

	(void)state;
	put(&mem, 0x40000000, TABLE(0x40001000));
	put(&mem, 0x40001000, BLOCK(0x80000000));
	s.tcr = TCR_48_4K | 1 << 7;
	assert_nowhere(&s, 0x10);
	s.tcr = TCR_48_4K | 3 << 14; /* no granule */
	assert_nowhere(&s, 0x10);
	for (unsigned int size = 0; size < 64; size++) {
		gpa_t gpa;

		s.tcr = (TCR_48_4K & ~0x3fULL) | size;
		mem.reads = 0;
		stage1_translate(&s, 0x10, &gpa);
		if (size < 16 || size > 48)
			assert_int_equal(mem.reads, 0);
	}
	assert_int_equal(mem.reads, 0);
}

static void a_table_that_leads_to_itself_ends(void **state)
{
	struct memory mem = { 0 };
	struct stage1 s = over(&mem, TCR_48_4K);

	(void)state;
	put(&mem, 0x40000000, TABLE(0x40000000));
	assert_at(&s, 0x123, 0x40000123);
	assert_int_equal(mem.reads, 4);
}

static void big_endian_tables_are_read_so(void **state)
{
	struct memory mem = { 0 };
	struct stage1 s = over(&mem, 25 | 25 << 16 | 2ULL << 30);

	(void)state;
	s.sctlr |= SCTLR_EE;
	put(&mem, 0x40000000, 0);
	mem.at[0].value = htobe64(BLOCK(0x80000000));
	assert_at(&s, 0x10, 0x80000010);
}

static void bits_above_an_address_are_told(void **state)
{
	struct memory mem = { 0 };
	struct stage1 s = over(&mem, TCR_48_4K);

	(void)state;
	assert_int_equal(stage1_unused_bits(&s, 0), 0xff7f000000000000);
	s.tcr = 25 | 25 << 16 | 2ULL << 30;
	assert_int_equal(stage1_unused_bits(&s, UINT64_MAX), 0xff7fff8000000000);
	s.sctlr = 0;
	assert_int_equal(stage1_unused_bits(&s, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_an_mmu_an_address_is_itself),
		cmocka_unit_test(four_levels_lead_to_a_page),
		cmocka_unit_test(blocks_are_larger_pages),
		cmocka_unit_test(a_level_3_descriptor_that_is_no_page_is_a_fault),
		cmocka_unit_test(a_short_first_table_is_aligned_to_its_size),
		cmocka_unit_test(granules_of_16_and_64_kib_have_their_own_shape),
		cmocka_unit_test(addresses_of_52_bits_are_put_together),
		cmocka_unit_test(a_tag_counts_only_where_it_is_no_tag),
		cmocka_unit_test(a_disabled_half_and_reserved_sizes_are_faults),
		cmocka_unit_test(a_table_that_leads_to_itself_ends),
		cmocka_unit_test(big_endian_tables_are_read_so),
		cmocka_unit_test(bits_above_an_address_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
