/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads, writes and flushes of a raw image by io_uring: one system call starts a batch, and
 * whatever the host's page cache can answer is done when it returns. What the ring cannot do
 * without waiting, or not at all, is left to a thread (workers.c).
 *
 *	put ---> waiting (no room) ---> ring ---submit---> kernel ---> take
 *
 * Guarded by the device's lock, like all of its back end.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "disk_engine.h"
#include "util/bits.h"

#ifdef LKVM_HAVE_URING

#include <liburing.h>

#define ENTRIES 128

struct disk_uring {
	struct io_uring ring;
	int fd;
	unsigned int in_ring, in_ring_max; /* put in the ring and not taken yet */
	struct work_list waiting;
};

struct disk_uring *disk_uring_create(const struct disk_file *file, struct err *e)
{
	struct disk_uring *uring = calloc(1, sizeof(*uring));
	struct io_uring_params params = { 0 };
	int ret = -ENOMEM;

	if (uring)
		ret = io_uring_queue_init_params(ENTRIES, &uring->ring, &params);
	if (ret == 0 && !(params.features & IORING_FEAT_NODROP)) {
		io_uring_queue_exit(&uring->ring);
		ret = -EOPNOTSUPP; /* Linux before 5.5 */
	}
	if (ret < 0) {
		free(uring);
		err_set(e, -ret, "cannot be served by io_uring: %s", strerror(-ret));
		return NULL;
	}
	uring->fd = file->fd;
	uring->in_ring_max = params.cq_entries;
	work_list_clear(&uring->waiting);
	return uring;
}

int disk_uring_fd(const struct disk_uring *uring)
{
	return uring->ring.ring_fd;
}

/* Puts @req in the ring; false: there is no room. */
static bool prepare(struct disk_uring *uring, struct block_request *req)
{
	struct io_uring_sqe *sqe;

	if (uring->in_ring == uring->in_ring_max)
		return false;
	sqe = io_uring_get_sqe(&uring->ring);
	if (!sqe)
		return false;
	if (req->op == BLOCK_READ)
		io_uring_prep_readv(sqe, uring->fd, req->iov, req->nr_iov, req->off);
	else if (req->op == BLOCK_WRITE)
		io_uring_prep_writev2(sqe, uring->fd, req->iov, req->nr_iov, req->off,
				      req->durable ? RWF_DSYNC : 0);
	else
		io_uring_prep_fsync(sqe, uring->fd, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, req);
	uring->in_ring++;
	return true;
}

void disk_uring_put(struct disk_uring *uring, struct block_request *req)
{
	if (uring->waiting.first || !prepare(uring, req))
		work_list_append(&uring->waiting, &req->work);
}

/* Puts what waits in the ring, as far as there is room; returns whether any of it found some. */
static bool prepare_waiting(struct disk_uring *uring)
{
	bool any = false;

	while (uring->waiting.first &&
	       prepare(uring, container_of(uring->waiting.first, struct block_request, work))) {
		work_list_take(&uring->waiting);
		any = true;
	}
	return any;
}

bool disk_uring_submit(struct disk_uring *uring)
{
	for (;;) {
		int ret = 0;

		if (io_uring_sq_ready(&uring->ring))
			ret = io_uring_submit(&uring->ring);
		if (ret == -EINTR)
			continue;
		if (ret < 0)
			return false;
		if (!prepare_waiting(uring))
			return true;
	}
}

/*
 * Judges @res, what the kernel answered; true: there is more to do for @req, and it has been put
 * again.
 */
static bool goes_on(struct disk_uring *uring, struct block_request *req, int res)
{
	bool transfer = req->op == BLOCK_READ || req->op == BLOCK_WRITE;

	if (res < 0) {
		/* Asked to wait, interrupted, or not known to this kernel: for a thread to try. */
		req->result =
			res == -EINTR || res == -ECANCELED || res == -EOPNOTSUPP || res == -EINVAL
				? -EAGAIN
				: res;
		return false;
	}
	req->result = 0;
	if (!transfer || (uint64_t)res == req->len)
		return false;
	if (!res) {
		req->result = -EIO; /* the file has become shorter */
		return false;
	}
	disk_request_advance(req, (uint64_t)res);
	disk_uring_put(uring, req);
	return true;
}

bool disk_uring_is_empty(const struct disk_uring *uring)
{
	return !uring->in_ring && !uring->waiting.first;
}

bool disk_uring_waits(const struct disk_uring *uring)
{
	return uring->waiting.first;
}

struct block_request *disk_uring_take(struct disk_uring *uring, bool wait)
{
	struct io_uring_cqe *cqe;

	for (;;) {
		bool on_its_way = uring->in_ring > io_uring_sq_ready(&uring->ring);
		int ret = wait && on_its_way ? io_uring_wait_cqe(&uring->ring, &cqe)
					     : io_uring_peek_cqe(&uring->ring, &cqe);
		struct block_request *req;
		int res;

		if (ret == -EINTR)
			continue;
		if (ret < 0)
			return NULL;
		req = io_uring_cqe_get_data(cqe);
		res = cqe->res;
		io_uring_cqe_seen(&uring->ring, cqe);
		uring->in_ring--;
		if (!goes_on(uring, req, res))
			return req;
		disk_uring_submit(uring);
	}
}

void disk_uring_destroy(struct disk_uring *uring)
{
	if (uring)
		io_uring_queue_exit(&uring->ring);
	free(uring);
}

bool disk_has_uring(void)
{
	return true;
}

#else

struct disk_uring *disk_uring_create(const struct disk_file *file, struct err *e)
{
	(void)file;
	err_set(e, ENOSYS, "cannot be served by io_uring: this lkvm was built without it");
	return NULL;
}

/* Without a ring nobody calls these. */
int disk_uring_fd(const struct disk_uring *uring)
{
	(void)uring;
	return -1;
}

void disk_uring_put(struct disk_uring *uring, struct block_request *req)
{
	(void)uring;
	(void)req;
}

bool disk_uring_submit(struct disk_uring *uring)
{
	(void)uring;
	return true;
}

struct block_request *disk_uring_take(struct disk_uring *uring, bool wait)
{
	(void)uring;
	(void)wait;
	return NULL;
}

bool disk_uring_is_empty(const struct disk_uring *uring)
{
	(void)uring;
	return true;
}

bool disk_uring_waits(const struct disk_uring *uring)
{
	(void)uring;
	return false;
}

void disk_uring_destroy(struct disk_uring *uring)
{
	(void)uring;
}

bool disk_has_uring(void)
{
	return false;
}

#endif
