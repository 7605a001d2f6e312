/* SPDX-License-Identifier: BSD-2-Clause */
/* Page tables of a guest that means harm: whatever registers and memory hold, a walk is short and stays in memory. */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "../../arm/stage1.h"

#define RAM       0x40000000
#define NR_REGS   5
#define READS_MAX 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *bytes;
	size_t size;
	unsigned int reads;
};

/* The input is RAM, again and again. */
static int read_input(void *ctx, gpa_t gpa, void *buf, uint64_t len)
{
	struct input *in = ctx;

	if (++in->reads > READS_MAX || len != 8 || gpa % 8)
		abort();
	if (gpa < RAM || in->size < 8)
		return -EFAULT;
	memcpy(buf, in->bytes + (gpa - RAM) % (in->size / 8 * 8), 8);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = { 0 };
	struct stage1 s = { .read = read_input, .ctx = &in };
	uint64_t regs[NR_REGS];
	gpa_t gpa;

	if (size < sizeof(regs))
		return 0;
	memcpy(regs, data, sizeof(regs));
	in.bytes = data + sizeof(regs);
	in.size = size - sizeof(regs);
	s.sctlr = regs[0];
	s.tcr = regs[1];
	s.ttbr[0] = regs[2];
	s.ttbr[1] = regs[3];
	if (stage1_translate(&s, regs[4], &gpa) == 0 && (s.sctlr & 1) && gpa >> 52)
		abort();
	stage1_unused_bits(&s, regs[4]);
	return 0;
}
