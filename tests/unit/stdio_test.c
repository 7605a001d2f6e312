/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm's standard streams as lines: all bytes in order, slow readers, and ends on either side. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/play.h"
#include "host/stdio.h"

#define MUCH (1024 * 1024 + 7)

/* The device's side, and the loop in a thread of its own. */
struct world {
	struct loop loop;
	pthread_t thread;
	pthread_mutex_t lock; /* the device's */
	pthread_cond_t changed;
	struct stdio_in in;
	struct stdio_out out;
	int fd[2]; /* a pipe's two ends */
	uint8_t *got;
	size_t nr, room;
	atomic_uint hang_ups, readies, closed;
};

static size_t input(void *ctx, const uint8_t *buf, size_t len)
{
	struct world *w = ctx;
	size_t taken = len < w->room ? len : w->room;

	memcpy(w->got + w->nr, buf, taken);
	w->nr += taken;
	w->room -= taken;
	pthread_cond_broadcast(&w->changed);
	return taken;
}

static void hang_up(void *ctx)
{
	struct world *w = ctx;

	w->hang_ups++;
	pthread_cond_broadcast(&w->changed);
}

static void output_ready(void *ctx)
{
	struct world *w = ctx;

	w->readies++;
	pthread_cond_broadcast(&w->changed);
}

static void closed(void *ctx)
{
	struct world *w = ctx;

	w->closed++;
}

static struct char_frontend frontend(struct world *w)
{
	return (struct char_frontend){ .input = input,
				       .output_ready = output_ready,
				       .hang_up = hang_up,
				       .ctx = w,
				       .lock = &w->lock };
}

static void *run_loop(void *ctx)
{
	struct world *w = ctx;

	loop_run(&w->loop);
	return NULL;
}

static struct world *world_new(void)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	assert_non_null(w);
	signal(SIGPIPE, SIG_IGN);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	w->in = STDIO_IN_NONE;
	w->out = STDIO_OUT_NONE;
	w->got = malloc(2 * MUCH);
	assert_int_equal(loop_create(&w->loop, &e), 0);
	assert_int_equal(pipe(w->fd), 0);
	return w;
}

static void world_start(struct world *w)
{
	assert_int_equal(pthread_create(&w->thread, NULL, run_loop, w), 0);
}

static void world_end(struct world *w)
{
	loop_quit(&w->loop);
	pthread_join(w->thread, NULL);
	stdio_in_disconnect(&w->in);
	stdio_out_disconnect(&w->out);
	stdio_in_close(&w->in);
	stdio_out_close(&w->out);
	loop_destroy(&w->loop);
	close(w->fd[0]);
	close(w->fd[1]);
	free(w->got);
	free(w);
}

/* Waits, up to ten seconds, until *@what is @value; with the lock. */
#define wait_for(w, what, value)                                                       \
	do {                                                                           \
		struct timespec until;                                                 \
		clock_gettime(CLOCK_REALTIME, &until);                                 \
		until.tv_sec += 10;                                                    \
		pthread_mutex_lock(&(w)->lock);                                        \
		while ((w)->what != (value) &&                                         \
		       pthread_cond_timedwait(&(w)->changed, &(w)->lock, &until) == 0) \
			;                                                              \
		assert_int_equal((w)->what, value);                                    \
		pthread_mutex_unlock(&(w)->lock);                                      \
	} while (0)

static uint8_t *bytes(void)
{
	uint8_t *b = malloc(MUCH);

	for (size_t i = 0; i < MUCH; i++)
		b[i] = (uint8_t)(i * 7 + i / 251);
	return b;
}

/* Gives the device room for @room more bytes. */
static void make_room(struct world *w, size_t room)
{
	struct char_backend backend = stdio_in_backend(&w->in);

	pthread_mutex_lock(&w->lock);
	w->room += room;
	backend.input_ready(backend.ctx);
	pthread_mutex_unlock(&w->lock);
}

static void open_in(struct world *w, int fd)
{
	struct err e = { 0 };

	assert_int_equal(stdio_in_open(&w->in, &w->loop, fd, &e), 0);
	stdio_in_connect(&w->in, frontend(w));
	world_start(w);
}

static void a_file_comes_whole_and_then_its_end(void **state)
{
	struct world *w = world_new();
	uint8_t *b = bytes();
	char *path = temp_file(b, MUCH);
	int fd = open(path, O_RDONLY);

	(void)state;
	open_in(w, fd);
	for (size_t part = 1; part < MUCH; part = part * 3)
		make_room(w, part);
	make_room(w, 2 * MUCH);
	wait_for(w, hang_ups, 1);
	make_room(w, 1);
	usleep(20000);
	assert_int_equal(w->hang_ups, 1);
	assert_int_equal(w->nr, MUCH);
	assert_memory_equal(w->got, b, MUCH);
	world_end(w);
	close(fd);
	temp_remove(path);
	free(b);
}

