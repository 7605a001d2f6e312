/* SPDX-License-Identifier: BSD-2-Clause */
/* The event loop: who is called, who is not called any more, and how it ends. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "vm/loop.h"

#define NR 3

struct world {
	struct loop loop;
	struct watcher {
		struct world *world;
		struct loop_source src;
		unsigned int calls;
	} watcher[NR];
	unsigned int calls, calls_until_quit;
};

static struct world *world_create(void)
{
	struct world *world = calloc(1, sizeof(*world));

	assert_non_null(world);
	assert_int_equal(loop_create(&world->loop, NULL), 0);
	for (unsigned int i = 0; i < NR; i++) {
		struct watcher *watcher = &world->watcher[i];

		watcher->world = world;
		watcher->src.fd = eventfd(0, EFD_CLOEXEC);
		watcher->src.ctx = watcher;
		assert_true(watcher->src.fd >= 0);
	}
	return world;
}

static void world_destroy(struct world *world)
{
	for (unsigned int i = 0; i < NR; i++)
		close(world->watcher[i].src.fd);
	loop_destroy(&world->loop);
	free(world);
}

/* loop_quit() is an event among others, so a few calls may still come after it. */
static void count(void *ctx, uint32_t events)
{
	struct watcher *watcher = ctx;

	(void)events;
	watcher->calls++;
	if (++watcher->world->calls == watcher->world->calls_until_quit)
		loop_quit(&watcher->world->loop);
}

static void remove_the_others(void *ctx, uint32_t events)
{
	struct watcher *watcher = ctx;
	struct world *world = watcher->world;

	for (unsigned int i = 0; i < NR; i++) {
		if (&world->watcher[i] != watcher)
			loop_remove(&world->loop, &world->watcher[i].src);
	}
	count(ctx, events);
}

static void remove_itself(void *ctx, uint32_t events)
{
	struct watcher *watcher = ctx;

	loop_remove(&watcher->world->loop, &watcher->src);
	count(ctx, events);
}

static void watch(struct world *world, unsigned int i, void (*ready)(void *ctx, uint32_t events))
{
	world->watcher[i].src.ready = ready;
	assert_int_equal(loop_add(&world->loop, &world->watcher[i].src, EPOLLIN), 0);
}

static void fire(struct world *world, unsigned int i)
{
	assert_int_equal(eventfd_write(world->watcher[i].src.fd, 1), 0);
}

static void a_ready_source_is_called_again_and_again(void **state)
{
	struct world *world = world_create();

	(void)state;
	watch(world, 0, count);
	watch(world, 1, count);
	fire(world, 0);
	world->calls_until_quit = 5;
	assert_int_equal(loop_run(&world->loop), 0);
	assert_true(world->watcher[0].calls >= 5);
	assert_int_equal(world->watcher[1].calls, 0);
	world_destroy(world);
}

static void a_source_removed_by_another_of_its_batch_is_not_called(void **state)
{
	struct world *world = world_create();
	unsigned int called = 0;

	(void)state;
	for (unsigned int i = 0; i < NR; i++) {
		watch(world, i, remove_the_others);
		fire(world, i);
	}
	world->calls_until_quit = 1;
	assert_int_equal(loop_run(&world->loop), 0);
	for (unsigned int i = 0; i < NR; i++)
		called += world->watcher[i].calls > 0;
	assert_int_equal(called, 1);
	world_destroy(world);
}

static void a_source_may_remove_itself(void **state)
{
	struct world *world = world_create();

	(void)state;
	watch(world, 0, remove_itself);
	watch(world, 1, count);
	fire(world, 0);
	fire(world, 1);
	world->calls_until_quit = 4;
	assert_int_equal(loop_run(&world->loop), 0);
	assert_int_equal(world->watcher[0].calls, 1);
	assert_true(world->watcher[1].calls >= 3);
	world_destroy(world);
}

static void a_paused_source_is_silent_even_when_its_peer_hangs_up(void **state)
{
	struct world *world = world_create();
	struct watcher *paused = &world->watcher[0];
	int pipe_fd[2];

	(void)state;
	assert_int_equal(pipe(pipe_fd), 0);
	close(paused->src.fd);
	paused->src.fd = pipe_fd[0];
	watch(world, 0, count);
	watch(world, 1, count);
	assert_int_equal(loop_modify(&world->loop, &paused->src, 0), 0);
	assert_int_equal(loop_modify(&world->loop, &paused->src, 0), 0);
	close(pipe_fd[1]);
	fire(world, 1);
	world->calls_until_quit = 3;
	assert_int_equal(loop_run(&world->loop), 0);
	assert_int_equal(paused->calls, 0);

	world->calls_until_quit = world->calls + 5;
	assert_int_equal(loop_modify(&world->loop, &paused->src, EPOLLIN), 0);
	assert_int_equal(loop_run(&world->loop), 0);
	assert_true(paused->calls > 0);
	world_destroy(world);
}

