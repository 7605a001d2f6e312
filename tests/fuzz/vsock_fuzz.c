/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket device and the balloon (the first byte says which) against any driver and any host: operations of OP_SIZE
 * bytes send packets, offer buffers, write guest memory behind the device's back, reset, and let host's programs come,
 * talk, hang and go. What the device does to streams and to memory has to keep to its contracts.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "util/log.h"
#include "virtio/balloon.h"
#include "virtio/vsock.h"

#define BASE      0x40000000ULL
#define RAM_SIZE  0x20000
#define NR_QUEUES 5
#define SIZE      16
#define OP_SIZE   8
#define OPS_MAX   4096
#define STREAMS   16
#define PORTS     4

enum { START, PACKET, OFFER, CHAIN, NOTIFY, CLIENT, STREAM, AGAIN, CONFIG, RESET, POKE, NR_OPS };

struct vsock_stream {
	struct vsock_conn *conn; /* NULL: not in use */
	size_t to_read, room;
	bool end, broken;
};

struct fuzz {
	union {
		struct virtio_vsock vsock;
		struct virtio_balloon balloon;
		struct virtio_device dev;
	};
	bool is_balloon;
	struct ram ram;
	struct ring ring[NR_QUEUES];
	unsigned int nr_queues;
	struct vsock_stream stream[STREAMS];
	uint64_t timer;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static struct vsock_stream *free_stream(struct fuzz *f)
{
	for (unsigned int i = 0; i < STREAMS; i++) {
		if (!f->stream[i].conn) {
			f->stream[i] = (struct vsock_stream){ .room = 1000 };
			return &f->stream[i];
		}
	}
	return NULL;
}

static struct vsock_stream *backend_connect(void *ctx, uint32_t port, struct vsock_conn *conn)
{
	struct vsock_stream *stream = port % PORTS ? free_stream(ctx) : NULL;

