/* SPDX-License-Identifier: BSD-2-Clause */
/* The balloon: which ranges the host gets back, in turns; statistics on demand; whole pages of a host whose are larger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <linux/virtio_balloon.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "virtio/balloon.h"
#include "virtio/save.h"

#define RAM_BASE 0x40000000ULL
#define RAM_SIZE (4 * MiB)
#define DATA     (RAM_BASE + 64 * KiB)
#define PFN(nr)  (uint32_t)((RAM_BASE >> 12) + (nr))
#define CALLS    64
#define OFFERED                                                                        \
	(1ULL << VIRTIO_BALLOON_F_STATS_VQ | 1ULL << VIRTIO_BALLOON_F_DEFLATE_ON_OOM | \
	 1ULL << VIRTIO_BALLOON_F_REPORTING)

enum { INFLATE, DEFLATE, STATS, REPORT_3, REPORT_4, NR_QUEUES };

struct world {
	struct ram ram;
	struct virtio_balloon b;
	struct ring ring[NR_QUEUES];
	struct ring_counts counts;
	struct {
		uint64_t page, nr; /* of 4 KiB, from the start of RAM */
	} call[CALLS];
	unsigned int nr_calls;
	uint64_t timer, given;
};

static void test_discard(void *ctx, gpa_t gpa, uint64_t len)
{
	struct world *w = ctx;

	assert_true(len > 0 && len % w->ram.page_size == 0);
	assert_true(gpa % w->ram.page_size == 0 && ram_slice(&w->ram, gpa, len));
	w->given += len;
	if (w->nr_calls < CALLS) {
		w->call[w->nr_calls].page = (gpa - RAM_BASE) >> 12;
		w->call[w->nr_calls].nr = len >> 12;
	}
	w->nr_calls++;
}

static void test_timer_set(void *ctx, uint64_t ns)
{
	struct world *w = ctx;

	w->timer = ns;
}

static struct world *world_open(uint64_t page_size, uint64_t features)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };
	gpa_t at = RAM_BASE;

	assert_non_null(w);
	ring_ram(&w->ram, RAM_BASE, RAM_SIZE);
	w->ram.page_size = page_size;
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		ring_make(&w->ring[i], &w->ram, at, 64);
		at = w->ring[i].end;
	}
	assert_int_equal(virtio_balloon_init(&w->b, "balloon", &w->ram,
					     (struct balloon_backend){ test_discard, w }, 1 * MiB,
					     (struct timer){ test_timer_set, w }, &e),
			 0);
	virtio_attach(&w->b.dev, &ring_transport, &w->counts);
	assert_int_equal(ring_start(&w->b.dev, FEATURE_VERSION_1 | features, w->ring, NR_QUEUES),
			 STATUS_RUNS);
	return w;
}

static void world_free(struct world *w)
{
	virtio_balloon_destroy(&w->b);
	ring_ram_free(&w->ram);
	free(w);
}

static void send_pfns(struct world *w, unsigned int queue, const uint32_t *pfn, unsigned int nr)
{
	struct ring_part part = { .addr = DATA, .len = 4 * nr };

	for (unsigned int i = 0; i < nr; i++)
		ring_put(&w->ring[queue], DATA + 4 * i, pfn[i], 4);
	ring_add(&w->ring[queue], &part, 1);
	virtio_notify(&w->b.dev, queue);
}

static bool used(struct world *w, unsigned int queue)
{
	uint32_t id, len;

	return ring_used(&w->ring[queue], &id, &len);
}

static bool broken(const struct world *w)
{
	return virtio_get_status(&w->b.dev) & STATUS_NEEDS_RESET;
}

static void assert_call(const struct world *w, unsigned int i, uint64_t page, uint64_t nr)
{
	assert_true(i < w->nr_calls);
	assert_int_equal(w->call[i].page, page);
	assert_int_equal(w->call[i].nr, nr);
}

static void pages_are_sorted_and_joined(void **state)
{
	struct world *w = world_open(4096, OFFERED);
	const uint32_t pfn[] = { PFN(102), PFN(100), PFN(101), PFN(300), PFN(101), PFN(299) };

	(void)state;
	send_pfns(w, INFLATE, pfn, ARRAY_SIZE(pfn));
	assert_true(used(w, INFLATE));
	assert_int_equal(w->nr_calls, 2);
	assert_call(w, 0, 100, 3);
	assert_call(w, 1, 299, 2);
	assert_int_equal(w->counts.used, 1);
	world_free(w);
}

