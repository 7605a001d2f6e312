/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI host bridge: config space by ECAM, and interrupt lines that functions share. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>
#include "pci_card.h"

/* --- Configuration space --- */

static void a_slot_without_a_function_reads_as_all_ones(void **state)
{
	struct bench *b = *state;

	assert_int_equal(cfg_read(&b->pci, NR_CARDS, PCI_VENDOR_ID, 1), 0xff);
	assert_int_equal(cfg_read(&b->pci, NR_CARDS, PCI_VENDOR_ID, 2), 0xffff);
	assert_int_equal(cfg_read(&b->pci, 31, PCI_VENDOR_ID, 4), 0xffffffff);
	assert_true(cfg_read(&b->pci, 31, 0xff8, 8) == UINT64_MAX);
	cfg_write(&b->pci, 31, PCI_COMMAND, 0xffff, 2);
}

static void only_function_0_of_a_slot_is_there(void **state)
{
	struct bench *b = *state;

	for (unsigned int fn = 1; fn < 8; fn++) {
		assert_int_equal(cfg_read(&b->pci, 0, fn << 12, 4), 0xffffffff);
		cfg_write(&b->pci, 0, fn << 12 | PCI_COMMAND, 0xffff, 2);
	}
	assert_int_equal(cfg_read(&b->pci, 0, PCI_COMMAND, 2), 0);
	assert_int_equal(cfg_read(&b->pci, 0, PCI_HEADER_TYPE, 1), 0); /* nor does it say so */
}

static void the_header_says_what_the_function_is(void **state)
{
	struct bench *b = *state;

	assert_int_equal(cfg_read(&b->pci, 0, PCI_VENDOR_ID, 2), 0x1234);
	assert_int_equal(cfg_read(&b->pci, 0, PCI_DEVICE_ID, 2), 0x5678);
	assert_int_equal(cfg_read(&b->pci, 0, PCI_CLASS_REVISION, 4), 0x02030107);
	assert_int_equal(cfg_read(&b->pci, 0, PCI_SUBSYSTEM_VENDOR_ID, 4), 0xdef09abc);
	assert_int_equal(cfg_read(&b->pci, 0, PCI_INTERRUPT_PIN, 1), 1);
}

static void config_space_is_read_in_bytes_and_words_and_both_halves_of_64_bits(void **state)
{
	struct bench *b = *state;

	assert_int_equal(cfg_read(&b->pci, 0, PCI_VENDOR_ID + 1, 1), 0x12);
	assert_int_equal(cfg_read(&b->pci, 0, PCI_VENDOR_ID, 4), 0x56781234);
	assert_true(cfg_read(&b->pci, 0, 0, 8) == 0x0010000056781234);
	cfg_write(&b->pci, 0, PCI_BASE_ADDRESS_2, HIGH_BASE | 0x4000, 8);
	assert_int_equal(get_bar(&b->pci, 0, 2), 0x400c);
	assert_int_equal(get_bar(&b->pci, 0, 3), HIGH_BASE >> 32);
}

static void an_access_that_is_not_aligned_reads_as_all_ones_and_writes_nothing(void **state)
{
	struct bench *b = *state;

	assert_int_equal(cfg_read(&b->pci, 0, 1, 2), 0xffff);
	assert_int_equal(cfg_read(&b->pci, 0, 2, 4), 0xffffffff);
	assert_true(cfg_read(&b->pci, 0, 4, 8) == UINT64_MAX);
	assert_int_equal(cfg_read(&b->pci, 0, 0xffe, 4), 0xffffffff);
	cfg_write(&b->pci, 0, PCI_COMMAND - 2, 0xffffffff, 4);
	assert_int_equal(cfg_read(&b->pci, 0, PCI_COMMAND, 2), 0);
}

static void extended_config_space_reads_as_zero(void **state)
{
	struct bench *b = *state;

	cfg_write(&b->pci, 0, 0x100, 0xffffffff, 4);
	cfg_write(&b->pci, 0, 0xff8, UINT64_MAX, 8);
	assert_int_equal(cfg_read(&b->pci, 0, 0x100, 4), 0);
	assert_int_equal(cfg_read(&b->pci, 0, 0xfff, 1), 0);
	assert_int_equal(cfg_read(&b->pci, 0, 0xff8, 8), 0);
}

