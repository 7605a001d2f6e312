/* SPDX-License-Identifier: BSD-2-Clause */
/* The network device: frames in both directions, buffers of every kind, and drivers that break rules. */
#include "virtio_net_world.h"

#define HDR NET_HDR_SIZE

/* --- From the guest --- */

static void a_frame_reaches_the_host_with_its_header(void **state)
{
	struct world *w = world_make(0, 2);

	(void)state;
	world_transmit(w, TX0, HDR + 60, 0x5a);
	assert_int_equal(w->nr_sent, 1);
	assert_int_equal(w->sent_len, HDR + 60);
	assert_int_equal(w->sent[HDR + 59], 0x5a);
	assert_used(w, TX0, 0);
	assert_int_equal(w->counts.used, 1);
	world_free(w);
}

static void one_interrupt_tells_of_a_batch(void **state)
{
	struct world *w = world_make(0, 2);
	struct ring_part part = { .addr = world_data(w, NULL, 100), .len = 100 };

	(void)state;
	for (int i = 0; i < 10; i++)
		ring_add(&w->ring[TX0], &part, 1);
	virtio_notify(&w->net.dev, TX0);
	assert_int_equal(w->nr_sent, 10);
	assert_int_equal(w->counts.used, 1);
	world_free(w);
}

static void a_full_host_is_asked_again_when_it_has_room(void **state)
{
	struct world *w = world_make(0, 2);

	(void)state;
	w->room = 1;
	world_transmit(w, TX0, HDR + 60, 1);
	world_transmit(w, TX0, HDR + 60, 2);
	assert_int_equal(w->nr_sent, 1);
	assert_true(w->write[0]);
	assert_used(w, TX0, 0);
	assert_none_used(w, TX0);
	w->room = 5;
	world_ready(w, 0, false, true);
	assert_int_equal(w->nr_sent, 2);
	assert_int_equal(w->sent[HDR], 2);
	assert_used(w, TX0, 0);
	assert_false(w->write[0]);
	world_free(w);
}

static void a_guest_that_sends_much_gives_others_their_turn(void **state)
{
	struct world *w = world_make(FEATURE_EVENT_IDX, 2);
	struct ring_part part = { .addr = world_data(w, NULL, 100), .len = 100 };

	(void)state;
	for (int i = 0; i < SIZE; i++)
		ring_add(&w->ring[TX0], &part, 1);
	virtio_notify(&w->net.dev, TX0);
	assert_int_equal(w->nr_sent, 64);
	assert_true(w->write[0]);
	/* A driver that is not asked to notify does not: whoever is ready looks. */
	ring_add(&w->ring[TX0], &part, 1);
	world_ready(w, 0, false, true);
	assert_int_equal(w->nr_sent, 65);
	assert_false(w->write[0]);
	world_free(w);
}

static void a_frame_that_is_too_long_is_dropped(void **state)
{
	struct world *w = world_make(0, 2);

	(void)state;
	world_transmit(w, TX0, HDR + NET_FRAME_MAX + 1, 0);
	assert_int_equal(w->nr_sent, 0);
	assert_used(w, TX0, 0);
	assert_true(world_runs(w));
	world_free(w);
}

static void a_frame_without_a_header_breaks_the_device(void **state)
{
	struct world *w = world_make(0, 2);

	(void)state;
	log_set_level(LOG_ERROR);
	world_transmit(w, TX0, HDR - 1, 0);
	assert_false(world_runs(w));
	assert_int_equal(w->nr_sent, 0);
	world_free(w);
}

static void a_frame_that_can_be_written_to_breaks_the_device(void **state)
{
	struct world *w = world_make(0, 2);

	(void)state;
	log_set_level(LOG_ERROR);
	world_offer(w, TX0, 100);
	virtio_notify(&w->net.dev, TX0);
	assert_false(world_runs(w));
	world_free(w);
}

