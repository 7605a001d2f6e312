/* SPDX-License-Identifier: BSD-2-Clause */
/* The 9P transport device over a server of the test's own, which holds messages back or answers at once. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "virtio/p9.h"

#define RAM_BASE 0x40000000ULL
#define RAM_SIZE (256 * KiB)
#define OUT      (RAM_BASE + 64 * KiB)
#define IN       (RAM_BASE + 128 * KiB)

struct world {
	struct ram ram;
	struct virtio_p9 p9;
	struct ring ring;
	struct ring_counts counts;
	bool hold;
	int result; /* of what is answered */
	struct p9_request *held[VIRTIO_P9_QUEUE_SIZE + 1];
	unsigned int nr_held, nr_later, nr_resets, nr;
	struct p9_request last;
};

static bool submit(void *ctx, struct p9_request *req)
{
	struct world *w = ctx;

	w->last = *req;
	w->nr++;
	req->result = w->result;
	if (w->hold)
		w->held[w->nr_held++] = req;
	return !w->hold;
}

static void later(void *ctx)
{
	((struct world *)ctx)->nr_later++;
}

static void reset(void *ctx)
{
	((struct world *)ctx)->nr_resets++;
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct p9_backend backend = { .submit = submit, .later = later, .reset = reset, .ctx = w };
	struct err e = { 0 };

	assert_non_null(w);
	ring_ram(&w->ram, RAM_BASE, RAM_SIZE);
	ring_make(&w->ring, &w->ram, RAM_BASE, VIRTIO_P9_QUEUE_SIZE);
	assert_int_equal(virtio_p9_init(&w->p9, "9p0", &w->ram, backend, "tag", &e), 0);
	virtio_attach(&w->p9.dev, &ring_transport, &w->counts);
	assert_int_equal(ring_start(&w->p9.dev, FEATURE_VERSION_1 | 1, &w->ring, 1), STATUS_RUNS);
	w->result = 11;
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	virtio_p9_destroy(&w->p9);
	ring_ram_free(&w->ram);
	free(w);
	return 0;
}

static void offer(struct world *w, uint32_t out, uint32_t in)
{
	struct ring_part part[] = { { .addr = OUT, .len = out },
				    { .addr = IN, .len = in, .in = true } };

	ring_add(&w->ring, part, 2);
}

/* Bytes in the next used buffer; -1: there is none. */
static int64_t used(struct world *w)
{
	uint32_t id, len;

	return ring_used(&w->ring, &id, &len) ? (int64_t)len : -1;
}

static void complete(struct world *w)
{
	struct p9_frontend frontend = virtio_p9_frontend(&w->p9);

	frontend.done(frontend.ctx, w->held[--w->nr_held]);
	frontend.done_end(frontend.ctx);
}

static void the_tag_is_in_the_configuration(void **state)
{
	struct world *w = *state;

	assert_int_equal(virtio_config_read(&w->p9.dev, 0, 2), 3);
	assert_int_equal(virtio_config_read(&w->p9.dev, 2, 4), 't' | 'a' << 8 | 'g' << 16);
	assert_true(virtio_get_offered(&w->p9.dev, 0) & 1);
}

static void a_message_goes_to_the_server_and_its_answer_back(void **state)
{
	struct world *w = *state;

	offer(w, 19, 100);
	virtio_notify(&w->p9.dev, 0);
	assert_int_equal(w->last.out_len, 19);
	assert_int_equal(w->last.in_len, 100);
	assert_int_equal(w->last.nr_out, 1);
	assert_int_equal(w->last.nr_in, 1);
	assert_ptr_equal(w->last.out[0].iov_base, ram_slice(&w->ram, OUT, 1));
	assert_ptr_equal(w->last.in[0].iov_base, ram_slice(&w->ram, IN, 1));
	assert_int_equal(used(w), 11);
	assert_int_equal(w->counts.used, 1);
}

static void answers_may_come_later_and_in_any_order(void **state)
{
	struct world *w = *state;

	w->hold = true;
	for (unsigned int i = 0; i < 3; i++)
		offer(w, 19, 100);
	virtio_notify(&w->p9.dev, 0);
	assert_int_equal(w->nr_held, 3);
	assert_int_equal(used(w), -1);
	complete(w);
	assert_int_equal(used(w), 11);
	assert_int_equal(used(w), -1);
	complete(w);
	complete(w);
	assert_int_equal(w->counts.used, 3);
}

static void what_is_no_message_breaks_the_device(void **state)
{
	struct world *w = *state;

	w->result = -EBADMSG;
	offer(w, 3, 100);
	virtio_notify(&w->p9.dev, 0);
	assert_true(virtio_get_status(&w->p9.dev) & STATUS_NEEDS_RESET);
	assert_int_equal(used(w), -1);
	w->result = 11;
	assert_int_equal(ring_start(&w->p9.dev, FEATURE_VERSION_1, &w->ring, 1), STATUS_RUNS);
}

static void a_reset_waits_for_the_server(void **state)
{
	struct world *w = *state;

	w->hold = true;
	offer(w, 19, 100);
	offer(w, 19, 100);
	virtio_notify(&w->p9.dev, 0);
	virtio_set_status(&w->p9.dev, 0);
	assert_int_equal(w->nr_resets, 1);
	assert_true(virtio_busy(&w->p9.dev));
	complete(w);
	assert_true(virtio_busy(&w->p9.dev));
	complete(w);
	assert_false(virtio_busy(&w->p9.dev));
	assert_int_equal(virtio_get_status(&w->p9.dev), 0);
	assert_int_equal(used(w), -1);
}

static void a_queue_that_is_full_is_served_in_turns(void **state)
{
	struct world *w = *state;
	struct p9_frontend frontend = virtio_p9_frontend(&w->p9);

	for (unsigned int i = 0; i < 100; i++) {
		struct ring_part part = { .addr = OUT, .len = 19 };

		ring_add(&w->ring, &part, 1);
	}
	virtio_notify(&w->p9.dev, 0);
	assert_int_equal(w->nr, 64);
	assert_int_equal(w->nr_later, 1);
	frontend.done_end(frontend.ctx);
	assert_int_equal(w->nr, 100);
	assert_int_equal(w->nr_later, 1);
}

static void a_whole_queue_can_be_in_flight(void **state)
{
	struct world *w = *state;
	struct p9_frontend frontend = virtio_p9_frontend(&w->p9);

	w->hold = true;
	for (unsigned int i = 0; i < VIRTIO_P9_QUEUE_SIZE; i++) {
		struct ring_part part = { .addr = OUT, .len = 19 };

		ring_add(&w->ring, &part, 1);
	}
	virtio_notify(&w->p9.dev, 0);
	frontend.done_end(frontend.ctx);
	frontend.done_end(frontend.ctx);
	assert_int_equal(w->nr_held, VIRTIO_P9_QUEUE_SIZE);
	while (w->nr_held)
		complete(w);
	assert_int_equal(ring_used_idx(&w->ring), VIRTIO_P9_QUEUE_SIZE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_tag_is_in_the_configuration),
		TEST(a_message_goes_to_the_server_and_its_answer_back),
		TEST(answers_may_come_later_and_in_any_order),
		TEST(what_is_no_message_breaks_the_device),
		TEST(a_reset_waits_for_the_server),
		TEST(a_queue_that_is_full_is_served_in_turns),
		TEST(a_whole_queue_can_be_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
