/* SPDX-License-Identifier: BSD-2-Clause */
/* What the runner of test plans is made of. */
#ifndef LKVM_IPC_RUNNER_PARTS_H
#define LKVM_IPC_RUNNER_PARTS_H

#include <pthread.h>
#include "host/child.h"
#include "ipc/runner.h"
#include "vm/loop.h"
#include "vm/timer.h"

#define CONSOLE_SIZE  (32 * 1024) /* of what a row said last is kept */
#define CONSOLE_LINES 40          /* and these lines of it are shown if it failed */
#define LOG_SIZE_MAX  (64 << 20)  /* bytes of a log file */

struct runner;

/* A row that runs. */
struct job {
	struct runner *runner;
	const struct runner_row *row;
	struct job *next;
	struct child child;
	struct loop_timer timer; /* lkvm run does not keep to its own limit */
	bool overdue;            /* and has been asked to end */
	struct timespec started;
	int log;
	uint64_t
		said; /* bytes; the last of them are at @said % CONSOLE_SIZE and before, round the end */
	char console[CONSOLE_SIZE];
};

struct runner {
	const struct runner_config *config;
	struct runner_counts *counts;
	struct loop loop;
	struct loop_source signals;
	pthread_mutex_t lock; /* of the timers; there is one thread */
	int cwd;
	unsigned int next; /* row that has not been started */
	unsigned int done;
	struct job *jobs;
};

/* Starts a row. Returns 0 with it among the runner's jobs, or -errno with @e set. */
int job_start(struct runner *r, const struct runner_row *row, struct err *e);

/* Asks it to end, and sees to it that it does. */
void job_stop(struct job *job);

/* Its end, at once if need be. It is the runner's no more, and freed. */
void job_end(struct job *job);

/* The row ended like this: tells everybody, calls job_end() and starts what there is room for. */
void runner_ended(struct job *job, int status);

/* One row's result, for people. Then the line that shows what runs, if they see it. */
void show_result(struct runner *r, const struct runner_row *row, const struct result *result);
void show_progress(struct runner *r);

#endif
