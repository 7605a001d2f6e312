/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop: waits for file descriptors and calls whoever owns them. One thread runs it; it
 * sleeps without a timeout, so an idle VM costs nothing. Handlers must not block.
 */
#ifndef LKVM_VM_LOOP_H
#define LKVM_VM_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"

/* Owned by the caller; must stay where it is while it is in the loop. */
struct loop_source {
	int fd;
	void (*ready)(void *ctx, uint32_t events); /* EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR */
	void *ctx;
};

struct epoll_event;

struct loop {
	int epoll_fd;
	int quit_fd;               /* eventfd: written to end loop_run() */
	struct epoll_event *batch; /* being served; its sources may remove each other */
	int nr_batch;
};

#define LOOP_NONE ((struct loop){ .epoll_fd = -1, .quit_fd = -1 })

/* Returns 0, or -errno with @e set; then nothing is left open. */
int loop_create(struct loop *loop, struct err *e);

/* Closes it. LOOP_NONE and a destroyed loop are fine. Sources stay their owners'. */
void loop_destroy(struct loop *loop);

/*
 * Watches @src for @events; with 0 it is ready to be modified, but nothing is reported yet. Events
 * repeat while they hold (EPOLLET may be asked for). Returns 0, or -errno; -EPERM means a file that
 * is always ready (a regular file). Loop's thread, or before it runs.
 */
int loop_add(struct loop *loop, struct loop_source *src, uint32_t events);

/*
 * Changes what @src waits for; 0 pauses it, EPOLLHUP and EPOLLERR included. An event already taken
 * may still be delivered. Returns 0, or -errno. Any thread, one at a time for each source.
 */
int loop_modify(struct loop *loop, struct loop_source *src, uint32_t events);

/*
 * Stops watching; @src is not called any more, and may be freed, from a handler too. Before its fd
 * is closed. Loop's thread, or when it does not run.
 */
void loop_remove(struct loop *loop, struct loop_source *src);

/* Serves events until loop_quit(). Returns 0, or -errno when waiting itself failed. */
int loop_run(struct loop *loop);

/*
 * Ends loop_run() soon, or at once when it is called next; the loop can be run again. Any thread or
 * signal handler, any number of times.
 */
void loop_quit(struct loop *loop);

#endif
