/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The device's side of a split virtqueue. Called by virtio/device.c for the classes, with the
 * device's lock held; the driver runs on at the same time, on another CPU.
 *
 *	driver area	0 flags, 2 idx, 4 ring[size] of 2 bytes, used_event
 *	device area	0 flags, 2 idx, 4 ring[size] of 8 bytes, avail_event
 *
 * The areas are resolved to host memory once, when the queue is enabled, and cannot move after that.
 */
#include <assert.h>
#include <endian.h>
#include <linux/virtio_ring.h>
#include <stddef.h>
#include <string.h>
#include "virtio/virtq.h"

#define FLAGS     0
#define IDX       2
#define RING      4
#define DESC_SIZE sizeof(struct vring_desc)
#define USED_SIZE sizeof(struct vring_used_elem)

/* A descriptor as the device goes by it, whatever the driver writes there afterwards. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* The table that is being walked: the ring's own, then perhaps an indirect one. */
struct walk {
	const uint8_t *table;
	unsigned int nr;         /* descriptors in it */
	unsigned int steps_left; /* that the chain may still take */
	bool indirect;
};

static uint16_t load16(const uint8_t *area, size_t off)
{
	return le16toh(__atomic_load_n((const uint16_t *)(area + off), __ATOMIC_RELAXED));
}

static void store16(uint8_t *area, size_t off, uint16_t value)
{
	__atomic_store_n((uint16_t *)(area + off), htole16(value), __ATOMIC_RELAXED);
}

static void store32(uint8_t *area, size_t off, uint32_t value)
{
	__atomic_store_n((uint32_t *)(area + off), htole32(value), __ATOMIC_RELAXED);
}

/* Indirect tables may lie anywhere (2.7.5.3). Volatile, so that the value is not fetched again. */
static uint64_t load64_anywhere(const uint8_t *p)
{
	const volatile struct {
		uint64_t value;
	} __attribute__((packed, may_alias)) *word = (const void *)p;

	return le64toh(word->value);
}

static size_t used_event_off(const struct virtq *q)
{
	return RING + sizeof(uint16_t) * q->size;
}

static size_t avail_event_off(const struct virtq *q)
{
	return RING + USED_SIZE * q->size;
}

static bool broken(struct virtq *q, const char *why)
{
	q->broken = why;
	return false;
}

/* An enabled queue whose driver kept the rules so far, and which is served here. */
static bool usable(const struct virtq *q)
{
	return q->enabled && !q->broken && !q->elsewhere;
}

void virtq_init(struct virtq *q, const struct ram *ram, uint16_t size_max)
{
	*q = (struct virtq){ .ram = ram, .size_max = size_max, .size = size_max };
}

bool virtq_enable(struct virtq *q, bool event_idx, bool indirect)
{
	if (q->desc % VRING_DESC_ALIGN_SIZE || q->driver % VRING_AVAIL_ALIGN_SIZE ||
	    q->device % VRING_USED_ALIGN_SIZE)
		return broken(q, "its rings are not aligned");
	q->desc_area = ram_slice(q->ram, q->desc, DESC_SIZE * q->size);
	q->driver_area = ram_slice(q->ram, q->driver, used_event_off(q) + sizeof(uint16_t));
	q->device_area = ram_slice(q->ram, q->device, avail_event_off(q) + sizeof(uint16_t));
	if (!q->desc_area || !q->driver_area || !q->device_area)
		return broken(q, "its rings are not in RAM");

	q->event_idx = event_idx;
	q->indirect = indirect;
	q->quiet = false;
	q->next_avail = q->seen_avail = q->next_used = q->told_used = 0;
	q->enabled = true;
	return true;
}

/*
 * How far the driver has filled its ring. Pairs with the barrier that the driver has before it writes
 * idx (2.7.13.3.1): what idx counts is seen complete.
 */
static uint16_t load_avail_idx(const struct virtq *q)
{
	return le16toh(__atomic_load_n((const uint16_t *)(q->driver_area + IDX), __ATOMIC_ACQUIRE));
}

/*
 * Looks at the driver's index. What is not yet given back counts too: a driver has @size buffers
 * in all, and so no device ever has more than @size requests in flight.
 */
