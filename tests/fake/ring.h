/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A virtio driver for tests: builds rings in guest memory, adds chains, looks at what comes back, and
 * takes a device through its initialisation. It keeps no rule by itself: whatever a test wants
 * to break, it can write.
 */
#ifndef LKVM_FAKE_RING_H
#define LKVM_FAKE_RING_H

#include "virtio/device.h"

/* Numbers of the specification that tests need (2.7.5, 2.1). */
#define RING_NEXT     1
#define RING_WRITE    2
#define RING_INDIRECT 4

#define STATUS_ACKNOWLEDGE 0x01
#define STATUS_DRIVER      0x02
#define STATUS_DRIVER_OK   0x04
#define STATUS_FEATURES_OK 0x08
#define STATUS_NEEDS_RESET 0x40
#define STATUS_FAILED      0x80
#define STATUS_READY       (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_FEATURES_OK)
#define STATUS_RUNS        (STATUS_READY | STATUS_DRIVER_OK)

#define FEATURE_INDIRECT        (1ULL << 28)
#define FEATURE_EVENT_IDX       (1ULL << 29)
#define FEATURE_VERSION_1       (1ULL << 32)
#define FEATURE_ACCESS_PLATFORM (1ULL << 33)
#define FEATURE_RING_RESET      (1ULL << 40)

/* Guest memory of @size bytes that sanitizers watch the edges of. For ring_ram_free(). */
void ring_ram(struct ram *ram, gpa_t base, uint64_t size);
void ring_ram_free(struct ram *ram);

/* A queue as its driver knows it. */
struct ring {
	const struct ram *ram;
	uint16_t size;
	gpa_t desc, driver, device; /* one after the other */
	gpa_t end;                  /* first address behind them, a multiple of 16 */
	uint16_t next_desc;         /* the next free descriptor, modulo @size */
	uint16_t idx;               /* the available index as last published */
	uint16_t seen_used;         /* entries of the used ring already returned by ring_used() */
};

/* One part of a buffer. */
struct ring_part {
	gpa_t addr;
	uint32_t len;
	bool in; /* device-writable */
};

/* Lays the areas of a queue out from @base on (a multiple of 16), all zero. */
void ring_make(struct ring *ring, const struct ram *ram, gpa_t base, uint16_t size);

/* Writes a descriptor into the table at @table, the ring's own (ring->desc) or an indirect one. */
void ring_desc(const struct ring *ring, gpa_t table, uint16_t index, uint64_t addr, uint32_t len,
	       uint16_t flags, uint16_t next);

/* Makes the chain that starts at @head available. */
void ring_offer(struct ring *ring, uint16_t head);

/* Writes @nr parts as a chain into free descriptors and makes it available; returns its head. */
uint16_t ring_add(struct ring *ring, const struct ring_part *part, unsigned int nr);

/* The same by an indirect table at @table. */
uint16_t ring_add_indirect(struct ring *ring, gpa_t table, const struct ring_part *part,
			   unsigned int nr);

/* The available index, as anybody might write it. */
void ring_set_idx(struct ring *ring, uint16_t idx);

/* The next entry of the used ring, if the device has put one there. */
bool ring_used(struct ring *ring, uint32_t *id, uint32_t *len);
uint16_t ring_used_idx(const struct ring *ring);

/* What each side wishes of the other. */
void ring_set_flags(const struct ring *ring, uint16_t flags);
void ring_set_used_event(const struct ring *ring, uint16_t idx);
uint16_t ring_used_flags(const struct ring *ring);
uint16_t ring_avail_event(const struct ring *ring);

/* Little-endian fields of guest memory. */
uint64_t ring_get(const struct ring *ring, gpa_t addr, unsigned int len);
void ring_put(const struct ring *ring, gpa_t addr, uint64_t value, unsigned int len);

/* --- A device, through the functions that transports call --- */

/* Resets @dev, accepts @features and sets FEATURES_OK; returns the status that came of it. */
uint8_t ring_negotiate(struct virtio_device *dev, uint64_t features);

/* Tells @dev of the queue and enables it. */
void ring_connect(struct virtio_device *dev, uint32_t queue, const struct ring *ring);

/* ring_negotiate(), each of @nr queues, DRIVER_OK; returns the status that came of it. */
uint8_t ring_start(struct virtio_device *dev, uint64_t features, const struct ring *ring,
		   unsigned int nr);

/* A transport that counts: virtio_attach(dev, &ring_transport, &counts). */
struct ring_counts {
	unsigned int used, config, resets;
	int last_queue; /* of the last used-buffer interrupt */
};

extern const struct virtio_transport ring_transport;

#endif
