/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI transport: what the function shows, the common configuration, reset. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include "virtio_pci_bench.h"

/* --- 4.1.2, 4.1.4: what a driver finds --- */

static void the_function_is_a_virtio_device_that_is_not_transitional(void **state)
{
	struct bench *b = *state;

	assert_int_equal(cfg_read(&b->pci, SLOT, PCI_VENDOR_ID, 2), 0x1af4);
	assert_int_equal(cfg_read(&b->pci, SLOT, PCI_DEVICE_ID, 2), 0x1040 + CLASS_ID);
	assert_true(cfg_read(&b->pci, SLOT, PCI_REVISION_ID, 1) >= 1);
	assert_true(cfg_read(&b->pci, SLOT, PCI_SUBSYSTEM_ID, 2) >= 0x40);
	assert_int_equal(cfg_read(&b->pci, SLOT, PCI_CLASS_REVISION, 4) >> 8, 0x078000);
}

static void each_structure_has_a_capability_that_fits_its_bar(void **state)
{
	struct bench *b = *state;
	static const uint8_t types[] = { VIRTIO_PCI_CAP_COMMON_CFG, VIRTIO_PCI_CAP_NOTIFY_CFG,
					 VIRTIO_PCI_CAP_ISR_CFG, VIRTIO_PCI_CAP_DEVICE_CFG };

	for (unsigned int i = 0; i < ARRAY_SIZE(types); i++) {
		unsigned int at = find_structure(b, types[i]);
		uint64_t off, len;

		assert_int_not_equal(at, 0);
		assert_true(cfg_read(&b->pci, SLOT, at + VIRTIO_PCI_CAP_LEN, 1) >= 16);
		assert_int_equal(cfg_read(&b->pci, SLOT, at + VIRTIO_PCI_CAP_BAR, 1), 4);
		off = cfg_read(&b->pci, SLOT, at + VIRTIO_PCI_CAP_OFFSET, 4);
		len = cfg_read(&b->pci, SLOT, at + VIRTIO_PCI_CAP_LENGTH, 4);
		assert_int_equal(off % 4096, 0);
		assert_true(len >= 64 && off + len <= b->vpci.function.bar[4].size);
	}
	assert_int_not_equal(find_structure(b, VIRTIO_PCI_CAP_PCI_CFG), 0);
}

static void the_notify_structure_tells_how_far_queues_are_apart(void **state)
{
	struct bench *b = *state;
	unsigned int at = find_structure(b, VIRTIO_PCI_CAP_NOTIFY_CFG);

	assert_int_equal(cfg_read(&b->pci, SLOT, at + VIRTIO_PCI_CAP_LEN, 1), 20);
	assert_int_equal(cfg_read(&b->pci, SLOT, at + VIRTIO_PCI_NOTIFY_CAP_MULT, 4), 4);
}

static void capabilities_are_read_only_but_for_the_fields_of_pci_cfg(void **state)
{
	struct bench *b = *state;
	unsigned int window = find_structure(b, VIRTIO_PCI_CAP_PCI_CFG);

	for (unsigned int off = 0x40; off < PCI_CONFIG_SIZE; off++) {
		uint64_t old = cfg_read(&b->pci, SLOT, off, 1);
		bool is_field = off == window + VIRTIO_PCI_CAP_BAR ||
				(off >= window + VIRTIO_PCI_CAP_OFFSET && off < window + 20);
		bool is_msix = off == find_capability(&b->pci, SLOT, PCI_CAP_ID_MSIX, 0) + 3;

		if (is_field || is_msix)
			continue;
		cfg_write(&b->pci, SLOT, off, ~old, 1);
		assert_int_equal(cfg_read(&b->pci, SLOT, off, 1), old);
	}
}

/* --- 4.1.4.3: common configuration --- */

static void features_are_shown_by_halves_and_zero_beyond(void **state)
{
	struct bench *b = *state;
	uint64_t features = 0;

	for (unsigned int i = 0; i < 2; i++) {
		put(b, VIRTIO_PCI_COMMON_DFSELECT, i, 4);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_DFSELECT, 4), i);
		features |= get(b, VIRTIO_PCI_COMMON_DF, 4) << 32 * i;
	}
	assert_true(features == b->dev.offered);
	put(b, VIRTIO_PCI_COMMON_DFSELECT, 2, 4);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_DF, 4), 0);
	put(b, VIRTIO_PCI_COMMON_DF, 0xffffffff, 4);
	assert_true(features == b->dev.offered);
}

static void the_driver_reads_back_what_it_accepted(void **state)
{
	struct bench *b = *state;

	put(b, VIRTIO_PCI_COMMON_GFSELECT, 1, 4);
	put(b, VIRTIO_PCI_COMMON_GF, 1, 4);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_GF, 4), 1);
	put(b, VIRTIO_PCI_COMMON_GFSELECT, 0, 4);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_GFSELECT, 4), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_GF, 4), 0);
	assert_true(b->dev.features == 1ULL << 32);
}

static void the_number_of_queues_is_read_only(void **state)
{
	struct bench *b = *state;

	put(b, VIRTIO_PCI_COMMON_NUMQ, 0xffff, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_NUMQ, 2), NR_QUEUES);
}

