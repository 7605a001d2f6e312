/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that wait for the host's storage in place of the event loop: of a disk, of a shared folder. */
#ifndef LKVM_HOST_WORKERS_H
#define LKVM_HOST_WORKERS_H

#include <stdbool.h>
#include "util/err.h"
#include "util/sandbox.h"
#include "vm/work.h"

struct workers;

/* What threads do. Any of them, several at once. */
struct worker_job {
	void (*run)(void *ctx, struct work *work);
	/* Once on each thread, before all else. May be NULL. */
	void (*begin)(void *ctx);
	void *ctx;
	const char *name;     /* of each thread, at most 15 bytes */
	enum sandbox sandbox; /* what each thread is confined to after that */
};

/*
 * Makes room for @nr_max threads (at most 16 of them count); each is started when there is work and no other
 * is idle, by the caller's thread alone. @wake is an eventfd that is signalled when work is done, or a thread is to be
 * started: then that thread calls workers_take(). NULL with @e set.
 */
struct workers *workers_create(unsigned int nr_max, struct worker_job job, int wake, struct err *e);

/* Hands @work over. Any thread. */
void workers_put(struct workers *workers, struct work *work);

/*
 * All that is done, in a list; NULL: none. @wait: sleeps until there is some. The thread of workers_create(), which does
 * one piece of work itself where the host has not a single thread for it.
 */
struct work *workers_take(struct workers *workers, bool wait);

/* Ends the threads, which have nothing left to do. NULL is fine. */
void workers_destroy(struct workers *workers);

#endif
