/* SPDX-License-Identifier: BSD-2-Clause */
/* A machine that stands still for a part of each tenth of a second. */
#include "brake.h"
#include "util/log.h"

#define PERIOD_NS 100000000ULL
/* Hundredths of it: what is added at a time, and the most. */
#define STEP 20
#define MOST 95

static void due(void *ctx)
{
	struct brake *b = ctx;
	unsigned int percent = b->held ? 100 - b->percent : b->percent;
	struct timer timer = loop_timer_value(&b->timer);

	if (b->held)
		machine_continue(b->m);
	else
		machine_pause(b->m);
	b->held = !b->held;
	timer_set(&timer, PERIOD_NS / 100 * percent);
}

void brake_round(struct brake *b, uint64_t left)
{
	bool hardly_less = b->left && left > b->left / 4 * 3;
	bool first = !b->percent;

	b->left = left;
	if (!b->works || !hardly_less || b->percent >= MOST)
		return;
	b->percent = b->percent + STEP < MOST ? b->percent + STEP : MOST;
	log_debug("a VM that moves is held up for %u %% of the time", b->percent);
	if (!first)
		return;
	pthread_mutex_init(&b->lock, NULL);
	loop_timer_init(&b->timer, b->loop, &b->lock, due, b);
	pthread_mutex_lock(&b->lock); /* as the timer is to be set */
	due(b);
	pthread_mutex_unlock(&b->lock);
}

void brake_release(struct brake *b)
{
	if (!b->percent)
		return;
	loop_timer_close(&b->timer);
	pthread_mutex_destroy(&b->lock);
	b->timer = LOOP_TIMER_NONE;
	b->percent = 0;
	if (b->held)
		machine_continue(b->m);
	b->held = false;
}
