/* SPDX-License-Identifier: BSD-2-Clause */
/* The entropy device: buffers get random bytes, in pieces, and at most so many a second. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "virtio/rng.h"

#define RAM_BASE 0x40000000ULL
#define RAM_SIZE (2 * MiB)
#define DATA     (RAM_BASE + 64 * KiB)

struct world {
	struct ram ram;
	struct virtio_rng rng;
	struct ring ring;
	struct ring_counts counts;
	uint64_t now, timer;
	unsigned int timer_sets;
	uint64_t filled;
	bool dry;
};

static bool test_fill(void *ctx, void *buf, size_t len)
{
	struct world *w = ctx;

	memset(buf, 0xa5, len);
	w->filled += len;
	return !w->dry;
}

static uint64_t test_now(void *ctx)
{
	struct world *w = ctx;

	return w->now;
}

static void test_timer_set(void *ctx, uint64_t ns)
{
	struct world *w = ctx;

	w->timer = ns;
	w->timer_sets++;
}

static struct world *world_open(uint64_t rate)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	assert_non_null(w);
	w->now = 5 * NS_PER_S;
	ring_ram(&w->ram, RAM_BASE, RAM_SIZE);
	ring_make(&w->ring, &w->ram, RAM_BASE, 64);
	assert_int_equal(virtio_rng_init(&w->rng, "rng", &w->ram,
					 (struct rng_source){ .fill = test_fill, .ctx = w }, rate,
					 (struct clock){ .now = test_now, .ctx = w },
					 (struct timer){ .set = test_timer_set, .ctx = w }, &e),
			 0);
	virtio_attach(&w->rng.dev, &ring_transport, &w->counts);
	assert_int_equal(ring_start(&w->rng.dev, FEATURE_VERSION_1, &w->ring, 1), STATUS_RUNS);
	return w;
}

static void world_free(struct world *w)
{
	virtio_rng_destroy(&w->rng);
	ring_ram_free(&w->ram);
	free(w);
}

static void offer(struct world *w, uint32_t len, bool in)
{
	struct ring_part part = { .addr = DATA, .len = len, .in = in };

	ring_add(&w->ring, &part, 1);
	virtio_notify(&w->rng.dev, 0);
}

/* Bytes in the next used buffer; -1: there is none. */
static int64_t used(struct world *w)
{
	uint32_t id, len;

	return ring_used(&w->ring, &id, &len) ? (int64_t)len : -1;
}

static bool broken(const struct world *w)
{
	return virtio_get_status(&w->rng.dev) & STATUS_NEEDS_RESET;
}

static void a_buffer_is_filled(void **state)
{
	struct world *w = world_open(0);
	uint8_t *host;

	(void)state;
	offer(w, 100, true);
	assert_int_equal(used(w), 100);
	assert_int_equal(w->filled, 100);
	host = ram_slice(&w->ram, DATA, 101);
	assert_int_equal(host[0], 0xa5);
	assert_int_equal(host[99], 0xa5);
	assert_int_equal(host[100], 0);
	assert_int_equal(w->counts.used, 1);
	assert_int_equal(w->timer_sets, 0);
	world_free(w);
}

static void all_parts_of_a_buffer_are_filled(void **state)
{
	struct world *w = world_open(0);
	struct ring_part part[] = { { .addr = DATA, .len = 3, .in = true },
				    { .addr = DATA + 16, .len = 5, .in = true } };
	uint8_t *host = ram_slice(&w->ram, DATA, 32);

	(void)state;
	ring_add(&w->ring, part, 2);
	virtio_notify(&w->rng.dev, 0);
	assert_int_equal(used(w), 8);
	assert_int_equal(host[2], 0xa5);
	assert_int_equal(host[3], 0);
	assert_int_equal(host[16], 0xa5);
	assert_int_equal(host[20], 0xa5);
	assert_int_equal(host[21], 0);
	world_free(w);
}

/* 5.4.6.1: a driver has to examine how many bytes it got. */
static void a_huge_buffer_gets_a_piece(void **state)
{
	struct world *w = world_open(0);

	(void)state;
	offer(w, 1 * MiB, true);
	assert_int_equal(used(w), 64 * KiB);
	assert_int_equal(w->filled, 64 * KiB);
	world_free(w);
}

static void many_buffers_take_turns(void **state)
{
	struct world *w = world_open(0);
	struct ring_part part = { .addr = DATA, .len = 64 * KiB, .in = true };

	(void)state;
	for (int i = 0; i < 10; i++)
		ring_add(&w->ring, &part, 1);
	virtio_notify(&w->rng.dev, 0);
	assert_int_equal(w->filled, 4 * 64 * KiB);
	assert_int_equal(w->timer, 1);
	virtio_rng_due(&w->rng);
	virtio_rng_due(&w->rng);
	assert_int_equal(w->filled, 10 * 64 * KiB);
	assert_int_equal(w->timer_sets, 2);
	world_free(w);
}

