/* SPDX-License-Identifier: BSD-2-Clause */
/* Devices whose queues somebody else serves: who has which queue when, and what the driver sees of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "virtio/vhost.h"

#define RAM_BASE 0x40000000ULL
#define RAM_SIZE (2 * MiB)
#define SIZE     16
#define NR       3 /* queues; the last is the class's own */
#define SERVED   2

#define OWN     0x100ULL
#define THEIRS  0x010ULL
#define NEITHER 0x001ULL

#define ALL_BITS (FEATURE_VERSION_1 | FEATURE_RING_RESET)

/* A device with two queues of the back end's, and the back end, which writes down what it is told. */
struct world {
	struct ram ram;
	struct virtio_device dev;
	struct virtio_vhost vhost;
	struct ring ring[NR];
	struct ring_counts counts;

	uint64_t features;
	unsigned int starts, kicks[SERVED], queue_starts[SERVED], queue_stops[SERVED];
	struct vhost_queue queue[SERVED];
	int start_result, queue_result;
	bool slow; /* queues are not given back at once */
	unsigned int own_notified;
};

static int back_start(void *ctx, uint64_t features)
{
	struct world *w = ctx;

	w->starts++;
	w->features = features;
	return w->start_result;
}

static int back_start_queue(void *ctx, unsigned int queue, const struct vhost_queue *q)
{
	struct world *w = ctx;

	w->queue_starts[queue]++;
	w->queue[queue] = *q;
	return w->queue_result;
}

static bool back_stop_queue(void *ctx, unsigned int queue)
{
	struct world *w = ctx;

	w->queue_stops[queue]++;
	return !w->slow;
}

static void back_kick(void *ctx, unsigned int queue)
{
	struct world *w = ctx;

	w->kicks[queue]++;
}

static void dev_start(struct virtio_device *dev)
{
	virtio_vhost_start(&container_of(dev, struct world, dev)->vhost);
}

static void dev_notify(struct virtio_device *dev, unsigned int queue)
{
	struct world *w = container_of(dev, struct world, dev);

	if (queue < SERVED)
		virtio_vhost_notify(&w->vhost, queue);
	else
		w->own_notified++;
}

static bool dev_stop(struct virtio_device *dev, int queue)
{
	return virtio_vhost_stop(&container_of(dev, struct world, dev)->vhost, queue);
}

static const struct virtio_class class = {
	.name = "test",
	.id = 26,
	.start = dev_start,
	.notify = dev_notify,
	.stop = dev_stop,
};

static struct world *world_make(uint64_t backend_features)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	assert_non_null(w);
	ring_ram(&w->ram, RAM_BASE, RAM_SIZE);
	for (unsigned int i = 0; i < NR; i++)
		ring_make(&w->ring[i], &w->ram, RAM_BASE + i * 64 * KiB, SIZE);
	assert_int_equal(virtio_init(&w->dev, &class, "test", &w->ram, NR, SIZE,
				     OWN | THEIRS | NEITHER, &e),
			 0);
	virtio_vhost_init(&w->vhost, &w->dev,
			  (struct vhost_backend){ .features = backend_features,
						  .start = back_start,
						  .start_queue = back_start_queue,
						  .stop_queue = back_stop_queue,
						  .kick = back_kick,
						  .ctx = w },
			  SERVED, OWN);
	virtio_attach(&w->dev, &ring_transport, &w->counts);
	return w;
}

static struct world *world_open(void)
{
	struct world *w = world_make(ALL_BITS | THEIRS);

	assert_int_equal(ring_start(&w->dev, ALL_BITS | OWN | THEIRS, w->ring, NR), STATUS_RUNS);
	return w;
}

static void world_close(struct world *w)
{
	virtio_destroy(&w->dev);
	ring_ram_free(&w->ram);
	free(w);
}

static struct vhost_frontend front(struct world *w)
{
	return virtio_vhost_frontend(&w->vhost);
}

static void offered_is_what_the_back_end_has_and_what_is_the_classes_own(void **state)
{
	struct world *w = world_make(FEATURE_VERSION_1 | FEATURE_EVENT_IDX | THEIRS | 0x2);

	(void)state;
	assert_int_equal(w->dev.offered, FEATURE_VERSION_1 | FEATURE_EVENT_IDX | THEIRS | OWN);
	world_close(w);
}

static void the_back_end_gets_features_of_its_own_only(void **state)
{
	struct world *w = world_open();

	(void)state;
	assert_int_equal(w->starts, 1);
	assert_int_equal(w->features, ALL_BITS | THEIRS);
	world_close(w);
}

