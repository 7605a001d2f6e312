/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of each request through a disk that is open (disk_open.c).
 *
 *	submit --> at once: nothing to do; a file in memory; a read from the page cache
 *	       --> the ring (raw: reads, writes, flushes), started by kick
 *	       --> worker threads (another format, or no ring, or what the ring cannot do)
 *	loop: ring's descriptor, eventfd of the workers --> done, done_end
 *
 * Everything here is guarded by the lock of the device that is connected.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>
#include "disk_engine.h"
#include "util/bits.h"
#include "util/log.h"

/*
 * A longer transfer is left to a worker: to copy it, though it waits for nothing, would hold up everybody else on
 * this thread. What guests make of their page cache is shorter (Linux: 1280 KiB).
 */
#define TRANSFER_MAX (4 * MiB)

static bool is_long(const struct block_request *req)
{
	return req->op <= BLOCK_WRITE && req->len > TRANSFER_MAX;
}

static void say_error(struct disk *disk, const struct block_request *req, int result)
{
	static const char *const what[] = {
		[BLOCK_READ] = "reading",         [BLOCK_WRITE] = "writing",
		[BLOCK_FLUSH] = "flushing",       [BLOCK_DISCARD] = "discarding",
		[BLOCK_WRITE_ZEROES] = "zeroing",
	};

	if (!log_limit_ok(&disk->limit))
		return;
	if (req->op == BLOCK_FLUSH)
		log_warning("disk '%s': flushing failed: %s; the guest sees an I/O error",
			    disk->path, strerror(-result));
	else
		log_warning("disk '%s': %s at %" PRIu64 " failed: %s; the guest sees an I/O error",
			    disk->path, what[req->op], req->off, strerror(-result));
}

/* @req is over; its result is kept in it. */
static void conclude(struct disk *disk, struct block_request *req, int result)
{
	req->result = result;
	if (result < 0)
		say_error(disk, req, result);
}

static void complete(struct disk *disk, struct block_request *req)
{
	disk->in_flight--;
	conclude(disk, req, req->result);
	disk->frontend.done(disk->frontend.ctx, req);
}

static struct block_request *to_request(struct work *work)
{
	return container_of(work, struct block_request, work);
}

static int run(struct disk *disk, struct block_request *req)
{
	struct block_request flush = { .op = BLOCK_FLUSH };
	int ret;

	if (!disk->image.ops)
		return disk_raw_run(&disk->file, req);
	ret = disk->image.ops->run(disk->image.ctx, req);
	if (ret == 0 && req->durable && req->op != BLOCK_READ && req->op != BLOCK_FLUSH)
		ret = disk->image.ops->run(disk->image.ctx, &flush);
	return ret;
}

/* On a worker's thread. */
void disk_run(void *ctx, struct work *work)
{
	struct block_request *req = to_request(work);

	req->result = run(ctx, req);
}

/* Runs @req at once if that is sure not to wait for the host's storage; returns whether it did. */
static bool run_at_once(struct disk *disk, struct block_request *req)
{
	bool transfer = req->op == BLOCK_READ || req->op == BLOCK_WRITE;
	int ret;

	if (req->op == BLOCK_FLUSH &&
	    (disk->cache == DISK_UNSAFE || disk->info.readonly || disk->instant)) {
		req->result = 0;
		return true;
	}
	if (is_long(req))
		return false;
	if (disk->instant && transfer) {
		conclude(disk, req, disk_raw_run(&disk->file, req));
		return true;
	}
	if (req->op != BLOCK_READ || disk->uring || !disk->tells_cached)
		return false;
	ret = disk_raw_read_cached(&disk->file, req);
	disk->tells_cached = ret != -EOPNOTSUPP;
	req->result = 0;
	return ret == 0;
}

static bool disk_submit(void *ctx, struct block_request *req)
{
	struct disk *disk = ctx;
	bool ring = disk->uring && req->op <= BLOCK_FLUSH && !is_long(req);

	if (disk->cache == DISK_WRITETHROUGH)
		req->durable = true;
	if (disk->cache == DISK_UNSAFE || disk->instant)
		req->durable = false;
	if (run_at_once(disk, req))
		return true;
	disk->in_flight++;
	if (ring)
		disk_uring_put(disk->uring, req);
	else
		workers_put(disk->workers, &req->work);
	return false;
}

/*
 * Takes one that the ring is done with: completes it, or lets a thread try what the ring could not
 * do.
 */
static bool reap_one(struct disk *disk, bool wait)
{
	struct block_request *req = disk_uring_take(disk->uring, wait);

	if (!req)
		return false;
	if (req->result == -EAGAIN)
		workers_put(disk->workers, &req->work);
	else
		complete(disk, req);
	return true;
}

static void disk_later(void *ctx)
{
	struct disk *disk = ctx;

	/*
	 * Cannot fail short of 2^64 - 2 wake-ups, since it is never read: it is watched for edges.
	 */
	eventfd_write(disk->wake.fd, 1);
}

