/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers in the loop, and the clocks. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/play.h"
#include "util/log.h"
#include "vm/timer.h"

#define MS (NS_PER_S / 1000)

struct world {
	struct loop loop;
	pthread_mutex_t lock;
	struct loop_timer timer, end;
	unsigned int calls, quit_at;
	bool locked;
	uint64_t again;
};

static void due(void *ctx)
{
	struct world *w = ctx;

	w->calls++;
	if (w->calls == w->quit_at)
		loop_quit(&w->loop);
	w->locked = pthread_mutex_trylock(&w->lock) != 0;
	if (w->again) {
		struct timer value = loop_timer_value(&w->timer);

		timer_set(&value, w->again);
		w->again = 0;
	}
}

static void end(void *ctx)
{
	struct world *w = ctx;

	loop_quit(&w->loop);
}

static int setup(void **state)
{
	static struct world w;

	w = (struct world){ .lock = PTHREAD_MUTEX_INITIALIZER };
	assert_int_equal(loop_create(&w.loop, NULL), 0);
	loop_timer_init(&w.timer, &w.loop, &w.lock, due, &w);
	loop_timer_init(&w.end, &w.loop, &w.lock, end, &w);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	loop_timer_close(&w->timer);
	loop_timer_close(&w->end);
	loop_destroy(&w->loop);
	return 0;
}

static void set(struct loop_timer *timer, uint64_t ns)
{
	struct timer value = loop_timer_value(timer);

	timer_set(&value, ns);
}

static void run_for(struct world *w, uint64_t ns)
{
	set(&w->end, ns);
	assert_int_equal(loop_run(&w->loop), 0);
}

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	assert_non_null(dir);
	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

static void a_timer_is_due_once(void **state)
{
	struct world *w = *state;
	uint64_t start = clock_boottime.now(NULL), passed;

	set(&w->timer, 5 * MS);
	set(&w->end, 30 * MS);
	assert_int_equal(loop_run(&w->loop), 0);
	passed = clock_boottime.now(NULL) - start;
	assert_true(passed >= 30 * MS);
	assert_int_equal(w->calls, 1);
	assert_true(w->locked);
}

static void it_is_not_due_early(void **state)
{
	struct world *w = *state;

	set(&w->timer, 3600 * NS_PER_S);
	run_for(w, 10 * MS);
	assert_int_equal(w->calls, 0);
}

static void a_nanosecond_is_soon(void **state)
{
	struct world *w = *state;

	set(&w->timer, 1);
	run_for(w, 10 * MS);
	assert_int_equal(w->calls, 1);
}

static void zero_takes_it_back(void **state)
{
	struct world *w = *state;

	set(&w->timer, 5 * MS);
	set(&w->timer, 0);
	run_for(w, 20 * MS);
	assert_int_equal(w->calls, 0);
}

static void a_later_time_takes_the_place_of_an_earlier(void **state)
{
	struct world *w = *state;

	set(&w->timer, 5 * MS);
	set(&w->timer, 3600 * NS_PER_S);
	run_for(w, 20 * MS);
	assert_int_equal(w->calls, 0);
	set(&w->timer, 136ULL * 365 * 24 * 3600 * NS_PER_S);
	run_for(w, 5 * MS);
	assert_int_equal(w->calls, 0);
}

static void it_can_be_set_again_when_it_is_due(void **state)
{
	struct world *w = *state;

	w->again = 2 * MS;
	w->quit_at = 2;
	set(&w->timer, 2 * MS);
	assert_int_equal(loop_run(&w->loop), 0);
	run_for(w, 10 * MS);
	assert_int_equal(w->calls, 2);
}

static void a_timer_that_is_never_set_takes_no_descriptor(void **state)
{
	struct world *w = *state;
	unsigned int before = open_fds();

	set(&w->timer, 0);
	assert_int_equal(open_fds(), before);
	set(&w->timer, 1);
	assert_int_equal(open_fds(), before + 1);
	loop_timer_close(&w->timer);
	loop_timer_close(&w->timer);
	assert_int_equal(open_fds(), before);
}

static void after_its_end_it_is_not_due(void **state)
{
	struct world *w = *state;

	set(&w->timer, 1);
	usleep(2000);
	loop_timer_close(&w->timer);
	run_for(w, 5 * MS);
	assert_int_equal(w->calls, 0);
}

/* The guest may set it as often as it likes. */
static void a_host_without_a_timer_is_told_of_but_not_for_ever(void **state)
{
	struct rlimit old, none = { 0 };
	struct world *w = *state;
	unsigned int lines = 0;
	struct capture c;
	char *log;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none.rlim_max = old.rlim_max;
	capture_start(&c, STDERR_FILENO);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (unsigned int i = 0; i < 100; i++)
		set(&w->timer, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	log = capture_end(&c, NULL);
	for (const char *p = log; (p = strstr(p, "no timer")); p++)
		lines++;
	assert_in_range(lines, 1, 2 * LOG_LIMIT_BURST);
	free(log);
}

static void the_clocks_tell_the_hosts_time(void **state)
{
	uint64_t real = clock_realtime.now(NULL), boot = clock_boottime.now(NULL);

	(void)state;
	assert_in_range(real / NS_PER_S, (uint64_t)time(NULL) - 1, (uint64_t)time(NULL) + 1);
	usleep(2000);
	assert_true(clock_boottime.now(NULL) - boot >= 2 * MS);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(a_timer_is_due_once),
		test(it_is_not_due_early),
		test(a_nanosecond_is_soon),
		test(zero_takes_it_back),
		test(a_later_time_takes_the_place_of_an_earlier),
		test(it_can_be_set_again_when_it_is_due),
		test(a_timer_that_is_never_set_takes_no_descriptor),
		test(after_its_end_it_is_not_due),
		test(a_host_without_a_timer_is_told_of_but_not_for_ever),
		cmocka_unit_test(the_clocks_tell_the_hosts_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
