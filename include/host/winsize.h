/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The size of the terminal, told to a device whenever it changes (SIGWINCH, by a signalfd in the loop). Where there are more
 * terminals, or only others', the last size counts.
 */
#ifndef LKVM_HOST_WINSIZE_H
#define LKVM_HOST_WINSIZE_H

#include "util/err.h"
#include "vm/chardev.h"
#include "vm/loop.h"

struct winsize_watch {
	struct loop_source source; /* signalfd, or -1 */
	struct loop *loop;
	int tty;             /* the caller's */
	uint16_t cols, rows; /* the last size; 0: not known */
	struct char_frontend frontend;
};

#define WINSIZE_NONE ((struct winsize_watch){ .source.fd = -1 })

/*
 * Watches the terminal @tty. SIGWINCH stays blocked from here on: to be called before other threads are
 * started, by the thread that runs the loop. @watch must stay where it is. Returns 0, or -errno with @e
 * set; winsize_close() also after that.
 */
int winsize_open(struct winsize_watch *watch, struct loop *loop, int tty, struct err *e);

/* Another terminal's size. On the loop's thread. */
void winsize_set(struct winsize_watch *watch, uint16_t cols, uint16_t rows);

/* Tells @frontend, whose resized() is set, the size as it is, if it is known, and from now on its changes. */
void winsize_connect(struct winsize_watch *watch, struct char_frontend frontend);
void winsize_disconnect(struct winsize_watch *watch);

/* These three also of WINSIZE_NONE: nothing is watched. */
void winsize_close(struct winsize_watch *watch);

#endif
