/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disk images: raw files and block devices, and qcow2. An image is opened once for all lives of a
 * machine, locked against a second writer, and never taken for a format that the user did not name.
 *
 * Raw images are read and written by io_uring, or by worker threads where the host has none; qcow2
 * by a worker. On a file system that is memory (tmpfs) nothing waits, and requests are served at
 * once.
 */
#ifndef LKVM_HOST_DISK_H
#define LKVM_HOST_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"
#include "vm/blockdev.h"
#include "vm/loop.h"

enum disk_format {
	DISK_FORMAT_UNSAID, /* raw, unless it looks like something else: then refused */
	DISK_FORMAT_RAW,
	DISK_FORMAT_QCOW2,
};

enum disk_cache {
	DISK_WRITEBACK,    /* the guest's FLUSH makes writes last */
	DISK_WRITETHROUGH, /* each write lasts when it completes */
	DISK_UNSAFE,       /* FLUSH does nothing: for images that are thrown away */
};

/* Who moves the data of a raw image. */
enum disk_aio {
	DISK_AIO_AUTO, /* io_uring where the host has it */
	DISK_AIO_URING,
	DISK_AIO_THREADS,
};

struct disk_config {
	const char *path;
	/* Of a qcow2 image: the file to use in place of what its header names, or NULL. */
	const char *backing;
	enum disk_format format;
	enum disk_format backing_format;
	enum disk_cache cache;
	enum disk_aio aio;
	bool readonly;
	bool direct; /* around the host's page cache */
};

struct disk;

/*
 * Opens and locks an image and makes it ready to serve on @loop. Returns NULL with @e naming the
 * path and what is wrong with it.
 */
struct disk *disk_open(const struct disk_config *cfg, struct loop *loop, struct err *e);

/* What the device is given; valid until disk_close(). Its info is that of now. */
struct block_backend disk_backend(const struct disk *disk);

/* Connects the device that was given disk_backend(). */
void disk_connect(struct disk *disk, struct block_frontend frontend);

/*
 * Disconnects it, after waiting for everything in flight (done() is called for it, with the
 * device's lock held). Neither loop nor vCPUs run. Without a device: nothing.
 */
void disk_disconnect(struct disk *disk);

/*
 * Waits for everything in flight, as disk_disconnect() does, and writes out what is still to be written: another process
 * can go on with the image. The device must not submit meanwhile. Loop's thread. Returns 0, or -errno with @e set.
 */
int disk_settle(struct disk *disk, struct err *e);

/*
 * Another process may have the image now: its lock is given up, and nothing is to be submitted until disk_take_back() has returned 0.
 * That is -EBUSY, with @e naming who has it, while another does.
 */
void disk_yield(struct disk *disk);
int disk_take_back(struct disk *disk, struct err *e);

/* What tells whether an image is as it was. */
struct disk_identity {
	uint64_t size; /* that the guest sees, in bytes */
	uint64_t inode,
		written; /* of a file: its number; when it was last written, in ns since 1970 */
};

/* Returns 0, or -errno with @e set. */
int disk_identify(const struct disk *disk, struct disk_identity *id, struct err *e);

/*
 * Looks at a raw image's size again, or (@size not 0, in bytes) extends the file to it first; it
 * only shrinks where somebody else has made it smaller. Tells the device. Loop's thread, its lock
 * not held. Returns 0, or -errno with @e saying what is wrong with the disk, without its name.
 */
int disk_resize(struct disk *disk, uint64_t size, struct err *e);

/* Closes and unlocks. NULL is fine. */
void disk_close(struct disk *disk);

/* Whether this lkvm was built with io_uring. */
bool disk_has_uring(void);

#endif
