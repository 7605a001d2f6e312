/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio 1.2, 2.7 (split queues) and 4.2 (registers); 9P2000.L as Linux speaks it. */
#include <stdarg.h>
#include "mmio.h"
#include "p9-wire.h"
#include "str.h"

enum {
	MAGIC = 0x0,
	VERSION = 0x4,
	DEVICE = 0x8,
	DRIVER_FEATURES = 0x20,
	DRIVER_FEATURES_SEL = 0x24,
	QUEUE_SEL = 0x30,
	QUEUE_NUM = 0x38,
	QUEUE_READY = 0x44,
	QUEUE_NOTIFY = 0x50,
	STATUS = 0x70,
	QUEUE_DESC = 0x80,
	QUEUE_DRIVER = 0x90,
	QUEUE_DEVICE = 0xa0,
};

#define ID_9P      9
#define QUEUE_SIZE 16
#define PIECES     4 /* of one buffer */
#define NEXT       1
#define WRITE      2

/* The queue, as the device finds it. */
static struct {
	struct {
		uint64_t address;
		uint32_t len;
		uint16_t flags, next;
	} desc[QUEUE_SIZE];
	struct {
		volatile uint16_t flags, idx, ring[QUEUE_SIZE];
	} avail;
	struct {
		volatile uint16_t flags, idx;
		struct {
			uint32_t id, len;
		} ring[QUEUE_SIZE];
	} used __attribute__((aligned(64)));
} queue __attribute__((aligned(4096)));

/* This CPU's caches are off and the host's are not: what is in them goes to memory, and is forgotten. */
static void flush(const volatile void *from, uint64_t len)
{
	uint64_t line = 4ull << (sysreg_read(ctr_el0) >> 16 & 15);

	for (uint64_t at = (uint64_t)from & ~(line - 1); at < (uint64_t)from + len; at += line)
		__asm__ volatile("dc civac, %0" ::"r"(at) : "memory");
	__asm__ volatile("dsb sy" ::: "memory");
}

static void flush_messages(const struct p9_wire *w)
{
	if (!w->brief) {
		flush(w, sizeof(*w));
		return;
	}
	flush(w->message[0].out, P9_BRIEF);
	flush(w->message[0].in, P9_BRIEF);
}

static void write64(const struct p9_wire *w, uint32_t reg, const volatile void *value)
{
	mmio_write32(w->base + reg, (uint32_t)(uint64_t)value);
	mmio_write32(w->base + reg + 4, (uint32_t)((uint64_t)value >> 32));
}

bool p9_reset(struct p9_wire *w)
{
	mmio_write32(w->base + STATUS, 0);
	while (mmio_read32(w->base + STATUS))
		;
	memset(&queue, 0, sizeof(queue));
	flush(&queue, sizeof(queue));
	w->last = 0;
	mmio_write32(w->base + STATUS, 1);
	mmio_write32(w->base + STATUS, 3);
	mmio_write32(w->base + DRIVER_FEATURES_SEL, 0);
	mmio_write32(w->base + DRIVER_FEATURES, 1); /* VIRTIO_9P_MOUNT_TAG */
	mmio_write32(w->base + DRIVER_FEATURES_SEL, 1);
	mmio_write32(w->base + DRIVER_FEATURES, 1); /* VIRTIO_F_VERSION_1 */
	mmio_write32(w->base + STATUS, 11);
	if (!(mmio_read32(w->base + STATUS) & 8))
		return false;
	mmio_write32(w->base + QUEUE_SEL, 0);
	mmio_write32(w->base + QUEUE_NUM, QUEUE_SIZE);
	write64(w, QUEUE_DESC, queue.desc);
	write64(w, QUEUE_DRIVER, &queue.avail);
	write64(w, QUEUE_DEVICE, &queue.used);
	mmio_write32(w->base + QUEUE_READY, 1);
	mmio_write32(w->base + STATUS, 15);
	return true;
}

bool p9_open(struct p9_wire *w, const struct guest *g)
{
	uint64_t size;
	int node = -1;

	while ((node = dt_compatible(&g->dt, node, "virtio,mmio")) >= 0) {
		if (dt_reg(&g->dt, node, 0, &w->base, &size) &&
		    mmio_read32(w->base + MAGIC) == 0x74726976 &&
		    mmio_read32(w->base + VERSION) == 2 && mmio_read32(w->base + DEVICE) == ID_9P)
			return p9_reset(w);
	}
	return false;
}

bool p9_broke(const struct p9_wire *w)
{
	return mmio_read32(w->base + STATUS) & NEEDS_RESET;
}

