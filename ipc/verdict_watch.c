/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Watches a machine for the judge. What the guest says is heard on a vCPU's thread, with the console's lock held, and
 * only kept there: the loop's thread judges it, a moment later, all that came meanwhile at once. Whoever finds
 * the room full judges what is there himself: so nothing is lost, and a guest that says more than can be judged waits
 * for the judge. Locks: the console's, then judging, then lock.
 */
#include <stdlib.h>
#include <string.h>
#include "util/bits.h"
#include "util/cleanup.h"
#include "vm/timer.h"
#include "verdict_parts.h"

#define NS_PER_MS 1000000ULL

/* Room for what was said and not judged. */
#define HEARD_SIZE (16 * KiB)

/* How long what is said waits for more of it. */
#define SOON_MS 5
/* How long a guest has to tell all about its panic: registers, backtrace. */
#define PANIC_MS 500

struct watch {
	struct verdict *v;
	struct machine *machine; /* that runs, or NULL */
	struct machine *last;    /* whose console is heard */
	struct console_tap tap;

	pthread_mutex_t lock;
	uint8_t *heard; /* by @lock, as the next three; HEARD_SIZE bytes */
	size_t nr;
	bool coming;       /* the judge will come, by @soon */
	bool device_panic; /* pvpanic's; not judged yet */

	pthread_mutex_t judging;
	uint8_t *judged; /* by @judging, as all below; takes turns with @heard */
	struct console_lines lines;
	bool panic_waits, stopped;
	struct loop_timer soon, panic, deadline;
};

/* --- Judging: with w->judging held --- */

static void set_timer(struct loop_timer *timer, uint64_t ms)
{
	struct timer value = loop_timer_value(timer);

	timer_set(&value, ms * NS_PER_MS);
}

/* What the verdict so far means for the machine. */
static void act(struct watch *w)
{
	struct verdict *v = w->v;

	if (v->panicked && verdict_stops_at_panic(v)) {
		if (v->panic_is_over)
			verdict_decide(v, VERDICT_PANICKED);
		else if (!w->panic_waits)
			set_timer(&w->panic, PANIC_MS);
		w->panic_waits = true;
	}
	if (v->word != VERDICT_OPEN && w->machine && !w->stopped) {
		w->stopped = true;
		machine_stop(w->machine);
	}
}

static void judge(struct watch *w)
{
	bool device_panic;
	uint8_t *heard;
	size_t nr;

	pthread_mutex_lock(&w->lock);
	heard = w->heard;
	w->heard = w->judged;
	w->judged = heard;
	nr = w->nr;
	w->nr = 0;
	w->coming = false;
	device_panic = w->device_panic;
	w->device_panic = false;
	pthread_mutex_unlock(&w->lock);

	if (nr)
		console_lines_feed(&w->lines, heard, nr);
	if (device_panic) {
		/* The kernel writes there when it has said all. */
		verdict_panic(w->v, "it said so by pvpanic alone");
		w->v->panic_is_over = true;
	}
	act(w);
}

static void judge_soon(void *ctx)
{
	judge(ctx);
}

static void panic_is_over(void *ctx)
{
	struct watch *w = ctx;

	w->v->panic_is_over = true;
	judge(w);
}

static void time_is_up(void *ctx)
{
	struct watch *w = ctx;

	judge(w);
	verdict_decide(w->v, VERDICT_TIMEOUT);
	act(w);
}

/* --- Hearing: vCPUs' threads, or the loop's --- */

static void judge_now(struct watch *w)
{
	pthread_mutex_lock(&w->judging);
	judge(w);
	pthread_mutex_unlock(&w->judging);
}

/* With w->lock held. */
static void call_judge(struct watch *w, uint64_t ms)
{
	if (!w->coming)
		set_timer(&w->soon, ms);
	w->coming = true;
}

