/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that may be compressed, whole, into memory. */
#ifndef LKVM_ARM_UNPACK_H
#define LKVM_ARM_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

/* No kernel module has more, however it is compressed. */
#define UNPACK_MAX (64 * 1024 * 1024)

/*
 * Reads the file @path, decompressed by what its first bytes say: gzip, xz, zstd, or as it is. *data is
 * malloc()ed, with a zero behind its *size bytes. Returns 0, or -errno with @e naming the file.
 */
int unpack_file(const char *path, uint8_t **data, size_t *size, struct err *e);

/* The same of @in_size bytes in memory, called @path in messages. */
int unpack(const char *path, const uint8_t *in, size_t in_size, uint8_t **data, size_t *size,
	   struct err *e);

#endif