static void a_queue_says_its_size_and_where_to_notify_it(void **state)
{
	struct bench *b = *state;

	for (uint16_t i = 0; i < NR_QUEUES; i++) {
		select_queue(b, i);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SELECT, 2), i);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SIZE, 2), QUEUE_MAX);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_NOFF, 2), i);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_NDATA, 2), 0);
	}
	put(b, VIRTIO_PCI_COMMON_Q_SIZE, 8, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SIZE, 2), 8);
	select_queue(b, 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SIZE, 2), QUEUE_MAX);
}

static void a_queue_that_does_not_exist_reads_as_zero(void **state)
{
	struct bench *b = *state;
	static const uint16_t none[] = { NR_QUEUES, 0xffff };

	negotiate(b, 1ULL << VIRTIO_F_RING_RESET);
	for (unsigned int i = 0; i < ARRAY_SIZE(none); i++) {
		select_queue(b, none[i]);
		put(b, VIRTIO_PCI_COMMON_Q_SIZE, 8, 2);
		put(b, VIRTIO_PCI_COMMON_Q_MSIX, 1, 2);
		put(b, VIRTIO_PCI_COMMON_Q_RESET, 1, 2);
		enable_queue(b, 0);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SIZE, 2), 0);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_NOFF, 2), 0);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_RESET, 2), 0);
		assert_true(get(b, VIRTIO_PCI_COMMON_Q_DESCLO, 8) == 0);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	}
	assert_int_equal(b->dev.status, STATUS_READY);
}

static void addresses_are_written_whole_or_by_halves(void **state)
{
	struct bench *b = *state;
	static const unsigned int at[] = { VIRTIO_PCI_COMMON_Q_DESCLO, VIRTIO_PCI_COMMON_Q_AVAILLO,
					   VIRTIO_PCI_COMMON_Q_USEDLO };

	select_queue(b, 1);
	for (unsigned int i = 0; i < ARRAY_SIZE(at); i++) {
		put(b, at[i], 0x1122334455667788 + i, 8);
		assert_int_equal(get(b, at[i] + 4, 4), 0x11223344);
		put(b, at[i] + 4, 0x99aabbcc, 4);
		assert_true(get(b, at[i], 8) == 0x99aabbcc55667788 + i);
		put(b, at[i], i, 4);
	}
	assert_true(b->dev.queue[1].desc == 0x99aabbcc00000000);
	assert_true(b->dev.queue[1].driver == 0x99aabbcc00000001);
	assert_true(b->dev.queue[1].device == 0x99aabbcc00000002);
}

static void an_access_of_another_width_than_the_fields_reads_zero_and_writes_nothing(void **state)
{
	struct bench *b = *state;
	static const struct {
		unsigned int off, len;
	} odd[] = {
		{ VIRTIO_PCI_COMMON_DFSELECT, 2 },    { VIRTIO_PCI_COMMON_DFSELECT, 8 },
		{ VIRTIO_PCI_COMMON_MSIX, 4 },        { VIRTIO_PCI_COMMON_NUMQ, 1 },
		{ VIRTIO_PCI_COMMON_STATUS, 2 },      { VIRTIO_PCI_COMMON_STATUS, 4 },
		{ VIRTIO_PCI_COMMON_Q_SIZE, 1 },      { VIRTIO_PCI_COMMON_Q_SIZE + 1, 1 },
		{ VIRTIO_PCI_COMMON_Q_SIZE, 4 },      { VIRTIO_PCI_COMMON_Q_SIZE, 8 },
		{ VIRTIO_PCI_COMMON_Q_DESCLO, 2 },    { VIRTIO_PCI_COMMON_Q_DESCHI, 8 },
		{ VIRTIO_PCI_COMMON_Q_RESET + 2, 2 }, { 0xff8, 8 },
	};

	status(b, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	for (unsigned int i = 0; i < ARRAY_SIZE(odd); i++) {
		put(b, odd[i].off, 0x0102030405060708, odd[i].len);
		assert_true(get(b, odd[i].off, odd[i].len) == 0);
	}
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_DFSELECT, 4), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_STATUS, 1), VIRTIO_CONFIG_S_ACKNOWLEDGE);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SIZE, 2), QUEUE_MAX);
	assert_true(get(b, VIRTIO_PCI_COMMON_Q_DESCLO, 8) == 0);
}

