/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of virtio/console.c share: a console and a device with named ports, a driver's rings for
 * each, and lines that remember what they were given and take as much as a test lets them.
 */
#ifndef LKVM_TESTS_VIRTIO_CONSOLE_WORLD_H
#define LKVM_TESTS_VIRTIO_CONSOLE_WORLD_H

#include <linux/virtio_console.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "virtio/console.h"

#define RAM_BASE  0x40000000ULL
#define RAM_SIZE  (1 * MiB)
#define DATA      (RAM_BASE + 256 * KiB) /* behind the rings */
#define RING_SIZE 16
#define QUEUES    8 /* of the device with two ports */
#define ALL_ROOM  SIZE_MAX

enum { RX0, TX0, CONTROL_RX, CONTROL_TX, RX1, TX1, RX2, TX2 };

struct test_line {
	uint8_t out[256 * KiB];
	size_t out_nr, out_room;
	unsigned int outputs, input_ready, closed;
};

struct world {
	struct ram ram;
	struct virtio_console con;
	struct ring ring[QUEUES];
	struct ring_counts counts;
	struct test_line line[3]; /* by port */
	uint64_t timer;           /* what it was last set to */
	unsigned int timer_sets;
	gpa_t next_data;
};

static inline size_t test_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct test_line *line = ctx;

	assert_true(len > 0);
	if (len > line->out_room)
		len = line->out_room;
	assert_true(len <= sizeof(line->out) - line->out_nr);
	memcpy(line->out + line->out_nr, buf, len);
	line->out_nr += len;
	line->out_room -= len;
	line->outputs++;
	return len;
}

static inline void test_input_ready(void *ctx)
{
	struct test_line *line = ctx;

	line->input_ready++;
}

static inline void test_closed(void *ctx)
{
	struct test_line *line = ctx;

	line->closed++;
}

static inline void test_timer_set(void *ctx, uint64_t ns)
{
	struct world *w = ctx;

	w->timer = ns;
	w->timer_sets++;
}

static inline struct char_backend test_backend(struct test_line *line)
{
	return (struct char_backend){ .output = test_output,
				      .input_ready = test_input_ready,
				      .closed = test_closed,
				      .ctx = line };
}

static inline struct timer test_timer(struct world *w)
{
	return (struct timer){ .set = test_timer_set, .ctx = w };
}

static inline struct world *world_alloc(void)
{
	struct world *w = calloc(1, sizeof(*w));
	gpa_t at = RAM_BASE;

	assert_non_null(w);
	ring_ram(&w->ram, RAM_BASE, RAM_SIZE);
	for (unsigned int i = 0; i < QUEUES; i++) {
		ring_make(&w->ring[i], &w->ram, at, RING_SIZE);
		at = align_up(w->ring[i].end, 4 * KiB);
	}
	for (unsigned int i = 0; i < 3; i++)
		w->line[i].out_room = ALL_ROOM;
	w->next_data = DATA;
	return w;
}

/* A console, with a driver that has accepted @features and runs. */
static inline struct world *world_console(uint64_t features)
{
	struct world *w = world_alloc();
	struct err e = { 0 };

	assert_int_equal(virtio_console_init(&w->con, "console", &w->ram, test_backend(&w->line[0]),
					     test_timer(w), &e),
			 0);
	virtio_attach(&w->con.dev, &ring_transport, &w->counts);
	assert_int_equal(ring_start(&w->con.dev, FEATURE_VERSION_1 | features, w->ring, 2),
			 STATUS_RUNS);
	return w;
}

/* Two ports, "first" and "second". The driver runs, and has said nothing yet. */
static inline struct world *world_ports(void)
{
	struct world *w = world_alloc();
	const struct virtio_console_line lines[] = {
		{ .name = "first", .backend = test_backend(&w->line[1]) },
		{ .name = "second", .backend = test_backend(&w->line[2]) },
	};
	struct err e = { 0 };

	assert_int_equal(virtio_console_init_ports(&w->con, "ports", &w->ram, lines, 2,
						   test_timer(w), &e),
			 0);
	virtio_attach(&w->con.dev, &ring_transport, &w->counts);
	assert_int_equal(ring_start(&w->con.dev,
				    FEATURE_VERSION_1 | 1ULL << VIRTIO_CONSOLE_F_MULTIPORT, w->ring,
				    QUEUES),
			 STATUS_RUNS);
	return w;
}

static inline void world_free(struct world *w)
{
	virtio_console_destroy(&w->con);
	ring_ram_free(&w->ram);
	free(w);
}

/* Places bytes in guest memory and returns where. */
static inline gpa_t world_data(struct world *w, const void *bytes, uint32_t len)
{
	gpa_t at = w->next_data;

	w->next_data += align_up(len, 16);
	if (bytes)
		assert_int_equal(ram_write(&w->ram, at, bytes, len), 0);
	return at;
}

/* The driver sends @len bytes on @queue, in one part, and notifies. */
static inline void world_send(struct world *w, unsigned int queue, const void *bytes, uint32_t len)
{
	struct ring_part part = { .addr = world_data(w, bytes, len), .len = len };

	ring_add(&w->ring[queue], &part, 1);
	virtio_notify(&w->con.dev, queue);
}

/* The driver offers a buffer of @len bytes to receive in; returns where it is. */
static inline gpa_t world_offer(struct world *w, unsigned int queue, uint32_t len)
{
	struct ring_part part = { .addr = world_data(w, NULL, len), .len = len, .in = true };

	ring_add(&w->ring[queue], &part, 1);
	return part.addr;
}

static inline void world_control(struct world *w, uint32_t id, uint16_t event, uint16_t value)
{
	struct {
		uint32_t id;
		uint16_t event, value;
	} msg = { htole32(id), htole16(event), htole16(value) };

	world_send(w, CONTROL_TX, &msg, sizeof(msg));
}

static inline size_t world_input(struct world *w, unsigned int id, const char *text)
{
	struct char_frontend frontend = virtio_console_frontend(&w->con, id);

	return frontend.input(frontend.ctx, (const uint8_t *)text, strlen(text));
}

static inline void world_output_ready(struct world *w, unsigned int id)
{
	struct char_frontend frontend = virtio_console_frontend(&w->con, id);

	frontend.output_ready(frontend.ctx);
}

static inline bool world_broken(const struct world *w)
{
	return virtio_get_status(&w->con.dev) & STATUS_NEEDS_RESET;
}

/* What has gone out on a line; forgets it. */
static inline void assert_output(struct world *w, unsigned int id, const char *text)
{
	struct test_line *line = &w->line[id];

	assert_int_equal(line->out_nr, strlen(text));
	assert_memory_equal(line->out, text, line->out_nr);
	line->out_nr = 0;
}

/* The next used buffer of @queue has @len bytes written, which are @bytes at @addr. */
static inline void assert_used(struct world *w, unsigned int queue, gpa_t addr, const void *bytes,
			       uint32_t len)
{
	uint8_t buf[256];
	uint32_t id, written;

	assert_true(ring_used(&w->ring[queue], &id, &written));
	assert_int_equal(written, len);
	if (!len)
		return;
	assert_int_equal(ram_read(&w->ram, addr, buf, len), 0);
	assert_memory_equal(buf, bytes, len);
}

static inline void assert_none_used(struct world *w, unsigned int queue)
{
	uint32_t id, len;

	assert_false(ring_used(&w->ring[queue], &id, &len));
}

#endif