static bool look(struct virtq *q)
{
	uint16_t in_flight = q->next_avail - q->next_used;
	uint16_t outstanding;

	q->seen_avail = load_avail_idx(q);
	outstanding = q->seen_avail - q->next_used;
	if (outstanding < in_flight || outstanding > q->size)
		return broken(q, "its available index is not within a ring's length");
	return true;
}

static struct desc load_desc(const struct walk *walk, unsigned int index)
{
	const uint8_t *p = walk->table + DESC_SIZE * index;
	uint64_t second = load64_anywhere(p + 8);

	return (struct desc){
		.addr = load64_anywhere(p),
		.len = (uint32_t)second,
		.flags = (uint16_t)(second >> 32),
		.next = (uint16_t)(second >> 48),
	};
}

/* Goes on in the table that @desc refers to; the WRITE flag means nothing there (2.7.5.3.2). */
static bool enter_indirect(struct virtq *q, struct walk *walk, const struct desc *desc)
{
	if (!q->indirect)
		return broken(q, "it uses an indirect table that was not negotiated");
	if (walk->indirect)
		return broken(q, "an indirect table refers to another");
	if (desc->flags & VRING_DESC_F_NEXT)
		return broken(q, "a descriptor is indirect and has a successor");
	if (!desc->len || desc->len % DESC_SIZE)
		return broken(q, "the size of an indirect table is not a multiple of 16");
	if (desc->len / DESC_SIZE > q->size_max)
		return broken(q, "an indirect table is longer than the queue");
	walk->table = ram_slice(q->ram, desc->addr, desc->len);
	if (!walk->table)
		return broken(q, "an indirect table is not in RAM");
	walk->nr = desc->len / DESC_SIZE;
	/*
	 * The descriptor that refers to the table does not count. The limit is now what the device offers:
	 * Linux, when it takes a smaller ring for want of memory, goes on to build tables of the length
	 * that the device's own limits allow.
	 */
	walk->steps_left += 1 + q->size_max - q->size;
	walk->indirect = true;
	return true;
}

/* Appends what @desc describes to @chain. */
static bool add_part(struct virtq *q, struct virtq_chain *chain, unsigned int nr_iov,
		     const struct desc *desc)
{
	unsigned int nr = chain->nr_out + chain->nr_in;
	bool in = desc->flags & VRING_DESC_F_WRITE;
	void *host;

	if (!in && chain->nr_in)
		return broken(q, "a device-readable part follows a device-writable one");
	if (!desc->len)
		return true;
	if (nr == nr_iov)
		return broken(q, "a buffer has more parts than the device takes");
	if (desc->len > UINT32_MAX - chain->out_len - chain->in_len)
		return broken(q, "a buffer is longer than 4 GiB");
	host = ram_slice(q->ram, desc->addr, desc->len);
	if (!host)
		return broken(q, "a part of a buffer is not in RAM");
	chain->iov[nr] = (struct iovec){ .iov_base = host, .iov_len = desc->len };
	if (in) {
		chain->nr_in++;
		chain->in_len += desc->len;
	} else {
		chain->nr_out++;
		chain->out_len += desc->len;
	}
	return true;
}

/* Follows the chain from its head. Every step takes one of a bounded number: loops end, too. */
static bool walk_chain(struct virtq *q, struct virtq_chain *chain, unsigned int nr_iov)
{
	struct walk walk = { .table = q->desc_area, .nr = q->size, .steps_left = q->size };
	unsigned int index = chain->head;
	struct desc desc;

	for (;;) {
		if (index >= walk.nr)
			return broken(q, "a descriptor's number is beyond its table");
		if (!walk.steps_left--)
			return broken(q, "a chain of descriptors is longer than the queue");
		desc = load_desc(&walk, index);
		if (desc.flags & VRING_DESC_F_INDIRECT) {
			if (!enter_indirect(q, &walk, &desc))
				return false;
			index = 0;
			continue;
		}
		if (!add_part(q, chain, nr_iov, &desc))
			return false;
		if (!(desc.flags & VRING_DESC_F_NEXT))
			return true;
		index = desc.next;
	}
}