static void the_first_and_the_last_page_are_pages(void **state)
{
	struct world *w = world_open(4096, OFFERED);
	const uint32_t pfn[] = { PFN(RAM_SIZE / 4096 - 1), PFN(200), PFN(0) };

	(void)state;
	send_pfns(w, INFLATE, pfn, 2);
	assert_call(w, 0, 200, 1);
	assert_call(w, 1, RAM_SIZE / 4096 - 1, 1);
	/* The rings are in it, and this test's back end takes nothing away. */
	send_pfns(w, INFLATE, pfn + 2, 1);
	assert_call(w, 2, 0, 1);
	world_free(w);
}

static void a_page_that_is_no_memory_breaks_the_device(void **state)
{
	static const uint32_t bad[] = { PFN(RAM_SIZE / 4096), PFN(-1), 0, UINT32_MAX };

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		struct world *w = world_open(4096, OFFERED);

		send_pfns(w, i % 2 ? DEFLATE : INFLATE, &bad[i], 1);
		assert_true(broken(w));
		assert_int_equal(w->nr_calls, 0);
		world_free(w);
	}
}

static void a_buffer_of_the_wrong_kind_breaks_the_device(void **state)
{
	(void)state;
	for (unsigned int queue = 0; queue < NR_QUEUES; queue++) {
		struct world *w = world_open(4096, OFFERED);
		struct ring_part part = { .addr = DATA, .len = 64, .in = queue < REPORT_3 };

		ring_add(&w->ring[queue], &part, 1);
		virtio_notify(&w->b.dev, queue);
		assert_true(broken(w));
		assert_int_equal(w->nr_calls, 0);
		world_free(w);
	}
}

static void what_is_taken_out_is_only_answered(void **state)
{
	struct world *w = world_open(4096, OFFERED);
	const uint32_t pfn[] = { PFN(100) };

	(void)state;
	send_pfns(w, DEFLATE, pfn, 1);
	assert_true(used(w, DEFLATE));
	assert_int_equal(w->nr_calls, 0);
	world_free(w);
}

static void the_hosts_larger_page_goes_when_all_of_it_is_given(void **state)
{
	struct world *w = world_open(16384, OFFERED | 1ULL << VIRTIO_BALLOON_F_MUST_TELL_HOST);
	const uint32_t some[] = { PFN(100), PFN(101), PFN(103) }, last[] = { PFN(102) };
	const uint32_t next[] = { PFN(104), PFN(105), PFN(106), PFN(107) };

	(void)state;
	send_pfns(w, INFLATE, some, 3);
	assert_int_equal(w->nr_calls, 0);
	send_pfns(w, DEFLATE, some, 1);
	send_pfns(w, INFLATE, last, 1);
	assert_int_equal(w->nr_calls, 0);
	send_pfns(w, INFLATE, some, 1);
	assert_int_equal(w->nr_calls, 1);
	assert_call(w, 0, 100, 4);
	send_pfns(w, INFLATE, next, 4);
	assert_call(w, 1, 104, 4);
	world_free(w);
}

/* With the smallest pages there is nothing to know, so the driver need not tell. */
static void only_hosts_with_larger_pages_must_be_told(void **state)
{
	struct world *small = world_open(4096, OFFERED), *large = world_open(65536, OFFERED);
	const uint32_t must = 1U << VIRTIO_BALLOON_F_MUST_TELL_HOST;

	(void)state;
	assert_false(virtio_get_offered(&small->b.dev, 0) & must);
	assert_true(virtio_get_offered(&large->b.dev, 0) & must);
	world_free(small);
	world_free(large);
}

static void a_reset_empties_the_balloon(void **state)
{
	struct world *w = world_open(16384, OFFERED);
	const uint32_t pfn[] = { PFN(100), PFN(101), PFN(102), PFN(103) };
	struct balloon_state now;

	(void)state;
	virtio_config_write(&w->b.dev, 4, 256, 4);
	virtio_balloon_state(&w->b, &now);
	assert_int_equal(now.actual, 1 * MiB);
	send_pfns(w, INFLATE, pfn, 3);
	assert_int_equal(ring_start(&w->b.dev, FEATURE_VERSION_1 | OFFERED, w->ring, 0),
			 STATUS_RUNS);
	virtio_balloon_state(&w->b, &now);
	assert_int_equal(now.actual, 0);
	assert_int_equal(now.target, 1 * MiB);
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		ring_make(&w->ring[i], &w->ram, w->ring[i].desc, 64);
	assert_int_equal(ring_start(&w->b.dev, FEATURE_VERSION_1 | OFFERED, w->ring, NR_QUEUES),
			 STATUS_RUNS);
	send_pfns(w, INFLATE, pfn + 3, 1);
	assert_int_equal(w->nr_calls, 0);
	world_free(w);
}

