/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file that is no arm64 kernel is, by its magic bytes; for arm/image.c alone. */
#ifndef LKVM_ARM_IMAGE_MAGIC_H
#define LKVM_ARM_IMAGE_MAGIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_magic {
	size_t off; /* in the file */
	const char *bytes;
	size_t len;
	const char *name; /* with its article: "an xz stream" */
	const char *hint; /* what to do */
};

/* Whether @len bytes at @off of the @size bytes at @head are @bytes. */
bool image_magic_at(const uint8_t *head, size_t size, size_t off, const char *bytes, size_t len);

/* The row that the first @size bytes of a file fit, or NULL: nothing that is known. */
const struct image_magic *image_magic_find(const uint8_t *head, size_t size);

#endif
