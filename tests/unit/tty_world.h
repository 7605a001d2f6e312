/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the console's tests share: a console with a device of the test's own behind it, and the
 * outside world. The test's thread plays the vCPU; the loop runs in a thread of its own.
 */
#ifndef LKVM_TESTS_TTY_WORLD_H
#define LKVM_TESTS_TTY_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "host/terminal.h"
#include "host/tty.h"
#include "hw/uart8250.h"
#include "vm/loop.h"

#define MIB (1024 * 1024)

/* A console with a device of our own behind it, and the loop in a thread. */
struct world {
	struct loop loop;
	pthread_t thread;
	struct tty *tty;
	struct char_backend backend;

	pthread_mutex_t lock; /* the device's */
	pthread_cond_t changed;
	uint8_t *in;
	size_t in_nr, in_room;
	bool in_refused;
	unsigned int out_refused, quits;
};

static inline size_t device_input(void *ctx, const uint8_t *buf, size_t len)
{
	struct world *w = ctx;
	size_t taken = len < w->in_room ? len : w->in_room;

	memcpy(w->in + w->in_nr, buf, taken);
	w->in_nr += taken;
	w->in_room -= taken;
	w->in_refused = taken < len;
	pthread_cond_broadcast(&w->changed);
	return taken;
}

static inline void device_output_ready(void *ctx)
{
	struct world *w = ctx;

	pthread_cond_broadcast(&w->changed);
}

static inline void on_quit(void *ctx)
{
	struct world *w = ctx;

	pthread_mutex_lock(&w->lock);
	w->quits++;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->lock);
}

static inline struct world *world_open(int in_fd, int out_fd)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err e = { 0 };

	assert_non_null(w);
	w->in = malloc(2 * MIB);
	w->in_room = 2 * MIB;
	assert_non_null(w->in);
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->changed, NULL);
	assert_int_equal(loop_create(&w->loop, &e), 0);
	w->tty = tty_open(&w->loop, in_fd, out_fd, on_quit, w, &e);
	assert_string_equal(e.text, "");
	assert_non_null(w->tty);
	w->backend = tty_backend(w->tty);
	return w;
}

static inline void world_connect(struct world *w)
{
	tty_connect(w->tty, (struct char_frontend){ .input = device_input,
						    .output_ready = device_output_ready,
						    .ctx = w,
						    .lock = &w->lock });
}

static inline void *run(void *ctx)
{
	struct world *w = ctx;

	return loop_run(&w->loop) ? w : NULL;
}

static inline void world_start(struct world *w)
{
	assert_int_equal(pthread_create(&w->thread, NULL, run, w), 0);
}

static inline void world_stop(struct world *w)
{
	void *failed;

	loop_quit(&w->loop);
	assert_int_equal(pthread_join(w->thread, &failed), 0);
	assert_null(failed);
}

static inline void world_close(struct world *w, int timeout_ms)
{
	tty_close(w->tty, timeout_ms);
	loop_destroy(&w->loop);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->lock);
	free(w->in);
	free(w);
}

static inline void sleep_ms(long ms)
{
	struct timespec delay = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&delay, NULL);
}

/* The guest: sends everything, waiting for room as a driver waits for THRE. */
static inline void send_all(struct world *w, const uint8_t *buf, size_t len, size_t chunk)
{
	pthread_mutex_lock(&w->lock);
	while (len) {
		size_t nr = chunk < len ? chunk : len;
		size_t taken = w->backend.output(w->backend.ctx, buf, nr);

		buf += taken;
		len -= taken;
		if (taken < nr) {
			w->out_refused++;
			pthread_cond_wait(&w->changed, &w->lock);
		}
	}
	pthread_mutex_unlock(&w->lock);
}

