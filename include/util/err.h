/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An error on its way up to the person who can do something about it. A function that can fail
 * takes a struct err last and returns 0 or -errno; the text is set once at the cause, may gain a
 * prefix where a name can be added, and is printed once, by the command.
 */
#ifndef LKVM_UTIL_ERR_H
#define LKVM_UTIL_ERR_H

#include <stdarg.h>

/* Starts as { 0 }: no error. Owned by whoever printed last; holds no pointers. */
struct err {
	char text[1024];
};

/* Sets the text and returns -@code (@code > 0: an errno value). @e may be NULL. */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set() with the current errno, whose description is appended after ": ". */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Puts "@fmt...: " before the text that is there and returns @ret, for `return err_wrap(...)`. */
int err_wrap(struct err *e, int ret, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
