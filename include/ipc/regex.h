/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiles what people give as regular expressions, and none that would take gigabytes. */
#ifndef LKVM_IPC_REGEX_H
#define LKVM_IPC_REGEX_H

#include <regex.h>
#include "util/err.h"

/*
 * Compiles @text, an extended regular expression of POSIX, to be asked only whether it matches. Returns 0 with @regex the
 * caller's to regfree(), -EINVAL, or -E2BIG if its repetitions make it too large; then @e tells and there is nothing to free.
 */
int regex_compile(regex_t *regex, const char *text, struct err *e);

#endif