static void a_pipe_comes_as_it_is_written(void **state)
{
	struct world *w = world_new();

	(void)state;
	open_in(w, w->fd[0]);
	make_room(w, 100);
	assert_int_equal(write(w->fd[1], "one", 3), 3);
	wait_for(w, nr, 3);
	assert_int_equal(write(w->fd[1], "two", 3), 3);
	wait_for(w, nr, 6);
	assert_int_equal(w->hang_ups, 0);
	close(w->fd[1]);
	wait_for(w, hang_ups, 1);
	assert_memory_equal(w->got, "onetwo", 6);
	world_end(w);
}

/* Even if the guest is not there yet: it will find the end. */
static void nothing_ends_at_once(void **state)
{
	struct world *w = world_new();
	int fd = open("/dev/null", O_RDONLY);

	(void)state;
	open_in(w, fd);
	wait_for(w, hang_ups, 1);
	world_end(w);
	close(fd);
}

static void a_guest_that_has_closed_it_gets_no_more(void **state)
{
	struct world *w = world_new();
	struct char_backend backend;
	int left;

	(void)state;
	open_in(w, w->fd[0]);
	backend = stdio_in_backend(&w->in);
	make_room(w, 100);
	pthread_mutex_lock(&w->lock);
	backend.closed(backend.ctx);
	pthread_mutex_unlock(&w->lock);
	usleep(300000); /* the loop's thread hears of it, on a loaded machine too */
	assert_int_equal(write(w->fd[1], "one", 3), 3);
	usleep(20000);
	assert_int_equal(ioctl(w->fd[0], FIONREAD, &left), 0);
	assert_int_equal(left, 3);
	world_end(w);
}

static void open_out(struct world *w, int fd)
{
	struct err e = { 0 };

	assert_int_equal(stdio_out_open(&w->out, &w->loop, fd, "stdout", closed, w, &e), 0);
	stdio_out_connect(&w->out, frontend(w));
	world_start(w);
}

static size_t put(struct world *w, const uint8_t *b, size_t len)
{
	struct char_backend backend = stdio_out_backend(&w->out);
	size_t taken;

	pthread_mutex_lock(&w->lock);
	taken = backend.output(backend.ctx, b, len);
	pthread_mutex_unlock(&w->lock);
	return taken;
}

static void a_slow_reader_gets_all_of_it(void **state)
{
	struct world *w = world_new();
	uint8_t *b = bytes();
	size_t sent = 0, got = 0;

	(void)state;
	open_out(w, w->fd[1]);
	while (got < MUCH) {
		unsigned int readies = w->readies;

		sent += put(w, b + sent, MUCH - sent);
		assert_true(sent > got);
		got += (size_t)read(w->fd[0], w->got + got, 2 * MUCH - got);
		while (sent > got)
			got += (size_t)read(w->fd[0], w->got + got, 2 * MUCH - got);
		if (sent < MUCH)
			wait_for(w, readies, readies + 1);
	}
	assert_memory_equal(w->got, b, MUCH);
	world_end(w);
	free(b);
}

static void a_reader_that_is_gone_hangs_up(void **state)
{
	struct world *w = world_new();

	(void)state;
	open_out(w, w->fd[1]);
	close(w->fd[0]);
	assert_int_equal(put(w, (const uint8_t *)"hello", 5), 5);
	assert_int_equal(w->hang_ups, 1);
	assert_int_equal(put(w, (const uint8_t *)"hello", 5), 5);
	assert_int_equal(w->hang_ups, 1);
	world_end(w);
}

static void a_file_without_room_hangs_up_too(void **state)
{
	struct world *w = world_new();
	int fd = open("/dev/full", O_WRONLY);

	(void)state;
	open_out(w, fd);
	assert_int_equal(put(w, (const uint8_t *)"hello", 5), 5);
	assert_int_equal(w->hang_ups, 1);
	world_end(w);
	close(fd);
}

static void the_guests_end_is_passed_on(void **state)
{
	struct world *w = world_new();
	struct char_backend backend;

	(void)state;
	open_out(w, w->fd[1]);
	backend = stdio_out_backend(&w->out);
	backend.closed(backend.ctx);
	assert_int_equal(w->closed, 1);
	world_end(w);
}

static void what_is_closed_is_at_its_end(void **state)
{
	struct world *w = world_new();

	(void)state;
	open_out(w, 1000);
	assert_int_equal(put(w, (const uint8_t *)"hello", 5), 5);
	assert_int_equal(w->hang_ups, 0);
	world_end(w);
	w = world_new();
	open_in(w, 1000);
	wait_for(w, hang_ups, 1);
	world_end(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_comes_whole_and_then_its_end),
		cmocka_unit_test(a_pipe_comes_as_it_is_written),
		cmocka_unit_test(nothing_ends_at_once),
		cmocka_unit_test(a_guest_that_has_closed_it_gets_no_more),
		cmocka_unit_test(a_slow_reader_gets_all_of_it),
		cmocka_unit_test(a_reader_that_is_gone_hangs_up),
		cmocka_unit_test(a_file_without_room_hangs_up_too),
		cmocka_unit_test(the_guests_end_is_passed_on),
		cmocka_unit_test(what_is_closed_is_at_its_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
