/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A walk of the guest's page tables: granules of 4, 16 and 64 KiB, 48-bit addresses, 52-bit ones with 64 KiB and
 * with TCR_EL1.DS. A table is read a descriptor at a time, as often as there are levels and no more.
 */
#include <errno.h>
#include <stdbool.h>
#include "stage1.h"
#include "util/bits.h"

#define SCTLR_M  (1ULL << 0)
#define SCTLR_EE (1ULL << 25) /* the tables are big-endian */

#define TCR_T0SZ(tcr) ((tcr)&0x3f)
#define TCR_T1SZ(tcr) ((tcr) >> 16 & 0x3f)
#define TCR_TG0(tcr)  ((tcr) >> 14 & 3)
#define TCR_TG1(tcr)  ((tcr) >> 30 & 3)
#define TCR_IPS(tcr)  ((tcr) >> 32 & 7)
#define TCR_EPD0      (1ULL << 7)
#define TCR_EPD1      (1ULL << 23)
#define TCR_TBI0      (1ULL << 37)
#define TCR_TBI1      (1ULL << 38)
#define TCR_DS        (1ULL << 59)

#define IPS_52 6

/* The bit that says which half an address belongs to, whatever its tag. */
#define VA_HALF 55
/* The most bits that a half has, and the fewest: T0SZ and T1SZ of 12 to 48. */
#define VA_BITS_MAX 52
#define VA_BITS_MIN 16

#define DESC_VALID 1ULL
#define DESC_TABLE 2ULL /* or, on level 3, a page */
#define LAST_LEVEL 3

/* One half of the address space, as TCR_EL1 has it. */
struct half {
	unsigned int bits;    /* of its addresses */
	unsigned int granule; /* its shift: 12, 14, 16 */
	bool disabled, tagged;
	bool wide;        /* output addresses of 52 bits */
	bool wide_in_low; /* whose bits 51 and 50 stand in bits 9 and 8 of a descriptor: 4 and 16 KiB */
	uint64_t table;    /* TTBR */
	uint64_t all_ones; /* what is above the address: all ones or 0 */
};

static uint64_t bits_below(unsigned int nr)
{
	return (1ULL << nr) - 1;
}

/* 0: reserved. */
static unsigned int granule_of(uint64_t tcr, bool upper)
{
	static const uint8_t lower_shift[4] = { 12, 16, 14, 0 }, upper_shift[4] = { 0, 14, 12, 16 };

	return upper ? upper_shift[TCR_TG1(tcr)] : lower_shift[TCR_TG0(tcr)];
}

static struct half half_of(const struct stage1 *s, uint64_t va)
{
	bool upper = va >> VA_HALF & 1;
	uint64_t tcr = s->tcr;
	struct half h = {
		.bits = 64 - (unsigned int)(upper ? TCR_T1SZ(tcr) : TCR_T0SZ(tcr)),
		.granule = granule_of(tcr, upper),
		.disabled = tcr & (upper ? TCR_EPD1 : TCR_EPD0),
		.tagged = tcr & (upper ? TCR_TBI1 : TCR_TBI0),
		.table = s->ttbr[upper],
		.all_ones = upper ? UINT64_MAX : 0,
	};

	h.wide_in_low = h.granule != 16 && (tcr & TCR_DS);
	h.wide = h.wide_in_low || (h.granule == 16 && TCR_IPS(tcr) == IPS_52);
	return h;
}

static bool half_is_sane(const struct half *h)
{
	unsigned int most = h->granule == 16 || h->wide_in_low ? VA_BITS_MAX : 48;

	return !h->disabled && h->granule && h->bits >= VA_BITS_MIN && h->bits <= most &&
	       h->bits > h->granule;
}

/* The address in a descriptor of level @level, whose lowest bit is @shift. */
static gpa_t output(const struct half *h, uint64_t desc, unsigned int shift)
{
	unsigned int top = h->wide_in_low ? 50 : 48;
	gpa_t gpa = desc & bits_below(top) & ~bits_below(shift);

	if (h->wide_in_low)
		gpa |= (desc >> 8 & 3) << 50;
	else if (h->wide)
		gpa |= (desc >> 12 & 0xf) << 48;
	return gpa;
}

/* Where the first table is, whose @nr descriptors may be fewer than a granule's. */
static gpa_t first_table(const struct half *h, unsigned int nr_bits)
{
	unsigned int align = nr_bits + 3 < 6 ? 6 : nr_bits + 3;
	gpa_t gpa = h->table & bits_below(48) & ~bits_below(align);

	if (h->wide)
		gpa |= (h->table >> 2 & 0xf) << 48;
	return gpa;
}

/* Blocks are where the granule has them: 4 KiB from level 1 on, the others on level 2; one up with 52 bits. */
static bool block_possible(const struct half *h, int level)
{
	int first = h->granule == 12 ? 1 : 2;

	return level >= (h->wide ? first - 1 : first);
}

static int walk(const struct stage1 *s, const struct half *h, uint64_t va, gpa_t *gpa)
{
	const unsigned int stride = h->granule - 3;
	const unsigned int levels = (h->bits - h->granule + stride - 1) / stride;
	int level = LAST_LEVEL + 1 - (int)levels;
	unsigned int shift = h->granule + (levels - 1) * stride;
	unsigned int nr_bits = h->bits - shift;
	gpa_t table = first_table(h, nr_bits);

	for (;; level++, shift -= stride, nr_bits = stride) {
		uint64_t desc;

		if (s->read(s->ctx, table | (va >> shift & bits_below(nr_bits)) * sizeof(desc),
			    &desc, sizeof(desc)) < 0)
			return -EFAULT;
		desc = s->sctlr & SCTLR_EE ? be64toh(desc) : le64toh(desc);
		if (!(desc & DESC_VALID))
			return -EFAULT;
		if (level < LAST_LEVEL && (desc & DESC_TABLE)) {
			table = output(h, desc, h->granule);
			continue;
		}
		if (level < LAST_LEVEL ? !block_possible(h, level) : !(desc & DESC_TABLE))
			return -EFAULT;
		*gpa = output(h, desc, shift) | (va & bits_below(shift));
		return 0;
	}
}

int stage1_translate(const struct stage1 *s, uint64_t va, gpa_t *gpa)
{
	struct half h = half_of(s, va);
	uint64_t above;

	if (!(s->sctlr & SCTLR_M)) {
		*gpa = va;
		return 0;
	}
	if (!half_is_sane(&h))
		return -EFAULT;
	/* A tag is bits 63 to 56. */
	above = ~bits_below(h.bits) & (h.tagged ? bits_below(56) : UINT64_MAX);
	if ((va & above) != (h.all_ones & above))
		return -EFAULT;
	return walk(s, &h, va, gpa);
}

uint64_t stage1_unused_bits(const struct stage1 *s, uint64_t va)
{
	struct half h = half_of(s, va);

	if (!(s->sctlr & SCTLR_M) || !half_is_sane(&h))
		return 0;
	return ~bits_below(h.bits) & ~(1ULL << VA_HALF);
}
