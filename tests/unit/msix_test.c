/* SPDX-License-Identifier: BSD-2-Clause */
/* MSI-X: the table that the guest fills, masks, pending bits, and what is sent when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "hw/msix.h"
#include "pci_bench.h"

#define NR      100 /* two words of pending bits */
#define ADDR    0x8000123456780000ULL
#define CAP     0x40 /* the first capability */
#define CONTROL (CAP + PCI_MSIX_FLAGS)
#define ENABLE  PCI_MSIX_FLAGS_ENABLE
#define MASKALL PCI_MSIX_FLAGS_MASKALL

/* A function in slot 1 with MSI-X alone, whose messages are counted. */
struct bench {
	struct pci_bench pci;
	struct pci_function other, fn;
	pthread_mutex_t lock;
	struct msix msix;
	unsigned int nr_sent;
	uint16_t requester;
	uint64_t addr;
	uint32_t data;
};

static void bench_send(void *ctx, uint16_t requester, uint64_t addr, uint32_t data)
{
	struct bench *b = ctx;

	b->nr_sent++;
	b->requester = requester;
	b->addr = addr;
	b->data = data;
}

static void config_written(struct pci_function *fn, unsigned int off, unsigned int len)
{
	msix_config_written(&container_of(fn, struct bench, fn)->msix, off, len);
}

static const struct pci_function_ops ops = { .config_written = config_written };
static const struct pci_function_ops no_ops;

