/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio devices that are frozen, and their state there and back, behind the MMIO transport. */
#include <errno.h>
#include <libfdt.h>
#include "virtio/mmio.h"
#include "virtio/save.h"
#include "virtio_world.h"

static void no_bell(void *ctx, unsigned int queue, gpa_t gpa, unsigned int len, bool match)
{
	(void)ctx;
	(void)queue;
	(void)gpa;
	(void)len;
	(void)match;
}

static void no_line(void *ctx, uint32_t nr, bool level)
{
	(void)nr;
	(void)level;
	++*(unsigned int *)ctx;
}

/* Of its own RAM, or (@of not NULL) with that of another, whose driver does not change. */
static struct world *make(struct world *of, struct virtio_mmio *mmio, unsigned int *edges)
{
	const struct virtio_doorbells bells = { .place = no_bell };
	struct world *w;
	void *state;

	assert_int_equal(setup(&state), 0);
	w = state;
	if (of) {
		ring_ram_free(&w->ram);
		w->ram = of->ram;
	}
	*edges = 0;
	virtio_mmio_init(mmio, &w->dev, 0, (struct irq){ no_line, edges, 0 }, &bells, NULL, NULL);
	return w;
}

static void free_borrower(struct world *w)
{
	virtio_destroy(&w->dev);
	free(w);
}

/* The state of @dev in a tree's root; malloc()ed. */
static void *save(struct virtio_device *dev)
{
	struct dt dt = { 0 };
	struct err e;

	assert_true(virtio_freeze(dev));
	assert_int_equal(dt_start(&dt, &e), 0);
	virtio_save(dev, &dt);
	assert_int_equal(dt_finish(&dt, &e), 0);
	return dt.blob;
}

static int restore(struct virtio_device *dev, const void *tree)
{
	struct err e = { 0 };
	struct dt_in in = { .fdt = tree, .name = "x", .e = &e };

	virtio_restore(dev, &in, 0);
	assert_int_equal(in.ret < 0, *e.text != 0);
	return in.ret;
}

static void a_frozen_device_takes_nothing_and_gives_back_what_it_had(void **state)
{
	struct world *w = *state;

	w->keep = true;
	ring_start(&w->dev, FEATURES, w->ring, NR_QUEUES);
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	assert_int_equal(w->nr_held, 1);
	assert_false(virtio_freeze(&w->dev));
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	assert_int_equal(w->nr_held, 1);
	complete_all(w);
	assert_int_equal(ring_used_idx(&w->ring[0]), 1);
	assert_true(virtio_freeze(&w->dev));
	w->keep = false;
	virtio_thaw(&w->dev);
	assert_int_equal(ring_used_idx(&w->ring[0]), 2);
}

static void a_reset_that_waits_is_waited_for(void **state)
{
	struct world *w = *state;

	w->keep = true;
	ring_start(&w->dev, FEATURES, w->ring, NR_QUEUES);
	add_one(w, 0);
	virtio_notify(&w->dev, 0);
	virtio_set_status(&w->dev, 0);
	assert_false(virtio_freeze(&w->dev));
	complete_all(w);
	assert_true(virtio_freeze(&w->dev));
	assert_int_equal(virtio_get_status(&w->dev), 0);
}

static void a_device_goes_on_where_it_was(void **state)
{
	struct virtio_mmio from_mmio, to_mmio;
	unsigned int from_edges, to_edges;
	struct world *from = make(NULL, &from_mmio, &from_edges);
	struct world *to = make(from, &to_mmio, &to_edges);
	void *tree;

	(void)state;
	ring_start(&from->dev, FEATURES | FEATURE_EVENT_IDX | FEATURE_3, from->ring, NR_QUEUES);
	for (unsigned int i = 0; i < 3; i++) {
		add_one(from, 1);
		virtio_notify(&from->dev, 1);
	}
	from->config[3] = 99;
	virtio_mmio_ops.write(&from_mmio, 0x30, 1, 4); /* QueueSel */
	tree = save(&from->dev);
	add_one(from, 1); /* and the notification is lost with the process */
	assert_int_equal(restore(&to->dev, tree), 0);
	free(tree);
	assert_int_equal(ring_used_idx(&from->ring[1]), 3);
	to->keep = true;
	virtio_thaw(&to->dev);
	assert_int_equal(to->nr_held, 1); /* no buffer is taken twice */
	complete_all(to);
	assert_int_equal(virtio_get_status(&to->dev), STATUS_RUNS);
	assert_int_equal(virtio_get_accepted(&to->dev, 0),
			 FEATURE_3 | FEATURE_EVENT_IDX | FEATURE_INDIRECT);
	assert_int_equal(ring_used_idx(&from->ring[1]), 4);
	assert_int_equal(to->notified[1], 1);
	assert_int_equal(to->config[3], 99);
	assert_int_equal(virtio_mmio_ops.read(&to_mmio, 0x30, 4), 0); /* not to be read */
	assert_int_equal(virtio_mmio_ops.read(&to_mmio, 0x44, 4), 1); /* QueueReady of queue 1 */
	assert_int_equal(to->starts, 0);
	free_borrower(to);
	teardown((void **)&from);
}

