/* SPDX-License-Identifier: BSD-2-Clause */
/* Counts over time. */
#include <string.h>
#include <time.h>
#include "util/tally.h"

/* Each two slots become one. */
static void widen(struct tally *tally)
{
	for (unsigned int i = 0; i < TALLY_SLOTS / 2; i++) {
		for (unsigned int kind = 0; kind < TALLY_KINDS; kind++)
			tally->count[i][kind] =
				tally->count[2 * i][kind] + tally->count[2 * i + 1][kind];
	}
	memset(tally->count[TALLY_SLOTS / 2], 0, sizeof(tally->count) / 2);
	tally->width *= 2;
}

void tally_add_at(struct tally *tally, unsigned int kind, uint64_t ns)
{
	if (!tally->start) {
		tally->start = ns;
		tally->width = TALLY_WIDTH;
	}
	if (ns < tally->start)
		ns = tally->start;
	while ((ns - tally->start) / tally->width >= TALLY_SLOTS)
		widen(tally);
	tally->count[(ns - tally->start) / tally->width][kind]++;
}

void tally_add(struct tally *tally, unsigned int kind)
{
	struct timespec now;

	/* A slot is wider than this clock's tick, and it costs no look at the hardware. */
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	tally_add_at(tally, kind, (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec);
}
