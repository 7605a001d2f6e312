/* SPDX-License-Identifier: BSD-2-Clause */
/* The device of virtio_world.h behind the registers of the MMIO transport, and a driver for them. */
#ifndef LKVM_TESTS_VIRTIO_BOARD_H
#define LKVM_TESTS_VIRTIO_BOARD_H

#include "virtio/mmio.h"
#include "virtio_world.h"

#define REGS 0x0a000000ULL

/* The specification's names (4.2.2). */
enum {
	MAGIC = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	VENDOR_ID = 0x00c,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC = 0x080,
	QUEUE_DRIVER = 0x090,
	QUEUE_DEVICE = 0x0a0,
	SHM_SEL = 0x0ac,
	SHM_LEN_LOW = 0x0b0,
	SHM_BASE_HIGH = 0x0bc,
	QUEUE_RESET = 0x0c0,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100,
};

/* The transport around the device of virtio_world.h. */
struct board {
	struct world *w;
	struct virtio_mmio mmio;
	unsigned int edges, releases, placed;
	bool irq_low; /* the line was ever lowered */
};

static inline void set_irq(void *ctx, uint32_t nr, bool level)
{
	struct board *b = ctx;

	assert_int_equal(nr, 33);
	b->edges += level;
	b->irq_low |= !level;
}

static inline void place(void *ctx, unsigned int queue, gpa_t gpa, unsigned int len, bool match)
{
	struct board *b = ctx;

	assert_int_equal(queue, b->placed);
	assert_int_equal(gpa, REGS + QUEUE_NOTIFY);
	assert_int_equal(len, 4);
	assert_true(match);
	b->placed++;
}

static inline void released(void *ctx)
{
	struct board *b = ctx;

	assert_false(virtio_mmio_ops.busy(&b->mmio));
	b->releases++;
}

static inline int board_setup(void **state)
{
	struct board *b = calloc(1, sizeof(*b));
	const struct virtio_doorbells doorbells = { .place = place, .ctx = b };

	setup((void **)&b->w);
	virtio_mmio_init(&b->mmio, &b->w->dev, REGS,
			 (struct irq){ .set = set_irq, .ctx = b, .nr = 33 }, &doorbells, released,
			 b);
	*state = b;
	return 0;
}

static inline int board_teardown(void **state)
{
	struct board *b = *state;

	teardown((void **)&b->w);
	free(b);
	return 0;
}

static inline uint32_t get(struct board *b, uint64_t off)
{
	return (uint32_t)virtio_mmio_ops.read(&b->mmio, off, 4);
}

static inline void put(struct board *b, uint64_t off, uint32_t value)
{
	virtio_mmio_ops.write(&b->mmio, off, value, 4);
}

static inline void put_addr(struct board *b, uint64_t off, gpa_t gpa)
{
	put(b, off, (uint32_t)gpa);
	put(b, off + 4, (uint32_t)(gpa >> 32));
}

/* 4.2.3.2 */
static inline void connect(struct board *b, uint32_t queue, const struct ring *ring)
{
	put(b, QUEUE_SEL, queue);
	put(b, QUEUE_NUM, ring->size);
	put_addr(b, QUEUE_DESC, ring->desc);
	put_addr(b, QUEUE_DRIVER, ring->driver);
	put_addr(b, QUEUE_DEVICE, ring->device);
	put(b, QUEUE_READY, 1);
}

/* 3.1.1, as a driver does it. */
static inline void start(struct board *b)
{
	put(b, STATUS, 0);
	put(b, STATUS, STATUS_ACKNOWLEDGE);
	put(b, STATUS, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	for (uint32_t sel = 0; sel < 2; sel++) {
		put(b, DEVICE_FEATURES_SEL, sel);
		put(b, DRIVER_FEATURES_SEL, sel);
		put(b, DRIVER_FEATURES, get(b, DEVICE_FEATURES) & FEATURES >> 32 * sel);
	}
	put(b, STATUS, STATUS_READY);
	assert_int_equal(get(b, STATUS), STATUS_READY);
	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		struct ring *ring = &b->w->ring[i];

		ring_make(ring, &b->w->ram, ring->desc, SIZE);
		put(b, QUEUE_SEL, i);
		assert_int_equal(get(b, QUEUE_READY), 0);
		assert_int_equal(get(b, QUEUE_NUM_MAX), SIZE);
		connect(b, i, ring);
		assert_int_equal(get(b, QUEUE_READY), 1);
	}
	put(b, STATUS, STATUS_RUNS);
	assert_int_equal(get(b, STATUS), STATUS_RUNS);
}

static inline void use_one(struct board *b, uint32_t queue)
{
	add_one(b->w, queue);
	put(b, QUEUE_NOTIFY, queue);
}

#define BOARD(name) cmocka_unit_test_setup_teardown(name, board_setup, board_teardown)

#endif