static void a_device_that_has_less_here_is_refused(void **state)
{
	struct virtio_mmio from_mmio, to_mmio;
	unsigned int edges;
	struct world *from = make(NULL, &from_mmio, &edges);
	struct world *to = make(from, &to_mmio, &edges);
	void *tree;

	(void)state;
	ring_start(&from->dev, FEATURES | FEATURE_9, from->ring, NR_QUEUES);
	tree = save(&from->dev);
	to->dev.offered &= ~FEATURE_9;
	assert_int_equal(restore(&to->dev, tree), -EOPNOTSUPP);
	to->dev.offered |= FEATURE_9;
	to->dev.nr_queues = 1;
	assert_int_equal(restore(&to->dev, tree), -EINVAL);
	to->dev.nr_queues = NR_QUEUES;
	assert_int_equal(restore(&to->dev, tree), 0);
	free(tree);
	free_borrower(to);
	teardown((void **)&from);
}

static void a_queue_of_a_size_that_it_cannot_have_is_refused(void **state)
{
	static const uint32_t sizes[] = { 0, 3, 2 * SIZE, 0x8000 };
	struct virtio_mmio from_mmio, to_mmio;
	unsigned int edges;
	struct world *from = make(NULL, &from_mmio, &edges), *to;
	void *tree;
	int node;

	(void)state;
	tree = save(&from->dev);
	node = fdt_subnode_offset(tree, 0, "queue@0");
	assert_true(node > 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		assert_int_equal(fdt_setprop_inplace_u32(tree, node, "size", sizes[i]), 0);
		to = make(from, &to_mmio, &edges);
		assert_int_equal(restore(&to->dev, tree), -EINVAL);
		free_borrower(to);
	}
	free(tree);
	teardown((void **)&from);
}

/* A guest uses the device after that, as it can. */
static void use(struct world *w, struct virtio_mmio *mmio)
{
	virtio_thaw(&w->dev);
	for (uint32_t i = 0; i < NR_QUEUES; i++) {
		add_one(w, i);
		virtio_notify(&w->dev, i);
	}
	for (uint64_t off = 0; off < VIRTIO_MMIO_REGS_SIZE; off += 4)
		virtio_mmio_ops.read(mmio, off, 4);
	virtio_set_status(&w->dev, 0);
	assert_int_equal(virtio_get_status(&w->dev), 0);
}

static void a_state_with_any_bit_changed_is_refused_or_harmless(void **state)
{
	struct virtio_mmio from_mmio, to_mmio;
	unsigned int edges, refused = 0, taken = 0;
	struct world *from = make(NULL, &from_mmio, &edges);
	size_t size;
	uint8_t *tree;

	(void)state;
	ring_start(&from->dev, FEATURES | FEATURE_EVENT_IDX, from->ring, NR_QUEUES);
	add_one(from, 0);
	virtio_notify(&from->dev, 0);
	tree = save(&from->dev);
	size = fdt_totalsize(tree);
	for (size_t i = 0; i < 8 * size; i++) {
		tree[i / 8] ^= (uint8_t)(1 << i % 8);
		if (dt_check(tree, size) == 0) {
			struct world *to = make(from, &to_mmio, &edges);

			if (restore(&to->dev, tree) == 0) {
				use(to, &to_mmio);
				taken++;
			} else {
				refused++;
			}
			free_borrower(to);
		}
		tree[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_true(refused > 1000);
	assert_true(taken > 100); /* an index, a selector: any is one that a device can have */
	free(tree);
	teardown((void **)&from);
}

static void a_broken_device_stays_broken_and_can_be_reset(void **state)
{
	struct virtio_mmio from_mmio, to_mmio;
	unsigned int edges;
	struct world *from = make(NULL, &from_mmio, &edges);
	struct world *to = make(from, &to_mmio, &edges);
	void *tree;

	(void)state;
	ring_start(&from->dev, FEATURES, from->ring, NR_QUEUES);
	ring_set_idx(&from->ring[0], 1000);
	virtio_notify(&from->dev, 0);
	tree = save(&from->dev);
	assert_int_equal(restore(&to->dev, tree), 0);
	free(tree);
	assert_int_equal(virtio_get_status(&to->dev), STATUS_RUNS | STATUS_NEEDS_RESET);
	virtio_thaw(&to->dev);
	virtio_set_status(&to->dev, 0);
	assert_int_equal(virtio_get_status(&to->dev), 0);
	free_borrower(to);
	teardown((void **)&from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_frozen_device_takes_nothing_and_gives_back_what_it_had),
		TEST(a_reset_that_waits_is_waited_for),
		cmocka_unit_test(a_device_goes_on_where_it_was),
		cmocka_unit_test(a_device_that_has_less_here_is_refused),
		cmocka_unit_test(a_queue_of_a_size_that_it_cannot_have_is_refused),
		cmocka_unit_test(a_state_with_any_bit_changed_is_refused_or_harmless),
		cmocka_unit_test(a_broken_device_stays_broken_and_can_be_reset),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
