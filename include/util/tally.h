/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How often things of a few kinds happened, over time: counts in slots of equal width. A run that lasts longer than there
 * are slots makes them twice as wide, as often as need be; so memory is bounded, and the whole run is there.
 */
#ifndef LKVM_UTIL_TALLY_H
#define LKVM_UTIL_TALLY_H

#include <stdint.h>

#define TALLY_KINDS 8
#define TALLY_SLOTS 1024
/* The width of a slot at first, in nanoseconds; the clock behind it has ticks of 1 to 10 ms. */
#define TALLY_WIDTH 10000000ULL

struct tally {
	uint64_t start; /* of the first slot, CLOCK_MONOTONIC in ns; 0: nothing happened yet */
	uint64_t width; /* of each, in ns */
	uint64_t count[TALLY_SLOTS][TALLY_KINDS];
};

/* One more of @kind now. Starts as { 0 }. Costs some nanoseconds; one thread at a time. */
void tally_add(struct tally *tally, unsigned int kind);

/* The same at the time @ns, not before those that came first. */
void tally_add_at(struct tally *tally, unsigned int kind, uint64_t ns);

#endif
