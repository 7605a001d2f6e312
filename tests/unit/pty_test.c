/* SPDX-License-Identifier: BSD-2-Clause */
/* A pseudo-terminal behind a guest's line: who comes and goes, slow readers, and an idle loop. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "host/pty.h"
#include "util/bits.h"

struct world {
	struct loop loop;
	struct pty *pty;
	struct char_backend backend;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint8_t in[64 * KiB];
	size_t in_nr, in_room;
	unsigned int out_ready;
	bool in_refused;
};

static size_t device_input(void *ctx, const uint8_t *buf, size_t len)
{
	struct world *w = ctx;

	if (len > w->in_room) {
		len = w->in_room;
		w->in_refused = true;
	}
	memcpy(w->in + w->in_nr, buf, len);
	w->in_nr += len;
	w->in_room -= len;
	pthread_cond_broadcast(&w->changed);
	return len;
}

static void device_output_ready(void *ctx)
{
	struct world *w = ctx;

	w->out_ready++;
	pthread_cond_broadcast(&w->changed);
}

static void *run(void *ctx)
{
	struct world *w = ctx;

	assert_int_equal(loop_run(&w->loop), 0);
	return NULL;
}

static void start(struct world *w)
{
	pty_connect(w->pty, (struct char_frontend){ .input = device_input,
						    .output_ready = device_output_ready,
						    .ctx = w,
						    .lock = &w->lock });
	assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
}

static void stop(struct world *w)
{
	loop_quit(&w->loop);
	pthread_join(w->thread, NULL);
	pty_disconnect(w->pty);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	assert_non_null(w);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	w->in_room = sizeof(w->in);
	assert_int_equal(loop_create(&w->loop, NULL), 0);
	w->pty = pty_open(&w->loop, &e);
	assert_string_equal(e.text, "");
	assert_non_null(w->pty);
	w->backend = pty_backend(w->pty);
	start(w);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	stop(w);
	pty_close(w->pty);
	loop_destroy(&w->loop);
	free(w);
	return 0;
}

static size_t output(struct world *w, const void *buf, size_t len)
{
	size_t taken;

	pthread_mutex_lock(&w->lock);
	taken = w->backend.output(w->backend.ctx, buf, len);
	pthread_mutex_unlock(&w->lock);
	return taken;
}

/* The person: opens the other end. */
static int attach(struct world *w)
{
	int fd = open(pty_name(w->pty), O_RDWR | O_NOCTTY | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void wait_input(struct world *w, size_t nr)
{
	struct timespec limit;

	clock_gettime(CLOCK_REALTIME, &limit);
	limit.tv_sec += 10;
	pthread_mutex_lock(&w->lock);
	while (w->in_nr < nr)
		assert_int_equal(pthread_cond_timedwait(&w->changed, &w->lock, &limit), 0);
	pthread_mutex_unlock(&w->lock);
}

static void write_all(int fd, const void *buf, size_t len)
{
	assert_int_equal(write(fd, buf, len), len);
}

static void assert_reads(int fd, const char *text)
{
	char buf[256];
	size_t nr = 0;

	while (nr < strlen(text)) {
		ssize_t n = read(fd, buf + nr, sizeof(buf) - nr);

		assert_true(n > 0);
		nr += (size_t)n;
	}
	assert_int_equal(nr, strlen(text));
	assert_memory_equal(buf, text, nr);
}

static int64_t loop_cpu_us(const struct world *w)
{
	struct timespec used;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(w->thread, &clock), 0);
	clock_gettime(clock, &used);
	return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

static void assert_idle(const struct world *w)
{
	int64_t before;

	usleep(5000);
	before = loop_cpu_us(w);
	usleep(30000);
	assert_in_range(loop_cpu_us(w) - before, 0, 5000);
}

static void bytes_pass_unchanged_both_ways(void **state)
{
	struct world *w = *state;
	int fd = attach(w);
	uint8_t all[256], back[256];
	size_t nr = 0;

	for (int i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	assert_int_equal(output(w, all, sizeof(all)), sizeof(all));
	while (nr < sizeof(back)) {
		ssize_t n = read(fd, back + nr, sizeof(back) - nr);

		assert_true(n > 0);
		nr += (size_t)n;
	}
	assert_memory_equal(back, all, sizeof(all));
	write_all(fd, all, sizeof(all));
	wait_input(w, sizeof(all));
	assert_memory_equal(w->in, all, sizeof(all));
	close(fd);
}

static void output_without_a_reader_is_lost_and_does_not_wait(void **state)
{
	struct world *w = *state;
	static const uint8_t much[64 * KiB];
	int fd;

	for (int i = 0; i < 32; i++)
		assert_int_equal(output(w, much, sizeof(much)), sizeof(much));
	fd = attach(w);
	assert_int_equal(output(w, "hello", 5), 5);
	assert_reads(fd, "hello");
	close(fd);
	for (int i = 0; i < 32; i++)
		assert_int_equal(output(w, much, sizeof(much)), sizeof(much));
	assert_idle(w);
}

static void people_come_and_go(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 3; i++) {
		int fd = attach(w);

		assert_int_equal(output(w, "guest", 5), 5);
		assert_reads(fd, "guest");
		write_all(fd, "person", 6);
		wait_input(w, 6 * (size_t)(i + 1));
		close(fd);
		assert_idle(w);
	}
	assert_memory_equal(w->in, "personpersonperson", 18);
}

static void nobody_there_costs_nothing(void **state)
{
	struct world *w = *state;

	assert_idle(w);
	close(attach(w));
	assert_idle(w);
}

static unsigned int nr_out_ready(struct world *w)
{
	unsigned int nr;

	pthread_mutex_lock(&w->lock);
	nr = w->out_ready;
	pthread_mutex_unlock(&w->lock);
	return nr;
}

static void a_slow_reader_makes_the_guest_wait_and_loses_nothing(void **state)
{
	struct world *w = *state;
	int fd = attach(w);
	uint8_t *bytes = malloc(512 * KiB), *back = malloc(512 * KiB);
	size_t sent = 0, nr = 0;

	for (size_t i = 0; i < 512 * KiB; i++)
		bytes[i] = (uint8_t)(i * 31 >> 3);
	while (nr < 512 * KiB) {
		unsigned int ready = nr_out_ready(w);
		ssize_t n;

		sent += output(w, bytes + sent, 512 * KiB - sent);
		n = read(fd, back + nr, 512 * KiB - nr);
		assert_true(n > 0);
		nr += (size_t)n;
		/* Refused: whoever refused says when there is room. */
		for (int i = 0; sent < 512 * KiB && i < 2000; i++) {
			if (nr_out_ready(w) != ready || nr < sent)
				break;
			usleep(1000);
		}
	}
	assert_memory_equal(back, bytes, 512 * KiB);
	assert_true(nr_out_ready(w) > 0);
	free(bytes);
	free(back);
	close(fd);
}

static void a_reader_that_goes_away_frees_a_guest_that_waits(void **state)
{
	struct world *w = *state;
	static const uint8_t much[64 * KiB];
	int fd = attach(w);
	bool told = false;

	while (output(w, much, sizeof(much)) == sizeof(much))
		;
	usleep(20000); /* whatever the kernel still takes over */
	while (output(w, much, sizeof(much)) == sizeof(much))
		;
	pthread_mutex_lock(&w->lock);
	w->out_ready = 0;
	pthread_mutex_unlock(&w->lock);
	assert_idle(w);
	close(fd);
	for (int i = 0; !told && i < 5000; i++) {
		usleep(1000);
		pthread_mutex_lock(&w->lock);
		told = w->out_ready > 0;
		pthread_mutex_unlock(&w->lock);
	}
	assert_true(told);
	assert_int_equal(output(w, much, sizeof(much)), sizeof(much));
	assert_idle(w);
}

static void input_waits_until_the_guest_has_room(void **state)
{
	struct world *w = *state;
	int fd = attach(w);

	pthread_mutex_lock(&w->lock);
	w->in_room = 3;
	pthread_mutex_unlock(&w->lock);
	write_all(fd, "abcdefgh", 8);
	wait_input(w, 3);
	write_all(fd, "ij", 2);
	assert_idle(w);
	assert_int_equal(w->in_nr, 3);
	pthread_mutex_lock(&w->lock);
	assert_true(w->in_refused);
	w->in_room = 100;
	w->backend.input_ready(w->backend.ctx);
	pthread_mutex_unlock(&w->lock);
	wait_input(w, 10);
	assert_memory_equal(w->in, "abcdefghij", 10);
	close(fd);
}

static void a_new_device_gets_what_waited(void **state)
{
	struct world *w = *state;
	int fd = attach(w);

	pthread_mutex_lock(&w->lock);
	w->in_room = 3;
	pthread_mutex_unlock(&w->lock);
	write_all(fd, "abcdefgh", 8);
	wait_input(w, 3);
	stop(w);
	assert_int_equal(w->in_nr, 3);
	w->in_room = 100;
	start(w);
	wait_input(w, 8);
	assert_memory_equal(w->in, "abcdefgh", 8);
	close(fd);
}

static void its_name_is_gone_when_it_is_closed(void **state)
{
	struct world *w = *state;
	char name[64];

	stop(w);
	snprintf(name, sizeof(name), "%s", pty_name(w->pty));
	pty_close(w->pty);
	assert_int_equal(access(name, F_OK), -1);
	w->pty = pty_open(&w->loop, NULL);
	assert_non_null(w->pty);
	start(w);
	pty_close(NULL);
}

int main(void)
{
#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		test(bytes_pass_unchanged_both_ways),
		test(output_without_a_reader_is_lost_and_does_not_wait),
		test(people_come_and_go),
		test(nobody_there_costs_nothing),
		test(a_slow_reader_makes_the_guest_wait_and_loses_nothing),
		test(a_reader_that_goes_away_frees_a_guest_that_waits),
		test(input_waits_until_the_guest_has_room),
		test(a_new_device_gets_what_waited),
		test(its_name_is_gone_when_it_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