static void frames_are_counted_in_both_directions(void **state)
{
	struct world *w = world_make(F(CTRL_VQ) | F(CTRL_RX), 2);

	(void)state;
	world_transmit(w, TX0, HDR + 60, 1);
	world_transmit(w, TX0, HDR + 1000, 1);
	world_transmit(w, TX0, HDR + NET_FRAME_MAX + 1, 1);
	world_offer(w, RX0, 1526);
	world_offer(w, RX0, 1526);
	world_frame(w, 64, 0x77);
	virtio_notify(&w->net.dev, RX0);
	w->dst[5] ^= 1; /* somebody else's */
	w->net.filter.promisc = false;
	world_frame(w, 64, 0x77);
	world_ready(w, 0, true, false);
	assert_int_equal(w->net.count.sent, 2);
	assert_int_equal(w->net.count.sent_bytes, 1060);
	assert_int_equal(w->net.count.received, 1);
	assert_int_equal(w->net.count.received_bytes, 64);
	assert_int_equal(w->net.count.filtered, 1);
	world_free(w);
}

/* --- To the guest --- */

static void a_frame_is_put_into_a_buffer_with_its_number_of_buffers(void **state)
{
	struct world *w = world_make(0, 2);
	gpa_t at = world_offer(w, RX0, 1526);

	(void)state;
	world_frame(w, 64, 0x77);
	virtio_notify(&w->net.dev, RX0);
	assert_used(w, RX0, HDR + 64);
	assert_int_equal(ring_get(&w->ring[RX0], at + 10, 2), 1);
	assert_int_equal(ring_get(&w->ring[RX0], at + HDR + 63, 1), 0x77);
	assert_int_equal(w->counts.used, 1);
	world_free(w);
}

static void nothing_is_read_while_the_guest_has_no_buffers(void **state)
{
	struct world *w = world_make(F(MRG_RXBUF), 2);

	(void)state;
	virtio_notify(&w->net.dev, RX0);
	assert_false(w->read[0]);
	world_offer(w, RX0, 1526);
	virtio_notify(&w->net.dev, RX0);
	assert_true(w->read[0]);
	world_frame(w, 64, 1);
	world_frame(w, 64, 2);
	world_ready(w, 0, true, false);
	assert_used(w, RX0, HDR + 64);
	assert_none_used(w, RX0);
	assert_int_equal(w->nr_frames, 1);
	assert_false(w->read[0]);
	world_offer(w, RX0, 1526);
	virtio_notify(&w->net.dev, RX0);
	assert_used(w, RX0, HDR + 64);
	world_free(w);
}

static void a_long_frame_is_spread_over_buffers(void **state)
{
	struct world *w = world_make(F(MRG_RXBUF), 2);
	gpa_t first = world_offer(w, RX0, 1000), second = world_offer(w, RX0, 1000);

	(void)state;
	world_offer(w, RX0, 1000);
	world_offer(w, RX0, 1000);
	world_frame(w, 2500 - HDR, 0x33);
	world_frame(w, 60, 0x44);
	virtio_notify(&w->net.dev, RX0);
	assert_int_equal(ring_get(&w->ring[RX0], first + 10, 2), 3);
	assert_int_equal(ring_get(&w->ring[RX0], second, 1), 0x33);
	assert_used(w, RX0, 1000);
	assert_used(w, RX0, 1000);
	assert_used(w, RX0, 500);
	assert_used(w, RX0, HDR + 60);
	assert_int_equal(w->counts.used, 1);
	world_free(w);
}

static void the_end_of_a_frame_waits_for_more_buffers(void **state)
{
	struct world *w = world_make(F(MRG_RXBUF), 2);
	gpa_t first = world_offer(w, RX0, 1000), second, third;

	(void)state;
	world_frame(w, 2500 - HDR, 0x33);
	virtio_notify(&w->net.dev, RX0);
	assert_none_used(w, RX0);
	assert_int_equal(w->nr_frames, 0);
	second = world_offer(w, RX0, 600);
	virtio_notify(&w->net.dev, RX0);
	assert_none_used(w, RX0);
	third = world_offer(w, RX0, 1000);
	virtio_notify(&w->net.dev, RX0);
	assert_used(w, RX0, 1000);
	assert_used(w, RX0, 600);
	assert_used(w, RX0, 900);
	assert_int_equal(ring_get(&w->ring[RX0], first + 10, 2), 3);
	assert_int_equal(ring_get(&w->ring[RX0], second + 599, 1), 0x33);
	assert_int_equal(ring_get(&w->ring[RX0], third + 899, 1), 0x33);
	assert_int_equal(ring_get(&w->ring[RX0], third + 900, 1), 0);
	world_free(w);
}

