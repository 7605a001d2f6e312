/* SPDX-License-Identifier: BSD-2-Clause */
/* When things happened in one lkvm run: marks that reports and traces are made from. */
#ifndef LKVM_UTIL_TIMELINE_H
#define LKVM_UTIL_TIMELINE_H

#include <pthread.h>
#include <stdint.h>

/* Later marks are forgotten: a VM that reboots for years makes no more. */
#define TIMELINE_MARKS_MAX 256

struct timeline_mark {
	const char *name;
	uint64_t ns; /* CLOCK_MONOTONIC */
};

struct timeline {
	pthread_mutex_t lock;
	unsigned int nr;
	struct timeline_mark mark[TIMELINE_MARKS_MAX]; /* in the order in which they were made */
};

#define TIMELINE_NONE ((struct timeline){ .lock = PTHREAD_MUTEX_INITIALIZER })

/* The time that marks have. */
uint64_t timeline_now(void);

/*
 * Notes that @name, a text that outlives @t, happened now. @t may be NULL: nobody wants to know. Any
 * thread.
 */
void timeline_mark(struct timeline *t, const char *name);

/* When @name happened first; 0: it did not. When nobody makes marks any more. */
uint64_t timeline_first(const struct timeline *t, const char *name);

#endif
