/* SPDX-License-Identifier: BSD-2-Clause */
/* An initial RAM disk for Linux, made on the fly (Documentation/driver-api/early-userspace/buffer-format.rst). */
#ifndef LKVM_ARM_INITRAMFS_H
#define LKVM_ARM_INITRAMFS_H

#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

struct initramfs {
	int fd;        /* in memory, or -1 */
	uint64_t size; /* so far */
	uint32_t nr;   /* files */
	int error;     /* the first one: -errno */
};

/* Begins one. Errors wait until initramfs_finish(). */
void initramfs_begin(struct initramfs *fs);

/* Appends a file of @size bytes, below 4 GiB; @name is relative to the root, which is its folder; @mode is octal. */
void initramfs_add(struct initramfs *fs, const char *name, unsigned int mode, const void *data,
		   size_t size);

/* Ends it. Returns its descriptor, the caller's, and *size in bytes, or -errno with @e set. */
int initramfs_finish(struct initramfs *fs, uint64_t *size, struct err *e);

#endif
