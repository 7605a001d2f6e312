/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio device on the MMIO transport against any driver: operations of OP_SIZE bytes write and
 * read registers, at any offset and width or one that exists, write rings, and let the host's requests
 * complete. The class keeps what it pops in flight for a while, and checks what it was promised.
 */
#include <stdlib.h>
#include <string.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "util/log.h"
#include "virtio/mmio.h"

#define BASE        0x40000000ULL
#define RAM_SIZE    0x4000
#define TABLE       (BASE + 0x3000)
#define NR_QUEUES   2
#define SIZE        16
#define CONFIG_SIZE 12
#define OP_SIZE     8

enum { WRITE, READ, REG, START, DESC, INDIRECT, ADD, OFFER, COMPLETE, CHANGE, EVENT, NR_OPS };

struct held {
	uint16_t head;
	uint8_t queue;
};

struct fuzz {
	struct virtio_device dev; /* first */
	struct virtio_mmio mmio;
	struct ram ram;
	struct ring ring[NR_QUEUES];
	uint8_t config[CONFIG_SIZE];
	struct held held[NR_QUEUES * SIZE];
	unsigned int nr_held;
	bool started; /* and not stopped */
	bool waits;   /* a vCPU is held until released() */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static unsigned int held_in(const struct fuzz *f, int queue)
{
	unsigned int nr = 0;

	for (unsigned int i = 0; i < f->nr_held; i++)
		nr += queue == VIRTIO_ALL || f->held[i].queue == queue;
	return nr;
}

static void start(struct virtio_device *dev)
{
	struct fuzz *f = (struct fuzz *)dev;

	must(!f->started && virtio_runs(dev) && !f->nr_held);
	f->started = true;
}

/* An even head is used at once. */
static void notify(struct virtio_device *dev, unsigned int queue)
{
	struct fuzz *f = (struct fuzz *)dev;
	struct virtq_chain chain;
	struct iovec iov[SIZE];

	must(f->started && virtio_runs(dev) && dev->queue[queue].enabled);
	while (held_in(f, (int)queue) < SIZE && virtio_pop(dev, queue, &chain, iov, SIZE)) {
		for (unsigned int i = 0; i < chain.nr_in; i++)
			memset(iov[chain.nr_out + i].iov_base, 0xa5, iov[chain.nr_out + i].iov_len);
		if (chain.head & 1)
			f->held[f->nr_held++] = (struct held){ chain.head, (uint8_t)queue };
		else
			virtio_push(dev, queue, chain.head, chain.in_len);
	}
	virtio_push_end(dev, queue);
}

static bool stop(struct virtio_device *dev, int queue)
{
	struct fuzz *f = (struct fuzz *)dev;

	must(f->started && (queue == VIRTIO_ALL || !dev->queue[queue].enabled));
	if (queue == VIRTIO_ALL)
		f->started = false;
	return !held_in(f, queue);
}

static void config_write(struct virtio_device *dev, uint32_t off, uint32_t value, unsigned int len)
{
	must(len <= 4 && off <= CONFIG_SIZE - len);
	memcpy(dev->config + off, &value, len);
}

static const struct virtio_class class = {
	.name = "fuzz",
	.id = 1,
	.config_write = config_write,
	.start = start,
	.notify = notify,
	.stop = stop,
};

static void complete_one(struct fuzz *f)
{
	struct held done = f->held[0];

	if (!f->nr_held)
		return;
	memmove(f->held, f->held + 1, --f->nr_held * sizeof(f->held[0]));
	virtio_push(&f->dev, done.queue, done.head, 1);
	virtio_push_end(&f->dev, done.queue);
	if (!held_in(f, done.queue))
		virtio_stopped(&f->dev, done.queue);
	if (!f->nr_held)
		virtio_stopped(&f->dev, VIRTIO_ALL);
}

static void released(void *ctx)
{
	struct fuzz *f = ctx;

	must(f->waits && !virtio_mmio_ops.busy(&f->mmio));
	f->waits = false;
}

static void no_place(void *ctx, unsigned int queue, gpa_t gpa, unsigned int len, bool match)
{
	(void)ctx;
	(void)queue;
	(void)gpa;
	(void)len;
	(void)match;
}

static void mmio_write(struct fuzz *f, uint64_t off, uint64_t value, unsigned int len)
{
	/* The bus hands out no access that leaves the region. */
	if (off > VIRTIO_MMIO_REGS_SIZE - len)
		return;
	virtio_mmio_ops.write(&f->mmio, off, value, len);
	f->waits = virtio_mmio_ops.busy(&f->mmio);
	must(f->waits || virtio_get_status(&f->dev) || !f->started);
}

static void mmio_read(struct fuzz *f, uint64_t off, unsigned int len)
{
	uint64_t value;

	if (off > VIRTIO_MMIO_REGS_SIZE - len)
		return;
	value = virtio_mmio_ops.read(&f->mmio, off, len);
	must(len == 8 || value >> 8 * len == 0);
}

static uint64_t addr_of(const uint8_t *p)
{
	static const uint64_t bases[] = {
		BASE, BASE + RAM_SIZE - 0x80, BASE - 0x80, 0, UINT64_MAX - 0x7f, TABLE, BASE, BASE
	};

	return bases[p[1] >> 5] + (p[0] | (p[1] & 0x1f) << 8);
}

/* All of an initialisation: features by @p[1], each queue of a size by @p[2]. */
static void initialise(struct fuzz *f, const uint8_t *p)
{
	uint64_t features = FEATURE_VERSION_1 | (uint64_t)(p[1] & 3) << 28 |
			    (p[1] & 4 ? FEATURE_RING_RESET : 0);
	gpa_t at = BASE;

	for (unsigned int i = 0; i < NR_QUEUES; i++) {
		ring_make(&f->ring[i], &f->ram, at, (uint16_t)(1 << (p[2] >> 3 * i) % 5));
		at = f->ring[i].end;
	}
	if (!virtio_mmio_ops.busy(&f->mmio) && !f->nr_held)
		ring_start(&f->dev, features, f->ring, NR_QUEUES);
}

static void operate(struct fuzz *f, const uint8_t *p)
{
	static const uint16_t regs[] = { 0x014, 0x020, 0x024, 0x030, 0x038, 0x044, 0x050, 0x064,
					 0x070, 0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4, 0x0c0 };
	struct ring *ring = &f->ring[p[1] >> 7];

	switch (p[0] % NR_OPS) {
	case WRITE:
		mmio_write(f, p[1] | (p[2] & 1) << 8, get_le32(p + 4), 1U << (p[3] & 3));
		break;
	case READ:
		mmio_read(f, p[1] | (p[2] & 1) << 8, 1U << (p[3] & 3));
		break;
	case REG:
		mmio_write(f, regs[p[1] % ARRAY_SIZE(regs)], get_le32(p + 4), 4);
		break;
	case START:
		initialise(f, p);
		break;
	case DESC:
		ring_desc(ring, ring->desc, p[1] % ring->size, addr_of(p + 2),
			  p[4] | (p[5] & 0x7f) << 8, p[6], p[7]);
		break;
	case INDIRECT:
		ring_desc(ring, TABLE, p[1] & 0x7f, addr_of(p + 2), p[4] | (p[5] & 0x7f) << 8, p[6],
			  p[7]);
		break;
	case ADD:
		ring_add(ring, &(struct ring_part){ addr_of(p + 2), p[4], p[6] & 1 }, 1);
		break;
	case OFFER:
		ring_offer(ring, p[1] & 0x7f);
		break;
	case COMPLETE:
		complete_one(f);
		break;
	case CHANGE:
		virtio_config_changed(&f->dev);
		break;
	case EVENT:
		ring_set_used_event(ring, p[2]);
		ring_set_flags(ring, p[3]);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct virtio_doorbells doorbells = { .place = no_place };
	struct fuzz f = { 0 };

	log_set_level(LOG_ERROR);
	ring_ram(&f.ram, BASE, RAM_SIZE);
	must(!virtio_init(&f.dev, &class, "fuzz0", &f.ram, NR_QUEUES, SIZE, 0xff, NULL));
	f.dev.config = f.config;
	f.dev.config_size = CONFIG_SIZE;
	virtio_mmio_init(&f.mmio, &f.dev, 0, (struct irq){ 0 }, &doorbells, released, &f);
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		ring_make(&f.ring[i], &f.ram, BASE + 0x1000 * i, SIZE);
	for (size_t at = 0; size - at >= OP_SIZE; at += OP_SIZE)
		operate(&f, data + at);
	/* The end of a life: what is in flight comes back, and whoever waits goes on. */
	while (f.nr_held)
		complete_one(&f);
	must(!virtio_mmio_ops.busy(&f.mmio) && !f.waits);
	virtio_destroy(&f.dev);
	ring_ram_free(&f.ram);
	return 0;
}
