/* SPDX-License-Identifier: BSD-2-Clause */
/* BARs: probed and moved at any time, and found behind an access. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "pci_card.h"

static void a_bar_tells_its_kind_and_size(void **state)
{
	struct bench *b = *state;

	assert_int_equal(get_bar(&b->pci, 0, 0), 0);
	assert_int_equal(get_bar(&b->pci, 0, 2),
			 PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH);
	for (unsigned int i = 0; i < PCI_BARS; i++)
		set_bar(&b->pci, 0, i, 0xffffffff);
	assert_int_equal(get_bar(&b->pci, 0, 0), (uint32_t) ~(BAR_SIZE - 1));
	assert_int_equal(get_bar(&b->pci, 0, 2), (uint32_t) ~(BAR64_SIZE - 1) | 0xc);
	assert_int_equal(get_bar(&b->pci, 0, 3), 0xffffffff);
}

static void a_bar_that_is_not_there_reads_as_zero(void **state)
{
	struct bench *b = *state;
	static const unsigned int none[] = { 1, 4, 5 };

	for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
		set_bar(&b->pci, 0, none[i], 0xffffffff);
		assert_int_equal(get_bar(&b->pci, 0, none[i]), 0);
	}
	cfg_write(&b->pci, 0, PCI_ROM_ADDRESS, 0xffffffff, 4);
	assert_int_equal(cfg_read(&b->pci, 0, PCI_ROM_ADDRESS, 4), 0);
}

static void a_bar_is_decoded_while_the_command_register_says_memory(void **state)
{
	struct bench *b = *state;
	struct card *card = &b->card[0];

	set_bar(&b->pci, 0, 0, LOW_BASE + 0x2000);
	assert_int_equal(mem_read(&b->pci, LOW_BASE + 0x2000, 4), 0xffffffff);
	assert_int_equal(card->moves, 0);
	set_command(&b->pci, 0, PCI_COMMAND_MEMORY);
	assert_int_equal(card->moves, 1);
	assert_int_equal(card->moved_bar, 0);
	assert_true(card->fn.bar[0].gpa == LOW_BASE + 0x2000);
	card->value = 0x55;
	assert_int_equal(mem_read(&b->pci, LOW_BASE + 0x2ffc, 4), 0x55);
	assert_int_equal(card->off, 0xffc);
	assert_int_equal(card->len, 4);
	set_command(&b->pci, 0, 0);
	assert_true(card->fn.bar[0].gpa == PCI_UNPLACED);
	assert_int_equal(mem_read(&b->pci, LOW_BASE + 0x2ffc, 2), 0xffff);
	mem_write(&b->pci, LOW_BASE + 0x2ffc, 1, 2);
	assert_int_equal(card->nr_writes, 0);
}

static void a_bar_moves_while_it_is_decoded(void **state)
{
	struct bench *b = *state;
	struct card *card = &b->card[0];

	set_command(&b->pci, 0, PCI_COMMAND_MEMORY);
	set_bar64(&b->pci, 0, 2, HIGH_BASE + 0x4000);
	mem_write(&b->pci, HIGH_BASE + 0x4010, 7, 1);
	assert_int_equal(card->nr_writes, 1);
	assert_int_equal(card->off, 0x10);
	set_bar64(&b->pci, 0, 2, HIGH_BASE + 0x8000);
	mem_write(&b->pci, HIGH_BASE + 0x4010, 7, 1);
	assert_int_equal(card->nr_writes, 1);
	mem_write(&b->pci, HIGH_BASE + 0x8020, 8, 1);
	assert_int_equal(card->nr_writes, 2);
	assert_int_equal(card->off, 0x20);
}

static void its_size_may_be_asked_for_while_it_is_decoded(void **state)
{
	struct bench *b = *state;
	struct card *card = &b->card[0];

	set_command(&b->pci, 0, PCI_COMMAND_MEMORY);
	set_bar(&b->pci, 0, 0, LOW_BASE);
	set_bar(&b->pci, 0, 0, 0xffffffff);
	assert_int_equal(get_bar(&b->pci, 0, 0), (uint32_t) ~(BAR_SIZE - 1));
	assert_int_equal(mem_read(&b->pci, LOW_BASE, 4), 0xffffffff);
	set_bar(&b->pci, 0, 0, LOW_BASE);
	mem_read(&b->pci, LOW_BASE, 4);
	assert_int_equal(card->nr_reads, 1);
}

static void a_bar_that_is_written_again_has_not_moved(void **state)
{
	struct bench *b = *state;

	set_command(&b->pci, 0, PCI_COMMAND_MEMORY);
	set_bar(&b->pci, 0, 0, LOW_BASE);
	set_bar(&b->pci, 0, 0, LOW_BASE);
	assert_int_equal(b->card[0].moves, 1);
}

static void a_bar_is_decoded_only_in_a_window_that_it_can_reach(void **state)
{
	struct bench *b = *state;
	const struct pci_bar *bar = b->card[0].fn.bar;
	static const struct {
		uint64_t addr;
		bool is_in;
	} places[] = {
		{ LOW_BASE, true },
		{ LOW_BASE + LOW_SIZE - BAR64_SIZE, true },
		{ LOW_BASE - BAR64_SIZE, false },
		{ LOW_BASE + LOW_SIZE, false },
		{ HIGH_BASE, true },
		{ HIGH_BASE + HIGH_SIZE - BAR64_SIZE, true },
		{ HIGH_BASE + HIGH_SIZE, false },
		{ 0, false },
		{ 0 - BAR64_SIZE, false },
		{ LOW_BASE | 1ULL << 63, false },
	};

	set_command(&b->pci, 0, PCI_COMMAND_MEMORY);
	for (unsigned int i = 0; i < ARRAY_SIZE(places); i++) {
		set_bar64(&b->pci, 0, 2, places[i].addr);
		assert_true(bar[2].gpa == (places[i].is_in ? places[i].addr : PCI_UNPLACED));
	}
	set_bar(&b->pci, 0, 0, (uint32_t)HIGH_BASE);
	assert_true(bar[0].gpa == PCI_UNPLACED);
}

static void a_bar_larger_than_its_window_is_never_decoded(void **state)
{
	struct bench *b = *state;

	b->pci.host.low.size = BAR_SIZE / 2;
	set_command(&b->pci, 0, PCI_COMMAND_MEMORY);
	set_bar(&b->pci, 0, 0, LOW_BASE);
	assert_true(b->card[0].fn.bar[0].gpa == PCI_UNPLACED);
}

/* Nothing the guest writes may take a BAR out of a machine's window that does not exist. */
static void a_window_that_is_not_there_holds_nothing(void **state)
{
	struct bench *b = *state;

	b->pci.host.high = (struct pci_window){ 0 };
	set_command(&b->pci, 0, PCI_COMMAND_MEMORY);
	set_bar64(&b->pci, 0, 2, 0);
	assert_true(b->card[0].fn.bar[2].gpa == PCI_UNPLACED);
}

