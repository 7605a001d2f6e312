/* SPDX-License-Identifier: BSD-2-Clause */
/* One queue between a test's driver and the device's side: for the tests of the ring. */
#ifndef LKVM_TESTS_VIRTQ_WORLD_H
#define LKVM_TESTS_VIRTQ_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake/ring.h"
#include "virtio/virtq.h"

#define BASE     0x40000000ULL
#define RAM_SIZE 0x40000
#define RAM_END  (BASE + RAM_SIZE)
#define BUF      (BASE + 0x20000) /* free memory behind the rings */
#define TABLE    (BASE + 0x30000) /* and more, for indirect tables */
#define SIZE     8
#define PARTS    32

struct world {
	struct ram ram;
	struct ring ring;
	struct virtq q;
	struct virtq_chain chain; /* what was popped last */
	struct iovec iov[PARTS];
};

static void start_queue(struct world *w, uint16_t size_max, uint16_t size, bool event_idx,
			bool indirect)
{
	ring_make(&w->ring, &w->ram, BASE, size);
	virtq_init(&w->q, &w->ram, size_max);
	w->q.size = size;
	w->q.desc = w->ring.desc;
	w->q.driver = w->ring.driver;
	w->q.device = w->ring.device;
	assert_true(virtq_enable(&w->q, event_idx, indirect));
}

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	ring_ram(&w->ram, BASE, RAM_SIZE);
	start_queue(w, SIZE, SIZE, false, true);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	ring_ram_free(&w->ram);
	free(w);
	return 0;
}

static int pop(struct world *w)
{
	return virtq_pop(&w->q, &w->chain, w->iov, PARTS);
}

/* Makes a buffer of one readable byte available. */
static inline uint16_t add_one(struct world *w)
{
	return ring_add(&w->ring, &(struct ring_part){ BUF, 1, false }, 1);
}

/* The driver broke a rule: the pop says so, and the queue is of no use any more. */
static inline void assert_breaks(struct world *w)
{
	assert_int_equal(pop(w), -1);
	assert_non_null(w->q.broken);
	assert_int_equal(pop(w), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
