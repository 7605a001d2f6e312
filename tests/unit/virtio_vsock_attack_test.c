/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket device and drivers that keep no rule, or want more than there is. */
#include "virtio_vsock_world.h"

static void packets_of_no_connection_are_answered_by_rst(void **state)
{
	static const uint16_t ops[] = { VIRTIO_VSOCK_OP_INVALID,
					VIRTIO_VSOCK_OP_RESPONSE,
					VIRTIO_VSOCK_OP_SHUTDOWN,
					VIRTIO_VSOCK_OP_RW,
					VIRTIO_VSOCK_OP_CREDIT_UPDATE,
					8,
					UINT16_MAX };
	struct world *w = world_open();

	(void)state;
	add_rx(w, 20);
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		send_op(w, 1000, 2000, ops[i]);
		must_get(w, VIRTIO_VSOCK_OP_RST);
	}
	send_op(w, 1000, 2000, VIRTIO_VSOCK_OP_RST);
	must_get_nothing(w);
	assert_false(broken(w));
	world_free(w);
}

static void a_packet_that_fits_no_state_resets_its_connection(void **state)
{
	static const uint16_t ops[] = { VIRTIO_VSOCK_OP_INVALID, VIRTIO_VSOCK_OP_REQUEST,
					VIRTIO_VSOCK_OP_RESPONSE, 8, UINT16_MAX };
	struct world *w = world_open();

	(void)state;
	add_rx(w, 20);
	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		struct vsock_stream *stream = from_guest(w, 1000);

		send_op(w, 1000, 2000, ops[i]);
		assert_true(stream->closed);
		must_get(w, VIRTIO_VSOCK_OP_RST);
	}
	world_free(w);
}

static void other_addresses_and_types_are_refused(void **state)
{
	struct world *w = world_open();
	struct got p = packet(1000, 2000, VIRTIO_VSOCK_OP_REQUEST);

	(void)state;
	add_rx(w, 8);
	p.dst_cid = 5;
	put(w, &p, 0, 0);
	p = must_get(w, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(p.src_cid, 5);
	p = packet(1000, 2000, VIRTIO_VSOCK_OP_REQUEST);
	p.type = VIRTIO_VSOCK_TYPE_SEQPACKET;
	put(w, &p, 0, 0);
	p = must_get(w, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(p.type, VIRTIO_VSOCK_TYPE_SEQPACKET);
	/* Nobody that this guest may speak for. */
	p = packet(1000, 2000, VIRTIO_VSOCK_OP_REQUEST);
	p.src_cid = CID + 1;
	put(w, &p, 0, 0);
	must_get_nothing(w);
	assert_int_equal(w->nr_streams, 0);
	world_free(w);
}

static void a_packet_that_is_cut_short_breaks_the_device(void **state)
{
	struct world *w = world_open();
	struct got p = packet(1000, 2000, VIRTIO_VSOCK_OP_RW);
	struct ring_part part = { .addr = TX_DATA, .len = HEADER - 1 };

	(void)state;
	p.len = 101;
	put(w, &p, 100, 0);
	assert_true(broken(w));
	start(w);
	p.len = UINT32_MAX;
	put(w, &p, 0, 0);
	assert_true(broken(w));
	start(w);
	ring_add(&w->ring[1], &part, 1);
	virtio_notify(&w->v.dev, 1);
	assert_true(broken(w));
	world_free(w);
}

static void a_buffer_without_room_breaks_the_device(void **state)
{
	struct world *w = world_open();
	struct ring_part part = { .addr = RX_DATA, .len = HEADER, .in = true };

	(void)state;
	ring_add(&w->ring[0], &part, 1);
	send_op(w, 1000, 2000, VIRTIO_VSOCK_OP_REQUEST);
	assert_true(broken(w));
	world_free(w);
}

static void there_are_so_many_connections_and_no_more(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *first = &w->stream[0];

	(void)state;
	add_rx(w, 100);
	for (uint32_t i = 0; i < VSOCK_CONNS_MAX; i++) {
		from_guest(w, 1000 + i);
		add_rx(w, 1);
	}
	send_op(w, 1, 2000, VIRTIO_VSOCK_OP_REQUEST);
	must_get(w, VIRTIO_VSOCK_OP_RST);
	/* Those that the guest has closed make room. */
	first->room = 0;
	send_data(w, 1000, 2000, 10, 0);
	send_shutdown(w, 1000, 2000, SHUT_TX | SHUT_RX);
	must_get(w, VIRTIO_VSOCK_OP_RST);
	assert_false(first->closed);
	from_guest(w, 1);
	assert_true(first->closed);
	world_free(w);
}

static void a_guest_that_sends_much_is_served_in_turns(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *stream;
	struct got p = packet(1000, 2000, VIRTIO_VSOCK_OP_RW);

	(void)state;
	add_rx(w, 64);
	stream = from_guest(w, 1000);
	p.len = 64 * KiB;
	put(w, &p, 64 * KiB, 0); /* the first is served at once; now the others are there before */
	for (unsigned int i = 0; i < 20; i++) {
		struct ring_part part[] = { { .addr = TX_DATA, .len = HEADER },
					    { .addr = TX_DATA + HEADER, .len = 64 * KiB } };

		ring_add(&w->ring[1], part, 2);
	}
	virtio_notify(&w->v.dev, 1);
	assert_true(stream->received < 12 * 64 * KiB);
	assert_int_equal(w->timer, 1);
	for (unsigned int i = 0; i < 3; i++)
		virtio_vsock_again(&w->v);
	assert_int_equal(stream->received, 21 * 64 * KiB);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_of_no_connection_are_answered_by_rst),
		cmocka_unit_test(a_packet_that_fits_no_state_resets_its_connection),
		cmocka_unit_test(other_addresses_and_types_are_refused),
		cmocka_unit_test(a_packet_that_is_cut_short_breaks_the_device),
		cmocka_unit_test(a_buffer_without_room_breaks_the_device),
		cmocka_unit_test(there_are_so_many_connections_and_no_more),
		cmocka_unit_test(a_guest_that_sends_much_is_served_in_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
