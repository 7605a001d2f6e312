/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device of a class that records what it is asked for, its driver's rings, and a back end that keeps
 * buffers as long as the test wants: for the tests of the core and of the MMIO transport.
 */
#ifndef LKVM_TESTS_VIRTIO_WORLD_H
#define LKVM_TESTS_VIRTIO_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "util/log.h"
#include "vm/dt_in.h"

#define BASE        0x40000000ULL
#define RAM_SIZE    0x20000
#define BUF         (BASE + 0x10000)
#define NR_QUEUES   2
#define SIZE        16
#define CONFIG_SIZE 20
#define FEATURE_3   (1ULL << 3) /* the class's own */
#define FEATURE_9   (1ULL << 9)
#define FEATURES    (FEATURE_VERSION_1 | FEATURE_INDIRECT | FEATURE_RING_RESET)

struct world {
	struct virtio_device dev; /* first: the class gets back from here */
	struct ram ram;
	struct ring ring[NR_QUEUES];
	struct ring_counts told;
	uint8_t config[CONFIG_SIZE];

	unsigned int starts, notified[NR_QUEUES];
	unsigned int stops, stopped_queue[NR_QUEUES];
	bool keep;                 /* notify() leaves buffers in flight */
	uint16_t held[4 * SIZE];   /* their heads */
	uint8_t held_of[4 * SIZE]; /* and queues */
	unsigned int nr_held;
	unsigned int writes, write_off, write_len; /* of the configuration */
	uint32_t write_value;
};

static inline struct world *world_of(struct virtio_device *dev)
{
	return (struct world *)dev;
}

static inline void class_start(struct virtio_device *dev)
{
	world_of(dev)->starts++;
}

/* Takes every buffer; gives it back with 7 bytes written, or keeps it. */
static inline void class_notify(struct virtio_device *dev, unsigned int queue)
{
	struct world *w = world_of(dev);
	struct virtq_chain chain;
	struct iovec iov[SIZE];

	assert_true(virtio_runs(dev));
	assert_true(virtio_queue_enabled(dev, queue));
	w->notified[queue]++;
	while (virtio_pop(dev, queue, &chain, iov, SIZE)) {
		if (w->keep) {
			w->held_of[w->nr_held] = (uint8_t)queue;
			w->held[w->nr_held++] = chain.head;
		} else {
			virtio_push(dev, queue, chain.head, 7);
		}
	}
	virtio_push_end(dev, queue);
}

static inline unsigned int held_in(const struct world *w, int queue)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < w->nr_held; i++)
		nr += queue == VIRTIO_ALL || w->held_of[i] == queue;
	return nr;
}

static inline bool class_stop(struct virtio_device *dev, int queue)
{
	struct world *w = world_of(dev);

	if (queue == VIRTIO_ALL)
		w->stops++;
	else
		w->stopped_queue[queue]++;
	return !held_in(w, queue);
}

static inline void class_config_write(struct virtio_device *dev, uint32_t off, uint32_t value,
				      unsigned int len)
{
	struct world *w = world_of(dev);

	w->writes++;
	w->write_off = off;
	w->write_value = value;
	w->write_len = len;
}

/* What was held comes back from the host, as late as it likes. */
static inline void complete_all(struct world *w)
{
	unsigned int nr = w->nr_held;

	w->nr_held = 0;
	for (unsigned int i = 0; i < nr; i++) {
		virtio_push(&w->dev, w->held_of[i], w->held[i], 7);
		virtio_push_end(&w->dev, w->held_of[i]);
	}
	for (int i = 0; i < NR_QUEUES; i++)
		virtio_stopped(&w->dev, i);
	virtio_stopped(&w->dev, VIRTIO_ALL);
}

static inline bool class_freeze(struct virtio_device *dev)
{
	return !held_in(world_of(dev), VIRTIO_ALL);
}

static inline void class_save(const struct virtio_device *dev, struct dt *dt)
{
	dt_bytes(dt, "config", ((const struct world *)dev)->config, CONFIG_SIZE);
}

static inline void class_restore(struct virtio_device *dev, struct dt_in *in, int node)
{
	size_t len = 0;

	dt_in_bytes(in, node, "config", world_of(dev)->config, CONFIG_SIZE, &len);
}

static const struct virtio_class test_class = {
	.name = "test",
	.id = 42,
	.config_write = class_config_write,
	.start = class_start,
	.notify = class_notify,
	.stop = class_stop,
	.freeze = class_freeze,
	.save = class_save,
	.restore = class_restore,
};

static inline int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	gpa_t at = BASE;

	log_set_level(LOG_ERROR);
	ring_ram(&w->ram, BASE, RAM_SIZE);
	assert_int_equal(virtio_init(&w->dev, &test_class, "test0", &w->ram, NR_QUEUES, SIZE,
				     FEATURE_3 | FEATURE_9, NULL),
			 0);
	for (unsigned int i = 0; i < CONFIG_SIZE; i++)
		w->config[i] = (uint8_t)(0x10 + i);
	w->dev.config = w->config;
	w->dev.config_size = CONFIG_SIZE;
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		ring_make(&w->ring[i], &w->ram, at, SIZE);
		at = align_up(w->ring[i].end, 4096);
	}
	virtio_attach(&w->dev, &ring_transport, &w->told);
	*state = w;
	return 0;
}

static inline int teardown(void **state)
{
	struct world *w = *state;

	virtio_destroy(&w->dev);
	ring_ram_free(&w->ram);
	free(w);
	return 0;
}

/* Makes a buffer of one writable part available. */
static inline uint16_t add_one(struct world *w, unsigned int queue)
{
	return ring_add(&w->ring[queue], &(struct ring_part){ BUF, 8, true }, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