/* The guest: waits until it has read @nr bytes in all. */
static inline void wait_input(struct world *w, size_t nr)
{
	pthread_mutex_lock(&w->lock);
	while (w->in_nr < nr)
		pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

static inline void wait_quit(struct world *w)
{
	pthread_mutex_lock(&w->lock);
	while (!w->quits)
		pthread_cond_wait(&w->changed, &w->lock);
	pthread_mutex_unlock(&w->lock);
}

/* The guest: makes room for @nr more bytes. */
static inline void take_input(struct world *w, size_t nr)
{
	pthread_mutex_lock(&w->lock);
	w->in_room += nr;
	if (w->in_refused) {
		w->in_refused = false;
		w->backend.input_ready(w->backend.ctx);
	}
	pthread_mutex_unlock(&w->lock);
}

/* All 256 values, in an order that repeats late: a lost or doubled block shows. */
static inline uint8_t *make_pattern(size_t len)
{
	uint8_t *pattern = malloc(len);
	uint32_t x = 1;

	assert_non_null(pattern);
	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		pattern[i] = (uint8_t)(x >> 24);
	}
	return pattern;
}

/* The outside world's reader: @chunk bytes at a time, with a rest now and then. */
struct reader {
	pthread_t thread;
	int fd;
	size_t chunk, nr, max, rest_every;
	uint8_t *buf;
};

static inline void *read_slowly(void *ctx)
{
	struct reader *r = ctx;
	size_t rest = r->rest_every;

	while (r->nr < r->max) {
		size_t left = r->max - r->nr;
		ssize_t n = read(r->fd, r->buf + r->nr, left < r->chunk ? left : r->chunk);

		if (n <= 0)
			break;
		r->nr += (size_t)n;
		if (r->nr >= rest) {
			rest += r->rest_every;
			sleep_ms(1);
		}
	}
	return NULL;
}

static inline struct reader *reader_start(int fd, size_t max)
{
	struct reader *r = calloc(1, sizeof(*r));

	assert_non_null(r);
	*r = (struct reader){ .fd = fd, .chunk = 1000, .max = max, .rest_every = max / 32 + 1 };
	r->buf = malloc(max);
	assert_non_null(r->buf);
	assert_int_equal(pthread_create(&r->thread, NULL, read_slowly, r), 0);
	return r;
}

static inline void reader_finish(struct reader *r, const uint8_t *expected, size_t len)
{
	pthread_join(r->thread, NULL);
	assert_int_equal(r->nr, len);
	assert_memory_equal(r->buf, expected, len);
	free(r->buf);
	free(r);
}

static inline void write_all(int fd, const void *buf, size_t len)
{
	const uint8_t *from = buf;

	while (len) {
		ssize_t n = write(fd, from, len);

		assert_true(n > 0);
		from += n;
		len -= (size_t)n;
	}
}

static inline void make_pty(int *master, int *slave)
{
	assert_int_equal(openpty(master, slave, NULL, NULL, NULL), 0);
}

static inline int make_file(void)
{
	char path[] = "/tmp/tty_test.XXXXXX";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	unlink(path);
	return fd;
}

/* What the loop's thread has computed so far: an idle console must not spin. */
static inline int64_t loop_cpu_us(const struct world *w)
{
	struct timespec used;
	clockid_t clock;

	assert_int_equal(pthread_getcpuclockid(w->thread, &clock), 0);
	assert_int_equal(clock_gettime(clock, &used), 0);
	return (int64_t)used.tv_sec * 1000000 + used.tv_nsec / 1000;
}

static inline void assert_loop_is_idle(const struct world *w)
{
	int64_t before;

	sleep_ms(5);
	before = loop_cpu_us(w);
	sleep_ms(20);
	assert_in_range(loop_cpu_us(w) - before, 0, 4000);
}

/* What stderr gets meanwhile; stderr_end() puts it back and returns the text. */
struct stderr_catcher {
	int saved, file;
	char text[1024];
};

static inline void stderr_catch(struct stderr_catcher *c)
{
	c->saved = dup(STDERR_FILENO);
	c->file = make_file();
	dup2(c->file, STDERR_FILENO);
}

static inline const char *stderr_end(struct stderr_catcher *c)
{
	ssize_t n = pread(c->file, c->text, sizeof(c->text) - 1, 0);

	c->text[n > 0 ? n : 0] = '\0';
	dup2(c->saved, STDERR_FILENO);
	close(c->saved);
	close(c->file);
	return c->text;
}

#endif
