/* SPDX-License-Identifier: BSD-2-Clause */
/* Threads that wait for the host's storage in place of the event loop: of a disk, of a shared folder. */
#ifndef LKVM_HOST_WORKERS_H
#define LKVM_HOST_WORKERS_H

#include <stdbool.h>
#include "util/err.h"
#include "vm/work.h"

struct workers;

/* What threads do. Any of them, several at once. */
struct worker_job {
	void (*run)(void *ctx, struct work *work);
	/* Once on each thread, before all else. May be NULL. */
	void (*begin)(void *ctx);
	void *ctx;
};

/*
 * Makes room for @nr_max threads (at most 16 of them count); each is started when there is work and no other
 * is idle. @wake is an eventfd that is signalled when work is done. NULL with @e set.
 */
struct workers *workers_create(unsigned int nr_max, struct worker_job job, int wake, struct err *e);

/* Hands @work over. False: the host has not a single thread for it. Any thread. */
bool workers_put(struct workers *workers, struct work *work);

/* All that is done, in a list; NULL: none. @wait: sleeps until there is some. */
struct work *workers_take(struct workers *workers, bool wait);

/* Ends the threads, which have nothing left to do. NULL is fine. */
void workers_destroy(struct workers *workers);

#endif