int virtq_pop(struct virtq *q, struct virtq_chain *chain, struct iovec *iov, unsigned int nr_iov)
{
	size_t off = RING + sizeof(uint16_t) * (q->next_avail & (q->size - 1U));

	if (!usable(q))
		return 0;
	if (q->next_avail == q->seen_avail) {
		if (!look(q))
			return -1;
		if (q->next_avail == q->seen_avail)
			return 0;
	}
	*chain = (struct virtq_chain){ .head = load16(q->driver_area, off), .iov = iov };
	if (!walk_chain(q, chain, nr_iov))
		return -1;
	q->next_avail++;
	return 1;
}

void virtq_unpop(struct virtq *q)
{
	if (!usable(q))
		return;
	assert(q->next_avail != q->next_used);
	q->next_avail--;
}

/* The device's area: what is written to it is a few bytes anywhere. */
static void log_area(const struct virtq *q)
{
	ram_written(q->ram, q->device_area, avail_event_off(q) + sizeof(uint16_t));
}

/*
 * Where the device has written into a buffer, all of which it may have. The descriptors are the guest's: if it changed them
 * meanwhile, it is its own memory that is not carried along.
 */
static void log_buffer(const struct virtq *q, uint16_t head)
{
	struct iovec iov[VIRTQ_SIZE_MAX];
	struct virtq_chain chain = { .head = head, .iov = iov };
	struct virtq copy = *q; /* which breaks in the queue's place */

	walk_chain(&copy, &chain, VIRTQ_SIZE_MAX);
	for (unsigned int i = chain.nr_out; i < chain.nr_out + chain.nr_in; i++)
		ram_written(q->ram, iov[i].iov_base, iov[i].iov_len);
}

void virtq_fill(struct virtq *q, uint16_t head, uint32_t written)
{
	size_t off = RING + USED_SIZE * (q->next_used & (q->size - 1U));

	if (!usable(q))
		return;
	if (ram_is_logged(q->ram))
		log_buffer(q, head);
	assert(q->next_avail != q->next_used);
	store32(q->device_area, off, head);
	store32(q->device_area, off + sizeof(uint32_t), written);
	q->next_used++;
}

void virtq_push(struct virtq *q, uint16_t head, uint32_t written)
{
	if (!usable(q))
		return;
	virtq_fill(q, head, written);
	/* The entry, and the data behind it, come before the index (2.7.8.2). */
	__atomic_store_n((uint16_t *)(q->device_area + IDX), htole16(q->next_used),
			 __ATOMIC_RELEASE);
	log_area(q);
}

bool virtq_wants_interrupt(struct virtq *q)
{
	uint16_t old = q->told_used;

	if (!usable(q) || old == q->next_used)
		return false;
	q->told_used = q->next_used;
	/*
	 * The used index before the driver's wish: a driver writes its wish, then looks at the index
	 * again. One of the two sees the other.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!q->event_idx)
		return !(load16(q->driver_area, FLAGS) & VRING_AVAIL_F_NO_INTERRUPT);
	return vring_need_event(load16(q->driver_area, used_event_off(q)), q->next_used, old);
}

/* With event indexes there is nothing to do: the one that stands there has been passed. */
void virtq_disable_notify(struct virtq *q)
{
	if (!usable(q) || q->event_idx || q->quiet)
		return;
	store16(q->device_area, FLAGS, VRING_USED_F_NO_NOTIFY);
	log_area(q);
	q->quiet = true;
}

bool virtq_enable_notify(struct virtq *q)
{
	if (!usable(q))
		return false;
	if (q->event_idx) {
		store16(q->device_area, avail_event_off(q), q->next_avail);
	} else if (q->quiet) {
		store16(q->device_area, FLAGS, 0);
		q->quiet = false;
	}
	log_area(q);
	/* The wish before another look: the driver writes its index, then reads the wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return load_avail_idx(q) != q->next_avail;
}

uint32_t virtq_copy_out(const struct virtq_chain *chain, uint64_t off, void *buf, uint32_t len)
{
	uint32_t done = 0;

	for (unsigned int i = 0; i < chain->nr_out && done < len; i++) {
		const struct iovec *part = &chain->iov[i];
		uint64_t nr;

		if (off >= part->iov_len) {
			off -= part->iov_len;
			continue;
		}
		nr = part->iov_len - off < len - done ? part->iov_len - off : len - done;
		memcpy((uint8_t *)buf + done, (uint8_t *)part->iov_base + off, nr);
		done += (uint32_t)nr;
		off = 0;
	}
	return done;
}
