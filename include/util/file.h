/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole files, in and out. */
#ifndef LKVM_UTIL_FILE_H
#define LKVM_UTIL_FILE_H

#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

/*
 * Opens @path for reading and checks that it is a regular file that is not empty. @what ("initrd")
 * names it in messages. Returns the descriptor (close-on-exec) and *size in bytes, or -errno with @e set.
 */
int file_open(const char *path, const char *what, uint64_t *size, struct err *e);

/* Reads exactly @len bytes at @off. Returns 0, or -errno; -ENODATA: the file ends before. */
int file_read_at(int fd, void *buf, uint64_t len, uint64_t off);

/*
 * Writes @len bytes to @path: the file is whole, as it was before, or absent; never half.
 * (A target that is no regular file, such as a pipe, is written directly.)
 * Returns 0, or -errno with @e naming @path.
 */
int file_write(const char *path, const void *buf, size_t len, struct err *e);

#endif
