/* SPDX-License-Identifier: BSD-2-Clause */
/* The socket device: connections from both sides, credit both ways, ends of all kinds, and drivers that keep no rule. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/virtio_vsock.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "virtio/vsock.h"

#define RAM_BASE 0x40000000ULL
#define RAM_SIZE (4 * MiB)
#define RX_DATA  (RAM_BASE + 1 * MiB)
#define TX_DATA  (RAM_BASE + 2 * MiB)
#define RX_SIZE  4096
#define HEADER   44
#define CID      77
#define STREAMS  600
#define SHUT_RX  VIRTIO_VSOCK_SHUTDOWN_RCV
#define SHUT_TX  VIRTIO_VSOCK_SHUTDOWN_SEND

struct vsock_stream {
	struct world *w;
	struct vsock_conn *conn;
	bool closed, shut, accepted, end, broken;
	size_t to_read, room, received;
	uint32_t port;
};

struct world {
	struct ram ram;
	struct virtio_vsock v;
	struct vsock_frontend frontend;
	struct ring ring[3];
	struct ring_counts counts;
	struct vsock_stream stream[STREAMS];
	unsigned int nr_streams;
	bool refuse;
	uint64_t timer;
	unsigned int nr_rx;
};

/* What the guest got. */
struct got {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port, len;
	uint16_t type, op;
	uint32_t flags, buf_alloc, fwd_cnt;
};

static struct vsock_stream *new_stream(struct world *w)
{
	struct vsock_stream *stream = &w->stream[w->nr_streams++];

	assert_true(w->nr_streams <= STREAMS);
	*stream = (struct vsock_stream){ .w = w, .room = SIZE_MAX };
	return stream;
}

static struct vsock_stream *test_connect(void *ctx, uint32_t port, struct vsock_conn *conn)
{
	struct world *w = ctx;
	struct vsock_stream *stream;

	if (w->refuse)
		return NULL;
	stream = new_stream(w);
	stream->port = port;
	stream->conn = conn;
	return stream;
}

static void test_accepted(struct vsock_stream *stream, uint32_t port)
{
	stream->accepted = true;
	stream->port = port;
}

static ssize_t test_receive(struct vsock_stream *stream, const struct iovec *iov, unsigned int nr)
{
	size_t done = 0;

	assert_false(stream->closed);
	for (unsigned int i = 0; i < nr; i++) {
		size_t part = iov[i].iov_len;

		part = part < stream->to_read ? part : stream->to_read;
		memset(iov[i].iov_base, 0x5a, part);
		stream->to_read -= part;
		done += part;
	}
	return done ? (ssize_t)done : stream->end ? 0 : -EAGAIN;
}

static ssize_t test_send(struct vsock_stream *stream, const struct iovec *iov, unsigned int nr)
{
	size_t done = 0;

	assert_false(stream->closed);
	if (stream->broken)
		return -EPIPE;
	for (unsigned int i = 0; i < nr; i++) {
		size_t part = iov[i].iov_len;

		part = part < stream->room ? part : stream->room;
		for (size_t k = 0; k < part; k++)
			assert_int_equal(((uint8_t *)iov[i].iov_base)[k],
					 (uint8_t)(stream->received + done + k));
		stream->room -= part;
		done += part;
	}
	stream->received += done;
	return done ? (ssize_t)done : -EAGAIN;
}

static void test_shutdown(struct vsock_stream *stream)
{
	assert_false(stream->closed);
	stream->shut = true;
}

static void test_close(struct vsock_stream *stream)
{
	assert_false(stream->closed);
	stream->closed = true;
}

static void test_timer_set(void *ctx, uint64_t ns)
{
	struct world *w = ctx;

	w->timer = ns;
}

static void add_rx(struct world *w, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct ring_part part = { RX_DATA + (w->nr_rx++ % 256) * RX_SIZE, RX_SIZE, true };

		ring_add(&w->ring[0], &part, 1);
	}
	virtio_notify(&w->v.dev, 0);
}

static void start(struct world *w)
{
	gpa_t at = RAM_BASE;

	for (unsigned int i = 0; i < 3; i++) {
		ring_make(&w->ring[i], &w->ram, at, 256);
		at = w->ring[i].end;
	}
	w->nr_rx = 0;
	assert_int_equal(ring_start(&w->v.dev, FEATURE_VERSION_1, w->ring, 3), STATUS_RUNS);
}

static struct world *world_open(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	assert_non_null(w);
	ring_ram(&w->ram, RAM_BASE, RAM_SIZE);
	assert_int_equal(virtio_vsock_init(&w->v, "vsock", &w->ram, CID,
					   (struct vsock_backend){
						   .connect = test_connect,
						   .accepted = test_accepted,
						   .receive = test_receive,
						   .send = test_send,
						   .shutdown = test_shutdown,
						   .close = test_close,
						   .ctx = w,
					   },
					   (struct timer){ test_timer_set, w }, &e),
			 0);
	virtio_attach(&w->v.dev, &ring_transport, &w->counts);
	w->frontend = virtio_vsock_frontend(&w->v);
	start(w);
	return w;
}

