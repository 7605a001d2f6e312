/* SPDX-License-Identifier: BSD-2-Clause */
/* Random bytes from the host's kernel. */
#ifndef LKVM_HOST_RANDOM_H
#define LKVM_HOST_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Fills @len bytes at @buf, without waiting: false if the host, which has just started, has none yet. @ctx is
 * not used. Any thread.
 */
bool random_fill(void *ctx, void *buf, size_t len);

#endif