static void enabled_queues_start_with_the_device(void **state)
{
	struct world *w = world_open();

	(void)state;
	for (unsigned int i = 0; i < SERVED; i++) {
		assert_int_equal(w->queue_starts[i], 1);
		assert_int_equal(w->kicks[i], 1);
		assert_int_equal(w->queue[i].size, SIZE);
		assert_int_equal(w->queue[i].base, 0);
		assert_int_equal(w->queue[i].desc, w->ring[i].desc);
		assert_int_equal(w->queue[i].driver, w->ring[i].driver);
		assert_int_equal(w->queue[i].device, w->ring[i].device);
	}
	assert_int_equal(w->own_notified, 1);
	world_close(w);
}

static void a_queue_that_is_not_enabled_stays_out(void **state)
{
	struct world *w = world_make(ALL_BITS);

	(void)state;
	assert_int_equal(ring_start(&w->dev, ALL_BITS, w->ring, 1), STATUS_RUNS);
	assert_int_equal(w->queue_starts[0], 1);
	assert_int_equal(w->queue_starts[1], 0);
	virtio_notify(&w->dev, 1);
	assert_int_equal(w->queue_starts[1], 0);
	world_close(w);
}

static void a_notification_by_the_bus_is_a_kick(void **state)
{
	struct world *w = world_open();

	(void)state;
	virtio_notify(&w->dev, 1);
	assert_int_equal(w->kicks[1], 2);
	assert_int_equal(w->queue_starts[1], 1);
	world_close(w);
}

static void rings_that_are_served_elsewhere_are_not_written(void **state)
{
	struct world *w = world_open();
	const struct ring_part part = { .addr = RAM_BASE + MiB, .len = 16, .in = true };
	struct virtq_chain chain;
	struct iovec iov[4];

	(void)state;
	ring_add(&w->ring[0], &part, 1);
	virtio_notify(&w->dev, 0);
	assert_int_equal(ring_used_flags(&w->ring[0]), 0);
	assert_false(virtio_pop(&w->dev, 0, &chain, iov, 4));
	virtio_push(&w->dev, 0, 0, 16);
	assert_int_equal(ring_used_idx(&w->ring[0]), 0);
	assert_int_equal(virtio_get_status(&w->dev), STATUS_RUNS);
	/* The class's own is as ever: the driver need not notify while it is being looked at. */
	assert_int_equal(ring_used_flags(&w->ring[2]), 1);
	world_close(w);
}

static void a_call_is_an_interrupt_of_its_queue(void **state)
{
	struct world *w = world_open();

	(void)state;
	front(w).called(&w->vhost, 1);
	assert_int_equal(w->counts.used, 1);
	assert_int_equal(w->counts.last_queue, 1);
	world_close(w);
}

static void a_call_that_comes_too_late_is_none(void **state)
{
	struct world *w = world_open();

	(void)state;
	virtio_reset_queue(&w->dev, 1);
	front(w).called(&w->vhost, 1);
	virtio_set_status(&w->dev, 0);
	front(w).called(&w->vhost, 0);
	assert_int_equal(w->counts.used, 0);
	world_close(w);
}

static void a_reset_takes_all_queues_back(void **state)
{
	struct world *w = world_open();

	(void)state;
	virtio_set_status(&w->dev, 0);
	assert_int_equal(virtio_get_status(&w->dev), 0);
	for (unsigned int i = 0; i < SERVED; i++)
		assert_int_equal(w->queue_stops[i], 1);
	assert_int_equal(ring_start(&w->dev, ALL_BITS, w->ring, NR), STATUS_RUNS);
	for (unsigned int i = 0; i < SERVED; i++)
		assert_int_equal(w->queue_starts[i], 2);
	world_close(w);
}

static void a_reset_waits_for_the_last_queue(void **state)
{
	struct world *w = world_open();

	(void)state;
	w->slow = true;
	virtio_set_status(&w->dev, 0);
	assert_true(virtio_busy(&w->dev));
	front(w).stopped(&w->vhost, 1);
	assert_true(virtio_busy(&w->dev));
	front(w).stopped(&w->vhost, 0);
	assert_false(virtio_busy(&w->dev));
	assert_int_equal(virtio_get_status(&w->dev), 0);
	world_close(w);
}

static void a_queue_that_is_reset_starts_again_when_it_is_enabled(void **state)
{
	struct world *w = world_open();

	(void)state;
	virtio_reset_queue(&w->dev, 1);
	assert_false(virtio_queue_resetting(&w->dev, 1));
	assert_int_equal(w->queue_stops[0], 0);
	assert_int_equal(w->queue_stops[1], 1);
	ring_make(&w->ring[1], &w->ram, RAM_BASE + MiB, SIZE / 2);
	ring_connect(&w->dev, 1, &w->ring[1]);
	assert_int_equal(w->queue_starts[0], 1);
	assert_int_equal(w->queue_starts[1], 2);
	assert_int_equal(w->queue[1].size, SIZE / 2);
	assert_int_equal(w->queue[1].desc, w->ring[1].desc);
	assert_int_equal(w->queue[1].base, 0);
	assert_int_equal(w->kicks[1], 2);
	world_close(w);
}

