/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI transport: notifications, interrupts, device configuration, and BARs through config space. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "virtio_pci_bench.h"

/* --- 4.1.4.4: notification --- */

static void writing_to_its_address_notifies_a_queue(void **state)
{
	struct bench *b = *state;
	gpa_t notify = structure(b, VIRTIO_PCI_CAP_NOTIFY_CFG);

	run_device(b, 0);
	mem_write(&b->pci, notify + 4, 1, 2);
	mem_write(&b->pci, notify + 8, 2, 4);
	assert_int_equal(b->notified[0], 0);
	assert_int_equal(b->notified[1], 1);
	assert_int_equal(b->notified[2], 1);
	assert_int_equal(mem_read(&b->pci, notify + 4, 2), 0);
}

/* CVE-2011-2512 */
static void an_address_of_no_queue_notifies_nobody(void **state)
{
	struct bench *b = *state;
	gpa_t notify = structure(b, VIRTIO_PCI_CAP_NOTIFY_CFG);

	run_device(b, 0);
	mem_write(&b->pci, notify + 2, 0, 2);
	mem_write(&b->pci, notify + 4 * NR_QUEUES, NR_QUEUES, 2);
	mem_write(&b->pci, notify + 0xffc, 0, 2);
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		assert_int_equal(b->notified[i], 0);
}

static void doorbells_are_where_the_bar_is(void **state)
{
	struct bench *b = *state;
	gpa_t notify = structure(b, VIRTIO_PCI_CAP_NOTIFY_CFG);

	for (unsigned int i = 0; i < NR_QUEUES; i++)
		assert_true(b->bell[i] == notify + 4 * i);
	assert_int_equal(b->bell_len, 0);
	assert_false(b->bell_match);
	set_bar64(&b->pci, SLOT, 4, REGS_GPA + 0x10000);
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		assert_true(b->bell[i] == notify + 0x10000 + 4 * i);
	set_command(&b->pci, SLOT, 0);
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		assert_true(b->bell[i] == 0);
}

static void the_bar_of_msix_has_no_doorbells(void **state)
{
	struct bench *b = *state;
	unsigned int nr = b->nr_bells;

	set_bar(&b->pci, SLOT, 1, MSIX_GPA + 0x10000);
	set_bar(&b->pci, SLOT, 1, 0);
	assert_int_equal(b->nr_bells, nr);
	assert_true(b->bell[0] != 0);
}

/* --- 4.1.4.5, 4.1.5: interrupts --- */

