/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rate limit: a bucket of time, into which a second comes a second, and no more than one is kept. What costs more than is in a full one is
 * done all the same, and owed. Pure, and by its owner's lock.
 */
#ifndef LKVM_VM_BUCKET_H
#define LKVM_VM_BUCKET_H

#include <stdint.h>

struct bucket {
	uint64_t rate;    /* units a second; 0: no limit */
	uint64_t counted; /* until then, by the owner's clock, in nanoseconds, */
	int64_t credit;   /* so many of them are saved up; or owed */
};

/* A full one of @rate at @now. */
static inline struct bucket bucket_of(uint64_t rate, uint64_t now)
{
	return (struct bucket){ .rate = rate, .counted = now, .credit = 1000000000 };
}

/* Whether there is enough for so many @units, at most 2^32, at @now, which does not go backwards: 0, or in how many nanoseconds there is. */
uint64_t bucket_wait(struct bucket *b, uint64_t units, uint64_t now);

/* So many @units, at most 2^32, are spent: if there was enough for some of them. */
void bucket_spend(struct bucket *b, uint64_t units);

#endif
