/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that wait in place of the loop: who starts them, and that no work is lost. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../host/workers.h"

struct world {
	struct workers *workers;
	struct work work;
	pthread_t ran_on;
	int wake;
};

static void run(void *ctx, struct work *work)
{
	struct world *w = ctx;

	(void)work;
	w->ran_on = pthread_self();
}

static void world_open(struct world *w, unsigned int threads)
{
	const struct worker_job job = {
		.run = run, .ctx = w, .name = "test", .sandbox = SANDBOX_DISK
	};
	struct err e = { 0 };

	*w = (struct world){ .wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC) };
	w->workers = workers_create(threads, job, w->wake, &e);
	assert_non_null(w->workers);
}

static void world_close(struct world *w)
{
	workers_destroy(w->workers);
	close(w->wake);
}

static void *put(void *arg)
{
	struct world *w = arg;

	workers_put(w->workers, &w->work);
	return NULL;
}

static void put_elsewhere(struct world *w)
{
	pthread_t other;

	assert_int_equal(pthread_create(&other, NULL, put, w), 0);
	pthread_join(other, NULL);
}

static void the_owners_work_is_done_by_a_thread(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, 4);
	workers_put(w.workers, &w.work);
	assert_ptr_equal(workers_take(w.workers, true), &w.work);
	assert_false(pthread_equal(w.ran_on, pthread_self()));
	world_close(&w);
}

/* It would be one with the other's rights. */
static void another_thread_starts_none_and_wakes_the_owner_for_it(void **state)
{
	struct world w;
	eventfd_t nr;

	(void)state;
	world_open(&w, 4);
	put_elsewhere(&w);
	usleep(50000);
	assert_int_equal(w.ran_on, 0);
	assert_int_equal(eventfd_read(w.wake, &nr), 0);
	assert_ptr_equal(workers_take(w.workers, true), &w.work);
	assert_false(pthread_equal(w.ran_on, pthread_self()));
	world_close(&w);
}

static void without_a_thread_the_owner_does_it(void **state)
{
	struct world w;

	(void)state;
	world_open(&w, 0);
	workers_put(w.workers, &w.work);
	assert_ptr_equal(workers_take(w.workers, true), &w.work);
	assert_true(pthread_equal(w.ran_on, pthread_self()));
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_owners_work_is_done_by_a_thread),
		cmocka_unit_test(another_thread_starts_none_and_wakes_the_owner_for_it),
		cmocka_unit_test(without_a_thread_the_owner_does_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
