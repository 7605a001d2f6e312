/* SPDX-License-Identifier: BSD-2-Clause */
/* A virtio driver for tests: rings in guest memory, and a device's initialisation. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include "fake/ring.h"
#include "util/bits.h"

#define PAGE 4096

void ring_ram(struct ram *ram, gpa_t base, uint64_t size)
{
	*ram = (struct ram){ .base = base, .size = size, .page_size = PAGE, .fd = -1 };
	ram->host = aligned_alloc(PAGE, size);
	assert(ram->host);
	memset(ram->host, 0, size);
}

void ring_ram_free(struct ram *ram)
{
	free(ram->host);
	*ram = (struct ram){ 0 };
}

uint64_t ring_get(const struct ring *ring, gpa_t addr, unsigned int len)
{
	uint64_t value = 0;

	assert(len <= sizeof(value) && !ram_read(ring->ram, addr, &value, len));
	return le64toh(value);
}

/* Two bytes in one access: the device may be reading. */
void ring_put(const struct ring *ring, gpa_t addr, uint64_t value, unsigned int len)
{
	void *host = ram_slice(ring->ram, addr, len);

	assert(host && len <= sizeof(value));
	value = htole64(value);
	if (len == 2 && addr % 2 == 0)
		__atomic_store_n((uint16_t *)host, (uint16_t)value, __ATOMIC_SEQ_CST);
	else
		memcpy(host, &value, len);
}

void ring_make(struct ring *ring, const struct ram *ram, gpa_t base, uint16_t size)
{
	uint64_t driver_off = 16ULL * size;
	uint64_t device_off = align_up(driver_off + 6 + 2ULL * size, 4);
	uint64_t len = align_up(device_off + 6 + 8ULL * size, 16);
	void *host = ram_slice(ram, base, len);

	assert(host);
	memset(host, 0, len);
	*ring = (struct ring){
		.ram = ram,
		.size = size,
		.desc = base,
		.driver = base + driver_off,
		.device = base + device_off,
		.end = base + len,
	};
}

void ring_desc(const struct ring *ring, gpa_t table, uint16_t index, uint64_t addr, uint32_t len,
	       uint16_t flags, uint16_t next)
{
	gpa_t at = table + 16ULL * index;

	ring_put(ring, at, addr, 8);
	ring_put(ring, at + 8, len, 4);
	ring_put(ring, at + 12, flags, 2);
	ring_put(ring, at + 14, next, 2);
}

void ring_set_idx(struct ring *ring, uint16_t idx)
{
	ring->idx = idx;
	ring_put(ring, ring->driver + 2, idx, 2);
}

void ring_offer(struct ring *ring, uint16_t head)
{
	ring_put(ring, ring->driver + 4 + 2ULL * (ring->idx % ring->size), head, 2);
	ring_set_idx(ring, ring->idx + 1);
}

static uint16_t flags_of(const struct ring_part *part, bool last)
{
	return (part->in ? RING_WRITE : 0) | (last ? 0 : RING_NEXT);
}

uint16_t ring_add(struct ring *ring, const struct ring_part *part, unsigned int nr)
{
	uint16_t head = ring->next_desc % ring->size;

	for (unsigned int i = 0; i < nr; i++) {
		uint16_t index = ring->next_desc++ % ring->size;

		ring_desc(ring, ring->desc, index, part[i].addr, part[i].len,
			  flags_of(&part[i], i + 1 == nr), ring->next_desc % ring->size);
	}
	ring_offer(ring, head);
	return head;
}

uint16_t ring_add_indirect(struct ring *ring, gpa_t table, const struct ring_part *part,
			   unsigned int nr)
{
	uint16_t head = ring->next_desc++ % ring->size;

	for (uint16_t i = 0; i < nr; i++)
		ring_desc(ring, table, i, part[i].addr, part[i].len,
			  flags_of(&part[i], i + 1U == nr), i + 1);
	ring_desc(ring, ring->desc, head, table, 16 * nr, RING_INDIRECT, 0);
	ring_offer(ring, head);
	return head;
}

uint16_t ring_used_idx(const struct ring *ring)
{
	return (uint16_t)ring_get(ring, ring->device + 2, 2);
}

bool ring_used(struct ring *ring, uint32_t *id, uint32_t *len)
{
	gpa_t entry = ring->device + 4 + 8ULL * (ring->seen_used % ring->size);

	if (ring->seen_used == ring_used_idx(ring))
		return false;
	*id = (uint32_t)ring_get(ring, entry, 4);
	*len = (uint32_t)ring_get(ring, entry + 4, 4);
	ring->seen_used++;
	return true;
}

void ring_set_flags(const struct ring *ring, uint16_t flags)
{
	ring_put(ring, ring->driver, flags, 2);
}

void ring_set_used_event(const struct ring *ring, uint16_t idx)
{
	ring_put(ring, ring->driver + 4 + 2ULL * ring->size, idx, 2);
}

uint16_t ring_used_flags(const struct ring *ring)
{
	return (uint16_t)ring_get(ring, ring->device, 2);
}

uint16_t ring_avail_event(const struct ring *ring)
{
	return (uint16_t)ring_get(ring, ring->device + 4 + 8ULL * ring->size, 2);
}

uint8_t ring_negotiate(struct virtio_device *dev, uint64_t features)
{
	virtio_set_status(dev, 0);
	virtio_set_status(dev, STATUS_ACKNOWLEDGE);
	virtio_set_status(dev, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
	virtio_set_accepted(dev, 0, (uint32_t)features);
	virtio_set_accepted(dev, 1, (uint32_t)(features >> 32));
	virtio_set_status(dev, STATUS_READY);
	return virtio_get_status(dev);
}

void ring_connect(struct virtio_device *dev, uint32_t queue, const struct ring *ring)
{
	const gpa_t area[] = {
		[VIRTIO_DESC] = ring->desc,
		[VIRTIO_DRIVER] = ring->driver,
		[VIRTIO_DEVICE] = ring->device,
	};

	virtio_set_queue_size(dev, queue, ring->size);
	for (unsigned int i = 0; i < ARRAY_SIZE(area); i++) {
		virtio_set_queue_addr(dev, queue, i, false, (uint32_t)area[i]);
		virtio_set_queue_addr(dev, queue, i, true, (uint32_t)(area[i] >> 32));
	}
	virtio_enable_queue(dev, queue, true);
}

uint8_t ring_start(struct virtio_device *dev, uint64_t features, const struct ring *ring,
		   unsigned int nr)
{
	ring_negotiate(dev, features);
	for (unsigned int i = 0; i < nr; i++)
		ring_connect(dev, i, &ring[i]);
	virtio_set_status(dev, STATUS_RUNS);
	return virtio_get_status(dev);
}

static void count_interrupt(void *ctx, int queue)
{
	struct ring_counts *counts = ctx;

	if (queue == VIRTIO_ALL) {
		counts->config++;
		return;
	}
	counts->used++;
	counts->last_queue = queue;
}

static void count_reset(void *ctx)
{
	struct ring_counts *counts = ctx;

	counts->resets++;
}

/* It has no state of its own. */
static void save_nothing(void *ctx, struct dt *dt)
{
	(void)ctx;
	(void)dt;
}

static void restore_nothing(void *ctx, struct dt_in *in, int node)
{
	(void)ctx;
	(void)in;
	(void)node;
}

const struct virtio_transport ring_transport = {
	.interrupt = count_interrupt,
	.reset_done = count_reset,
	.save = save_nothing,
	.restore = restore_nothing,
};
