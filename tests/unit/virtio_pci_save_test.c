/* SPDX-License-Identifier: BSD-2-Clause */
/* The PCI transport's state there and back: BARs and doorbells, vectors, pending messages, lines. */
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "virtio/save.h"
#include "virtio_pci_bench.h"

#define CONTROL(b) (find_capability(&(b)->pci, SLOT, PCI_CAP_ID_MSIX, 0) + PCI_MSIX_FLAGS)

struct pair {
	struct bench from, to;
};

/* @to: as after power-on. */
static struct pair *make(bool msi)
{
	struct pair *p = calloc(1, sizeof(*p));

	assert_non_null(p);
	assert_int_equal(bench_start(&p->from, msi), 0);
	assert_int_equal(bench_start(&p->to, msi), 0);
	set_command(&p->to.pci, SLOT, 0);
	set_bar(&p->to.pci, SLOT, 1, 0);
	set_bar64(&p->to.pci, SLOT, 4, 0);
	return p;
}

static void end(struct pair *p)
{
	bench_stop(&p->from);
	bench_stop(&p->to);
	free(p);
}

static void *save(struct bench *b)
{
	struct dt dt = { 0 };
	struct err e;

	assert_true(virtio_freeze(&b->dev));
	assert_int_equal(dt_start(&dt, &e), 0);
	virtio_save(&b->dev, &dt);
	assert_int_equal(dt_finish(&dt, &e), 0);
	return dt.blob;
}

static int restore(struct bench *b, const void *tree)
{
	struct err e = { 0 };
	struct dt_in in = { .fdt = tree, .name = "x", .e = &e };

	virtio_restore(&b->dev, &in, 0);
	return in.ret;
}

static void a_device_is_where_the_guest_has_placed_it(void **state)
{
	struct pair *p = make(true);
	void *tree;

	(void)state;
	run_device(&p->from, 0);
	switch_msix_on(&p->from);
	assert_int_equal(p->to.bell[1], 0);
	tree = save(&p->from);
	assert_int_equal(restore(&p->to, tree), 0);
	assert_int_equal(p->to.bell[1], p->from.bell[1]);
	assert_int_equal(get(&p->to, VIRTIO_PCI_COMMON_STATUS, 1), STATUS_RUNS);
	virtio_thaw(&p->to.dev);
	assert_int_equal(p->to.notified[2], 1);
	interrupt_queue(&p->to, 2);
	assert_int_equal(p->to.nr_sent, 1);
	assert_int_equal(p->to.sent_data, 3);
	free(tree);
	end(p);
}

static void a_message_that_was_masked_is_pending(void **state)
{
	struct pair *p = make(true);
	void *tree;

	(void)state;
	run_device(&p->from, 0);
	switch_msix_on(&p->from);
	cfg_write(&p->from.pci, SLOT, CONTROL(&p->from),
		  PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL, 2);
	interrupt_queue(&p->from, 0);
	tree = save(&p->from);
	assert_int_equal(restore(&p->to, tree), 0);
	assert_int_equal(p->to.nr_sent, 0);
	cfg_write(&p->to.pci, SLOT, CONTROL(&p->to), PCI_MSIX_FLAGS_ENABLE, 2);
	assert_int_equal(p->to.nr_sent, 1);
	assert_int_equal(p->to.sent_data, 1);
	free(tree);
	end(p);
}

static void a_line_that_was_high_is_high(void **state)
{
	struct pair *p = make(false);
	void *tree;

	(void)state;
	run_device(&p->from, 0);
	interrupt_queue(&p->from, 0);
	assert_true(p->from.pci.level[1]);
	tree = save(&p->from);
	assert_int_equal(restore(&p->to, tree), 0);
	assert_true(p->to.pci.level[1]);
	assert_int_equal(read_isr(&p->to), 1);
	assert_false(p->to.pci.level[1]);
	free(tree);
	end(p);
}

static void another_function_s_state_is_refused(void **state)
{
	struct pair *p = make(true), *lines = make(false);
	void *tree;

	(void)state;
	run_device(&p->from, 0);
	tree = save(&p->from);
	assert_true(restore(&lines->to, tree) < 0);
	free(tree);
	end(p);
	end(lines);
}

static void a_state_with_any_bit_changed_is_refused_or_harmless(void **state)
{
	struct pair *p = make(true);
	unsigned int refused = 0;
	uint8_t *tree;
	size_t size;

	(void)state;
	run_device(&p->from, 0);
	switch_msix_on(&p->from);
	tree = save(&p->from);
	size = fdt_totalsize(tree);
	for (size_t i = 0; i < 8 * size; i++) {
		tree[i / 8] ^= (uint8_t)(1 << i % 8);
		if (dt_check(tree, size) == 0) {
			bench_stop(&p->to);
			assert_int_equal(bench_start(&p->to, true), 0);
			refused += restore(&p->to, tree) < 0;
			virtio_thaw(&p->to.dev);
			for (int queue = 0; queue < NR_QUEUES; queue++)
				interrupt_queue(&p->to, queue);
			interrupt_queue(&p->to, VIRTIO_ALL);
			virtio_set_status(&p->to.dev, 0);
			assert_int_equal(virtio_get_status(&p->to.dev), 0);
		}
		tree[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_true(refused > 1000);
	free(tree);
	end(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_is_where_the_guest_has_placed_it),
		cmocka_unit_test(a_message_that_was_masked_is_pending),
		cmocka_unit_test(a_line_that_was_high_is_high),
		cmocka_unit_test(another_function_s_state_is_refused),
		cmocka_unit_test(a_state_with_any_bit_changed_is_refused_or_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