	if (stream)
		stream->conn = conn;
	return stream;
}

static void accepted(struct vsock_stream *stream, uint32_t port)
{
	must(stream->conn && port);
}

static ssize_t receive(struct vsock_stream *stream, const struct iovec *iov, unsigned int nr)
{
	size_t done = 0;

	must(stream->conn && nr);
	if (stream->broken)
		return -EIO;
	for (unsigned int i = 0; i < nr; i++) {
		size_t part = iov[i].iov_len;

		must(part);
		part = part < stream->to_read ? part : stream->to_read;
		memset(iov[i].iov_base, 0xa5, part);
		stream->to_read -= part;
		done += part;
	}
	return done ? (ssize_t)done : stream->end ? 0 : -EAGAIN;
}

static ssize_t transmit(struct vsock_stream *stream, const struct iovec *iov, unsigned int nr)
{
	size_t done = 0;
	uint8_t sum = 0;

	must(stream->conn && nr);
	if (stream->broken)
		return -EPIPE;
	for (unsigned int i = 0; i < nr; i++) {
		size_t part = iov[i].iov_len < stream->room ? iov[i].iov_len : stream->room;

		for (size_t k = 0; k < part; k++)
			sum ^= ((uint8_t *)iov[i].iov_base)[k]; /* every byte is there */
		stream->room -= part;
		done += part;
	}
	done += sum && !sum;
	return done ? (ssize_t)done : -EAGAIN;
}

static void end_output(struct vsock_stream *stream)
{
	must(stream->conn);
}

static void close_stream(struct vsock_stream *stream)
{
	must(stream->conn);
	stream->conn = NULL;
}

static void discard(void *ctx, gpa_t gpa, uint64_t len)
{
	struct fuzz *f = ctx;

	must(len && len % f->ram.page_size == 0 && (gpa - BASE) % f->ram.page_size == 0);
	must(ram_slice(&f->ram, gpa, len));
}

static void set_timer(void *ctx, uint64_t ns)
{
	struct fuzz *f = ctx;

	f->timer = ns;
}

static void make(struct fuzz *f, uint8_t choice)
{
	const struct vsock_backend backend = { backend_connect, accepted,     receive, transmit,
					       end_output,      close_stream, f };
	struct timer timer = { .set = set_timer, .ctx = f };
	struct err e = { 0 };
	int ret;

	f->is_balloon = choice & 1;
	f->nr_queues = f->is_balloon ? VIRTIO_BALLOON_QUEUES : 3;
	if (choice & 2)
		f->ram.page_size = 16384;
	if (f->is_balloon)
		ret = virtio_balloon_init(&f->balloon, "fuzz", &f->ram,
					  (struct balloon_backend){ discard, f }, 0, timer, &e);
	else
		ret = virtio_vsock_init(&f->vsock, "fuzz", &f->ram, 3, backend, timer, &e);
	must(ret == 0);
}

static void start(struct fuzz *f, const uint8_t *p)
{
	uint64_t features = FEATURE_VERSION_1 | (uint64_t)(p[1] & 3) << 28 |
			    (p[1] & 4 ? FEATURE_RING_RESET : 0);
	gpa_t at = BASE;

	if (f->is_balloon)
		features |= p[2] & 0x26;
	for (unsigned int i = 0; i < f->nr_queues; i++) {
		ring_make(&f->ring[i], &f->ram, at, SIZE);
		at = f->ring[i].end;
	}
	ring_start(&f->dev, features, f->ring, f->nr_queues);
}

/* A packet whose header says what @p does; for the balloon, a buffer of page numbers. */
static void packet(struct fuzz *f, const uint8_t *p)
{
	const gpa_t at = BASE + 0x4000;
	const uint32_t len = p[4] * (p[5] & 0x80 ? 400U : 4U);
	struct ring_part part[] = { { .addr = at, .len = 44 }, { .addr = at + 44, .len = len } };
	const struct ring *r = &f->ring[1];

	if (f->is_balloon) {
		r = &f->ring[p[1] & 1];
		for (unsigned int i = 0; i < 10; i++)
			ring_put(r, at + 4 * i, (BASE >> 12) + (uint8_t)(p[2] + i * p[3]) % 36, 4);
		ring_add(&f->ring[p[1] & 1], part, 1);
		virtio_notify(&f->dev, p[1] & 1);
		return;
	}
	ring_put(r, at, 3, 8);
	ring_put(r, at + 8, p[5] & 0x40 ? p[7] : 2, 8);
	ring_put(r, at + 16, 1000 + p[1] % PORTS, 4);
	ring_put(r, at + 20, p[5] & 0x20 ? 0x40000000U + p[2] % PORTS : p[2] % PORTS, 4);
	ring_put(r, at + 24, p[5] & 0x10 ? p[7] : len, 4);
	ring_put(r, at + 28, p[5] & 8 ? p[7] : 1, 2);
	ring_put(r, at + 30, p[3] % 9, 2);
	ring_put(r, at + 32, p[6], 4);
	ring_put(r, at + 36, p[7] << 8, 4);
	ring_put(r, at + 40, p[6] & 0xf0 ? p[6] << 4 : 0, 4);
	ring_add(&f->ring[1], part, 2);
	virtio_notify(&f->dev, 1);
}

static void offer(struct fuzz *f, const uint8_t *p, unsigned int queue, unsigned int nr)
{
	struct ring_part part[4];

	for (unsigned int i = 0; i < nr; i++)
		part[i] = (struct ring_part){
			.addr = BASE + 0x8000 + 256 * p[2 + i],
			.len = p[6] & 0x80 ? p[3 + i] * 300U : p[3 + i],
			.in = (p[7] >> i) & 1,
		};
	ring_add(&f->ring[queue], part, nr);
	virtio_notify(&f->dev, queue);
}

static void client(struct fuzz *f, const uint8_t *p)
{
	struct vsock_frontend frontend = virtio_vsock_frontend(&f->vsock);
	struct vsock_stream *stream = free_stream(f);

	if (!stream)
		return;
	stream->to_read = p[2] * 16U;
	stream->conn = (struct vsock_conn *)stream; /* not free meanwhile */
	stream->conn = frontend.connect(frontend.ctx, 1000 + p[1] % PORTS, stream);
	must(!stream->conn || virtio_get_status(&f->dev) & STATUS_DRIVER_OK);
}

static void talk(struct fuzz *f, const uint8_t *p)
{
	struct vsock_frontend frontend = virtio_vsock_frontend(&f->vsock);
	struct vsock_stream *stream = &f->stream[p[1] % STREAMS];

	if (!stream->conn)
		return;
	stream->to_read += stream->end ? 0 : p[2] * 64U;
	stream->room += p[3] * 64U;
	stream->end |= p[4] & 1;
	stream->broken |= (p[4] & 6) == 6;
	frontend.ready(frontend.ctx, stream->conn, p[5] & 7);
}

static void operate(struct fuzz *f, const uint8_t *p)
{
	unsigned int queue = p[1] % f->nr_queues;

	switch (p[0] % NR_OPS) {
	case START:
		start(f, p);
		break;
	case PACKET:
		packet(f, p);
		break;
	case OFFER:
		offer(f, p, queue, 1);
		break;
	case CHAIN:
		offer(f, p, queue, 3);
		break;
	case NOTIFY:
		virtio_notify(&f->dev, p[1]);
		break;
	case CLIENT:
		if (!f->is_balloon)
			client(f, p);
		else
			virtio_balloon_ask(&f->balloon);
		break;
	case STREAM:
		if (!f->is_balloon)
			talk(f, p);
		else
			virtio_balloon_set_target(&f->balloon, get_le32(p + 1));
		break;
	case AGAIN:
		if (f->is_balloon)
			virtio_balloon_again(&f->balloon);
		else
			virtio_vsock_again(&f->vsock);
		break;
	case CONFIG:
		virtio_config_write(&f->dev, p[1] & 15, get_le32(p + 2), 1U << (p[6] & 3));
		break;
	case RESET:
		if (p[2] & 1)
			virtio_reset_queue(&f->dev, queue);
		else
			virtio_set_status(&f->dev, 0);
		break;
	case POKE:
		ring_put(&f->ring[0], BASE + (get_le32(p + 1) % (RAM_SIZE - 8)), get_le32(p + 4),
			 4);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;

	log_set_level(LOG_ERROR);
	if (size < 1)
		return 0;
	memset(&f, 0, sizeof(f));
	ring_ram(&f.ram, BASE, RAM_SIZE);
	make(&f, data[0]);
	start(&f, (const uint8_t[OP_SIZE]){ 0, data[0] >> 4, data[0] });
	for (size_t i = 1; i + OP_SIZE <= size && i < OPS_MAX * OP_SIZE; i += OP_SIZE)
		operate(&f, data + i);
	if (f.is_balloon)
		virtio_balloon_destroy(&f.balloon);
	else
		virtio_vsock_destroy(&f.vsock);
	for (unsigned int i = 0; i < STREAMS; i++)
		must(!f.stream[i].conn);
	ring_ram_free(&f.ram);
	return 0;
}
