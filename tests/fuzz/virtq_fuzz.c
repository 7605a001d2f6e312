/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The split ring against any driver. Two bytes choose the queue's size and features, and whether
 * another thread keeps changing the rings meanwhile; then operations of OP_SIZE bytes: descriptors, ring
 * entries and indexes, bytes anywhere in RAM, and what a device does. Whatever comes out of the ring must
 * lie in RAM, and never be more than the queue is long.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "virtio/virtq.h"

#define BASE          0x40000000ULL
#define RAM_SIZE      0x4000
#define TABLE         (BASE + 0x3000)
#define SIZE_MAX_LOG2 6
#define NR_PARTS      (1 << SIZE_MAX_LOG2)
#define OP_SIZE       8

enum { DESC, INDIRECT, OFFER, IDX, BYTES, EVENT, POP, PUSH, UNPOP, ASK, QUIET, LOUD, NR_OPS };

struct fuzz {
	struct ram ram;
	struct ring ring;
	struct virtq q;
	uint16_t held[NR_PARTS]; /* heads popped and not pushed, the oldest first */
	unsigned int nr_held;
	bool unpoppable; /* the last operation on the queue was a pop */
	atomic_bool end;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void check_chain(const struct fuzz *f, const struct virtq_chain *chain)
{
	uint64_t len[2] = { 0 };

	must(chain->head < f->q.size);
	must(chain->nr_out + chain->nr_in <= NR_PARTS);
	for (unsigned int i = 0; i < chain->nr_out + chain->nr_in; i++) {
		uint8_t *p = chain->iov[i].iov_base;
		size_t part = chain->iov[i].iov_len;

		must(part && p >= f->ram.host && part <= RAM_SIZE);
		must((size_t)(p - f->ram.host) <= RAM_SIZE - part);
		len[i >= chain->nr_out] += part;
	}
	must(len[0] == chain->out_len && len[1] == chain->in_len);
}

static void pop(struct fuzz *f)
{
	struct iovec iov[NR_PARTS];
	struct virtq_chain chain;
	int ret = virtq_pop(&f->q, &chain, iov, NR_PARTS);

	must((ret < 0) <= !!f->q.broken);
	f->unpoppable = ret > 0;
	if (ret <= 0)
		return;
	check_chain(f, &chain);
	must(f->nr_held < f->q.size);
	f->held[f->nr_held++] = chain.head;
}

static void push(struct fuzz *f, uint32_t written)
{
	if (!f->nr_held)
		return;
	virtq_push(&f->q, f->held[0], written);
	memmove(f->held, f->held + 1, --f->nr_held * sizeof(f->held[0]));
	f->unpoppable = false;
}

/* Near what means something: RAM, its edges, the other end of the address space. */
static uint64_t addr_of(const uint8_t *p)
{
	static const uint64_t bases[] = {
		BASE, BASE + RAM_SIZE - 0x80, BASE - 0x80, 0, UINT64_MAX - 0x7f, TABLE, TABLE, BASE
	};

	return bases[p[1] >> 5] + (p[0] | (p[1] & 0x1f) << 8);
}

static void operate(struct fuzz *f, const uint8_t *p)
{
	uint16_t index = p[1];

	switch (p[0] % NR_OPS) {
	case DESC:
		index %= f->ring.size;
		ring_desc(&f->ring, f->ring.desc, index, addr_of(p + 2), p[4] | (p[5] & 0x7f) << 8,
			  p[6], p[7]);
		break;
	case INDIRECT:
		ring_desc(&f->ring, TABLE, index, addr_of(p + 2), p[4] | (p[5] & 0x7f) << 8, p[6],
			  p[7]);
		break;
	case OFFER:
		ring_offer(&f->ring, index);
		break;
	case IDX:
		ring_set_idx(&f->ring, f->ring.idx + (int8_t)p[1]);
		break;
	case BYTES:
		memcpy(f->ram.host + (p[1] | (p[2] & 0x3f) << 8) % (RAM_SIZE - 5), p + 3, 5);
		break;
	case EVENT:
		ring_set_used_event(&f->ring, index);
		ring_set_flags(&f->ring, p[2]);
		break;
	case POP:
		pop(f);
		break;
	case PUSH:
		push(f, index);
		break;
	case UNPOP:
		if (!f->unpoppable)
			break;
		virtq_unpop(&f->q);
		f->nr_held--;
		f->unpoppable = false;
		break;
	case ASK:
		virtq_wants_interrupt(&f->q);
		break;
	case QUIET:
		virtq_disable_notify(&f->q);
		break;
	case LOUD:
		virtq_enable_notify(&f->q);
		break;
	}
}

/* Another CPU of the guest, writing all over the descriptors and the driver's ring. */
static void *interfere(void *ctx)
{
	struct fuzz *f = ctx;
	size_t len = f->ring.device - f->ring.desc;
	uint32_t noise = 0x2545f491;

	while (!atomic_load_explicit(&f->end, memory_order_relaxed)) {
		uint8_t *at = f->ram.host + noise % len;

		__atomic_store_n(at, *at ^ noise >> 24, __ATOMIC_RELAXED);
		noise = noise * 1664525 + 1013904223;
	}
	return NULL;
}

static bool start(struct fuzz *f, const uint8_t *data)
{
	ring_make(&f->ring, &f->ram, BASE, (uint16_t)(1 << data[0] % (SIZE_MAX_LOG2 + 1)));
	virtq_init(&f->q, &f->ram, NR_PARTS);
	f->q.size = f->ring.size;
	f->q.desc = f->ring.desc;
	f->q.driver = f->ring.driver;
	f->q.device = f->ring.device;
	return virtq_enable(&f->q, data[1] & 1, data[1] & 2);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { 0 };
	bool race = size > 1 && (data[1] & 0xf0) == 0xf0;
	pthread_t thread;

	if (size < 2)
		return 0;
	ring_ram(&f.ram, BASE, RAM_SIZE);
	must(start(&f, data));
	race = race && !pthread_create(&thread, NULL, interfere, &f);
	for (size_t at = 2; size - at >= OP_SIZE; at += OP_SIZE)
		operate(&f, data + at);
	atomic_store(&f.end, true);
	if (race)
		pthread_join(thread, NULL);
	ring_ram_free(&f.ram);
	return 0;
}