static void put(struct p9_message *m, uint64_t value, unsigned int size)
{
	while (size-- && m->len < P9_ROOM) {
		m->out[m->len++] = (uint8_t)value;
		value >>= 8;
	}
}

static void put_header(struct p9_message *m, uint32_t len, uint8_t type, uint16_t tag)
{
	m->len = 0;
	put(m, len, 4);
	put(m, type, 1);
	put(m, tag, 2);
}

static void put_message(struct p9_message *m, uint8_t type, uint16_t tag, const char *fields,
			va_list args)
{
	uint32_t len;

	put_header(m, 0, type, tag);
	for (; *fields; fields++) {
		const char *text;

		switch (*fields) {
		case 'b':
			put(m, (uint64_t)va_arg(args, int), 1);
			break;
		case 'w':
			put(m, (uint64_t)va_arg(args, int), 2);
			break;
		case 'd':
			put(m, va_arg(args, uint32_t), 4);
			break;
		case 'q':
			put(m, va_arg(args, uint64_t), 8);
			break;
		default:
			text = va_arg(args, const char *);
			put(m, strlen(text), 2);
			for (; *text; text++)
				put(m, *text == '\n' ? 0 : (uint8_t)*text, 1);
		}
	}
	len = m->len;
	put_header(m, len, type, tag);
	m->len = len;
}

void p9_message(struct p9_wire *w, unsigned int slot, uint8_t type, uint16_t tag,
		const char *fields, ...)
{
	va_list args;

	va_start(args, fields);
	put_message(&w->message[slot], type, tag, fields, args);
	va_end(args);
}

void p9_offer(struct p9_wire *w, unsigned int slot, const struct p9_piece *piece, unsigned int nr)
{
	uint16_t head = (uint16_t)(slot * PIECES), idx = queue.avail.idx;

	(void)w;
	for (unsigned int i = 0; i < nr; i++) {
		queue.desc[head + i].address = piece[i].address;
		queue.desc[head + i].len = piece[i].len;
		queue.desc[head + i].flags =
			(uint16_t)((piece[i].in ? WRITE : 0) | (i + 1 < nr ? NEXT : 0));
		queue.desc[head + i].next = (uint16_t)(head + i + 1);
	}
	queue.avail.ring[idx % QUEUE_SIZE] = head;
	__asm__ volatile("dsb sy" ::: "memory");
	queue.avail.idx = (uint16_t)(idx + 1);
}

void p9_offer_message(struct p9_wire *w, unsigned int slot, uint32_t room)
{
	struct p9_message *m = &w->message[slot];
	const struct p9_piece pieces[] = { { (uint64_t)m->out, m->len, false },
					   { (uint64_t)m->in, room, true } };

	memset(m->in, 0xee, w->brief ? P9_BRIEF : sizeof(m->in));
	p9_offer(w, slot, pieces, 2);
}

void p9_notify(struct p9_wire *w)
{
	flush_messages(w);
	flush(&queue, sizeof(queue));
	mmio_write32(w->base + QUEUE_NOTIFY, 0);
}

unsigned int p9_wait(struct p9_wire *w, unsigned int nr)
{
	uint64_t end = counter_now() + 5 * counter_hz();
	uint16_t came = 0;

	while (came < nr && counter_now() < end && !p9_broke(w)) {
		flush(&queue.used, sizeof(queue.used));
		came = (uint16_t)(queue.used.idx - w->last);
	}
	flush_messages(w);
	w->last = (uint16_t)(w->last + came);
	return came;
}

static uint32_t get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int p9_result(const struct p9_wire *w, unsigned int slot)
{
	const struct p9_message *m = &w->message[slot];
	uint32_t len = get32(m->in);

	if (len < 7 || len > P9_ROOM || m->in[5] != m->out[5] || m->in[6] != m->out[6])
		return -1000;
	if (m->in[4] == 7 && len == 11)
		return -(int)get32(m->in + 7);
	return m->in[4] == m->out[4] + 1 ? 0 : -1000;
}

int p9_call(struct p9_wire *w, uint8_t type, const char *fields, ...)
{
	va_list args;

	va_start(args, fields);
	put_message(&w->message[0], type, 1, fields, args);
	va_end(args);
	p9_offer_message(w, 0, w->brief ? P9_BRIEF : P9_ROOM);
	p9_notify(w);
	if (!p9_wait(w, 1))
		return p9_broke(w) ? -1002 : -1001;
	return p9_result(w, 0);
}
