/* SPDX-License-Identifier: BSD-2-Clause */
/* Formatted text on the console of the guest this CPU runs. */
#ifndef GUEST_PRINT_H
#define GUEST_PRINT_H

#include <stdarg.h>

/*
 * A part of C's printf: %s %c %d %u %x %%, l before d, u and x, a width, and the flags 0 and -.
 * A newline is sent as CR LF, as consoles want it.
 */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vprint(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#endif
