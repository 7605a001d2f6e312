/* SPDX-License-Identifier: BSD-2-Clause */
/* What host/disk.c is made of: files, the raw format, and two ways to get requests done. */
#ifndef LKVM_HOST_DISK_ENGINE_H
#define LKVM_HOST_DISK_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include "image.h"
#include "util/log.h"
#include "vm/loop.h"
#include "workers.h"

/* An open disk. Guarded by the lock of the device that is connected. */
struct disk {
	const char *path;
	struct disk_file file, backing;
	struct disk_image image; /* .ops NULL: raw */
	struct block_info info;
	enum disk_cache cache;
	bool instant;      /* in memory: a transfer does not wait */
	bool tells_cached; /* a read can be tried without waiting */

	struct loop *loop;
	struct loop_source wake; /* eventfd: workers are done, or later() */
	struct loop_source ring;
	struct disk_uring *uring; /* or NULL */
	struct workers *workers;

	struct block_frontend frontend; /* .done NULL: no device */
	unsigned int in_flight;
	struct log_limit limit;
};

/* --- disk.c --- */

/* Runs a request, its block_request.work, on a thread that may block (struct worker_job). */
void disk_run(void *disk, struct work *work);

/* Something is done, or later() was called (struct loop_source). */
void disk_ready(void *disk, uint32_t events);

/* --- disk_file.c --- */

#define DISK_FILE_NONE ((struct disk_file){ .fd = -1 })

/*
 * Opens the file or block device at @path and locks it: for itself alone unless @readonly. Returns
 * 0, or -errno with @e saying what is wrong with it and what to do; the path is the caller's to
 * add.
 */
int disk_file_open(struct disk_file *file, const char *path, bool readonly, struct err *e);

/* From now on around the host's page cache. Sets io_align and memory_align. */
int disk_file_set_direct(struct disk_file *file, struct err *e);

/* Looks at the size again. */
int disk_file_find_size(struct disk_file *file, struct err *e);

/* Closes and unlocks. DISK_FILE_NONE is fine. */
void disk_file_close(struct disk_file *file);

/* --- disk_lock.c --- */

/*
 * Locks all of @fd until it is closed; @write: against everybody, otherwise against writers.
 * Returns 0, or -errno with @e naming who holds it, if that can be told.
 */
int disk_lock(int fd, bool write, struct err *e);

/* The same without closing it. */
void disk_unlock(int fd);

/* --- disk_format.c --- */

/*
 * What the first bytes of @file look like: "qcow2", "VMDK" ..., or NULL if they are of no format
 * that must not be taken for a disk's content. Returns 0 or -errno with @e.
 */
int disk_format_guess(const struct disk_file *file, const char **name, struct err *e);

/* --- disk_raw.c: a raw image's requests, blocking --- */

/*
 * Runs @req, which is changed in the process. Returns 0 or -errno. Any thread, any number at once.
 */
int disk_raw_run(const struct disk_file *file, struct block_request *req);

/*
 * Runs a READ if the host's page cache holds all of it. Returns 0 if it did, -EAGAIN if not,
 * -EOPNOTSUPP if this file never tells.
 */
int disk_raw_read_cached(const struct disk_file *file, const struct block_request *req);

/* Goes @len bytes forward in a READ or WRITE of which so much is done; less than all. */
void disk_request_advance(struct block_request *req, uint64_t len);

/* --- disk_uring.c: reads, writes and flushes of a raw image --- */

struct disk_uring;

/* Returns NULL with @e saying why the host has no ring for us. */
struct disk_uring *disk_uring_create(const struct disk_file *file, struct err *e);

/* Readable when requests are done. */
int disk_uring_fd(const struct disk_uring *uring);

/* Takes @req; disk_uring_submit() starts it. */
void disk_uring_put(struct disk_uring *uring, struct block_request *req);

/* Starts what was put. False: the host wants to be asked again later. */
bool disk_uring_submit(struct disk_uring *uring);

/*
 * One request that is done, with its result; NULL: none. -EAGAIN: it is for a thread that may
 * block. @wait: sleeps until there is one, if the host has any.
 */
struct block_request *disk_uring_take(struct disk_uring *uring, bool wait);

/* Whether all that was put has been taken. */
bool disk_uring_is_empty(const struct disk_uring *uring);

/* Whether something was put that found no room yet. */
bool disk_uring_waits(const struct disk_uring *uring);

void disk_uring_destroy(struct disk_uring *uring);

#endif
