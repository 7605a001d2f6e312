/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk with a limit: what is beyond it waits in its ring until the timer comes. */
#include "blk_world.h"

static uint64_t now, timer;

static uint64_t tell(void *ctx)
{
	(void)ctx;
	return now;
}

static void set_timer(void *ctx, uint64_t ns)
{
	(void)ctx;
	timer = ns;
}

static void limit(struct world *w, uint64_t bytes, uint64_t requests)
{
	now = 77 * NS_PER_S;
	timer = 0;
	virtio_blk_set_limit(&w->blk, bytes, requests, (struct clock){ .now = tell },
			     (struct timer){ .set = set_timer });
}

/* It is due. */
static void wait_for_it(struct world *w)
{
	now += timer;
	timer = 0;
	virtio_blk_due(&w->blk);
}

static unsigned int nr_used(struct world *w, unsigned int queue)
{
	uint32_t id, len;
	unsigned int nr = 0;

	while (ring_used(&w->ring[queue], &id, &len))
		nr++;
	return nr;
}

static void requests_beyond_the_limit_wait_for_the_timer(void **state)
{
	struct world *w = *state;

	limit(w, 0, 4);
	start(w, 0);
	for (int i = 0; i < 6; i++)
		offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	notify(w, 0);
	assert_int_equal(w->nr_ops, 4);
	assert_int_equal(nr_used(w, 0), 4);
	assert_int_equal(timer, NS_PER_S / 4);
	notify(w, 0); /* asking again does not help */
	assert_int_equal(w->nr_ops, 4);
	now += NS_PER_S / 4 - 1;
	virtio_blk_due(&w->blk);
	assert_int_equal(w->nr_ops, 4);
	assert_int_equal(timer, 1);
	wait_for_it(w);
	assert_int_equal(w->nr_ops, 5);
	wait_for_it(w);
	assert_int_equal(w->nr_ops, 6);
	assert_int_equal(nr_used(w, 0), 2);
}

static void bytes_are_paid_for_when_it_is_known_how_many_they_are(void **state)
{
	struct world *w = *state;

	limit(w, 8 * KiB, 0);
	start(w, 0);
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 24 * KiB, true); /* three seconds' */
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	notify(w, 0);
	assert_int_equal(w->nr_ops, 1);
	assert_in_range(timer, 2 * NS_PER_S, 2 * NS_PER_S + NS_PER_S / 1000);
	wait_for_it(w);
	assert_int_equal(w->nr_ops, 2);
	/* What moves nothing costs nothing, but wants its turn. */
	offer(w, 0, VIRTIO_BLK_T_FLUSH, 0, 0, false);
	notify(w, 0);
	wait_for_it(w);
	assert_int_equal(w->last.op, BLOCK_FLUSH);
}

static void all_queues_share_a_limit_and_all_go_on(void **state)
{
	struct world *w = *state;

	remake(w, &plain, 2);
	limit(w, 0, 2);
	start(w, F(MQ));
	for (unsigned int i = 0; i < 2; i++) {
		offer(w, i, VIRTIO_BLK_T_IN, 0, 512, true);
		offer(w, i, VIRTIO_BLK_T_IN, 0, 512, true);
	}
	notify(w, 0);
	notify(w, 1);
	assert_int_equal(w->nr_ops, 2);
	wait_for_it(w);
	wait_for_it(w);
	assert_int_equal(w->nr_ops, 4);
	assert_int_equal(nr_used(w, 0) + nr_used(w, 1), 4);
}

static void a_reset_ends_the_waiting(void **state)
{
	struct world *w = *state;

	limit(w, 0, 1);
	start(w, 0);
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	offer(w, 0, VIRTIO_BLK_T_IN, 0, 512, true);
	notify(w, 0);
	virtio_set_status(&w->blk.dev, 0);
	assert_int_equal(virtio_get_status(&w->blk.dev), 0);
	wait_for_it(w);
	assert_int_equal(w->nr_ops, 1);
}

static void without_a_limit_no_timer_is_set(void **state)
{
	struct world *w = *state;

	limit(w, 0, 0);
	start(w, 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(request(w, VIRTIO_BLK_T_IN, 0, 512, true, NULL), VIRTIO_BLK_S_OK);
	assert_int_equal(timer, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(requests_beyond_the_limit_wait_for_the_timer),
		TEST(bytes_are_paid_for_when_it_is_known_how_many_they_are),
		TEST(all_queues_share_a_limit_and_all_go_on),
		TEST(a_reset_ends_the_waiting),
		TEST(without_a_limit_no_timer_is_set),
	};

	return cmocka_run_group_tests_name("disk limit", tests, NULL, NULL);
}
