/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the socket device share: a guest with buffers, that sends and receives packets, and a host's end that
 * counts what it is told.
 */
#ifndef LKVM_TESTS_VIRTIO_VSOCK_WORLD_H
#define LKVM_TESTS_VIRTIO_VSOCK_WORLD_H

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

static inline struct vsock_stream *new_stream(struct world *w)
{
	struct vsock_stream *stream = &w->stream[w->nr_streams++];

	assert_true(w->nr_streams <= STREAMS);
	*stream = (struct vsock_stream){ .w = w, .room = SIZE_MAX };
	return stream;
}

static inline struct vsock_stream *test_connect(void *ctx, uint32_t port, struct vsock_conn *conn)
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

static inline void test_accepted(struct vsock_stream *stream, uint32_t port)
{
	stream->accepted = true;
	stream->port = port;
}

static inline ssize_t test_receive(struct vsock_stream *stream, const struct iovec *iov,
				   unsigned int nr)
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

static inline ssize_t test_send(struct vsock_stream *stream, const struct iovec *iov,
				unsigned int nr)
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

static inline void test_shutdown(struct vsock_stream *stream)
{
	assert_false(stream->closed);
	stream->shut = true;
}

static inline void test_close(struct vsock_stream *stream)
{
	assert_false(stream->closed);
	stream->closed = true;
}

static inline void test_timer_set(void *ctx, uint64_t ns)
{
	struct world *w = ctx;

	w->timer = ns;
}

static inline void add_rx(struct world *w, unsigned int nr)
{
	for (unsigned int i = 0; i < nr; i++) {
		struct ring_part part = { RX_DATA + (w->nr_rx++ % 256) * RX_SIZE, RX_SIZE, true };

		ring_add(&w->ring[0], &part, 1);
	}
	virtio_notify(&w->v.dev, 0);
}

static inline void start(struct world *w)
{
	gpa_t at = RAM_BASE;

	for (unsigned int i = 0; i < 3; i++) {
		ring_make(&w->ring[i], &w->ram, at, 256);
		at = w->ring[i].end;
	}
	w->nr_rx = 0;
	assert_int_equal(ring_start(&w->v.dev, FEATURE_VERSION_1, w->ring, 3), STATUS_RUNS);
}

static inline struct world *world_open(void)
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

static inline void world_free(struct world *w)
{
	virtio_vsock_destroy(&w->v);
	for (unsigned int i = 0; i < w->nr_streams; i++)
		assert_true(w->stream[i].closed);
	ring_ram_free(&w->ram);
	free(w);
}

/* The guest sends a packet as @p says, with @len bytes of data behind the header, counted from @first on. */
static inline void put(struct world *w, const struct got *p, uint32_t len, uint32_t first)
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
static inline struct got packet(uint32_t guest, uint32_t host, uint16_t op)
{
	return (struct got){ .src_cid = CID,
			     .dst_cid = 2,
			     .src_port = guest,
			     .dst_port = host,
			     .type = 1,
			     .op = op,
			     .buf_alloc = 64 * KiB };
}

static inline void send_op(struct world *w, uint32_t guest, uint32_t host, uint16_t op)
{
	struct got p = packet(guest, host, op);

	put(w, &p, 0, 0);
}

static inline void send_data(struct world *w, uint32_t guest, uint32_t host, uint32_t len,
			     uint32_t first)
{
	struct got p = packet(guest, host, VIRTIO_VSOCK_OP_RW);

	p.len = len;
	put(w, &p, len, first);
}

static inline void send_shutdown(struct world *w, uint32_t guest, uint32_t host, uint32_t flags)
{
	struct got p = packet(guest, host, VIRTIO_VSOCK_OP_SHUTDOWN);

	p.flags = flags;
	put(w, &p, 0, 0);
}

/* The next packet for the guest; false: there is none. */
static inline bool get(struct world *w, struct got *p)
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

static inline struct got must_get(struct world *w, uint16_t op)
{
	struct got p = { 0 };

	assert_true(get(w, &p));
	assert_int_equal(p.op, op);
	return p;
}

static inline void must_get_nothing(struct world *w)
{
	struct got p;

	assert_false(get(w, &p));
}

static inline bool broken(const struct world *w)
{
	return virtio_get_status(&w->v.dev) & STATUS_NEEDS_RESET;
}

/* A connection that the guest made, with port 2000 of the host. */
static inline struct vsock_stream *from_guest(struct world *w, uint32_t guest)
{
	struct vsock_stream *stream = &w->stream[w->nr_streams];

	send_op(w, guest, 2000, VIRTIO_VSOCK_OP_REQUEST);
	must_get(w, VIRTIO_VSOCK_OP_RESPONSE);
	return stream;
}

#endif
