/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel files: what they are and how they get into guest RAM. Linux Image
 * (Documentation/arch/arm64/booting.rst), the same compressed by gzip, an EFI zboot image with a
 * gzip payload, and flat binaries (plain or compressed by gzip). Anything else is recognised by its
 * magic bytes and refused by name; nothing of it is ever executed.
 */
#ifndef LKVM_ARM_IMAGE_H
#define LKVM_ARM_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"
#include "vm/ram.h"

/* Where a flat binary without an Image header is put, above the start of RAM. */
#define IMAGE_FLAT_OFFSET 0x80000

struct image {
	const char *path;   /* for messages; the caller's */
	const uint8_t *mem; /* a kernel built into lkvm, the caller's; NULL: @fd holds the bytes */
	int fd;
	uint64_t size;      /* of the file */
	uint64_t data_off;  /* in the file: where the kernel or its gzip stream begins */
	uint64_t data_size; /* bytes from there */
	bool gzip;
	bool flat;            /* no Image header */
	uint64_t text_offset; /* above the start of RAM */
	uint64_t memory_size; /* RAM the kernel needs from there: image_size, or at least its bytes;
				 0: known when it is decompressed */
};

#define IMAGE_NONE ((struct image){ .fd = -1 })

/*
 * Opens the kernel file @path and finds out what it is. The message for a file that cannot be
 * opened is "Unable to open kernel PATH: ..." (scripts look for it).
 * Returns 0, or -errno with @e set; then nothing is left open.
 */
int image_open(struct image *image, const char *path, struct err *e);

/* The same for @size bytes in memory, called @name in messages. */
int image_from_memory(struct image *image, const char *name, const void *mem, uint64_t size,
		      struct err *e);

/* Bytes of a version's text, its zero included. */
#define IMAGE_VERSION_SIZE 65

/*
 * Finds the version of a Linux kernel ("6.1.0-18-arm64") by the banner in it, decompressing what is compressed.
 * Returns 0, or -errno with @e set; -ENODATA: there is none.
 */
int image_linux_version(const struct image *image, char version[IMAGE_VERSION_SIZE], struct err *e);

/* Closes the file. IMAGE_NONE and a closed image are fine. */
void image_close(struct image *image);

/*
 * Puts the kernel at ram->base + text_offset, decompressing straight into guest memory. Sets *entry
 * to its first instruction and *end to one past the last byte it needs (image_size honoured). A
 * kernel older than 3.17 does not say what it needs (image_size 0): *end is then the end of its
 * bytes, and whatever else is loaded belongs as far above as RAM allows.
 * Returns 0, or -errno with @e set: RAM too small (says how much is needed), file truncated or
 * damaged. Guest memory above text_offset may have been written then.
 */
int image_load(const struct image *image, const struct ram *ram, gpa_t *entry, gpa_t *end,
	       struct err *e);

#endif
