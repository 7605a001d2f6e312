/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an image format gives to host/disk.c, which opens and locks the files, queues the requests
 * and answers the device. A format only turns one request at a time into reads and writes of the
 * file, and may block over it: it runs on the disk's worker thread.
 */
#ifndef LKVM_HOST_IMAGE_H
#define LKVM_HOST_IMAGE_H

#include <stdbool.h>
#include <stdint.h>
#include "host/disk.h"
#include "util/err.h"
#include "vm/blockdev.h"

/* A file that is open and locked; disk.c's. */
struct disk_file {
	const char *path; /* as the user typed it */
	int fd;
	bool readonly;         /* for us: opened so */
	bool is_device;        /* a block device, not a regular file */
	uint64_t size;         /* bytes; may be any number, not only of sectors */
	uint32_t io_align;     /* O_DIRECT: what offsets and lengths must be multiples of; else 1 */
	uint32_t memory_align; /* O_DIRECT: what addresses must be multiples of; else 1 */
};

/* The format's side. All are called by one thread at a time. */
struct image_ops {
	/*
	 * Runs one request to its end, blocking. READ and WRITE: req->iov is guest memory, which
	 * may change meanwhile, and may be changed as an array; off and len are within info.size. A
	 * FLUSH comes after the completion of what it is to cover. Returns 0 or -errno, which the
	 * guest sees as an I/O error; disk.c logs it.
	 */
	int (*run)(void *image, struct block_request *req);
	/* Writes what is still cached, syncs unless @unsafe was asked for, and frees @image. */
	void (*close)(void *image);
};

/* An open image. */
struct disk_image {
	const struct image_ops *ops; /* NULL: none */
	void *ctx;                   /* the format's own */
	struct block_info info;      /* what disk.c does not set itself: see qcow2_open() */
};

/* How an image is to be opened. */
struct image_config {
	const struct disk_file *file; /* stays until close() */
	const struct disk_file
		*backing; /* opened read-only and locked shared, or NULL: none was named */
	enum disk_format backing_format; /* DISK_FORMAT_RAW or _QCOW2 */
	bool unsafe;                     /* never sync */
};

/*
 * qcow2, version 2 or 3. Sets *image: ops, ctx and, of info, size, logical_block, physical_block,
 * optimal_io, discard and discard_align; disk.c sets readonly and writeback. The image is not
 * written before the first request that writes. Returns 0, or -errno with @e saying what is wrong
 * with the file and what to do (disk.c puts the path before it); nothing is left allocated then.
 */
int qcow2_open(struct disk_image *image, const struct image_config *cfg, struct err *e);

#endif