static void without_msix_the_isr_says_why_and_reading_it_lowers_the_line(void **state)
{
	struct bench *b = *state;

	run_device(b, 0);
	interrupt_queue(b, 1);
	assert_true(b->pci.level[SLOT]);
	assert_true(cfg_read(&b->pci, SLOT, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	assert_int_equal(read_isr(b), 1);
	assert_false(b->pci.level[SLOT]);
	assert_int_equal(read_isr(b), 0);
	interrupt_queue(b, VIRTIO_ALL);
	interrupt_queue(b, 0);
	assert_true(b->pci.level[SLOT]);
	assert_int_equal(read_isr(b), 3);
	assert_false(b->pci.level[SLOT]);
	assert_int_equal(b->nr_sent, 0);
}

static void the_isr_is_not_written_and_one_byte_long(void **state)
{
	struct bench *b = *state;
	gpa_t isr = structure(b, VIRTIO_PCI_CAP_ISR_CFG);

	run_device(b, 0);
	interrupt_queue(b, 0);
	mem_write(&b->pci, isr, 0, 1);
	assert_int_equal(mem_read(&b->pci, isr + 1, 1), 0);
	assert_true(b->pci.level[SLOT]);
	assert_int_equal(read_isr(b), 1);
}

static void with_msix_each_queue_sends_its_vector(void **state)
{
	struct bench *b = *state;

	switch_msix_on(b);
	run_device(b, 0);
	interrupt_queue(b, 2);
	assert_int_equal(b->nr_sent, 1);
	assert_int_equal(b->sent_data, 3);
	interrupt_queue(b, 0);
	assert_int_equal(b->nr_sent, 2);
	assert_int_equal(b->sent_data, 1);
	assert_int_equal(b->pci.changes[SLOT], 0);
	assert_int_equal(read_isr(b), 0);
}

static void with_msix_a_configuration_change_shows_in_the_isr_too(void **state)
{
	struct bench *b = *state;

	switch_msix_on(b);
	run_device(b, 0);
	interrupt_queue(b, VIRTIO_ALL);
	assert_int_equal(b->nr_sent, 1);
	assert_int_equal(b->sent_data, 0);
	assert_false(b->pci.level[SLOT]);
	assert_false(cfg_read(&b->pci, SLOT, PCI_STATUS, 2) & PCI_STATUS_INTERRUPT);
	assert_int_equal(read_isr(b), 2);
}

static void what_has_no_vector_is_not_sent(void **state)
{
	struct bench *b = *state;

	switch_msix_on(b);
	run_device(b, 0);
	put(b, VIRTIO_PCI_COMMON_MSIX, VIRTIO_MSI_NO_VECTOR, 2);
	select_queue(b, 1);
	put(b, VIRTIO_PCI_COMMON_Q_MSIX, VIRTIO_MSI_NO_VECTOR, 2);
	interrupt_queue(b, VIRTIO_ALL);
	interrupt_queue(b, 1);
	assert_int_equal(b->nr_sent, 0);
	assert_false(b->pci.level[SLOT]);
}

static void a_vector_reads_back_unless_there_is_none_of_that_number(void **state)
{
	struct bench *b = *state;

	put(b, VIRTIO_PCI_COMMON_MSIX, NR_QUEUES, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_MSIX, 2), NR_QUEUES);
	put(b, VIRTIO_PCI_COMMON_MSIX, NR_QUEUES + 1, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	select_queue(b, 1);
	put(b, VIRTIO_PCI_COMMON_Q_MSIX, 0, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_MSIX, 2), 0);
	put(b, VIRTIO_PCI_COMMON_Q_MSIX, 0x8000, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
}

static void a_machine_without_messages_has_no_msix_and_no_vectors(void **state)
{
	struct bench *b = *state;

	bench_stop(b);
	assert_int_equal(bench_start(b, false), 0);
	assert_int_equal(find_capability(&b->pci, SLOT, PCI_CAP_ID_MSIX, 0), 0);
	assert_int_equal(get_bar(&b->pci, SLOT, 1), 0);
	run_device(b, 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	interrupt_queue(b, 0);
	assert_true(b->pci.level[SLOT]);
}

static void switching_msix_on_lowers_the_line_and_off_raises_it(void **state)
{
	struct bench *b = *state;

	run_device(b, 0);
	interrupt_queue(b, 0);
	switch_msix_on(b);
	assert_false(b->pci.level[SLOT]);
	switch_msix_off(b);
	assert_true(b->pci.level[SLOT]);
	status(b, 0);
	assert_false(b->pci.level[SLOT]);
}

static void a_reset_forgets_what_is_pending(void **state)
{
	struct bench *b = *state;

	switch_msix_on(b);
	run_device(b, 0);
	mem_write(&b->pci, MSIX_GPA + 16 + 12, 1, 4);
	interrupt_queue(b, 0);
	status(b, 0);
	mem_write(&b->pci, MSIX_GPA + 16 + 12, 0, 4);
	assert_int_equal(b->nr_sent, 0);
}

static void a_device_that_breaks_interrupts_for_its_configuration(void **state)
{
	struct bench *b = *state;

	run_device(b, 0);
	pthread_mutex_lock(&b->dev.lock);
	virtio_break(&b->dev, "for the test");
	pthread_mutex_unlock(&b->dev.lock);
	assert_true(get(b, VIRTIO_PCI_COMMON_STATUS, 1) & STATUS_NEEDS_RESET);
	assert_int_equal(read_isr(b), 2);
}

/* --- 4.1.4.6: device configuration --- */

static void the_configuration_is_read_in_any_width_and_zero_beyond_its_end(void **state)
{
	struct bench *b = *state;
	gpa_t config = structure(b, VIRTIO_PCI_CAP_DEVICE_CFG);

	memcpy(b->config, "\x01\x02\x03\x04\x05\x06", 6);
	assert_int_equal(mem_read(&b->pci, config + 5, 1), 6);
	assert_int_equal(mem_read(&b->pci, config + 2, 2), 0x0403);
	assert_int_equal(mem_read(&b->pci, config, 4), 0x04030201);
	assert_true(mem_read(&b->pci, config, 8) == 0x060504030201);
	assert_int_equal(mem_read(&b->pci, config + 8, 4), 0);
	assert_int_equal(mem_read(&b->pci, config + 0xffc, 4), 0);
}

static void the_class_hears_what_is_written_within_the_configuration(void **state)
{
	struct bench *b = *state;
	gpa_t config = structure(b, VIRTIO_PCI_CAP_DEVICE_CFG);

	mem_write(&b->pci, config + 2, 0x1234, 2);
	assert_int_equal(b->nr_config_writes, 1);
	assert_int_equal(b->config_off, 2);
	assert_int_equal(b->config_value, 0x1234);
	assert_int_equal(b->config_len, 2);
	mem_write(&b->pci, config + 4, 1, 4);
	mem_write(&b->pci, config + 6, 1, 1);
	assert_int_equal(b->nr_config_writes, 1);
}

/* --- 4.1.4.9: BARs through config space --- */

static unsigned int aim(struct bench *b, uint8_t bar, uint32_t off, uint32_t len)
{
	unsigned int cap = find_structure(b, VIRTIO_PCI_CAP_PCI_CFG);

	cfg_write(&b->pci, SLOT, cap + VIRTIO_PCI_CAP_BAR, bar, 1);
	cfg_write(&b->pci, SLOT, cap + VIRTIO_PCI_CAP_OFFSET, off, 4);
	cfg_write(&b->pci, SLOT, cap + VIRTIO_PCI_CAP_LENGTH, len, 4);
	return cap + 16;
}

static void config_space_reaches_the_structures_while_no_bar_is_decoded(void **state)
{
	struct bench *b = *state;
	unsigned int data;

	set_command(&b->pci, SLOT, 0);
	data = aim(b, 4, VIRTIO_PCI_COMMON_STATUS, 1);
	cfg_write(&b->pci, SLOT, data, 0xffffff00 | VIRTIO_CONFIG_S_ACKNOWLEDGE, 4);
	assert_int_equal(b->dev.status, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(cfg_read(&b->pci, SLOT, data, 1), VIRTIO_CONFIG_S_ACKNOWLEDGE);
	aim(b, 4, VIRTIO_PCI_COMMON_Q_SELECT, 2);
	cfg_write(&b->pci, SLOT, data, 2, 2);
	aim(b, 4, VIRTIO_PCI_COMMON_Q_DESCHI, 4);
	cfg_write(&b->pci, SLOT, data, 0x12345678, 4);
	assert_true(b->dev.queue[2].desc == 0x1234567800000000);
	assert_int_equal(cfg_read(&b->pci, SLOT, data, 4), 0x12345678);
}

static void config_space_reaches_the_table_of_msix(void **state)
{
	struct bench *b = *state;
	unsigned int data = aim(b, 1, 16 + 8, 4);

	cfg_write(&b->pci, SLOT, data, 0x77, 4);
	assert_int_equal(mem_read(&b->pci, MSIX_GPA + 16 + 8, 4), 0x77);
}

static void reading_the_isr_through_config_space_clears_it(void **state)
{
	struct bench *b = *state;

	run_device(b, 0);
	interrupt_queue(b, 0);
	assert_int_equal(cfg_read(&b->pci, SLOT, aim(b, 4, 0x1000, 1), 1), 1);
	assert_false(b->pci.level[SLOT]);
	assert_int_equal(read_isr(b), 0);
}

static void config_space_reaches_nothing_outside_of_a_bar(void **state)
{
	struct bench *b = *state;
	static const struct {
		uint8_t bar;
		uint32_t off, len;
	} wrong[] = {
		{ 4, 0, 0 },      { 4, 0, 3 },      { 4, 0, 8 },      { 4, 0, 0x80000001 },
		{ 4, 2, 4 }, /* not aligned */
		{ 4, 1, 2 },      { 4, 0x2001, 2 }, { 4, 0x4000, 4 }, { 4, 0xfffffffc, 4 },
		{ 4, 0x3fff, 2 }, { 0, 0, 4 }, /* no BAR, or not the first half of one */
		{ 5, 0, 4 },      { 6, 0, 4 },      { 0xff, 0, 4 },
	};

	memset(b->config, 0xee, sizeof(b->config));
	for (unsigned int i = 0; i < ARRAY_SIZE(wrong); i++) {
		unsigned int data = aim(b, wrong[i].bar, wrong[i].off, wrong[i].len);

		cfg_write(&b->pci, SLOT, data, 0xffffffff, 4);
		assert_int_equal(cfg_read(&b->pci, SLOT, data, 4), 0);
	}
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_DFSELECT, 4), 0);
	assert_int_equal(b->nr_config_writes, 0);
}

static void of_the_data_as_many_bytes_are_written_as_the_length_says(void **state)
{
	struct bench *b = *state;

	cfg_write(&b->pci, SLOT, aim(b, 4, 0x2002, 2), 0xffff1234, 4);
	assert_int_equal(b->nr_config_writes, 1);
	assert_int_equal(b->config_value, 0x1234);
	assert_int_equal(b->config_len, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writing_to_its_address_notifies_a_queue),
		TEST(an_address_of_no_queue_notifies_nobody),
		TEST(doorbells_are_where_the_bar_is),
		TEST(the_bar_of_msix_has_no_doorbells),
		TEST(without_msix_the_isr_says_why_and_reading_it_lowers_the_line),
		TEST(the_isr_is_not_written_and_one_byte_long),
		TEST(with_msix_each_queue_sends_its_vector),
		TEST(with_msix_a_configuration_change_shows_in_the_isr_too),
		TEST(what_has_no_vector_is_not_sent),
		TEST(a_vector_reads_back_unless_there_is_none_of_that_number),
		TEST(a_machine_without_messages_has_no_msix_and_no_vectors),
		TEST(switching_msix_on_lowers_the_line_and_off_raises_it),
		TEST(a_reset_forgets_what_is_pending),
		TEST(a_device_that_breaks_interrupts_for_its_configuration),
		TEST(the_configuration_is_read_in_any_width_and_zero_beyond_its_end),
		TEST(the_class_hears_what_is_written_within_the_configuration),
		TEST(config_space_reaches_the_structures_while_no_bar_is_decoded),
		TEST(config_space_reaches_the_table_of_msix),
		TEST(reading_the_isr_through_config_space_clears_it),
		TEST(config_space_reaches_nothing_outside_of_a_bar),
		TEST(of_the_data_as_many_bytes_are_written_as_the_length_says),
	};

	return cmocka_run_group_tests_name("virtio_pci_ways", tests, NULL, NULL);
}