static void writing_0_to_queue_enable_does_not_disable(void **state)
{
	struct bench *b = *state;

	negotiate(b, 0);
	select_queue(b, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	enable_queue(b, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	put(b, VIRTIO_PCI_COMMON_Q_ENABLE, 0, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	select_queue(b, 1);
	put(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
}

/* CVE-2026-5747 */
static void queue_registers_do_not_change_once_the_device_runs(void **state)
{
	struct bench *b = *state;

	run_device(b, 0);
	select_queue(b, 0);
	put(b, VIRTIO_PCI_COMMON_Q_SIZE, 2, 2);
	put(b, VIRTIO_PCI_COMMON_Q_DESCLO, 0x1234, 8);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SIZE, 2), QUEUE_MAX);
	assert_true(get(b, VIRTIO_PCI_COMMON_Q_DESCLO, 8) == RAM_BASE);
}

static void the_generation_changes_with_the_configuration(void **state)
{
	struct bench *b = *state;
	uint64_t old = get(b, VIRTIO_PCI_COMMON_CFGGENERATION, 1);

	assert_int_equal(get(b, VIRTIO_PCI_COMMON_CFGGENERATION, 1), old);
	pthread_mutex_lock(&b->dev.lock);
	virtio_config_changed(&b->dev);
	pthread_mutex_unlock(&b->dev.lock);
	assert_int_not_equal(get(b, VIRTIO_PCI_COMMON_CFGGENERATION, 1), old);
	put(b, VIRTIO_PCI_COMMON_CFGGENERATION, old, 1);
	assert_int_not_equal(get(b, VIRTIO_PCI_COMMON_CFGGENERATION, 1), old);
}

/* --- 2.4, 4.1.4.3.1: reset --- */

static void a_reset_puts_every_register_back(void **state)
{
	struct bench *b = *state;

	switch_msix_on(b);
	run_device(b, 0);
	put(b, VIRTIO_PCI_COMMON_DFSELECT, 1, 4);
	interrupt_queue(b, VIRTIO_ALL);
	status(b, 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_STATUS, 1), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_DFSELECT, 4), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_GFSELECT, 4), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_GF, 4), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_SELECT, 2), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	assert_int_equal(read_isr(b), 0);
	for (uint16_t i = 0; i < NR_QUEUES; i++) {
		select_queue(b, i);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
		assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
		assert_true(get(b, VIRTIO_PCI_COMMON_Q_DESCLO, 8) == 0);
	}
	/* The function itself is not reset. */
	assert_true(msix_enabled(&b->vpci.msix));
	assert_true(b->vpci.function.bar[4].gpa == REGS_GPA);
}

static void status_reads_non_zero_until_requests_in_flight_are_back(void **state)
{
	struct bench *b = *state;

	run_device(b, 0);
	b->held = true;
	status(b, 0);
	assert_int_equal(b->nr_stops, 1);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_STATUS, 1), STATUS_RUNS);
	status(b, 0);
	assert_int_equal(b->nr_stops, 1);
	pthread_mutex_lock(&b->dev.lock);
	virtio_stopped(&b->dev, VIRTIO_ALL);
	pthread_mutex_unlock(&b->dev.lock);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_STATUS, 1), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	b->held = false;
	run_device(b, 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_STATUS, 1), STATUS_RUNS);
}

static void a_queue_is_reset_alone_and_reads_so_until_it_is_done(void **state)
{
	struct bench *b = *state;

	run_device(b, 1ULL << VIRTIO_F_RING_RESET);
	b->held = true;
	select_queue(b, 1);
	put(b, VIRTIO_PCI_COMMON_Q_RESET, 0, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_RESET, 2), 0);
	put(b, VIRTIO_PCI_COMMON_Q_RESET, 1, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_RESET, 2), 1);
	pthread_mutex_lock(&b->dev.lock);
	virtio_stopped(&b->dev, 1);
	pthread_mutex_unlock(&b->dev.lock);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_RESET, 2), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_MSIX, 2), VIRTIO_MSI_NO_VECTOR);
	select_queue(b, 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_MSIX, 2), 1);
	select_queue(b, 1);
	enable_queue(b, 1);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
}

static void without_ring_reset_a_queue_is_not_reset(void **state)
{
	struct bench *b = *state;

	run_device(b, 0);
	put(b, VIRTIO_PCI_COMMON_Q_RESET, 1, 2);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_RESET, 2), 0);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_ENABLE, 2), 1);
	assert_int_equal(get(b, VIRTIO_PCI_COMMON_Q_MSIX, 2), NR_QUEUES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_function_is_a_virtio_device_that_is_not_transitional),
		TEST(each_structure_has_a_capability_that_fits_its_bar),
		TEST(the_notify_structure_tells_how_far_queues_are_apart),
		TEST(capabilities_are_read_only_but_for_the_fields_of_pci_cfg),
		TEST(features_are_shown_by_halves_and_zero_beyond),
		TEST(the_driver_reads_back_what_it_accepted),
		TEST(the_number_of_queues_is_read_only),
		TEST(a_queue_says_its_size_and_where_to_notify_it),
		TEST(a_queue_that_does_not_exist_reads_as_zero),
		TEST(addresses_are_written_whole_or_by_halves),
		TEST(an_access_of_another_width_than_the_fields_reads_zero_and_writes_nothing),
		TEST(writing_0_to_queue_enable_does_not_disable),
		TEST(queue_registers_do_not_change_once_the_device_runs),
		TEST(the_generation_changes_with_the_configuration),
		TEST(a_reset_puts_every_register_back),
		TEST(status_reads_non_zero_until_requests_in_flight_are_back),
		TEST(a_queue_is_reset_alone_and_reads_so_until_it_is_done),
		TEST(without_ring_reset_a_queue_is_not_reset),
	};

	return cmocka_run_group_tests_name("virtio_pci", tests, NULL, NULL);
}
