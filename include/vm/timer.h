/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Time for devices: what the time is and "call me later", as values, so that a device model knows
 * neither the host's clocks nor its loop, and a test can play both.
 */
#ifndef LKVM_VM_TIMER_H
#define LKVM_VM_TIMER_H

#include <pthread.h>
#include <stdint.h>
#include "util/log.h"
#include "vm/loop.h"

#define NS_PER_S 1000000000ULL

struct clock {
	uint64_t (*now)(void *ctx); /* nanoseconds; any thread */
	void *ctx;
};

/* Since 1970, UTC, as the host believes; may be set back and forth. */
extern const struct clock clock_realtime;
/* Since the host's start, sleep included; only goes forward. */
extern const struct clock clock_boottime;

/* A one-shot timer, as a device sees it. */
struct timer {
	/*
	 * The device wants to be called @ns nanoseconds from now, in place of what it asked for before; 0: not
	 * at all. It may nevertheless be called early or once too often: it looks at the clock. Any thread.
	 */
	void (*set)(void *ctx, uint64_t ns);
	void *ctx;
};

static inline void timer_set(const struct timer *timer, uint64_t ns)
{
	if (timer->set)
		timer->set(timer->ctx, ns);
}

/*
 * A timer that is served by a loop. Takes nothing from the host until it is first set, and wakes the loop
 * only when it is due.
 */
struct loop_timer {
	struct loop_source source; /* timerfd, or -1 */
	struct loop *loop;
	pthread_mutex_t *lock;
	void (*due)(void *ctx);
	void *ctx;
	struct log_limit limit; /* a guest may set it as often as it likes */
};

#define LOOP_TIMER_NONE ((struct loop_timer){ .source.fd = -1 })

/*
 * @due(@ctx) will be called on @loop's thread with @lock held; so is the timer to be set. @timer must
 * stay where it is. loop_timer_close() ends it.
 */
void loop_timer_init(struct loop_timer *timer, struct loop *loop, pthread_mutex_t *lock,
		     void (*due)(void *ctx), void *ctx);

/* What the device is given; valid until loop_timer_close(). */
struct timer loop_timer_value(struct loop_timer *timer);

/* Loop's thread, or when it does not run. LOOP_TIMER_NONE is fine. */
void loop_timer_close(struct loop_timer *timer);

#endif