static void disk_kick(void *ctx)
{
	struct disk *disk = ctx;
	bool reaped;

	if (!disk->uring)
		return;
	do {
		disk_uring_submit(disk->uring);
		reaped = false;
		while (reap_one(disk, false))
			reaped = true;
		/* What is done has made room for what had none. */
	} while (reaped && disk_uring_waits(disk->uring));
	/* The rest of a short transfer, which the host may not have taken. */
	if (!disk_uring_submit(disk->uring))
		disk_later(disk);
}

static void complete_list(struct disk *disk, struct work *work)
{
	while (work) {
		struct work *next = work->next;

		complete(disk, to_request(work));
		work = next;
	}
}

/* The loop's thread: something is done, or somebody called later(). */
void disk_ready(void *ctx, uint32_t events)
{
	struct disk *disk = ctx;
	const struct block_frontend *frontend = &disk->frontend;

	(void)events;
	if (!frontend->done)
		return;
	pthread_mutex_lock(frontend->lock);
	disk_kick(disk);
	complete_list(disk, workers_take(disk->workers, false));
	frontend->done_end(frontend->ctx);
	pthread_mutex_unlock(frontend->lock);
}

struct block_backend disk_backend(const struct disk *disk)
{
	return (struct block_backend){ .submit = disk_submit,
				       .kick = disk_kick,
				       .later = disk_later,
				       .ctx = (void *)disk,
				       .info = disk->info };
}

void disk_connect(struct disk *disk, struct block_frontend frontend)
{
	disk->frontend = frontend;
}

/* Everything in flight is over; with the device's lock held. */
static void wait_for_all(struct disk *disk)
{
	while (disk->in_flight) {
		disk_kick(disk);
		if (disk->uring && !disk_uring_is_empty(disk->uring))
			reap_one(disk, true);
		else if (disk->in_flight)
			complete_list(disk, workers_take(disk->workers, true));
	}
}

void disk_disconnect(struct disk *disk)
{
	const struct block_frontend *frontend = &disk->frontend;

	if (!frontend->done)
		return;
	pthread_mutex_lock(frontend->lock);
	wait_for_all(disk);
	pthread_mutex_unlock(frontend->lock);
	disk->frontend = (struct block_frontend){ 0 };
}

int disk_settle(struct disk *disk, struct err *e)
{
	struct block_request flush = { .op = BLOCK_FLUSH };
	int ret = 0;

	pthread_mutex_lock(disk->frontend.lock);
	wait_for_all(disk);
	disk->frontend.done_end(disk->frontend.ctx);
	if (!disk->info.readonly)
		ret = run(disk, &flush);
	pthread_mutex_unlock(disk->frontend.lock);
	return ret < 0 ? err_set(e, -ret, "flushing failed: %s", strerror(-ret)) : 0;
}

void disk_yield(struct disk *disk)
{
	disk_unlock(disk->file.fd);
}

int disk_take_back(struct disk *disk, struct err *e)
{
	return disk_lock(disk->file.fd, !disk->file.readonly, e);
}

int disk_identify(const struct disk *disk, struct disk_identity *id, struct err *e)
{
	struct stat st;

	if (fstat(disk->file.fd, &st) < 0)
		return err_sys(e, "the host does not tell its state");
	*id = (struct disk_identity){ .size = disk->info.size };
	if (disk->file.is_device)
		return 0;
	id->inode = st.st_ino;
	id->written = (uint64_t)st.st_mtim.tv_sec * 1000000000 + (uint64_t)st.st_mtim.tv_nsec;
	return 0;
}

/*
 * A raw image's side of a new size. Only what its file has now tells whether that would cut something
 * off: somebody may have made it longer than the guest knows.
 */
static int resize_image(struct disk *disk, uint64_t size, struct err *e)
{
	struct disk_file *file = &disk->file;
	int ret = disk_file_find_size(file, e);

	if (ret < 0)
		return ret;
	if (size && size < file->size)
		return err_set(e, EINVAL, "has %" PRIu64 " bytes and only grows: not to %" PRIu64,
			       file->size, size);
	if (size && ftruncate(file->fd, (off_t)size) < 0)
		return err_sys(e, "cannot be resized");
	if (size)
		file->size = size;
	disk->info.size = align_down(file->size, disk->info.logical_block);
	return 0;
}

int disk_resize(struct disk *disk, uint64_t size, struct err *e)
{
	const struct block_frontend *frontend = &disk->frontend;
	int ret;

	if (disk->info.readonly)
		return err_set(e, EROFS, "is read-only and keeps its size");
	if (disk->image.ops)
		return err_set(e, EOPNOTSUPP, "is a qcow2 image, and only raw ones can be resized");
	if (size % disk->info.logical_block)
		return err_set(e, EINVAL,
			       "grows by multiples of %" PRIu32 " bytes: not to %" PRIu64,
			       disk->info.logical_block, size);
	if (size && disk->file.is_device)
		return err_set(e, EINVAL,
			       "is a block device, which the host resizes: give no size here");
	if (frontend->done)
		pthread_mutex_lock(frontend->lock);
	ret = resize_image(disk, size, e);
	if (frontend->done) {
		if (ret == 0)
			frontend->resized(frontend->ctx, disk->info.size);
		pthread_mutex_unlock(frontend->lock);
	}
	return ret;
}