static void report(struct world *w, unsigned int queue)
{
	const struct ring_part part[] = { { RAM_BASE + 1 * MiB, 64 * KiB, true },
					  { RAM_BASE + 2 * MiB, 1 * MiB, true } };

	ring_add(&w->ring[queue], part, 2);
	virtio_notify(&w->b.dev, queue);
}

/* The specification numbers all queues, Linux those that were negotiated. */
static void free_pages_are_reported_wherever_the_driver_has_its_queue(void **state)
{
	static const struct {
		uint64_t features;
		unsigned int queue;
	} cases[] = {
		{ OFFERED, REPORT_3 },
		{ OFFERED, REPORT_4 },
		{ 1ULL << VIRTIO_BALLOON_F_REPORTING, STATS },
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(cases); i++) {
		struct world *w = world_open(4096, cases[i].features);

		report(w, cases[i].queue);
		assert_true(used(w, cases[i].queue));
		assert_int_equal(w->nr_calls, 2);
		assert_call(w, 0, 256, 16);
		assert_call(w, 1, 512, 256);
		world_free(w);
	}
}

static void of_reported_ranges_only_whole_pages_go(void **state)
{
	struct world *w = world_open(65536, OFFERED);
	const struct ring_part part[] = { { RAM_BASE + 1 * MiB - 4096, 200 * KiB, true },
					  { RAM_BASE + 2 * MiB + 4096, 64 * KiB, true } };

	(void)state;
	ring_add(&w->ring[REPORT_3], part, 2);
	virtio_notify(&w->b.dev, REPORT_3);
	assert_true(used(w, REPORT_3));
	assert_int_equal(w->nr_calls, 1);
	assert_call(w, 0, 256, 48);
	world_free(w);
}

static void a_guest_that_gives_much_is_served_in_turns(void **state)
{
	struct world *w = world_open(4096, OFFERED);
	struct ring_part part[40];
	unsigned int turns = 1;

	(void)state;
	for (unsigned int i = 0; i < ARRAY_SIZE(part); i++)
		part[i] = (struct ring_part){ RAM_BASE, RAM_SIZE, true };
	ring_add(&w->ring[REPORT_3], part, ARRAY_SIZE(part));
	virtio_notify(&w->b.dev, REPORT_3);
	while (!used(w, REPORT_3)) {
		assert_int_equal(w->timer, 1);
		assert_true(w->given <= turns * 80 * MiB);
		turns++;
		virtio_balloon_again(&w->b);
	}
	assert_int_equal(w->given, ARRAY_SIZE(part) * RAM_SIZE);
	assert_true(turns >= 2 && turns <= 4);
	world_free(w);
}

static void put_stat(struct world *w, unsigned int i, uint16_t tag, uint64_t value)
{
	ring_put(&w->ring[STATS], DATA + 10 * i, tag, 2);
	ring_put(&w->ring[STATS], DATA + 10 * i + 2, value, 8);
}

static void statistics_come_when_asked_for(void **state)
{
	struct world *w = world_open(4096, OFFERED);
	struct ring_part part = { .addr = DATA, .len = 35 };
	struct balloon_state now;

	(void)state;
	virtio_balloon_ask(&w->b);
	virtio_balloon_state(&w->b, &now);
	assert_int_equal(now.answers, 0);
	assert_int_equal(now.stat[BALLOON_FREE], BALLOON_STAT_UNKNOWN);
	put_stat(w, 0, BALLOON_FREE, 12345);
	put_stat(w, 1, 999, 1);
	put_stat(w, 2, BALLOON_OOM_KILLS, 7);
	put_stat(w, 3, BALLOON_TOTAL, 1); /* half of it is missing */
	ring_add(&w->ring[STATS], &part, 1);
	virtio_notify(&w->b.dev, STATS);
	assert_false(used(w, STATS));
	virtio_balloon_state(&w->b, &now);
	assert_int_equal(now.answers, 1);
	assert_int_equal(now.stat[BALLOON_FREE], 12345);
	assert_int_equal(now.stat[BALLOON_OOM_KILLS], 7);
	assert_int_equal(now.stat[BALLOON_TOTAL], BALLOON_STAT_UNKNOWN);

	virtio_balloon_ask(&w->b);
	assert_true(used(w, STATS));
	virtio_balloon_ask(&w->b);
	assert_false(used(w, STATS));
	put_stat(w, 0, BALLOON_FREE, 1);
	ring_add(&w->ring[STATS], &part, 1);
	virtio_notify(&w->b.dev, STATS);
	virtio_balloon_state(&w->b, &now);
	assert_int_equal(now.answers, 2);
	assert_int_equal(now.stat[BALLOON_FREE], 1);
	world_free(w);
}