static void world_free(struct world *w)
{
	virtio_vsock_destroy(&w->v);
	for (unsigned int i = 0; i < w->nr_streams; i++)
		assert_true(w->stream[i].closed);
	ring_ram_free(&w->ram);
	free(w);
}

/* The guest sends a packet as @p says, with @len bytes of data behind the header, counted from @first on. */
static void put(struct world *w, const struct got *p, uint32_t len, uint32_t first)
{
	uint8_t *raw = ram_slice(&w->ram, TX_DATA, HEADER + len);
	struct ring_part part[] = { { .addr = TX_DATA, .len = HEADER },
				    { .addr = TX_DATA + HEADER, .len = len } };

	put_le64(raw, p->src_cid);
	put_le64(raw + 8, p->dst_cid);
	put_le32(raw + 16, p->src_port);
	put_le32(raw + 20, p->dst_port);
	put_le32(raw + 24, p->len);
	put_le16(raw + 28, p->type);
	put_le16(raw + 30, p->op);
	put_le32(raw + 32, p->flags);
	put_le32(raw + 36, p->buf_alloc);
	put_le32(raw + 40, p->fwd_cnt);
	for (uint32_t i = 0; i < len; i++)
		raw[HEADER + i] = (uint8_t)(first + i);
	ring_add(&w->ring[1], part, len ? 2 : 1);
	virtio_notify(&w->v.dev, 1);
}

/* One of a connection of guest port @guest with host port @host. */
static struct got packet(uint32_t guest, uint32_t host, uint16_t op)
{
	return (struct got){ .src_cid = CID,
			     .dst_cid = 2,
			     .src_port = guest,
			     .dst_port = host,
			     .type = 1,
			     .op = op,
			     .buf_alloc = 64 * KiB };
}

static void send_op(struct world *w, uint32_t guest, uint32_t host, uint16_t op)
{
	struct got p = packet(guest, host, op);

	put(w, &p, 0, 0);
}

static void send_data(struct world *w, uint32_t guest, uint32_t host, uint32_t len, uint32_t first)
{
	struct got p = packet(guest, host, VIRTIO_VSOCK_OP_RW);

	p.len = len;
	put(w, &p, len, first);
}

static void send_shutdown(struct world *w, uint32_t guest, uint32_t host, uint32_t flags)
{
	struct got p = packet(guest, host, VIRTIO_VSOCK_OP_SHUTDOWN);

	p.flags = flags;
	put(w, &p, 0, 0);
}

/* The next packet for the guest; false: there is none. */
static bool get(struct world *w, struct got *p)
{
	gpa_t at = RX_DATA + (w->ring[0].seen_used % 256) * RX_SIZE;
	const uint8_t *raw = ram_slice(&w->ram, at, RX_SIZE);
	uint32_t id, len;

	if (!ring_used(&w->ring[0], &id, &len))
		return false;
	*p = (struct got){
		.src_cid = get_le64(raw),
		.dst_cid = get_le64(raw + 8),
		.src_port = get_le32(raw + 16),
		.dst_port = get_le32(raw + 20),
		.len = get_le32(raw + 24),
		.type = get_le16(raw + 28),
		.op = get_le16(raw + 30),
		.flags = get_le32(raw + 32),
		.buf_alloc = get_le32(raw + 36),
		.fwd_cnt = get_le32(raw + 40),
	};
	assert_int_equal(len, HEADER + p->len);
	return true;
}

static struct got must_get(struct world *w, uint16_t op)
{
	struct got p = { 0 };

	assert_true(get(w, &p));
	assert_int_equal(p.op, op);
	return p;
}

static void must_get_nothing(struct world *w)
{
	struct got p;

	assert_false(get(w, &p));
}

static bool broken(const struct world *w)
{
	return virtio_get_status(&w->v.dev) & STATUS_NEEDS_RESET;
}

/* A connection that the guest made, with port 2000 of the host. */
static struct vsock_stream *from_guest(struct world *w, uint32_t guest)
{
	struct vsock_stream *stream = &w->stream[w->nr_streams];

	send_op(w, guest, 2000, VIRTIO_VSOCK_OP_REQUEST);
	must_get(w, VIRTIO_VSOCK_OP_RESPONSE);
	return stream;
}

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
		cmocka_unit_test(packets_of_no_connection_are_answered_by_rst),
		cmocka_unit_test(a_packet_that_fits_no_state_resets_its_connection),
		cmocka_unit_test(other_addresses_and_types_are_refused),
		cmocka_unit_test(a_packet_that_is_cut_short_breaks_the_device),
		cmocka_unit_test(a_buffer_without_room_breaks_the_device),
		cmocka_unit_test(there_are_so_many_connections_and_no_more),
		cmocka_unit_test(a_reset_ends_all_connections),
		cmocka_unit_test(a_guest_that_sends_much_is_served_in_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
