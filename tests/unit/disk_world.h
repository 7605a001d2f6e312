/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of disks share: an image of their own, a loop in a thread, and a device that
 * counts what comes back.
 */
#ifndef LKVM_TESTS_DISK_WORLD_H
#define LKVM_TESTS_DISK_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "host/disk.h"
#include "util/bits.h"
#include "util/log.h"

#define FILE_SIZE (1 * MiB)
#define MANY      400 /* more than io_uring's rings have entries */

struct world {
	char dir[64], path[80];
	struct disk_config cfg;
	struct loop loop;
	struct disk *disk;

	pthread_mutex_t lock; /* the device's */
	unsigned int nr_pending, nr_ends;
	uint64_t size_told;

	struct block_request many[MANY];
	struct iovec many_iov[MANY];
	uint8_t buf[256 * KiB] __attribute__((aligned(4096)));
};

static inline void device_done(void *ctx, struct block_request *req)
{
	struct world *w = ctx;

	(void)req;
	assert_int_not_equal(pthread_mutex_trylock(&w->lock), 0); /* it is held */
	assert_true(w->nr_pending > 0);
	w->nr_pending--;
}

static inline void device_done_end(void *ctx)
{
	struct world *w = ctx;

	w->nr_ends++;
	if (!w->nr_pending)
		loop_quit(&w->loop);
}

static inline void device_resized(void *ctx, uint64_t size)
{
	((struct world *)ctx)->size_told = size;
}

static inline void make_file(struct world *w, off_t size)
{
	int fd = open(w->path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
}

static inline void write_file(struct world *w, const void *data, size_t len, off_t off)
{
	int fd = open(w->path, O_WRONLY);

	assert_int_equal(pwrite(fd, data, len, off), (ssize_t)len);
	close(fd);
}

static inline void expect_in_file(struct world *w, off_t off, const void *data, size_t len)
{
	static uint8_t buf[256 * KiB];
	int fd = open(w->path, O_RDONLY);

	assert_int_equal(pread(fd, buf, len, off), (ssize_t)len);
	close(fd);
	assert_memory_equal(buf, data, len);
}

static inline int fsync_path(struct world *w)
{
	int fd = open(w->path, O_RDONLY);
	int ret = fsync(fd);

	close(fd);
	return ret;
}

static inline void connect_disk(struct world *w)
{
	disk_connect(w->disk, (struct block_frontend){ .done = device_done,
						       .done_end = device_done_end,
						       .resized = device_resized,
						       .ctx = w,
						       .lock = &w->lock });
}

static inline void open_disk(struct world *w)
{
	struct err e = { 0 };

	w->disk = disk_open(&w->cfg, &w->loop, &e);
	if (!w->disk && strstr(e.text, "without direct access"))
		skip();
	if (!w->disk)
		fail_msg("%s", e.text);
	connect_disk(w);
}

static inline void close_disk(struct world *w)
{
	if (w->disk)
		disk_disconnect(w->disk);
	disk_close(w->disk);
	w->disk = NULL;
}

/* --- Requests --- */

/* One byte of a content that @seed names. */
static inline uint8_t pattern(unsigned int seed, unsigned int i)
{
	return (uint8_t)(i / 512 * 7 + i + seed * 31 + 1);
}

static inline void fill(struct world *w, unsigned int seed)
{
	for (unsigned int i = 0; i < sizeof(w->buf); i++)
		w->buf[i] = pattern(seed, i);
}

static inline void expect_filled(struct world *w, unsigned int seed, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++)
		assert_int_equal(w->buf[i], pattern(seed, i));
}

static inline void start(struct world *w, struct block_request *req, unsigned int nr)
{
	struct block_backend backend = disk_backend(w->disk);

	pthread_mutex_lock(&w->lock);
	for (unsigned int i = 0; i < nr; i++) {
		w->nr_pending++;
		if (backend.submit(backend.ctx, &req[i]))
			w->nr_pending--;
	}
	backend.kick(backend.ctx);
	pthread_mutex_unlock(&w->lock);
}