static void heard(void *ctx, const uint8_t *buf, size_t len)
{
	struct watch *w = ctx;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		size_t part = len < HEARD_SIZE - w->nr ? len : HEARD_SIZE - w->nr;

		memcpy(w->heard + w->nr, buf, part);
		w->nr += part;
		buf += part;
		len -= part;
		if (!len)
			break;
		pthread_mutex_unlock(&w->lock);
		judge_now(w);
		pthread_mutex_lock(&w->lock);
	}
	call_judge(w, SOON_MS);
	pthread_mutex_unlock(&w->lock);
}

static void device_panicked(void *ctx)
{
	struct watch *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->device_panic = true;
	call_judge(w, SOON_MS);
	pthread_mutex_unlock(&w->lock);
}

/* --- The control --- */

/* What the life that ends leaves behind. */
static void remember(struct verdict *v, const struct machine *m)
{
	uint32_t nr = v->cfg->nr_cpus;

	v->end = machine_end(m);
	v->end_ns = timeline_now();
	if (!v->exits)
		v->exits = calloc(nr, sizeof(*v->exits));
	if (!v->exits)
		return;
	for (uint32_t cpu = 0; cpu < nr; cpu++) {
		for (int exit = 0; exit < VCPU_NR_EXITS; exit++)
			v->exits[cpu][exit] += machine_exits(m, cpu, exit);
	}
}

static void life_begins(struct watch *w, struct machine *m)
{
	w->v->lives++;
	w->v->psci = machine_psci(m);
	w->machine = m;
	machine_watch_panic(m, device_panicked, w);
	if (!w->last)
		machine_tap_console(m, &w->tap);
	w->last = m;
	if (w->v->timeout && w->v->lives == 1)
		set_timer(&w->deadline, w->v->timeout);
	act(w);
}

/* A kernel that reboots when it panicked ends before its time to tell about it does; there is no other life. */
static void life_ends(struct watch *w)
{
	judge(w);
	remember(w->v, w->machine);
	if (w->panic_waits) {
		w->v->panic_is_over = true;
		act(w);
	}
	w->machine = NULL;
}

static void watch_running(void *state, struct machine *m)
{
	struct watch *w = state;

	pthread_mutex_lock(&w->judging);
	if (m)
		life_begins(w, m);
	else
		life_ends(w);
	pthread_mutex_unlock(&w->judging);
}

static void watch_free(struct watch *w)
{
	loop_timer_close(&w->soon);
	loop_timer_close(&w->panic);
	loop_timer_close(&w->deadline);
	free(w->heard);
	free(w->judged);
	pthread_mutex_destroy(&w->lock);
	pthread_mutex_destroy(&w->judging);
	free(w);
}

/* What a console had kept to itself until its end was heard after the last life. */
static void watch_close(void *state)
{
	struct watch *w = state;

	if (w->last)
		machine_untap_console(w->last, &w->tap);
	pthread_mutex_lock(&w->judging);
	judge(w);
	console_lines_end(&w->lines);
	act(w);
	pthread_mutex_unlock(&w->judging);
	watch_free(w);
}

static int watch_open(void *options, const struct machine_config *cfg, struct loop *loop,
		      void **state, struct err *e)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return err_sys(e, "cannot watch the console");
	(void)cfg; /* the options have what outlives the machine */
	w->v = options;
	w->tap = (struct console_tap){ .heard = heard, .ctx = w };
	w->lines = (struct console_lines){ .told = verdict_line, .ctx = w->v };
	pthread_mutex_init(&w->lock, NULL);
	pthread_mutex_init(&w->judging, NULL);
	loop_timer_init(&w->soon, loop, &w->judging, judge_soon, w);
	loop_timer_init(&w->panic, loop, &w->judging, panic_is_over, w);
	loop_timer_init(&w->deadline, loop, &w->judging, time_is_up, w);
	w->heard = malloc(HEARD_SIZE);
	w->judged = malloc(HEARD_SIZE);
	if (!w->heard || !w->judged) {
		watch_free(w);
		return err_sys(e, "cannot watch the console");
	}
	*state = w;
	return 0;
}

const struct machine_control verdict_control = {
	.open = watch_open,
	.running = watch_running,
	.close = watch_close,
};
