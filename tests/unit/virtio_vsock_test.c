/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket device: connections from both sides, credit both ways, ends of all kinds. */
#include "virtio_vsock_world.h"

static void the_guest_connects(void **state)
{
	struct world *w = world_open();
	struct got p;

	(void)state;
	add_rx(w, 8);
	send_op(w, 1000, 2000, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(w->stream[0].port, 2000);
	p = must_get(w, VIRTIO_VSOCK_OP_RESPONSE);
	assert_int_equal(p.src_cid, 2);
	assert_int_equal(p.dst_cid, CID);
	assert_int_equal(p.src_port, 2000);
	assert_int_equal(p.dst_port, 1000);
	assert_int_equal(p.buf_alloc, VSOCK_BUFFER);
	send_data(w, 1000, 2000, 100, 0);
	assert_int_equal(w->stream[0].received, 100);
	must_get_nothing(w);
	world_free(w);
}

static void a_client_connects(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *stream = new_stream(w);
	struct got p;

	(void)state;
	stream->to_read = 10;
	stream->conn = w->frontend.connect(w->frontend.ctx, 1000, stream);
	assert_non_null(stream->conn);
	must_get_nothing(w);
	add_rx(w, 8);
	p = must_get(w, VIRTIO_VSOCK_OP_REQUEST);
	assert_int_equal(p.dst_port, 1000);
	must_get_nothing(w);
	assert_false(stream->accepted);
	send_op(w, 1000, p.src_port, VIRTIO_VSOCK_OP_RESPONSE);
	assert_true(stream->accepted);
	assert_int_equal(stream->port, p.src_port);
	p = must_get(w, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(p.len, 10);
	must_get_nothing(w);
	world_free(w);
}

static void a_client_that_the_guest_refuses_is_hung_up_on(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *stream = new_stream(w);
	struct got p;

	(void)state;
	add_rx(w, 8);
	stream->conn = w->frontend.connect(w->frontend.ctx, 1000, stream);
	p = must_get(w, VIRTIO_VSOCK_OP_REQUEST);
	send_op(w, 1000, p.src_port, VIRTIO_VSOCK_OP_RST);
	assert_true(stream->closed);
	assert_false(stream->accepted);
	must_get_nothing(w);
	world_free(w);
}

static void a_client_that_does_not_wait_is_forgotten(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *stream = new_stream(w);
	struct got p;

	(void)state;
	add_rx(w, 8);
	stream->conn = w->frontend.connect(w->frontend.ctx, 1000, stream);
	p = must_get(w, VIRTIO_VSOCK_OP_REQUEST);
	w->frontend.ready(w->frontend.ctx, stream->conn, VSOCK_READABLE | VSOCK_GONE);
	assert_true(stream->closed);
	must_get(w, VIRTIO_VSOCK_OP_RST);
	send_op(w, 1000, p.src_port, VIRTIO_VSOCK_OP_RESPONSE);
	must_get(w, VIRTIO_VSOCK_OP_RST);
	world_free(w);
}

static void without_a_driver_nobody_connects(void **state)
{
	struct world *w = world_open();
	struct vsock_stream stream = { .w = w };

	(void)state;
	virtio_set_status(&w->v.dev, 0);
	assert_null(w->frontend.connect(w->frontend.ctx, 1000, &stream));
	world_free(w);
}

static void a_port_where_nobody_listens_refuses(void **state)
{
	struct world *w = world_open();
	struct got p;

	(void)state;
	w->refuse = true;
	add_rx(w, 8);
	send_op(w, 1000, 2000, VIRTIO_VSOCK_OP_REQUEST);
	p = must_get(w, VIRTIO_VSOCK_OP_RST);
	assert_int_equal(p.src_port, 2000);
	assert_int_equal(p.dst_port, 1000);
	world_free(w);
}

static void no_more_is_sent_than_the_guest_has_room_for(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *stream;
	struct got p, update = packet(1000, 2000, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	uint32_t total = 0;

	(void)state;
	add_rx(w, 100);
	stream = from_guest(w, 1000);
	stream->to_read = 200 * KiB;
	w->frontend.ready(w->frontend.ctx, stream->conn, VSOCK_READABLE);
	while (get(w, &p) && p.op == VIRTIO_VSOCK_OP_RW)
		total += p.len;
	assert_int_equal(total, 64 * KiB);
	assert_int_equal(p.op, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	/* It is asked once, however often it answers that there is none. */
	put(w, &update, 0, 0);
	must_get_nothing(w);
	update.fwd_cnt = 1000;
	put(w, &update, 0, 0);
	p = must_get(w, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(p.len, 1000);
	/* One that counts more out than it got in has no room at all. */
	must_get(w, VIRTIO_VSOCK_OP_CREDIT_REQUEST);
	update.fwd_cnt = 65 * KiB + 1000;
	put(w, &update, 0, 0);
	must_get_nothing(w);
	world_free(w);
}

static void without_buffers_the_hosts_bytes_stay_where_they_are(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *stream;
	struct got p;

	(void)state;
	add_rx(w, 2);
	stream = from_guest(w, 1000);
	stream->to_read = 10000;
	w->frontend.ready(w->frontend.ctx, stream->conn, VSOCK_READABLE);
	p = must_get(w, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(p.len, RX_SIZE - HEADER);
	assert_int_equal(stream->to_read, 10000 - (RX_SIZE - HEADER));
	must_get_nothing(w);
	add_rx(w, 1);
	must_get(w, VIRTIO_VSOCK_OP_RW);
	world_free(w);
}

static void connections_take_turns(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *one, *two;
	uint32_t last = 0;
	struct got p;

	(void)state;
	add_rx(w, 2);
	one = from_guest(w, 1000);
	two = from_guest(w, 1001);
	one->to_read = two->to_read = 20000;
	w->frontend.ready(w->frontend.ctx, one->conn, VSOCK_READABLE);
	w->frontend.ready(w->frontend.ctx, two->conn, VSOCK_READABLE);
	add_rx(w, 4);
	for (uint32_t i = 0; i < 4; i++) {
		p = must_get(w, VIRTIO_VSOCK_OP_RW);
		assert_int_not_equal(p.dst_port, last);
		last = p.dst_port;
	}
	world_free(w);
}

static void what_the_host_does_not_take_is_kept_and_counted(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *stream;
	struct got p;

	(void)state;
	add_rx(w, 8);
	stream = from_guest(w, 1000);
	stream->room = 100;
	for (uint32_t i = 0; i < 4; i++)
		send_data(w, 1000, 2000, 32 * KiB, i * 32 * KiB);
	assert_int_equal(stream->received, 100);
	must_get_nothing(w);
	stream->room = 64 * KiB;
	w->frontend.ready(w->frontend.ctx, stream->conn, VSOCK_WRITABLE);
	p = must_get(w, VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	assert_int_equal(p.fwd_cnt, 100 + 64 * KiB);
	/* Around the end of the buffer. */
	send_data(w, 1000, 2000, 64 * KiB, 128 * KiB);
	stream->room = SIZE_MAX;
	w->frontend.ready(w->frontend.ctx, stream->conn, VSOCK_WRITABLE);
	assert_int_equal(stream->received, 192 * KiB);
	assert_false(stream->closed);
	world_free(w);
}

static void a_guest_that_sends_more_than_its_credit_loses_the_connection(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *stream;

	(void)state;
	add_rx(w, 8);
	stream = from_guest(w, 1000);
	stream->room = 0;
	send_data(w, 1000, 2000, 64 * KiB, 0);
	send_data(w, 1000, 2000, 64 * KiB, 0);
	assert_false(stream->closed);
	send_data(w, 1000, 2000, 1, 0);
	assert_true(stream->closed);
	must_get(w, VIRTIO_VSOCK_OP_RST);
	assert_false(broken(w));
	world_free(w);
}

static void each_side_can_end_its_half(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *stream;
	struct got p;

	(void)state;
	add_rx(w, 8);
	stream = from_guest(w, 1000);
	stream->room = 0;
	send_data(w, 1000, 2000, 10, 0);
	send_shutdown(w, 1000, 2000, SHUT_TX);
	assert_false(stream->shut);
	stream->room = 10;
	w->frontend.ready(w->frontend.ctx, stream->conn, VSOCK_WRITABLE);
	assert_true(stream->shut);
	stream->to_read = 5;
	stream->end = true;
	w->frontend.ready(w->frontend.ctx, stream->conn, VSOCK_READABLE);
	p = must_get(w, VIRTIO_VSOCK_OP_RW);
	assert_int_equal(p.len, 5);
	p = must_get(w, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(p.flags, SHUT_TX);
	w->frontend.ready(w->frontend.ctx, stream->conn, VSOCK_GONE);
	p = must_get(w, VIRTIO_VSOCK_OP_SHUTDOWN);
	assert_int_equal(p.flags, SHUT_TX | SHUT_RX);
	must_get_nothing(w);
	send_op(w, 1000, 2000, VIRTIO_VSOCK_OP_RST);
	assert_true(stream->closed);
	world_free(w);
}

static void a_guest_that_closes_is_answered_and_its_last_bytes_still_go_out(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *stream;

	(void)state;
	add_rx(w, 8);
	stream = from_guest(w, 1000);
	stream->room = 0;
	send_data(w, 1000, 2000, 1000, 0);
	send_shutdown(w, 1000, 2000, SHUT_TX | SHUT_RX);
	must_get(w, VIRTIO_VSOCK_OP_RST);
	assert_false(stream->closed);
	/* The port can be used again at once. */
	from_guest(w, 1000);
	stream->room = 1000;
	w->frontend.ready(w->frontend.ctx, stream->conn, VSOCK_WRITABLE);
	assert_int_equal(stream->received, 1000);
	assert_true(stream->closed);
	world_free(w);
}

static void a_stream_that_breaks_resets_its_connection_alone(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *stream, *other;

	(void)state;
	add_rx(w, 8);
	stream = from_guest(w, 1000);
	other = from_guest(w, 1001);
	stream->broken = true;
	send_data(w, 1000, 2000, 10, 0);
	assert_true(stream->closed);
	must_get(w, VIRTIO_VSOCK_OP_RST);
	send_data(w, 1001, 2000, 10, 0);
	assert_int_equal(other->received, 10);
	world_free(w);
}

static void a_reset_ends_all_connections(void **state)
{
	struct world *w = world_open();
	struct vsock_stream *one, *two;

	(void)state;
	add_rx(w, 8);
	one = from_guest(w, 1000);
	two = from_guest(w, 1001);
	two->room = 0;
	send_data(w, 1001, 2000, 10, 0);
	send_shutdown(w, 1001, 2000, SHUT_TX | SHUT_RX);
	virtio_set_status(&w->v.dev, 0);
	assert_true(one->closed && two->closed);
	start(w);
	add_rx(w, 8);
	from_guest(w, 1000);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_guest_connects),
		cmocka_unit_test(a_client_connects),
		cmocka_unit_test(a_client_that_the_guest_refuses_is_hung_up_on),
		cmocka_unit_test(a_client_that_does_not_wait_is_forgotten),
		cmocka_unit_test(without_a_driver_nobody_connects),
		cmocka_unit_test(a_port_where_nobody_listens_refuses),
		cmocka_unit_test(no_more_is_sent_than_the_guest_has_room_for),
		cmocka_unit_test(without_buffers_the_hosts_bytes_stay_where_they_are),
		cmocka_unit_test(connections_take_turns),
		cmocka_unit_test(what_the_host_does_not_take_is_kept_and_counted),
		cmocka_unit_test(a_guest_that_sends_more_than_its_credit_loses_the_connection),
		cmocka_unit_test(each_side_can_end_its_half),
		cmocka_unit_test(a_guest_that_closes_is_answered_and_its_last_bytes_still_go_out),
		cmocka_unit_test(a_stream_that_breaks_resets_its_connection_alone),
		cmocka_unit_test(a_reset_ends_all_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
