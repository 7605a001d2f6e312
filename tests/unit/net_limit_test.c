/* SPDX-License-Identifier: BSD-2-Clause */
/* A network device with a limit, each way. */
#include "virtio_net_world.h"

#define HDR NET_HDR_SIZE

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

static struct world *limited(uint64_t bytes)
{
	struct world *w = world_make(0, 2);

	now = 77 * NS_PER_S;
	timer = 0;
	virtio_net_set_limit(&w->net, bytes, (struct clock){ .now = tell },
			     (struct timer){ .set = set_timer });
	return w;
}

static void wait_for_it(struct world *w)
{
	now += timer;
	timer = 0;
	virtio_net_due(&w->net);
}

static void a_guest_that_sends_too_much_waits(void **state)
{
	struct world *w = limited(1000);

	(void)state;
	for (int i = 0; i < 3; i++)
		world_transmit(w, 1, HDR + 600, 1);
	assert_int_equal(w->nr_sent, 2); /* the second's end is owed */
	assert_false(w->write[0]);
	assert_in_range(timer, NS_PER_S / 5, NS_PER_S / 5 + NS_PER_S / 500);
	now += timer - 1;
	virtio_net_due(&w->net);
	assert_int_equal(w->nr_sent, 2);
	assert_int_equal(timer, 1);
	wait_for_it(w);
	assert_int_equal(w->nr_sent, 3);
	world_free(w);
}

static void what_comes_too_fast_is_left_where_it_is(void **state)
{
	struct world *w = limited(1000);

	(void)state;
	for (int i = 0; i < 4; i++)
		world_offer(w, 0, 2000);
	for (int i = 0; i < 3; i++)
		world_frame(w, 600, 1);
	virtio_notify(&w->net.dev, 0);
	assert_int_equal(w->nr_frames, 1);
	assert_false(w->read[0]); /* the host need not tell that there is more */
	assert_true(timer > 0);
	wait_for_it(w);
	assert_int_equal(w->nr_frames, 0);
	assert_false(w->read[0]);
	wait_for_it(w);
	assert_true(w->read[0]);
	assert_int_equal(timer, 0);
	world_free(w);
}

static void one_way_does_not_pay_for_the_other(void **state)
{
	struct world *w = limited(1000);

	(void)state;
	world_transmit(w, 1, HDR + 1400, 1);
	world_offer(w, 0, 2000);
	world_frame(w, 600, 1);
	world_ready(w, 0, true, false);
	virtio_notify(&w->net.dev, 0);
	assert_int_equal(w->nr_frames, 0);
	world_free(w);
}

static void without_a_limit_no_timer_is_set(void **state)
{
	struct world *w = limited(0);

	(void)state;
	for (int i = 0; i < 10; i++)
		world_transmit(w, 1, HDR + 1400, 1);
	assert_int_equal(w->nr_sent, 10);
	assert_int_equal(timer, 0);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_sends_too_much_waits),
		cmocka_unit_test(what_comes_too_fast_is_left_where_it_is),
		cmocka_unit_test(one_way_does_not_pay_for_the_other),
		cmocka_unit_test(without_a_limit_no_timer_is_set),
	};

	return cmocka_run_group_tests_name("network limit", tests, NULL, NULL);
}
