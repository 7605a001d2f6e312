/* SPDX-License-Identifier: BSD-2-Clause */
/* Rate limits. */
#include "vm/bucket.h"
#include "vm/timer.h"

/* No price is higher: at a unit a second, of 2^32 units. */
#define PRICE_MAX ((int64_t)NS_PER_S << 32)

/* Rounded up, lest many small ones be free. */
static int64_t price_of(const struct bucket *b, uint64_t units)
{
	__uint128_t price = ((__uint128_t)units * NS_PER_S + b->rate - 1) / b->rate;

	return price < PRICE_MAX ? (int64_t)price : PRICE_MAX;
}

uint64_t bucket_wait(struct bucket *b, uint64_t units, uint64_t now)
{
	uint64_t passed = now - b->counted;
	int64_t need;

	if (!b->rate)
		return 0;
	b->counted = now;
	/* What is owed may be far more than a second, and what has passed, too. */
	if (passed >= (uint64_t)((int64_t)NS_PER_S - b->credit))
		b->credit = NS_PER_S;
	else
		b->credit += (int64_t)passed;
	need = price_of(b, units);
	if (need > (int64_t)NS_PER_S)
		need = NS_PER_S;
	return b->credit < need ? (uint64_t)(need - b->credit) : 0;
}

void bucket_spend(struct bucket *b, uint64_t units)
{
	if (b->rate)
		b->credit -= price_of(b, units);
}
