/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that grows by being appended to and, when it has a limit, is put aside in time: PATH becomes PATH.1, what was
 * PATH.1 becomes PATH.2, and so on; the oldest goes. Consoles and lkvm's own messages are written so.
 */
#ifndef LKVM_UTIL_GROWING_H
#define LKVM_UTIL_GROWING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

/* How much a file may exceed its limit until a line ends. */
#define GROWING_SLACK 4096
/* The smallest limit, in bytes. */
#define GROWING_MAX_MIN  4096
#define GROWING_KEEP     4 /* unless told otherwise */
#define GROWING_KEEP_MAX 999

/* The limit, as people give it. */
struct growing_limit {
	uint64_t max;  /* bytes; 0: none */
	uint32_t keep; /* so many files are kept beside PATH; 0: GROWING_KEEP */
};

struct growing {
	pthread_mutex_t lock; /* guards all but @path */
	const char *path;     /* the caller's */
	int fd, dir;          /* the file and its folder; -1: none */
	struct growing_limit limit;
	uint64_t size;
	bool line_ended; /* the last byte was a newline, or there was none */
	bool failed;     /* nothing is written any more */
};

#define GROWING_NONE ((struct growing){ .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .dir = -1 })

/*
 * Opens or makes the file @path: a regular one or, for /dev/null, a device that never waits, which has no limit. Returns 0,
 * or -errno with @e naming @path. growing_close() also after a failure.
 */
int growing_open(struct growing *file, const char *path, const struct growing_limit *limit,
		 struct err *e);

/*
 * Appends. A file that has reached its limit is put aside first, at the end of a line or GROWING_SLACK bytes later. Any
 * thread. Returns 0; once -errno if the file cannot be written, with file->failed: nothing is from then on; and once
 * -errno without it if it cannot be put aside, and grows on.
 */
int growing_write(struct growing *file, const void *buf, size_t len);

/* GROWING_NONE is fine. */
void growing_close(struct growing *file);

/*
 * Reads the words "max=SIZE" and "keep=NR" of options. Returns 1 if @word was one of them, 0 if not, or -errno with @e set.
 */
int growing_parse_word(struct growing_limit *limit, const char *word, struct err *e);

#endif
