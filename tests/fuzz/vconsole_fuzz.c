/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console, the named ports and the entropy device (the first byte says which) against any driver and any
 * host: operations of OP_SIZE bytes offer buffers, send control messages, write guest memory behind the
 * device's back, reset, type, and let lines be full or empty.
 */
#include <linux/virtio_console.h>
#include <stdlib.h>
#include <string.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "util/log.h"
#include "virtio/console.h"
#include "virtio/rng.h"

#define BASE      0x40000000ULL
#define RAM_SIZE  0x10000
#define TABLE     (BASE + 0xe000)
#define NR_QUEUES 8
#define PORTS     3
#define SIZE      16
#define OP_SIZE   8
#define OPS_MAX   4096

enum {
	START,
	OFFER,
	CHAIN,
	INDIRECT,
	MESSAGE,
	NOTIFY,
	INPUT,
	ROOM,
	AGAIN,
	CONFIG,
	RESET,
	QUEUE_RESET,
	POKE,
	NR_OPS
};

struct line {
	size_t room;
	unsigned int input_ready;
};

struct fuzz {
	union {
		struct virtio_console con;
		struct virtio_rng rng;
		struct virtio_device dev;
	};
	enum { CONSOLE, NAMED, RNG } kind;
	struct ram ram;
	struct ring ring[NR_QUEUES];
	unsigned int nr_queues, nr_ports;
	struct line line[PORTS];
	uint64_t now, timer;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static size_t output(void *ctx, const uint8_t *buf, size_t len)
{
	struct line *line = ctx;
	uint8_t sum = 0;

	must(len > 0);
	if (len > line->room)
		len = line->room;
	for (size_t i = 0; i < len; i++)
		sum ^= buf[i]; /* every byte is there to be read */
	line->room -= len;
	return len + (sum && !sum);
}

static void input_ready(void *ctx)
{
	struct line *line = ctx;

	line->input_ready++;
}

static void set_timer(void *ctx, uint64_t ns)
{
	struct fuzz *f = ctx;

	f->timer = ns;
}

static uint64_t now(void *ctx)
{
	struct fuzz *f = ctx;

	return f->now;
}

static bool fill(void *ctx, void *buf, size_t len)
{
	(void)ctx;
	must(len > 0);
	memset(buf, 0xa5, len);
	return true;
}

static struct char_backend backend(struct line *line)
{
	return (struct char_backend){ .output = output, .input_ready = input_ready, .ctx = line };
}

static void make(struct fuzz *f, uint8_t choice)
{
	const struct virtio_console_line lines[] = {
		{ .name = "one", .backend = backend(&f->line[1]) },
		{ .name = "a-name-that-is-longer-than-any-other-of-them-and-almost-too-long",
		  .backend = backend(&f->line[2]) },
	};
	struct timer timer = { .set = set_timer, .ctx = f };
	struct err e = { 0 };
	int ret;

	f->kind = choice % 3;
	f->nr_queues = f->kind == CONSOLE ? 2 : f->kind == NAMED ? NR_QUEUES : 1;
	f->nr_ports = f->kind == CONSOLE ? 1 : f->kind == NAMED ? PORTS : 0;
	if (f->kind == CONSOLE)
		ret = virtio_console_init(&f->con, "fuzz", &f->ram, backend(&f->line[0]), timer,
					  &e);
	else if (f->kind == NAMED)
		ret = virtio_console_init_ports(&f->con, "fuzz", &f->ram, lines, 2, timer, &e);
	else
		ret = virtio_rng_init(&f->rng, "fuzz", &f->ram, (struct rng_source){ .fill = fill },
				      choice >> 2, (struct clock){ .now = now, .ctx = f }, timer,
				      &e);
	must(ret == 0);
}

static void start(struct fuzz *f, const uint8_t *p)
{
	uint64_t features = FEATURE_VERSION_1 | (uint64_t)(p[1] & 3) << 28 |
			    (p[1] & 4 ? FEATURE_RING_RESET : 0);
	gpa_t at = BASE;

	if (f->kind == NAMED && !(p[1] & 8))
		features |= 1ULL << VIRTIO_CONSOLE_F_MULTIPORT;
	for (unsigned int i = 0; i < f->nr_queues; i++) {
		ring_make(&f->ring[i], &f->ram, at, SIZE);
		at = f->ring[i].end;
	}
	ring_start(&f->dev, features, f->ring, f->nr_queues);
}

static void offer(struct fuzz *f, const uint8_t *p, unsigned int queue, unsigned int nr)
{
	struct ring_part part[4];

	for (unsigned int i = 0; i < nr; i++)
		part[i] = (struct ring_part){
			.addr = BASE + 0x4000 + 64 * p[2 + i],
			.len = p[6] & 0x80 ? p[3 + i] * 300U : p[3 + i],
			.in = (p[7] >> i) & 1,
		};
	if (p[0] % NR_OPS == INDIRECT)
		ring_add_indirect(&f->ring[queue], TABLE, part, nr);
	else
		ring_add(&f->ring[queue], part, nr);
}

static void message(struct fuzz *f, const uint8_t *p)
{
	struct ring_part part = { .addr = BASE + 0xd000, .len = p[6] ? 8 : p[7] };

	if (f->kind != NAMED)
		return;
	ring_put(&f->ring[3], part.addr, p[2], 4);
	ring_put(&f->ring[3], part.addr + 4, p[3], 2);
	ring_put(&f->ring[3], part.addr + 6, p[4], 2);
	ring_add(&f->ring[3], &part, 1);
	virtio_notify(&f->dev, 3);
}

/* One that has a line: port 0 of the device with named ones has none. */
static unsigned int port(const struct fuzz *f, const uint8_t *p)
{
	return f->kind == NAMED ? 1 + p[1] % (PORTS - 1) : 0;
}

static void input(struct fuzz *f, const uint8_t *p)
{
	static const uint8_t text[512];
	struct char_frontend frontend;
	size_t len = p[2] * 2U, taken;

	if (!f->nr_ports)
		return;
	frontend = virtio_console_frontend(&f->con, port(f, p));
	if (p[3] & 1)
		frontend.resized(frontend.ctx, p[4], p[5]);
	taken = frontend.input(frontend.ctx, text, len);
	must(taken <= len && (virtio_runs(&f->dev) || taken == 0 ||
			      virtio_get_status(&f->dev) & STATUS_NEEDS_RESET));
}

static void room(struct fuzz *f, const uint8_t *p)
{
	struct char_frontend frontend;

	if (!f->nr_ports)
		return;
	f->line[port(f, p)].room = p[2] & 0x80 ? SIZE_MAX : p[2];
	frontend = virtio_console_frontend(&f->con, port(f, p));
	frontend.output_ready(frontend.ctx);
	if (p[3] == 0xff)
		virtio_console_finish(&f->con);
}

static void again(struct fuzz *f, const uint8_t *p)
{
	f->now += p[1] ? (uint64_t)get_le32(p + 2) << (p[1] & 15) : f->timer;
	if (f->kind == RNG)
		virtio_rng_due(&f->rng);
	else
		virtio_console_again(&f->con);
}

static void operate(struct fuzz *f, const uint8_t *p)
{
	unsigned int queue = p[1] % f->nr_queues;

	switch (p[0] % NR_OPS) {
	case START:
		start(f, p);
		break;
	case OFFER:
		offer(f, p, queue, 1);
		break;
	case CHAIN:
	case INDIRECT:
		offer(f, p, queue, 3);
		break;
	case MESSAGE:
		message(f, p);
		break;
	case NOTIFY:
		virtio_notify(&f->dev, p[1]);
		break;
	case INPUT:
		input(f, p);
		break;
	case ROOM:
		room(f, p);
		break;
	case AGAIN:
		again(f, p);
		break;
	case CONFIG:
		virtio_config_write(&f->dev, p[1] & 15, get_le32(p + 2), 1U << (p[6] & 3));
		break;
	case RESET:
		virtio_set_status(&f->dev, 0);
		must(virtio_get_status(&f->dev) == 0);
		break;
	case QUEUE_RESET:
		virtio_reset_queue(&f->dev, queue);
		must(!virtio_queue_resetting(&f->dev, queue));
		break;
	case POKE:
		ring_put(&f->ring[0], BASE + (get_le32(p + 1) % (RAM_SIZE - 8)), get_le32(p + 4),
			 4);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz f;

	log_set_level(LOG_ERROR);
	if (size < 1)
		return 0;
	memset(&f, 0, sizeof(f));
	ring_ram(&f.ram, BASE, RAM_SIZE);
	for (unsigned int i = 0; i < PORTS; i++)
		f.line[i].room = SIZE_MAX;
	make(&f, data[0]);
	start(&f, (const uint8_t[OP_SIZE]){ 0, data[0] >> 4 });
	for (size_t i = 1; i + OP_SIZE <= size && i < OPS_MAX * OP_SIZE; i += OP_SIZE)
		operate(&f, data + i);
	if (f.kind == RNG)
		virtio_rng_destroy(&f.rng);
	else
		virtio_console_destroy(&f.con);
	ring_ram_free(&f.ram);
	return 0;
}