static void the_driver_hears_of_a_new_target(void **state)
{
	struct world *w = world_open(4096, OFFERED);

	(void)state;
	assert_int_equal(virtio_config_read(&w->b.dev, 0, 4), 256);
	virtio_balloon_set_target(&w->b, 2 * MiB);
	assert_int_equal(virtio_config_read(&w->b.dev, 0, 4), 512);
	assert_int_equal(w->counts.config, 1);
	virtio_config_write(&w->b.dev, 0, 7, 4);
	assert_int_equal(virtio_config_read(&w->b.dev, 0, 4), 512);
	virtio_config_write(&w->b.dev, 5, 1, 1);
	assert_int_equal(virtio_config_read(&w->b.dev, 4, 4), 256);
	world_free(w);
}

static void frozen_it_holds_no_buffer_and_goes_on_with_what_it_had(void **state)
{
	struct world *w = world_open(16384, OFFERED | 1ULL << VIRTIO_BALLOON_F_MUST_TELL_HOST);
	static const uint32_t pfn[] = { PFN(100) };
	struct ring_part part = { .addr = DATA, .len = 10 };
	struct err e = { 0 };
	struct dt_in in = { .name = "x", .e = &e };
	struct dt dt = { 0 };
	struct balloon_state told;

	(void)state;
	send_pfns(w, 0, pfn, 1);
	virtio_balloon_set_target(&w->b, 3 * MiB);
	put_stat(w, 0, BALLOON_FREE, 77);
	ring_add(&w->ring[2], &part, 1);
	virtio_notify(&w->b.dev, 2);
	assert_true(w->b.held);
	assert_true(virtio_freeze(&w->b.dev));
	assert_false(w->b.held);
	assert_int_equal(dt_start(&dt, &e), 0);
	virtio_save(&w->b.dev, &dt);
	assert_int_equal(dt_finish(&dt, &e), 0);
	memset(w->b.config, 0, sizeof(w->b.config));
	memset(w->b.given, 0, 64);
	in.fdt = dt.blob;
	virtio_restore(&w->b.dev, &in, 0);
	assert_int_equal(in.ret, 0);
	virtio_thaw(&w->b.dev);
	virtio_balloon_state(&w->b, &told);
	assert_int_equal(told.target, 3 * MiB);
	assert_int_equal(told.answers, 1);
	assert_int_equal(told.stat[BALLOON_FREE], 77);
	assert_int_equal(w->b.given[100 / 8], 1 << 100 % 8);
	dt_free(&dt);
	world_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pages_are_sorted_and_joined),
		cmocka_unit_test(the_first_and_the_last_page_are_pages),
		cmocka_unit_test(a_page_that_is_no_memory_breaks_the_device),
		cmocka_unit_test(a_buffer_of_the_wrong_kind_breaks_the_device),
		cmocka_unit_test(what_is_taken_out_is_only_answered),
		cmocka_unit_test(the_hosts_larger_page_goes_when_all_of_it_is_given),
		cmocka_unit_test(only_hosts_with_larger_pages_must_be_told),
		cmocka_unit_test(a_reset_empties_the_balloon),
		cmocka_unit_test(free_pages_are_reported_wherever_the_driver_has_its_queue),
		cmocka_unit_test(of_reported_ranges_only_whole_pages_go),
		cmocka_unit_test(a_guest_that_gives_much_is_served_in_turns),
		cmocka_unit_test(statistics_come_when_asked_for),
		cmocka_unit_test(the_driver_hears_of_a_new_target),
		cmocka_unit_test(frozen_it_holds_no_buffer_and_goes_on_with_what_it_had),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
