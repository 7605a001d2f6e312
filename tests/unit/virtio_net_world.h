/* SPDX-License-Identifier: BSD-2-Clause */
/* A network device with a driver on one side and a host that a test plays on the other. */
#ifndef LKVM_VIRTIO_NET_WORLD_H
#define LKVM_VIRTIO_NET_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/virtio_net.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "virtio/net.h"

#define BASE     0x40000000ULL
#define RAM_SIZE (2 * MiB)
#define PAIRS    2
#define RX0      0
#define TX0      1
#define RX1      2
#define TX1      3
#define CONTROL  4 /* with MQ */
#define SIZE     64
#define F(name)  (1ULL << VIRTIO_NET_F_##name)

static const uint8_t world_mac[NET_MAC_SIZE] = { 2, 0, 0, 1, 2, 3 };

struct world {
	struct virtio_net net;
	struct net_frontend frontend;
	struct ram ram;
	struct ring ring[2 * PAIRS + 1];
	struct ring_counts counts;
	gpa_t next; /* free guest memory */
	/* The host. */
	unsigned int room; /* frames that it takes */
	unsigned int nr_sent;
	uint8_t sent[128 * 1024]; /* the last frame, with its header */
	size_t sent_len;
	size_t frame_len[8]; /* lengths of frames that wait for the guest, without headers */
	uint8_t frame_fill[8];
	unsigned int nr_frames;
	uint8_t dst[NET_MAC_SIZE]; /* of those frames */
	uint16_t type;
	bool read[PAIRS], write[PAIRS];
	unsigned int pairs, offloads;
};

static bool world_send(void *ctx, unsigned int pair, const struct iovec *iov, unsigned int nr,
		       size_t len)
{
	struct world *w = ctx;

	assert_true(pair < PAIRS);
	if (!w->room)
		return false;
	w->room--;
	w->nr_sent++;
	w->sent_len = 0;
	for (unsigned int i = 0; i < nr; i++) {
		memcpy(w->sent + w->sent_len, iov[i].iov_base, iov[i].iov_len);
		w->sent_len += iov[i].iov_len;
	}
	assert_int_equal(w->sent_len, len);
	return true;
}

static size_t world_receive(void *ctx, unsigned int pair, const struct iovec *iov, unsigned int nr)
{
	struct world *w = ctx;
	size_t len, done = 0;
	uint8_t *frame;

	assert_true(pair < PAIRS);
	if (!w->nr_frames)
		return 0;
	len = NET_HDR_SIZE + w->frame_len[0];
	frame = malloc(len);
	memset(frame, 0, NET_HDR_SIZE);
	memset(frame + NET_HDR_SIZE, w->frame_fill[0], w->frame_len[0]);
	memcpy(frame + NET_HDR_SIZE, w->dst, sizeof(w->dst));
	frame[NET_HDR_SIZE + 12] = (uint8_t)(w->type >> 8);
	frame[NET_HDR_SIZE + 13] = (uint8_t)w->type;
	for (unsigned int i = 0; i < nr && done < len; i++) {
		size_t part = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;

		memcpy(iov[i].iov_base, frame + done, part);
		done += part;
	}
	free(frame);
	w->nr_frames--;
	memmove(w->frame_len, w->frame_len + 1, w->nr_frames * sizeof(w->frame_len[0]));
	memmove(w->frame_fill, w->frame_fill + 1, w->nr_frames);
	return len;
}

static void world_watch(void *ctx, unsigned int pair, bool read, bool write)
{
	struct world *w = ctx;

	assert_true(pair < PAIRS);
	w->read[pair] = read;
	w->write[pair] = write;
}

static void world_set_pairs(void *ctx, unsigned int nr)
{
	((struct world *)ctx)->pairs = nr;
}

static void world_set_offloads(void *ctx, unsigned int offloads)
{
	((struct world *)ctx)->offloads = offloads;
}

/* @len bytes of guest memory, with @bytes in them (NULL: zeroes). */
static inline gpa_t world_data(struct world *w, const void *bytes, size_t len)
{
	gpa_t at = w->next;

	w->next += align_up(len, 16);
	if (bytes)
		assert_int_equal(ram_write(&w->ram, at, bytes, len), 0);
	return at;
}

/* A device of which the driver accepted @features and set the first @nr queues up; it runs. */
static inline struct world *world_make(uint64_t features, unsigned int nr)
{
	const unsigned int all = NET_CSUM | NET_TSO4 | NET_TSO6 | NET_TSO_ECN;
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };
	gpa_t at = BASE;

	assert_non_null(w);
	w->room = UINT32_MAX;
	memcpy(w->dst, world_mac, sizeof(w->dst));
	ring_ram(&w->ram, BASE, RAM_SIZE);
	assert_int_equal(virtio_net_init(&w->net, "net0", &w->ram,
					 (struct net_backend){ .send = world_send,
							       .receive = world_receive,
							       .watch = world_watch,
							       .set_pairs = world_set_pairs,
							       .set_offloads = world_set_offloads,
							       .ctx = w,
							       .info = { .nr_pairs = PAIRS,
									 .tx_offloads = all,
									 .rx_offloads = all,
									 .mtu = 9000,
									 .up = true } },
					 world_mac, &e),
			 0);
	w->frontend = virtio_net_frontend(&w->net);
	virtio_attach(&w->net.dev, &ring_transport, &w->counts);
	for (unsigned int i = 0; i < nr; i++) {
		ring_make(&w->ring[i], &w->ram, at, SIZE);
		at = w->ring[i].end;
	}
	w->next = at;
	ring_start(&w->net.dev, FEATURE_VERSION_1 | features, w->ring, nr);
	return w;
}

static inline void world_free(struct world *w)
{
	virtio_net_destroy(&w->net);
	ring_ram_free(&w->ram);
	free(w);
}

static inline bool world_runs(const struct world *w)
{
	return virtio_get_status(&w->net.dev) == STATUS_RUNS;
}

/* Offers a buffer of @len bytes to receive in; returns where it is. Does not notify. */
static inline gpa_t world_offer(struct world *w, unsigned int queue, uint32_t len)
{
	struct ring_part part = { .addr = world_data(w, NULL, len), .len = len, .in = true };

	ring_add(&w->ring[queue], &part, 1);
	return part.addr;
}

/* The host has a frame of @len bytes. */
static inline void world_frame(struct world *w, size_t len, uint8_t fill)
{
	w->frame_len[w->nr_frames] = len;
	w->frame_fill[w->nr_frames++] = fill;
}

/* It is time to receive. */
static inline void world_ready(struct world *w, unsigned int pair, bool read, bool write)
{
	w->frontend.ready(w->frontend.ctx, pair, read, write);
}

/* The guest queues a frame of @len bytes, header and all, and notifies. */
static inline void world_transmit(struct world *w, unsigned int queue, uint32_t len, uint8_t fill)
{
	struct ring_part part = { .addr = world_data(w, NULL, len), .len = len };

	memset(ram_slice(&w->ram, part.addr, len), fill, len);
	ring_add(&w->ring[queue], &part, 1);
	virtio_notify(&w->net.dev, queue);
}

static inline void assert_used(struct world *w, unsigned int queue, uint32_t len)
{
	uint32_t id, used;

	assert_true(ring_used(&w->ring[queue], &id, &used));
	assert_int_equal(used, len);
}

static inline void assert_none_used(struct world *w, unsigned int queue)
{
	uint32_t id, used;

	assert_false(ring_used(&w->ring[queue], &id, &used));
}

#endif