/* PCI_UNPLACED is no address: a window that starts at 0 would come right behind it. */
static void a_bar_that_is_not_decoded_is_nowhere(void **state)
{
	struct bench *b = *state;

	b->pci.host.low.base = 0;
	assert_int_equal(bench_read(&b->pci, &pci_low_mmio, 0, 4), 0xffffffff);
	assert_int_equal(b->card[0].nr_reads, 0);
}

static void of_two_bars_at_one_address_the_lower_slot_answers(void **state)
{
	struct bench *b = *state;

	for (unsigned int slot = 0; slot < 2; slot++) {
		set_bar(&b->pci, slot, 0, LOW_BASE);
		set_command(&b->pci, slot, PCI_COMMAND_MEMORY);
	}
	mem_read(&b->pci, LOW_BASE + 4, 4);
	assert_int_equal(b->card[0].nr_reads, 1);
	assert_int_equal(b->card[1].nr_reads, 0);
	set_bar(&b->pci, 0, 0, LOW_BASE + BAR_SIZE);
	mem_read(&b->pci, LOW_BASE + 4, 4);
	assert_int_equal(b->card[1].nr_reads, 1);
}

static void an_access_that_leaves_its_bar_reads_as_zero_and_writes_nothing(void **state)
{
	struct bench *b = *state;

	set_bar(&b->pci, 0, 0, LOW_BASE);
	set_command(&b->pci, 0, PCI_COMMAND_MEMORY);
	b->card[0].value = 0x77;
	assert_int_equal(mem_read(&b->pci, LOW_BASE + BAR_SIZE - 2, 4), 0);
	mem_write(&b->pci, LOW_BASE + BAR_SIZE - 4, 1, 8);
	assert_int_equal(b->card[0].nr_reads + b->card[0].nr_writes, 0);
	mem_write(&b->pci, LOW_BASE + BAR_SIZE - 8, 1, 8);
	assert_int_equal(b->card[0].nr_writes, 1);
}

static void an_address_without_a_bar_reads_as_all_ones(void **state)
{
	struct bench *b = *state;

	assert_int_equal(mem_read(&b->pci, LOW_BASE, 1), 0xff);
	assert_int_equal(mem_read(&b->pci, LOW_BASE + LOW_SIZE - 4, 4), 0xffffffff);
	assert_true(mem_read(&b->pci, HIGH_BASE, 8) == UINT64_MAX);
	mem_write(&b->pci, HIGH_BASE, 1, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_bar_tells_its_kind_and_size),
		TEST(a_bar_that_is_not_there_reads_as_zero),
		TEST(a_bar_is_decoded_while_the_command_register_says_memory),
		TEST(a_bar_moves_while_it_is_decoded),
		TEST(its_size_may_be_asked_for_while_it_is_decoded),
		TEST(a_bar_that_is_written_again_has_not_moved),
		TEST(a_bar_is_decoded_only_in_a_window_that_it_can_reach),
		TEST(a_bar_larger_than_its_window_is_never_decoded),
		TEST(a_window_that_is_not_there_holds_nothing),
		TEST(a_bar_that_is_not_decoded_is_nowhere),
		TEST(of_two_bars_at_one_address_the_lower_slot_answers),
		TEST(an_access_that_leaves_its_bar_reads_as_zero_and_writes_nothing),
		TEST(an_address_without_a_bar_reads_as_all_ones),
	};

	return cmocka_run_group_tests_name("pci_bar", tests, NULL, NULL);
}