/* The loop, until a batch ends after which nothing is in flight. */
static inline void finish(struct world *w)
{
	while (w->nr_pending)
		assert_int_equal(loop_run(&w->loop), 0);
}

/* @flag: durable, or unmap. READ and WRITE use w->buf, in pieces. */
static inline int request(struct world *w, enum block_op op, uint64_t off, uint64_t len, bool flag)
{
	struct iovec iov[2] = { { w->buf, len < 512 ? len : 512 } };
	struct block_request req = { .op = op, .off = off, .len = len, .iov = iov };

	iov[1] = (struct iovec){ w->buf + iov[0].iov_len, len - iov[0].iov_len };
	req.nr_iov = iov[1].iov_len ? 2 : 1;
	req.durable = flag && op == BLOCK_WRITE;
	req.unmap = flag && op == BLOCK_WRITE_ZEROES;
	start(w, &req, 1);
	finish(w);
	return req.result;
}

static inline int transfer(struct world *w, enum block_op op, uint64_t off, uint64_t len)
{
	return request(w, op, off, len, false);
}

/* MANY requests of a sector each; a write's content tells which. */
static inline void prepare_many(struct world *w, enum block_op op)
{
	for (unsigned int i = 0; i < MANY; i++) {
		memset(w->buf + i * 512, op == BLOCK_WRITE ? (int)i + 1 : 0, 512);
		w->many_iov[i] = (struct iovec){ w->buf + i * 512, 512 };
		w->many[i] = (struct block_request){ .op = op,
						     .off = i * 512,
						     .len = 512,
						     .iov = &w->many_iov[i],
						     .nr_iov = 1,
						     .result = 1 };
	}
}

static inline void many(struct world *w, enum block_op op)
{
	prepare_many(w, op);
	start(w, w->many, MANY);
	finish(w);
	for (unsigned int i = 0; i < MANY; i++)
		assert_int_equal(w->many[i].result, 0);
}

/* --- Worlds --- */

static inline int set_up_in(void **state, const char *where, struct disk_config cfg)
{
	struct world *w = aligned_alloc(4096, align_up(sizeof(*w), 4096));

	assert_non_null(w);
	memset(w, 0, sizeof(*w));
	snprintf(w->dir, sizeof(w->dir), "%s/lkvm-disk.XXXXXX", where);
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/image", w->dir);
	w->cfg = cfg;
	w->cfg.path = w->path;
	pthread_mutex_init(&w->lock, NULL);
	make_file(w, FILE_SIZE);
	assert_int_equal(loop_create(&w->loop, NULL), 0);
	log_set_level(LOG_ERROR);
	*state = w;
	return 0;
}

static inline int tear_down(void **state)
{
	struct world *w = *state;

	close_disk(w);
	loop_destroy(&w->loop);
	pthread_mutex_destroy(&w->lock);
	unlink(w->path);
	rmdir(w->dir);
	free(w);
	return 0;
}

/* A file system of a disk, and one in memory. */
#define ON_DISK   "/var/tmp"
#define IN_MEMORY "/dev/shm"

static inline int set_up_auto(void **state)
{
	return set_up_in(state, ON_DISK, (struct disk_config){ 0 });
}

static inline int set_up_threads(void **state)
{
	return set_up_in(state, ON_DISK, (struct disk_config){ .aio = DISK_AIO_THREADS });
}

static inline int set_up_memory(void **state)
{
	return set_up_in(state, IN_MEMORY, (struct disk_config){ 0 });
}

static inline int set_up_through(void **state)
{
	return set_up_in(state, ON_DISK, (struct disk_config){ .cache = DISK_WRITETHROUGH });
}

static inline int set_up_direct(void **state)
{
	return set_up_in(state, ON_DISK, (struct disk_config){ .direct = true });
}

static inline int set_up_direct_threads(void **state)
{
	return set_up_in(state, ON_DISK,
			 (struct disk_config){ .direct = true, .aio = DISK_AIO_THREADS });
}

#endif