/* 5.4.6.1: the driver must not place device-readable buffers into the queue. */
static void a_readable_buffer_breaks_the_device(void **state)
{
	struct world *w = world_open(0);

	(void)state;
	offer(w, 16, false);
	assert_true(broken(w));
	assert_int_equal(w->filled, 0);
	world_free(w);
}

/* 5.4.6.2: the device must place one or more random bytes into the buffer. */
static void a_buffer_without_room_breaks_the_device(void **state)
{
	struct world *w = world_open(0);

	(void)state;
	offer(w, 0, true);
	assert_true(broken(w));
	world_free(w);
}

static void a_source_that_is_dry_breaks_the_device(void **state)
{
	struct world *w = world_open(0);

	(void)state;
	w->dry = true;
	offer(w, 16, true);
	assert_true(broken(w));
	assert_int_equal(used(w), -1);
	world_free(w);
}

static void beyond_the_rate_a_buffer_waits_for_the_timer(void **state)
{
	struct world *w = world_open(1000);

	(void)state;
	offer(w, 600, true);
	assert_int_equal(used(w), 600);
	offer(w, 600, true);
	assert_int_equal(used(w), -1);
	assert_int_equal(w->timer, NS_PER_S / 5); /* 200 bytes too many */
	w->now += w->timer - 1;
	virtio_rng_due(&w->rng);
	assert_int_equal(used(w), -1);
	assert_int_equal(w->timer, 1);
	w->now += 1;
	virtio_rng_due(&w->rng);
	assert_int_equal(used(w), 600);
	world_free(w);
}

static void no_more_than_a_second_is_saved_up(void **state)
{
	struct world *w = world_open(1000);
	int64_t len;

	(void)state;
	w->now += 3600 * NS_PER_S;
	offer(w, 5000, true);
	assert_int_equal(used(w), 1000);
	for (int i = 0; i < 50; i++) {
		offer(w, 500, true);
		w->now += w->timer;
		virtio_rng_due(&w->rng);
		len = used(w);
		assert_int_equal(len, 500);
	}
	/* 26000 bytes took 25 seconds after the first. */
	assert_int_equal(w->now, 5 * NS_PER_S + 3600 * NS_PER_S + 25 * NS_PER_S);
	world_free(w);
}

static void at_a_byte_a_second_a_buffer_gets_a_byte(void **state)
{
	struct world *w = world_open(1);

	(void)state;
	offer(w, 4096, true);
	assert_int_equal(used(w), 1);
	offer(w, 4096, true);
	assert_int_equal(used(w), -1);
	assert_int_equal(w->timer, NS_PER_S);
	world_free(w);
}

static void bytes_are_not_free_because_they_are_few(void **state)
{
	struct world *w = world_open(3 * NS_PER_S);

	(void)state;
	w->rng.limit.credit = 0;
	offer(w, 1, true);
	assert_int_equal(used(w), -1);
	assert_int_equal(w->timer, 1);
	world_free(w);
}

static void the_largest_rate_does_not_overflow(void **state)
{
	struct world *w = world_open(UINT64_MAX / 2);

	(void)state;
	for (int i = 0; i < 8; i++) {
		offer(w, 64 * KiB, true);
		assert_int_equal(used(w), 64 * KiB);
	}
	world_free(w);
}

static void a_reset_while_a_buffer_waits_is_done_at_once(void **state)
{
	struct world *w = world_open(10);

	(void)state;
	offer(w, 10, true);
	offer(w, 10, true);
	virtio_set_status(&w->rng.dev, 0);
	assert_int_equal(virtio_get_status(&w->rng.dev), 0);
	w->now += 10 * NS_PER_S;
	virtio_rng_due(&w->rng);
	assert_int_equal(w->filled, 10);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_buffer_is_filled),
		cmocka_unit_test(all_parts_of_a_buffer_are_filled),
		cmocka_unit_test(a_huge_buffer_gets_a_piece),
		cmocka_unit_test(many_buffers_take_turns),
		cmocka_unit_test(a_readable_buffer_breaks_the_device),
		cmocka_unit_test(a_buffer_without_room_breaks_the_device),
		cmocka_unit_test(a_source_that_is_dry_breaks_the_device),
		cmocka_unit_test(beyond_the_rate_a_buffer_waits_for_the_timer),
		cmocka_unit_test(no_more_than_a_second_is_saved_up),
		cmocka_unit_test(at_a_byte_a_second_a_buffer_gets_a_byte),
		cmocka_unit_test(bytes_are_not_free_because_they_are_few),
		cmocka_unit_test(the_largest_rate_does_not_overflow),
		cmocka_unit_test(a_reset_while_a_buffer_waits_is_done_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