static void a_source_added_without_events_waits_for_its_first(void **state)
{
	struct world *world = world_create();
	struct watcher *waiting = &world->watcher[0];
	int pipe_fd[2];

	(void)state;
	assert_int_equal(pipe(pipe_fd), 0);
	close(pipe_fd[1]);
	close(waiting->src.fd);
	waiting->src.fd = pipe_fd[0];
	waiting->src.ready = count;
	assert_int_equal(loop_add(&world->loop, &waiting->src, 0), 0);
	watch(world, 1, count);
	fire(world, 1);
	world->calls_until_quit = 2;
	assert_int_equal(loop_run(&world->loop), 0);
	assert_int_equal(waiting->calls, 0);
	world->calls_until_quit = world->calls + 4;
	assert_int_equal(loop_modify(&world->loop, &waiting->src, EPOLLIN), 0);
	assert_int_equal(loop_run(&world->loop), 0);
	assert_true(waiting->calls > 0);
	world_destroy(world);
}

static void a_regular_file_is_refused_by_name(void **state)
{
	struct world *world = world_create();
	char path[] = "/tmp/loop_test.XXXXXX";
	struct loop_source src = { .fd = mkstemp(path) };

	(void)state;
	unlink(path);
	assert_int_equal(loop_add(&world->loop, &src, EPOLLIN), -EPERM);
	assert_int_equal(loop_add(&world->loop, &src, 0), -EPERM);
	close(src.fd);
	world_destroy(world);
}

static void quitting_before_it_runs_ends_it_at_once(void **state)
{
	struct world *world = world_create();

	(void)state;
	loop_quit(&world->loop);
	loop_quit(&world->loop);
	assert_int_equal(loop_run(&world->loop), 0);

	/* ... and once only: a second run waits for its own end. */
	watch(world, 0, count);
	fire(world, 0);
	world->calls_until_quit = 3;
	assert_int_equal(loop_run(&world->loop), 0);
	assert_true(world->calls >= 3);
	world_destroy(world);
}

/* loop_quit() comes first in the batch; the edge-triggered event beside it must not be lost. */
static void the_batch_in_which_it_ends_is_served_to_its_end(void **state)
{
	struct world *world = world_create();

	(void)state;
	world->watcher[0].src.ready = count;
	assert_int_equal(loop_add(&world->loop, &world->watcher[0].src, EPOLLIN | EPOLLET), 0);
	world->calls_until_quit = 100;
	loop_quit(&world->loop);
	fire(world, 0);
	assert_int_equal(loop_run(&world->loop), 0);
	assert_int_equal(world->calls, 1);
	world_destroy(world);
}

static void *quit_later(void *ctx)
{
	struct timespec delay = { .tv_nsec = 20 * 1000 * 1000 };

	nanosleep(&delay, NULL);
	loop_quit(ctx);
	return NULL;
}

static void another_thread_can_end_it(void **state)
{
	struct world *world = world_create();
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, quit_later, &world->loop), 0);
	assert_int_equal(loop_run(&world->loop), 0);
	pthread_join(thread, NULL);
	world_destroy(world);
}

static void on_signal(int nr)
{
	(void)nr;
}

static void *interrupt_then_quit(void *ctx)
{
	struct timespec delay = { .tv_nsec = 20 * 1000 * 1000 };
	struct world *world = ctx;

	nanosleep(&delay, NULL);
	kill(getpid(), SIGUSR1);
	nanosleep(&delay, NULL);
	fire(world, 0);
	return NULL;
}

static void a_signal_does_not_end_it(void **state)
{
	struct sigaction action = { .sa_handler = on_signal };
	struct world *world = world_create();
	sigset_t set, old;
	pthread_t thread;

	(void)state;
	watch(world, 0, count);
	world->calls_until_quit = 1;
	sigaction(SIGUSR1, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, &old); /* the helper inherits it: the signal comes here */
	assert_int_equal(pthread_create(&thread, NULL, interrupt_then_quit, world), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(loop_run(&world->loop), 0);
	assert_true(world->calls > 0);
	pthread_join(thread, NULL);
	world_destroy(world);
}

static void destroying_nothing_is_fine(void **state)
{
	struct loop loop = LOOP_NONE;

	(void)state;
	loop_destroy(&loop);
	assert_int_equal(loop_create(&loop, NULL), 0);
	loop_destroy(&loop);
	loop_destroy(&loop);
	assert_int_equal(loop.epoll_fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ready_source_is_called_again_and_again),
		cmocka_unit_test(a_source_removed_by_another_of_its_batch_is_not_called),
		cmocka_unit_test(a_source_may_remove_itself),
		cmocka_unit_test(a_paused_source_is_silent_even_when_its_peer_hangs_up),
		cmocka_unit_test(a_source_added_without_events_waits_for_its_first),
		cmocka_unit_test(a_regular_file_is_refused_by_name),
		cmocka_unit_test(quitting_before_it_runs_ends_it_at_once),
		cmocka_unit_test(the_batch_in_which_it_ends_is_served_to_its_end),
		cmocka_unit_test(another_thread_can_end_it),
		cmocka_unit_test(a_signal_does_not_end_it),
		cmocka_unit_test(destroying_nothing_is_fine),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