static int setup_with(struct bench *b, unsigned int nr)
{
	memset(b, 0, sizeof(*b));
	bench_init(&b->pci);
	pthread_mutex_init(&b->lock, NULL);
	pci_function_init(&b->other, 1, 2, 0xff0000, 0, 0, 0);
	pci_function_init(&b->fn, 1, 2, 0xff0000, 0, 0, 0);
	b->other.ops = &no_ops;
	b->other.lock = &b->lock;
	b->fn.ops = &ops;
	b->fn.lock = &b->lock;
	if (msix_init(&b->msix, &b->fn, 1, nr, (struct msi){ .send = bench_send, .ctx = b }, NULL) <
	    0)
		return -1;
	if (pci_add(&b->pci.host, &b->other, NULL) < 0 || pci_add(&b->pci.host, &b->fn, NULL) < 0)
		return -1;
	set_bar(&b->pci, 1, 1, LOW_BASE);
	set_command(&b->pci, 1, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	return 0;
}

static int setup(void **state)
{
	static struct bench b;

	*state = &b;
	return setup_with(&b, NR);
}

static int teardown(void **state)
{
	struct bench *b = *state;

	msix_destroy(&b->msix);
	pci_host_destroy(&b->pci.host);
	return 0;
}

static void control(struct bench *b, uint16_t value)
{
	cfg_write(&b->pci, 1, CONTROL, value, 2);
}

static uint32_t table_read(struct bench *b, unsigned int nr, unsigned int off)
{
	return (uint32_t)mem_read(&b->pci, LOW_BASE + 16 * nr + off, 4);
}

static void table_write(struct bench *b, unsigned int nr, unsigned int off, uint32_t value)
{
	mem_write(&b->pci, LOW_BASE + 16 * nr + off, value, 4);
}

static void program(struct bench *b, unsigned int nr, bool masked)
{
	table_write(b, nr, PCI_MSIX_ENTRY_LOWER_ADDR, (uint32_t)ADDR);
	table_write(b, nr, PCI_MSIX_ENTRY_UPPER_ADDR, ADDR >> 32);
	table_write(b, nr, PCI_MSIX_ENTRY_DATA, 0x1000 + nr);
	table_write(b, nr, PCI_MSIX_ENTRY_VECTOR_CTRL, masked);
}

static uint64_t pending(struct bench *b, unsigned int word)
{
	uint32_t pba = (uint32_t)cfg_read(&b->pci, 1, CAP + PCI_MSIX_PBA, 4);

	return mem_read(&b->pci, LOW_BASE + (pba & PCI_MSIX_PBA_OFFSET) + 8 * word, 8);
}

static void the_capability_says_where_table_and_pending_bits_are(void **state)
{
	struct bench *b = *state;

	assert_int_equal(find_capability(&b->pci, 1, PCI_CAP_ID_MSIX, 0), CAP);
	assert_int_equal(cfg_read(&b->pci, 1, CONTROL, 2), NR - 1);
	assert_int_equal(cfg_read(&b->pci, 1, CAP + PCI_MSIX_TABLE, 4), 1);
	assert_int_equal(cfg_read(&b->pci, 1, CAP + PCI_MSIX_PBA, 4), 0x800 | 1);
	control(b, 0xffff);
	assert_int_equal(cfg_read(&b->pci, 1, CONTROL, 2), ENABLE | MASKALL | (NR - 1));
}

static void the_largest_table_fits_its_bar(void **state)
{
	struct bench *b = *state;
	unsigned int last = MSIX_VECTORS_MAX - 1;

	teardown(state);
	assert_int_equal(setup_with(b, MSIX_VECTORS_MAX), 0);
	program(b, last, true);
	control(b, ENABLE);
	msix_raise(&b->msix, last);
	assert_true(pending(b, last / 64) == 1ULL << 63);
	assert_int_equal(table_read(b, last, PCI_MSIX_ENTRY_DATA), 0x1000 + last);
	table_write(b, last, PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
	assert_int_equal(b->nr_sent, 1);
}

static void after_reset_every_vector_is_masked(void **state)
{
	struct bench *b = *state;

	for (unsigned int i = 0; i < NR; i++)
		assert_int_equal(table_read(b, i, PCI_MSIX_ENTRY_VECTOR_CTRL), 1);
	assert_false(msix_enabled(&b->msix));
}

static void the_table_keeps_what_is_written_but_reserved_bits(void **state)
{
	struct bench *b = *state;

	for (unsigned int off = 0; off < 16; off += 4)
		table_write(b, 3, off, 0xffffffff);
	assert_int_equal(table_read(b, 3, PCI_MSIX_ENTRY_LOWER_ADDR), 0xfffffffc);
	assert_int_equal(table_read(b, 3, PCI_MSIX_ENTRY_UPPER_ADDR), 0xffffffff);
	assert_int_equal(table_read(b, 3, PCI_MSIX_ENTRY_DATA), 0xffffffff);
	assert_int_equal(table_read(b, 3, PCI_MSIX_ENTRY_VECTOR_CTRL), 1);
	assert_int_equal(table_read(b, 2, PCI_MSIX_ENTRY_DATA), 0);
	assert_int_equal(table_read(b, 4, PCI_MSIX_ENTRY_LOWER_ADDR), 0);
}

static void an_access_of_64_bits_is_two_words(void **state)
{
	struct bench *b = *state;

	mem_write(&b->pci, LOW_BASE + 16, ADDR, 8);
	assert_int_equal(table_read(b, 1, PCI_MSIX_ENTRY_LOWER_ADDR), (uint32_t)ADDR);
	assert_int_equal(table_read(b, 1, PCI_MSIX_ENTRY_UPPER_ADDR), ADDR >> 32);
	assert_true(mem_read(&b->pci, LOW_BASE + 16, 8) == ADDR);
}

static void other_widths_and_places_read_zero_and_write_nothing(void **state)
{
	struct bench *b = *state;
	static const struct {
		unsigned int off, len;
	} odd[] = { { 0, 1 }, { 0, 2 }, { 1, 1 }, { 2, 2 }, { 2, 4 }, { 4, 8 }, { 6, 4 } };

	table_write(b, 0, 0, 0x11111110);
	table_write(b, 0, 4, 0x22222222);
	table_write(b, 0, 8, 0x33333333);
	for (unsigned int i = 0; i < ARRAY_SIZE(odd); i++) {
		assert_int_equal(mem_read(&b->pci, LOW_BASE + odd[i].off, odd[i].len), 0);
		mem_write(&b->pci, LOW_BASE + odd[i].off, UINT64_MAX, odd[i].len);
	}
	assert_int_equal(table_read(b, 0, 0), 0x11111110);
	assert_int_equal(table_read(b, 0, 4), 0x22222222);
	assert_int_equal(table_read(b, 0, 8), 0x33333333);
}

static void beyond_the_table_there_is_nothing(void **state)
{
	struct bench *b = *state;

	for (unsigned int off = NR * 16; off < 0x1000; off += 4) {
		mem_write(&b->pci, LOW_BASE + off, 0xffffffff, 4);
		assert_int_equal(mem_read(&b->pci, LOW_BASE + off, 4), 0);
	}
}

static void a_vector_sends_its_message_in_the_name_of_its_function(void **state)
{
	struct bench *b = *state;

	program(b, 5, false);
	control(b, ENABLE);
	assert_true(msix_enabled(&b->msix));
	msix_raise(&b->msix, 5);
	assert_int_equal(b->nr_sent, 1);
	assert_int_equal(b->requester, 1 << 3);
	assert_true(b->addr == ADDR);
	assert_int_equal(b->data, 0x1005);
	msix_raise(&b->msix, 5);
	assert_int_equal(b->nr_sent, 2);
	assert_true(pending(b, 0) == 0);
}

static void nothing_is_sent_or_remembered_while_it_is_off(void **state)
{
	struct bench *b = *state;

	program(b, 0, false);
	msix_raise(&b->msix, 0);
	control(b, ENABLE);
	assert_int_equal(b->nr_sent, 0);
	assert_true(pending(b, 0) == 0);
}

static void a_masked_vector_is_pending_and_sent_once_when_unmasked(void **state)
{
	struct bench *b = *state;

	program(b, 70, true);
	control(b, ENABLE);
	msix_raise(&b->msix, 70);
	msix_raise(&b->msix, 70);
	assert_int_equal(b->nr_sent, 0);
	assert_true(pending(b, 0) == 0);
	assert_true(pending(b, 1) == 1ULL << 6);
	table_write(b, 70, PCI_MSIX_ENTRY_DATA, 0x99); /* the guest may change what is masked */
	assert_int_equal(b->nr_sent, 0);
	table_write(b, 70, PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
	assert_int_equal(b->nr_sent, 1);
	assert_int_equal(b->data, 0x99);
	assert_true(pending(b, 1) == 0);
	table_write(b, 70, PCI_MSIX_ENTRY_VECTOR_CTRL, 1);
	table_write(b, 70, PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
	assert_int_equal(b->nr_sent, 1);
}

static void the_function_mask_holds_all_vectors_back(void **state)
{
	struct bench *b = *state;

	program(b, 1, false);
	program(b, 2, false);
	program(b, 3, true);
	control(b, ENABLE | MASKALL);
	for (unsigned int i = 1; i <= 3; i++)
		msix_raise(&b->msix, i);
	assert_int_equal(b->nr_sent, 0);
	assert_true(pending(b, 0) == 0xe);
	table_write(b, 1, PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
	assert_int_equal(b->nr_sent, 0);
	control(b, ENABLE);
	assert_int_equal(b->nr_sent, 2);
	assert_true(pending(b, 0) == 0x8);
}

static void control_may_be_written_bytewise_or_with_the_dword(void **state)
{
	struct bench *b = *state;

	program(b, 1, false);
	control(b, ENABLE | MASKALL);
	msix_raise(&b->msix, 1);
	cfg_write(&b->pci, 1, CONTROL + 1, ENABLE >> 8, 1);
	assert_int_equal(b->nr_sent, 1);
	control(b, ENABLE | MASKALL);
	msix_raise(&b->msix, 1);
	cfg_write(&b->pci, 1, CAP, (uint32_t)ENABLE << 16, 4);
	assert_int_equal(b->nr_sent, 2);
}

static void a_function_that_is_no_bus_master_sends_when_it_is_one(void **state)
{
	struct bench *b = *state;

	program(b, 1, false);
	control(b, ENABLE);
	set_command(&b->pci, 1, PCI_COMMAND_MEMORY);
	msix_raise(&b->msix, 1);
	assert_int_equal(b->nr_sent, 0);
	assert_true(pending(b, 0) == 2);
	set_command(&b->pci, 1, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	assert_int_equal(b->nr_sent, 1);
}

static void a_vector_beyond_the_table_sends_nothing(void **state)
{
	struct bench *b = *state;

	control(b, ENABLE);
	msix_raise(&b->msix, NR);
	msix_raise(&b->msix, NR + 27);
	msix_raise(&b->msix, 128);
	msix_raise(&b->msix, 0xffff);
	msix_raise(&b->msix, UINT32_MAX);
	assert_int_equal(b->nr_sent, 0);
	assert_true(pending(b, 1) == 0);
}

static void pending_bits_are_not_the_guests_to_write(void **state)
{
	struct bench *b = *state;

	program(b, 0, true);
	control(b, ENABLE);
	msix_raise(&b->msix, 0);
	mem_write(&b->pci, LOW_BASE + 0x800, 0, 8);
	assert_true(pending(b, 0) == 1);
	mem_write(&b->pci, LOW_BASE + 0x800, UINT64_MAX, 8);
	assert_true(pending(b, 0) == 1);
	assert_int_equal(mem_read(&b->pci, LOW_BASE + 0x804, 4), 0);
	assert_int_equal(mem_read(&b->pci, LOW_BASE + 0x800 + 16, 8), 0);
	assert_int_equal(mem_read(&b->pci, LOW_BASE + 0xff8, 8), 0);
}

static void what_is_forgotten_is_not_sent_later(void **state)
{
	struct bench *b = *state;

	program(b, 0, true);
	program(b, 99, true);
	control(b, ENABLE);
	msix_raise(&b->msix, 0);
	msix_raise(&b->msix, 99);
	msix_forget(&b->msix);
	assert_true(pending(b, 0) == 0);
	table_write(b, 0, PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
	table_write(b, 99, PCI_MSIX_ENTRY_VECTOR_CTRL, 0);
	assert_int_equal(b->nr_sent, 0);
}

static void a_function_without_it_does_nothing(void **state)
{
	struct msix none = { 0 };

	(void)state;
	assert_false(msix_enabled(&none));
	msix_raise(&none, 0);
	msix_forget(&none);
	msix_config_written(&none, 4, 2);
	msix_destroy(&none);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_capability_says_where_table_and_pending_bits_are),
		TEST(the_largest_table_fits_its_bar),
		TEST(after_reset_every_vector_is_masked),
		TEST(the_table_keeps_what_is_written_but_reserved_bits),
		TEST(an_access_of_64_bits_is_two_words),
		TEST(other_widths_and_places_read_zero_and_write_nothing),
		TEST(beyond_the_table_there_is_nothing),
		TEST(a_vector_sends_its_message_in_the_name_of_its_function),
		TEST(nothing_is_sent_or_remembered_while_it_is_off),
		TEST(a_masked_vector_is_pending_and_sent_once_when_unmasked),
		TEST(the_function_mask_holds_all_vectors_back),
		TEST(control_may_be_written_bytewise_or_with_the_dword),
		TEST(a_function_that_is_no_bus_master_sends_when_it_is_one),
		TEST(a_vector_beyond_the_table_sends_nothing),
		TEST(pending_bits_are_not_the_guests_to_write),
		TEST(what_is_forgotten_is_not_sent_later),
		TEST(a_function_without_it_does_nothing),
	};

	return cmocka_run_group_tests_name("msix", tests, NULL, NULL);
}
