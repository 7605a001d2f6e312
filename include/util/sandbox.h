/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lkvm's threads may ask the host's kernel for (seccomp(2)). A guest that found a hole in lkvm has what lkvm's
 * thread had: so each class of threads gets the system calls that its work takes, which host/sandbox/rows.h lists, and
 * no others. A call that is not there ends lkvm, with a line that names it.
 */
#ifndef LKVM_UTIL_SANDBOX_H
#define LKVM_UTIL_SANDBOX_H

#include <stdbool.h>
#include "util/err.h"

/* Classes of threads. What one creates has its creator's limits beside its own. */
enum sandbox {
	SANDBOX_LOOP,    /* runs the event loop, creates the others, tidies up */
	SANDBOX_REBUILD, /* the same, and builds another VM when the guest resets */
	SANDBOX_VCPU,    /* runs a vCPU and answers its exits */
	SANDBOX_WRITER, /* the same, and puts aside files that it writes and that are full (util/growing.h) */
	SANDBOX_DISK,  /* reads and writes disk images */
	SANDBOX_SHARE, /* walks shared folders */
	SANDBOX_NR,
	SANDBOX_NONE = SANDBOX_NR, /* not at all */
};

/*
 * Confines the calling thread, and with it the whole process from here on, as does sandbox_enter() for each thread: a program
 * that one of them started would get no more rights than it has (no_new_privs), nor any other filter. @loop: one of the first
 * two, or SANDBOX_NONE for a thread that has to start programs, which leaves it as it is. There is no way back. Call it when
 * everything is open and before there are other threads. Returns 0, or -errno with @e set: then nothing is confined.
 */
int sandbox_start(enum sandbox loop, struct err *e);

/*
 * Confines the calling thread further, to what @class needs; first thing in the thread. Does nothing in a process that
 * has not called sandbox_start(). Ends lkvm if it cannot: never a thread without its limits.
 */
void sandbox_enter(enum sandbox class);

/* Whether sandbox_start() was called: then a thread has other limits to take on, too, before it enters its class. */
bool sandbox_is_on(void);

/* Ends lkvm: the calling thread cannot be confined, for the reason @ret, a -errno. */
void sandbox_give_up(int ret) __attribute__((noreturn));

#endif