static void a_frame_longer_than_all_buffers_of_a_ring_is_dropped(void **state)
{
	struct world *w = world_make(F(MRG_RXBUF), 2);

	(void)state;
	for (int i = 0; i < SIZE; i++)
		world_offer(w, RX0, 20);
	world_frame(w, 20 * SIZE, 1);
	world_frame(w, 60, 2);
	virtio_notify(&w->net.dev, RX0);
	assert_true(world_runs(w));
	assert_used(w, RX0, 20);
	assert_used(w, RX0, 20);
	assert_used(w, RX0, 20);
	assert_used(w, RX0, 12);
	assert_none_used(w, RX0);
	world_free(w);
}

static void a_frame_too_long_for_a_buffer_alone_is_dropped(void **state)
{
	struct world *w = world_make(0, 2);

	(void)state;
	world_offer(w, RX0, 1526);
	world_offer(w, RX0, 1526);
	world_frame(w, 2000, 1);
	world_frame(w, 60, 2);
	virtio_notify(&w->net.dev, RX0);
	assert_used(w, RX0, HDR + 60);
	assert_none_used(w, RX0);
	world_free(w);
}

static void a_header_may_lie_in_parts(void **state)
{
	struct world *w = world_make(0, 2);
	struct ring_part part[] = {
		{ .addr = world_data(w, NULL, 16), .len = 11, .in = true },
		{ .addr = world_data(w, NULL, 16), .len = 1, .in = true },
		{ .addr = world_data(w, NULL, 1600), .len = 1514, .in = true },
	};

	(void)state;
	ring_add(&w->ring[RX0], part, 3);
	world_frame(w, 60, 9);
	virtio_notify(&w->net.dev, RX0);
	assert_used(w, RX0, HDR + 60);
	assert_int_equal(ring_get(&w->ring[RX0], part[0].addr + 10, 1), 1);
	assert_int_equal(ring_get(&w->ring[RX0], part[1].addr, 1), 0);
	assert_int_equal(ring_get(&w->ring[RX0], part[2].addr + 59, 1), 9);
	world_free(w);
}

static void a_buffer_that_has_no_room_for_a_header_breaks_the_device(void **state)
{
	struct world *w = world_make(F(MRG_RXBUF), 2);

	(void)state;
	log_set_level(LOG_ERROR);
	world_offer(w, RX0, HDR - 1);
	virtio_notify(&w->net.dev, RX0);
	assert_false(world_runs(w));
	world_free(w);
}

static void a_buffer_to_receive_in_that_is_read_only_breaks_the_device(void **state)
{
	struct world *w = world_make(F(MRG_RXBUF), 2);
	struct ring_part part = { .addr = world_data(w, NULL, 100), .len = 100 };

	(void)state;
	log_set_level(LOG_ERROR);
	ring_add(&w->ring[RX0], &part, 1);
	virtio_notify(&w->net.dev, RX0);
	assert_false(world_runs(w));
	world_free(w);
}

/* --- Life --- */

static void a_reset_forgets_buffers_and_the_end_of_a_frame(void **state)
{
	struct world *w = world_make(F(MRG_RXBUF), 2);

	(void)state;
	world_offer(w, RX0, 1000);
	world_frame(w, 2500, 1);
	virtio_notify(&w->net.dev, RX0);
	virtio_set_status(&w->net.dev, 0);
	assert_int_equal(virtio_get_status(&w->net.dev), 0);
	assert_false(w->read[0]);
	for (int i = 0; i < 2; i++)
		ring_make(&w->ring[i], &w->ram, w->ring[i].desc, SIZE);
	ring_start(&w->net.dev, FEATURE_VERSION_1 | F(MRG_RXBUF), w->ring, 2);
	world_offer(w, RX0, 1000);
	world_frame(w, 70, 1);
	virtio_notify(&w->net.dev, RX0);
	assert_used(w, RX0, HDR + 70);
	world_free(w);
}

