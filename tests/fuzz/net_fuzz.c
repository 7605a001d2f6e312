/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device against any driver and any host, and passt's stream against any other end (the first byte says
 * which). Operations of OP_SIZE bytes offer buffers, send commands, write guest memory behind the device's back, reset,
 * let frames of any length come, and let the host be full or empty.
 */
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "fake/ring.h"
#include "host/passt.h"
#include "util/bits.h"
#include "util/log.h"
#include "virtio/net.h"

#define BASE     0x40000000ULL
#define RAM_SIZE 0x20000
#define TABLE    (BASE + 0x1f000)
#define PAIRS    2
#define QUEUES   (2 * PAIRS + 1)
#define SIZE     16
#define OP_SIZE  8
#define OPS_MAX  2048

enum {
	START,
	OFFER,
	CHAIN,
	INDIRECT,
	COMMAND,
	NOTIFY,
	READY,
	FRAME,
	ROOM,
	LINK,
	RESET,
	QUEUE_RESET,
	POKE,
	NR_OPS
};

struct fuzz {
	struct virtio_net net;
	struct net_frontend frontend;
	struct ram ram;
	struct ring ring[QUEUES];
	unsigned int room, frames;
	size_t frame_len;
	bool read[PAIRS], write[PAIRS];
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static bool take(void *ctx, unsigned int pair, const struct iovec *iov, unsigned int nr, size_t len)
{
	struct fuzz *f = ctx;
	size_t sum = 0;
	uint8_t bits = 0;

	must(pair < PAIRS);
	if (!f->room)
		return false;
	f->room--;
	for (unsigned int i = 0; i < nr; i++) {
		for (size_t j = 0; j < iov[i].iov_len; j++)
			bits |= ((const uint8_t *)iov[i]
					 .iov_base)[j]; /* all of it is there to be read */
		sum += iov[i].iov_len;
	}
	must(sum == len && len >= NET_HDR_SIZE && len <= NET_HDR_SIZE + NET_FRAME_MAX);
	return bits || !bits;
}

static size_t give(void *ctx, unsigned int pair, const struct iovec *iov, unsigned int nr)
{
	struct fuzz *f = ctx;
	size_t left = NET_HDR_SIZE + f->frame_len;

	must(pair < PAIRS && nr);
	if (!f->frames)
		return 0;
	f->frames--;
	for (unsigned int i = 0; i < nr && left; i++) {
		size_t part = iov[i].iov_len < left ? iov[i].iov_len : left;

		memset(iov[i].iov_base, 0x55, part);
		left -= part;
	}
	must(!left);
	return NET_HDR_SIZE + f->frame_len;
}

static void watch(void *ctx, unsigned int pair, bool read, bool write)
{
	struct fuzz *f = ctx;

	must(pair < PAIRS);
	f->read[pair] = read;
	f->write[pair] = write;
}

static void set_pairs(void *ctx, unsigned int nr)
{
	(void)ctx;
	must(nr >= 1 && nr <= PAIRS);
}

static void set_offloads(void *ctx, unsigned int offloads)
{
	(void)ctx;
	must(offloads <= 15 && (!offloads || offloads & NET_CSUM));
}

static void make(struct fuzz *f)
{
	static const uint8_t mac[NET_MAC_SIZE] = { 2, 0x55, 0x55, 0x55, 0x55, 0x55 };
	struct err e = { 0 };

	must(virtio_net_init(&f->net, "fuzz", &f->ram,
			     (struct net_backend){ .send = take,
						   .receive = give,
						   .watch = watch,
						   .set_pairs = set_pairs,
						   .set_offloads = set_offloads,
						   .ctx = f,
						   .info = { .nr_pairs = PAIRS,
							     .tx_offloads = 15,
							     .rx_offloads = 15,
							     .mtu = 1500,
							     .up = true } },
			     mac, &e) == 0);
	f->frontend = virtio_net_frontend(&f->net);
}

static void start(struct fuzz *f, const uint8_t *p)
{
	uint64_t features = FEATURE_VERSION_1 | (uint64_t)(p[1] & 3) << 28 |
			    (p[1] & 4 ? FEATURE_RING_RESET : 0);
	gpa_t at = BASE;

	features |= p[1] & 8 ? 1ULL << VIRTIO_NET_F_MRG_RXBUF : 0;
	features |= p[1] & 16 ? 1ULL << VIRTIO_NET_F_MQ : 0;
	features |= p[1] & 32 ? 1ULL << VIRTIO_NET_F_GUEST_CSUM | 1ULL << VIRTIO_NET_F_GUEST_TSO4 |
					1ULL << VIRTIO_NET_F_CTRL_GUEST_OFFLOADS
			      : 0;
	features |= p[1] & 64 ? 0
			      : 1ULL << VIRTIO_NET_F_CTRL_VQ | 1ULL << VIRTIO_NET_F_CTRL_RX |
					1ULL << VIRTIO_NET_F_CTRL_RX_EXTRA |
					1ULL << VIRTIO_NET_F_CTRL_VLAN |
					1ULL << VIRTIO_NET_F_CTRL_MAC_ADDR;
	for (unsigned int i = 0; i < QUEUES; i++) {
		ring_make(&f->ring[i], &f->ram, at, SIZE);
		at = f->ring[i].end;
	}
	ring_start(&f->net.dev, features, f->ring, QUEUES);
}

static void offer(struct fuzz *f, const uint8_t *p, unsigned int queue, unsigned int nr)
{
	struct ring_part part[4];

	for (unsigned int i = 0; i < nr; i++)
		part[i] = (struct ring_part){
			.addr = BASE + 0x4000 + 64 * p[2 + i],
			.len = p[6] & 0x80 ? p[3 + i] * 300U : p[3 + i],
			.in = (p[7] >> i) & 1,
		};
	if (p[0] % NR_OPS == INDIRECT)
		ring_add_indirect(&f->ring[queue], TABLE, part, nr);
	else
		ring_add(&f->ring[queue], part, nr);
}

/* A class, a command and a few bytes, with room for an answer. */
static void command(struct fuzz *f, const uint8_t *p)
{
	unsigned int queue = p[1] & 0x80 ? 2 : QUEUES - 1;
	struct ring_part part[] = {
		{ .addr = BASE + 0x1e000, .len = 2 },
		{ .addr = BASE + 0x1e002, .len = p[7] },
		{ .addr = BASE + 0x1ef00, .len = 1, .in = true },
	};

	for (unsigned int i = 0; i < 6; i++)
		ring_put(&f->ring[0], BASE + 0x1e000 + i, p[1 + i] & (i ? 0xff : 7), 1);
	ring_add(&f->ring[queue], part, 3);
	virtio_notify(&f->net.dev, queue);
}

static void operate(struct fuzz *f, const uint8_t *p)
{
	unsigned int queue = p[1] % QUEUES, pair = p[1] % PAIRS;

	switch (p[0] % NR_OPS) {
	case START:
		start(f, p);
		break;
	case OFFER:
		offer(f, p, queue, 1);
		break;
	case CHAIN:
	case INDIRECT:
		offer(f, p, queue, 3);
		break;
	case COMMAND:
		command(f, p);
		break;
	case NOTIFY:
		virtio_notify(&f->net.dev, p[1]);
		break;
	case READY:
		f->frontend.ready(f->frontend.ctx, pair, f->read[pair], f->write[pair]);
		break;
	case FRAME:
		f->frames = p[1];
		f->frame_len = 14 + (p[2] & 1 ? p[3] * 256U : p[3]);
		break;
	case ROOM:
		f->room = p[1];
		break;
	case LINK:
		f->frontend.link(f->frontend.ctx, p[1] & 1);
		break;
	case RESET:
		virtio_set_status(&f->net.dev, 0);
		must(virtio_get_status(&f->net.dev) == 0 && !f->read[0] && !f->write[0] &&
		     !f->read[1] && !f->write[1]);
		break;
	case QUEUE_RESET:
		virtio_reset_queue(&f->net.dev, queue);
		must(!virtio_queue_resetting(&f->net.dev, queue));
		break;
	case POKE:
		ring_put(&f->ring[0], BASE + (get_le32(p + 1) % (RAM_SIZE - 8)), get_le32(p + 4),
			 4);
		break;
	}
}

/* What passt says, in pieces; no frame may be longer than its bytes. */
static void stream(const uint8_t *data, size_t size)
{
	static struct passt_stream s;
	static uint8_t frame[NET_HDR_SIZE + NET_FRAME_MAX];
	const struct iovec iov[] = { { frame, 13 }, { frame + 13, sizeof(frame) - 13 } };
	size_t got = 0, len;
	int fds[2];

	s.in_start = s.in_end = 0;
	s.broken = false;
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	s.fd = fds[0];
	for (size_t off = 0; off < size;) {
		size_t part = 1 + data[off] % 64;

		part = part < size - off ? part : size - off;
		must(write(fds[1], data + off, part) == (ssize_t)part);
		off += part;
		passt_stream_fill(&s);
		while ((len = passt_stream_receive(&s, iov, 2))) {
			must(len >= NET_HDR_SIZE + 14 && len <= sizeof(frame));
			got += len - NET_HDR_SIZE + PASST_LENGTH_SIZE;
		}
	}
	must(got <= size);
	close(fds[0]);
	close(fds[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;

	log_set_level(LOG_ERROR);
	if (size < 1)
		return 0;
	if (data[0] & 0x80) {
		stream(data + 1, size - 1 < 4096 ? size - 1 : 4096);
		return 0;
	}
	memset(&f, 0, sizeof(f));
	ring_ram(&f.ram, BASE, RAM_SIZE);
	f.room = UINT32_MAX;
	make(&f);
	start(&f, (const uint8_t[OP_SIZE]){ 0, data[0] });
	for (size_t i = 1; i + OP_SIZE <= size && i < OPS_MAX * OP_SIZE; i += OP_SIZE)
		operate(&f, data + i);
	virtio_net_destroy(&f.net);
	ring_ram_free(&f.ram);
	return 0;
}
