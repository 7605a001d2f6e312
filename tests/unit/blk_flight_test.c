/* SPDX-License-Identifier: BSD-2-Clause */
/* The block device with requests in flight: order, interrupts, resets, bounds. */
#include "blk_world.h"

/* Completes the held request @i. */
static void complete(struct world *w, unsigned int i)
{
	struct block_frontend frontend = virtio_blk_frontend(&w->blk);
	struct block_request *req = w->held[i];

	w->held[i] = w->held[--w->nr_held];
	answer(w, req);
	frontend.done(frontend.ctx, req);
}

static void done_end(struct world *w)
{
	struct block_frontend frontend = virtio_blk_frontend(&w->blk);

	frontend.done_end(frontend.ctx);
}

static void requests_complete_in_any_order(void **state)
{
	struct world *w = *state;
	uint32_t id, written;

	start(w, 0);
	w->hold = true;
	w->nr_kicks = 0;
	for (unsigned int i = 0; i < 3; i++)
		offer(w, 0, VIRTIO_BLK_T_IN, i, 512, true);
	notify(w, 0);
	assert_int_equal(w->nr_held, 3);
	assert_int_equal(w->nr_kicks, 1);
	assert_false(ring_used(&w->ring[0], &id, &written));
	complete(w, 1);
	assert_true(ring_used(&w->ring[0], &id, &written));
	assert_int_equal(id, 3); /* the head of the second chain of three */
	complete(w, 0);
	complete(w, 0);
	assert_int_equal(ring_used_idx(&w->ring[0]), 3);
	assert_int_equal(w->blk.in_flight, 0);
}

static void a_batch_makes_one_interrupt(void **state)
{
	struct world *w = *state;

	start(w, 0);
	w->hold = true;
	for (unsigned int i = 0; i < 3; i++)
		offer(w, 0, VIRTIO_BLK_T_IN, i, 512, true);
	notify(w, 0);
	complete(w, 0);
	complete(w, 0);
	assert_int_equal(w->counts.used, 0);
	done_end(w);
	assert_int_equal(w->counts.used, 1);
	done_end(w);
	assert_int_equal(w->counts.used, 1);
}

static void each_queue_gets_its_own_back(void **state)
{
	struct world *w = *state;
	uint32_t id, written;

	remake(w, &plain, 2);
	start(w, F(MQ));
	w->hold = true;
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	offer(w, 1, VIRTIO_BLK_T_IN, 0, 512, true);
	notify(w, 1);
	notify(w, 0);
	assert_int_equal(w->nr_held, 2);
	complete(w, 0);
	assert_true(ring_used(&w->ring[1], &id, &written));
	assert_false(ring_used(&w->ring[0], &id, &written));
	complete(w, 0);
	done_end(w);
	assert_int_equal(w->counts.used, 2);
}

static void a_reset_waits_for_what_is_in_flight(void **state)
{
	struct world *w = *state;

	start(w, 0);
	w->hold = true;
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	offer(w, 0, VIRTIO_BLK_T_IN, 1, 512, true);
	notify(w, 0);
	virtio_set_status(&w->blk.dev, 0);
	assert_true(virtio_busy(&w->blk.dev));
	complete(w, 0);
	assert_true(virtio_busy(&w->blk.dev));
	complete(w, 0);
	done_end(w);
	assert_false(virtio_busy(&w->blk.dev));
	assert_int_equal(virtio_get_status(&w->blk.dev), 0);
	assert_int_equal(ring_used_idx(&w->ring[0]), 0); /* 2.4.1: nothing after the reset began */
	assert_int_equal(w->counts.used, 0);
}

static void a_queue_reset_waits_for_its_own_alone(void **state)
{
	struct world *w = *state;

	remake(w, &plain, 2);
	start(w, F(MQ) | FEATURE_RING_RESET);
	w->hold = true;
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	offer(w, 1, VIRTIO_BLK_T_IN, 0, 512, true);
	notify(w, 0);
	notify(w, 1);
	virtio_reset_queue(&w->blk.dev, 0);
	assert_true(virtio_queue_resetting(&w->blk.dev, 0));
	complete(w, 1);
	assert_true(virtio_queue_resetting(&w->blk.dev, 0));
	assert_int_equal(ring_used_idx(&w->ring[1]), 1);
	complete(w, 0);
	assert_false(virtio_queue_resetting(&w->blk.dev, 0));
	assert_int_equal(ring_used_idx(&w->ring[0]), 0);
}