static void a_queue_that_is_reset_alone_gives_its_buffers_back(void **state)
{
	struct world *w = world_make(F(MRG_RXBUF) | FEATURE_RING_RESET, 2);

	(void)state;
	world_offer(w, RX0, 1000);
	virtio_notify(&w->net.dev, RX0);
	assert_true(w->read[0]);
	virtio_reset_queue(&w->net.dev, RX0);
	assert_false(virtio_queue_resetting(&w->net.dev, RX0));
	assert_false(w->read[0]);
	world_frame(w, 70, 1);
	world_ready(w, 0, true, false);
	assert_int_equal(w->nr_frames, 1);
	world_free(w);
}

static void the_configuration_tells_address_link_and_mtu(void **state)
{
	struct world *w = world_make(0, 2);
	struct virtio_device *dev = &w->net.dev;

	(void)state;
	assert_int_equal(virtio_config_read(dev, 0, 1), 2);
	assert_int_equal(virtio_config_read(dev, 5, 1), 3);
	assert_int_equal(virtio_config_read(dev, 6, 2), VIRTIO_NET_S_LINK_UP);
	assert_int_equal(virtio_config_read(dev, 8, 2), PAIRS);
	assert_int_equal(virtio_config_read(dev, 10, 2), 9000);
	assert_int_equal(virtio_config_read(dev, 16, 1), 1);
	world_free(w);
}

static void a_link_that_goes_down_is_told(void **state)
{
	struct world *w = world_make(0, 2);

	(void)state;
	w->frontend.link(w->frontend.ctx, false);
	assert_int_equal(virtio_config_read(&w->net.dev, 6, 2), 0);
	assert_int_equal(w->counts.config, 1);
	world_free(w);
}

static void offloads_without_checksums_are_none(void **state)
{
	struct world *w = world_make(F(GUEST_TSO4), 2);

	(void)state;
	assert_int_equal(w->offloads, 0);
	world_free(w);
	w = world_make(F(GUEST_TSO4) | F(GUEST_CSUM), 2);
	assert_int_equal(w->offloads, NET_CSUM | NET_TSO4);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_frame_reaches_the_host_with_its_header),
		cmocka_unit_test(one_interrupt_tells_of_a_batch),
		cmocka_unit_test(a_full_host_is_asked_again_when_it_has_room),
		cmocka_unit_test(a_guest_that_sends_much_gives_others_their_turn),
		cmocka_unit_test(a_frame_that_is_too_long_is_dropped),
		cmocka_unit_test(frames_are_counted_in_both_directions),
		cmocka_unit_test(a_frame_without_a_header_breaks_the_device),
		cmocka_unit_test(a_frame_that_can_be_written_to_breaks_the_device),
		cmocka_unit_test(a_frame_is_put_into_a_buffer_with_its_number_of_buffers),
		cmocka_unit_test(nothing_is_read_while_the_guest_has_no_buffers),
		cmocka_unit_test(a_long_frame_is_spread_over_buffers),
		cmocka_unit_test(the_end_of_a_frame_waits_for_more_buffers),
		cmocka_unit_test(a_frame_longer_than_all_buffers_of_a_ring_is_dropped),
		cmocka_unit_test(a_frame_too_long_for_a_buffer_alone_is_dropped),
		cmocka_unit_test(a_header_may_lie_in_parts),
		cmocka_unit_test(a_buffer_that_has_no_room_for_a_header_breaks_the_device),
		cmocka_unit_test(a_buffer_to_receive_in_that_is_read_only_breaks_the_device),
		cmocka_unit_test(a_reset_forgets_buffers_and_the_end_of_a_frame),
		cmocka_unit_test(a_queue_that_is_reset_alone_gives_its_buffers_back),
		cmocka_unit_test(the_configuration_tells_address_link_and_mtu),
		cmocka_unit_test(a_link_that_goes_down_is_told),
		cmocka_unit_test(offloads_without_checksums_are_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
