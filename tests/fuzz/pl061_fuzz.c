/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GPIO controller: operations of OP_SIZE bytes access registers and drive pins; the line is always what the
 * registers say, and levels are what drives them.
 */
#include <stdlib.h>
#include "hw/pl061.h"
#include "util/bits.h"

#define OP_SIZE 4

enum { WRITE, READ, PIN, NR_OPS };

struct fuzz {
	struct pl061 gpio;
	bool irq;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void set_irq(void *ctx, uint32_t nr, bool level)
{
	struct fuzz *f = ctx;

	(void)nr;
	f->irq = level;
}

static uint64_t get(struct fuzz *f, uint64_t off)
{
	return pl061_mmio.read(&f->gpio, off, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = { .irq = false };

	pl061_init(&f.gpio, (struct irq){ .set = set_irq, .ctx = &f });
	for (size_t i = 0; i + OP_SIZE <= size; i += OP_SIZE) {
		const uint8_t *p = data + i;
		uint64_t off = (uint64_t)get_le16(p + 1) % PL061_REGS_SIZE;

		switch (p[0] % NR_OPS) {
		case WRITE:
			pl061_mmio.write(&f.gpio, off, p[3], 4);
			break;
		case READ:
			must(get(&f, off) <= 0xff);
			break;
		case PIN:
			pl061_set_pin(&f.gpio, p[1] % PL061_NR_PINS, p[3] & 1);
			break;
		}
		must(f.irq == (get(&f, 0x418) != 0));
		must(get(&f, 0x418) == (get(&f, 0x414) & get(&f, 0x410)));
		must((get(&f, 0x3fc) & ~get(&f, 0x400)) == (f.gpio.input & ~get(&f, 0x400)));
	}
	pl061_destroy(&f.gpio);
	return 0;
}
