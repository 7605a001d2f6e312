/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The real time clock, beside one that is really stepped: operations of OP_SIZE bytes access registers and
 * let time pass, and both have to show the same.
 */
#include <stdlib.h>
#include <string.h>
#include "hw/pl031.h"
#include "util/bits.h"

#define OP_SIZE 6
#define T0      1795384748ULL

enum { WRITE, READ, PASS, NR_OPS };
enum { DR = 0, MR = 4, LR = 8, CR = 12, IMSC = 16, RIS = 20, MIS = 24, ICR = 28 };

struct fuzz {
	struct pl031 rtc;
	uint64_t now, timer; /* nanoseconds; when the timer is due, 0: never */
	bool irq;
	/* The stepped one. */
	uint32_t counter, match;
	bool raw, unmasked;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static uint64_t now(void *ctx)
{
	struct fuzz *f = ctx;

	return f->now;
}

static void set_timer(void *ctx, uint64_t ns)
{
	struct fuzz *f = ctx;

	f->timer = ns ? f->now + ns : 0;
}

static void set_irq(void *ctx, uint32_t nr, bool level)
{
	struct fuzz *f = ctx;

	(void)nr;
	f->irq = level;
}

/* Up to four seconds, a quarter at a time; the timer is served when it is due. */
static void pass(struct fuzz *f, unsigned int quarters)
{
	while (quarters--) {
		f->now += NS_PER_S / 4;
		if (f->now % NS_PER_S == 0) {
			f->counter++;
			f->raw = f->raw || f->counter == f->match;
		}
		if (f->timer && f->now >= f->timer) {
			f->timer = 0;
			pl031_due(&f->rtc);
		}
		must(f->irq == (f->raw && f->unmasked));
	}
}

static void model_write(struct fuzz *f, uint64_t off, uint32_t value)
{
	if (off == MR)
		f->match = value;
	if (off == LR)
		f->counter = value;
	if (off == MR || off == LR)
		f->raw = f->raw || f->counter == f->match;
	if (off == IMSC)
		f->unmasked = value & 1;
	if (off == ICR && value & 1)
		f->raw = false;
}

static void operate(struct fuzz *f, const uint8_t *p)
{
	static const uint16_t regs[] = { DR, MR, LR, CR, IMSC, RIS, MIS, ICR };
	uint64_t off =
		p[1] & 0x80 ? (p[1] & 0x7f) * 33U % PL031_REGS_SIZE : regs[p[1] % ARRAY_SIZE(regs)];
	/* Times near to now are what alarms are made of. */
	uint32_t value = p[5] & 1 ? f->counter + p[2] - 4 : get_le32(p + 2);
	uint32_t read;

	switch (p[0] % NR_OPS) {
	case WRITE:
		pl031_mmio.write(&f->rtc, off, value, 4);
		model_write(f, off, value);
		must(f->irq == (f->raw && f->unmasked));
		must(!f->timer || f->unmasked);
		break;
	case READ:
		read = (uint32_t)pl031_mmio.read(&f->rtc, off, 4);
		must(off != DR || read == f->counter);
		must(off != MR || read == f->match);
		must(off != RIS || read == f->raw);
		must(off != MIS || read == (f->raw && f->unmasked));
		break;
	case PASS:
		pass(f, p[1] & 15);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { .now = T0 * NS_PER_S, .counter = (uint32_t)T0 };

	pl031_init(&f.rtc, (struct irq){ .set = set_irq, .ctx = &f },
		   (struct clock){ .now = now, .ctx = &f },
		   (struct timer){ .set = set_timer, .ctx = &f });
	for (size_t i = 0; i + OP_SIZE <= size; i += OP_SIZE)
		operate(&f, data + i);
	pl031_destroy(&f.rtc);
	return 0;
}