static void a_slow_reset_of_a_queue_is_seen_by_the_driver(void **state)
{
	struct world *w = world_open();

	(void)state;
	w->slow = true;
	virtio_reset_queue(&w->dev, 0);
	assert_true(virtio_queue_resetting(&w->dev, 0));
	front(w).stopped(&w->vhost, 1); /* not asked for */
	assert_true(virtio_queue_resetting(&w->dev, 0));
	front(w).stopped(&w->vhost, 0);
	assert_false(virtio_queue_resetting(&w->dev, 0));
	assert_int_equal(virtio_get_status(&w->dev), STATUS_RUNS);
	world_close(w);
}

static void a_reset_of_all_waits_for_the_queue_that_was_first(void **state)
{
	struct world *w = world_open();

	(void)state;
	w->slow = true;
	virtio_reset_queue(&w->dev, 0);
	virtio_set_status(&w->dev, 0);
	front(w).stopped(&w->vhost, 1);
	assert_true(virtio_busy(&w->dev));
	front(w).stopped(&w->vhost, 0);
	assert_false(virtio_busy(&w->dev));
	assert_int_equal(w->queue_stops[0], 1);
	world_close(w);
}

static void the_classes_own_queue_is_no_matter_of_the_back_ends(void **state)
{
	struct world *w = world_open();

	(void)state;
	w->slow = true;
	virtio_reset_queue(&w->dev, 2);
	assert_false(virtio_queue_resetting(&w->dev, 2));
	world_close(w);
}

static void a_back_end_that_fails_breaks_the_device(void **state)
{
	struct world *w = world_open();

	(void)state;
	front(w).failed(&w->vhost, "hung up");
	assert_true(virtio_get_status(&w->dev) & STATUS_NEEDS_RESET);
	assert_int_equal(w->counts.config, 1);
	virtio_set_status(&w->dev, 0);
	assert_int_equal(virtio_get_status(&w->dev), 0);
	assert_int_equal(w->queue_stops[0], 1);
	world_close(w);
}

static void a_back_end_that_fails_during_a_reset_does_not_keep_it_from_its_end(void **state)
{
	struct world *w = world_open();

	(void)state;
	w->slow = true;
	virtio_set_status(&w->dev, 0);
	front(w).failed(&w->vhost, "does not answer");
	front(w).stopped(&w->vhost, 0);
	front(w).stopped(&w->vhost, 1);
	assert_int_equal(virtio_get_status(&w->dev), 0);
	world_close(w);
}

static void a_back_end_that_does_not_start_breaks_the_device(void **state)
{
	struct world *w = world_make(ALL_BITS);

	(void)state;
	w->start_result = -ENOTCONN;
	assert_true(ring_start(&w->dev, ALL_BITS, w->ring, NR) & STATUS_NEEDS_RESET);
	assert_int_equal(w->queue_starts[0], 0);
	world_close(w);
}

static void a_queue_that_is_refused_breaks_the_device(void **state)
{
	struct world *w = world_make(ALL_BITS);

	(void)state;
	w->queue_result = -EFAULT;
	assert_true(ring_start(&w->dev, ALL_BITS, w->ring, NR) & STATUS_NEEDS_RESET);
	assert_int_equal(w->kicks[0], 0);
	virtio_set_status(&w->dev, 0);
	assert_int_equal(w->queue_stops[0], 0);
	world_close(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offered_is_what_the_back_end_has_and_what_is_the_classes_own),
		cmocka_unit_test(the_back_end_gets_features_of_its_own_only),
		cmocka_unit_test(enabled_queues_start_with_the_device),
		cmocka_unit_test(a_queue_that_is_not_enabled_stays_out),
		cmocka_unit_test(a_notification_by_the_bus_is_a_kick),
		cmocka_unit_test(rings_that_are_served_elsewhere_are_not_written),
		cmocka_unit_test(a_call_is_an_interrupt_of_its_queue),
		cmocka_unit_test(a_call_that_comes_too_late_is_none),
		cmocka_unit_test(a_reset_takes_all_queues_back),
		cmocka_unit_test(a_reset_waits_for_the_last_queue),
		cmocka_unit_test(a_queue_that_is_reset_starts_again_when_it_is_enabled),
		cmocka_unit_test(a_slow_reset_of_a_queue_is_seen_by_the_driver),
		cmocka_unit_test(a_reset_of_all_waits_for_the_queue_that_was_first),
		cmocka_unit_test(the_classes_own_queue_is_no_matter_of_the_back_ends),
		cmocka_unit_test(a_back_end_that_fails_breaks_the_device),
		cmocka_unit_test(
			a_back_end_that_fails_during_a_reset_does_not_keep_it_from_its_end),
		cmocka_unit_test(a_back_end_that_does_not_start_breaks_the_device),
		cmocka_unit_test(a_queue_that_is_refused_breaks_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
