/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs of the host that serve a VM: started for it, ended with it, however that happens. Loop's thread, or
 * when the loop does not run; the same thread for all of one child, because it is bound to the life of that.
 */
#ifndef LKVM_HOST_CHILD_H
#define LKVM_HOST_CHILD_H

#include <stdbool.h>
#include <sys/types.h>
#include "host/tail.h"
#include "util/err.h"
#include "vm/loop.h"

struct child {
	pid_t pid; /* 0: none runs */
	struct loop *loop;
	struct loop_source source; /* a pidfd */
	struct loop_source words;  /* a pipe: what it says */
	struct tail tail;          /* the last of that */
	char name[32];             /* the program's */
	void (*ended)(void *ctx, int status);
	/* Set after the start: gets all it says, of which nothing is kept or shown then. All comes before ended(). */
	void (*heard)(void *ctx, const uint8_t *buf, size_t len);
	void *ctx;
};

#define CHILD_NONE ((struct child){ .source.fd = -1, .words.fd = -1 })

/*
 * Looks for the program @name in PATH, then at the absolute names in @places (NULL-terminated, or NULL).
 * Returns its file name, for the caller to free(), or NULL: there is none.
 */
char *child_find(const char *name, const char *const *places);

/*
 * Runs the program @argv[0], a file name, with @argv (NULL-terminated). It gets the @nr_fds descriptors @fds under
 * their numbers, besides nothing to read; the terminal's signals do not reach it; it is killed when lkvm dies.
 * What it says is kept, and the last of it shown on stderr if it ends by itself with a failure: all of it, as it
 * comes, at log level debug. @ended(@ctx, status as of waitpid()) is called if it ends by itself; may be NULL. @child
 * must stay where it is. Returns 0, or -errno with @e set.
 */
int child_start(struct child *child, const char *const *argv, const int *fds, unsigned int nr_fds,
		struct loop *loop, void (*ended)(void *ctx, int status), void *ctx, struct err *e);

/* Sends it a signal, and does not wait. CHILD_NONE and one that ended are fine. */
void child_signal(struct child *child, int signal);

/*
 * Ends it: asks, and if it does not end within a second, kills. One that has failed by now has its say first.
 * CHILD_NONE and one that ended are fine.
 */
void child_end(struct child *child);

#endif