static void a_queue_works_again_after_its_reset(void **state)
{
	struct world *w = *state;

	start(w, FEATURE_RING_RESET);
	request(w, VIRTIO_BLK_T_IN, 0, 512, true, NULL);
	virtio_reset_queue(&w->blk.dev, 0);
	ring_make(&w->ring[0], &w->ram, RINGS, SIZE / 2);
	ring_connect(&w->blk.dev, 0, &w->ring[0]);
	assert_int_equal(request(w, VIRTIO_BLK_T_IN, 0, 512, true, NULL), VIRTIO_BLK_S_OK);
}

/*
 * A driver that offers buffers which are in flight cannot make the device hold more than its ring
 * has.
 */
static void what_is_in_flight_is_bounded(void **state)
{
	struct world *w = *state;

	start(w, 0);
	w->hold = true;
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	for (unsigned int i = 0; i < 2 * SIZE; i++) {
		notify(w, 0);
		ring_offer(&w->ring[0], 0);
	}
	assert_int_equal(w->nr_held, SIZE);
	assert_true(virtio_get_status(&w->blk.dev) & STATUS_NEEDS_RESET);
}

/* All the room that the device has is in use, and nothing is wrong. */
static void a_notification_while_every_buffer_is_in_flight_is_harmless(void **state)
{
	struct world *w = *state;

	ring_make(&w->ring[0], &w->ram, RINGS, VIRTIO_BLK_QUEUE_SIZE);
	start(w, 0);
	w->hold = true;
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	for (unsigned int i = 1; i < VIRTIO_BLK_QUEUE_SIZE; i++)
		ring_offer(&w->ring[0], 0);
	for (unsigned int i = 0; i < VIRTIO_BLK_QUEUE_SIZE; i++)
		notify(w, 0);
	assert_int_equal(w->nr_held, VIRTIO_BLK_QUEUE_SIZE);
	assert_int_equal(virtio_get_status(&w->blk.dev), STATUS_RUNS);
	while (w->nr_held)
		complete(w, 0);
	assert_int_equal(ring_used_idx(&w->ring[0]), VIRTIO_BLK_QUEUE_SIZE);
}

/* A driver that refills its queue while it is served must not keep the loop for itself. */
static bool refill_submit(void *ctx, struct block_request *req)
{
	struct world *w = ctx;
	uint32_t id, written;

	if (w->nr_ops < 1000) {
		while (ring_used(&w->ring[0], &id, &written))
			;
		ring_offer(&w->ring[0], 0);
	}
	return fake_submit(w, req);
}

static void a_full_queue_gets_a_share_of_the_loop(void **state)
{
	struct world *w = *state;

	w->blk.backend.submit = refill_submit;
	start(w, 0);
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	notify(w, 0);
	assert_in_range(w->nr_ops, 1, VIRTIO_BLK_QUEUE_SIZE);
	assert_int_equal(w->nr_later, 1);
	for (unsigned int i = 0; i < 1000 && w->nr_later; i++) {
		w->nr_later = 0;
		done_end(w);
	}
	assert_int_equal(w->nr_ops, 1001);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_complete_in_any_order),
		TEST(a_batch_makes_one_interrupt),
		TEST(each_queue_gets_its_own_back),
		TEST(a_reset_waits_for_what_is_in_flight),
		TEST(a_queue_reset_waits_for_its_own_alone),
		TEST(a_queue_works_again_after_its_reset),
		TEST(what_is_in_flight_is_bounded),
		TEST(a_notification_while_every_buffer_is_in_flight_is_harmless),
		TEST(a_full_queue_gets_a_share_of_the_loop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