static void the_guest_writes_command_bits_interrupt_line_and_bars_alone(void **state)
{
	struct bench *b = *state;

	for (unsigned int off = 0; off < PCI_CONFIG_SIZE; off++) {
		uint64_t old = cfg_read(&b->pci, 0, off, 1);
		bool is_bar = off >= PCI_BASE_ADDRESS_0 && off < PCI_CARDBUS_CIS;

		cfg_write(&b->pci, 0, off, ~old, 1);
		if (off != PCI_COMMAND && off != PCI_COMMAND + 1 && off != PCI_INTERRUPT_LINE &&
		    !is_bar)
			assert_int_equal(cfg_read(&b->pci, 0, off, 1), old);
	}
	assert_int_equal(cfg_read(&b->pci, 0, PCI_COMMAND, 2),
			 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	assert_int_equal(cfg_read(&b->pci, 0, PCI_INTERRUPT_LINE, 1), 0xff);
}

static void capabilities_are_a_list_that_ends(void **state)
{
	struct bench *b = *state;
	unsigned int first = (unsigned int)cfg_read(&b->pci, 0, PCI_CAPABILITY_LIST, 1), second;

	assert_true(cfg_read(&b->pci, 0, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	assert_int_equal(first, 0x40);
	assert_int_equal(cfg_read(&b->pci, 0, first, 1), PCI_CAP_ID_VNDR);
	second = (unsigned int)cfg_read(&b->pci, 0, first + 1, 1);
	assert_int_equal(second, 0x40 + 20); /* 18 bytes, and the next is aligned */
	assert_int_equal(cfg_read(&b->pci, 0, second, 2), PCI_CAP_ID_MSIX);
}

static void the_function_hears_of_config_accesses(void **state)
{
	struct bench *b = *state;
	struct card *card = &b->card[1];

	cfg_read(&b->pci, 1, 0x44, 2);
	assert_int_equal(card->config_reads, 1);
	assert_int_equal(card->off, 0x44);
	assert_int_equal(card->len, 2);
	cfg_write(&b->pci, 1, 0x48, 0, 8);
	assert_int_equal(card->config_writes, 2);
	assert_int_equal(card->off, 0x4c);
	assert_int_equal(card->len, 4);
	assert_int_equal(b->card[0].config_reads + b->card[0].config_writes, 0);
}

static void functions_take_slots_in_turn_until_there_is_none(void **state)
{
	struct bench *b = *state;
	struct err e = { 0 };

	for (unsigned int i = NR_CARDS; i < PCI_SLOTS; i++) {
		card_init(&b->card[i]);
		assert_int_equal(pci_add(&b->pci.host, &b->card[i].fn, &e), 0);
		assert_int_equal(b->card[i].fn.requester, i << 3);
	}
	assert_int_equal(cfg_read(&b->pci, 31, PCI_VENDOR_ID, 2), 0x1234);
	card_init(&b->card[PCI_SLOTS]);
	assert_int_equal(pci_add(&b->pci.host, &b->card[PCI_SLOTS].fn, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "32"));
}

/* --- Interrupt lines --- */

static void intx_is_a_level_that_shows_in_the_status_register(void **state)
{
	struct bench *b = *state;

	pci_set_intx(&b->card[1].fn, true);
	pci_set_intx(&b->card[1].fn, true);
	assert_true(b->pci.level[1]);
	assert_true(cfg_read(&b->pci, 1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	pci_set_intx(&b->card[1].fn, false);
	assert_false(b->pci.level[1]);
	assert_false(cfg_read(&b->pci, 1, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	assert_true(cfg_read(&b->pci, 1, PCI_STATUS, 2) & PCI_STATUS_CAP_LIST);
	assert_int_equal(b->pci.changes[1], 2);
}

static void interrupt_disable_silences_the_line_and_not_the_status(void **state)
{
	struct bench *b = *state;

	pci_set_intx(&b->card[2].fn, true);
	set_command(&b->pci, 2, PCI_COMMAND_INTX_DISABLE);
	assert_false(b->pci.level[2]);
	assert_true(cfg_read(&b->pci, 2, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	set_command(&b->pci, 2, 0);
	assert_true(b->pci.level[2]);
	set_command(&b->pci, 2, PCI_COMMAND_INTX_DISABLE);
	pci_set_intx(&b->card[2].fn, false);
	pci_set_intx(&b->card[2].fn, true);
	assert_false(b->pci.level[2]);
}

static void a_shared_line_is_high_while_any_function_holds_it(void **state)
{
	struct bench *b = *state;

	pci_set_intx(&b->card[0].fn, true);
	pci_set_intx(&b->card[4].fn, true);
	pci_set_intx(&b->card[0].fn, false);
	assert_true(b->pci.level[0]);
	pci_set_intx(&b->card[4].fn, false);
	assert_false(b->pci.level[0]);
	assert_int_equal(b->pci.changes[0], 2);
}

/* A line whose fall takes time, as a system call may. */
struct slow_line {
	atomic_bool falls, level;
};

static void slow_line_set(void *ctx, uint32_t nr, bool level)
{
	struct slow_line *line = ctx;

	(void)nr;
	if (!level) {
		line->falls = true;
		usleep(50000);
	}
	line->level = level;
}

static void *let_go(void *arg)
{
	pci_set_intx(arg, false);
	return NULL;
}

/* One function lets go of the line, and before it has fallen another one raises it. */
static void functions_that_share_a_line_lose_no_level_of_each_other(void **state)
{
	struct bench *b = *state;
	struct slow_line line = { 0 };
	pthread_t thread;

	b->pci.host.intx[0] = (struct irq){ .set = slow_line_set, .ctx = &line };
	pci_set_intx(&b->card[0].fn, true);
	assert_int_equal(pthread_create(&thread, NULL, let_go, &b->card[0].fn), 0);
	while (!line.falls)
		sched_yield();
	pci_set_intx(&b->card[4].fn, true);
	pthread_join(thread, NULL);
	assert_true(line.level);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_slot_without_a_function_reads_as_all_ones),
		TEST(only_function_0_of_a_slot_is_there),
		TEST(the_header_says_what_the_function_is),
		TEST(config_space_is_read_in_bytes_and_words_and_both_halves_of_64_bits),
		TEST(an_access_that_is_not_aligned_reads_as_all_ones_and_writes_nothing),
		TEST(extended_config_space_reads_as_zero),
		TEST(the_guest_writes_command_bits_interrupt_line_and_bars_alone),
		TEST(capabilities_are_a_list_that_ends),
		TEST(the_function_hears_of_config_accesses),
		TEST(functions_take_slots_in_turn_until_there_is_none),
		TEST(intx_is_a_level_that_shows_in_the_status_register),
		TEST(interrupt_disable_silences_the_line_and_not_the_status),
		TEST(a_shared_line_is_high_while_any_function_holds_it),
		TEST(functions_that_share_a_line_lose_no_level_of_each_other),
	};

	return cmocka_run_group_tests_name("pci", tests, NULL, NULL);
}
