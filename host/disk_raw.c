/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A raw image's requests as blocking system calls: on worker threads, or at once where nothing
 * waits (a file in memory). What a file system cannot do is done by other means here: zeroes are
 * written where no range can be made zero, and buffers that O_DIRECT does not take are copied.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>
#include "disk_engine.h"
#include "util/bits.h"
#include "util/cleanup.h"

/* The most that is copied or made zero in one system call. */
#define CHUNK (256 * KiB)

#define MEMORY_ALIGN 4096

void disk_request_advance(struct block_request *req, uint64_t len)
{
	req->off += len;
	req->len -= len;
	while (len >= req->iov->iov_len) {
		len -= req->iov->iov_len;
		req->iov++;
		req->nr_iov--;
	}
	req->iov->iov_base = (uint8_t *)req->iov->iov_base + len;
	req->iov->iov_len -= len;
}

/* One system call's worth of a READ or WRITE: bytes, or -errno. */
static ssize_t transfer_once(int fd, const struct block_request *req)
{
	const struct iovec *iov = req->iov;
	int nr = (int)req->nr_iov;
	off_t off = (off_t)req->off;
	ssize_t ret;

	if (req->op == BLOCK_READ)
		ret = nr == 1 ? pread(fd, iov->iov_base, iov->iov_len, off)
			      : preadv(fd, iov, nr, off);
	else if (req->durable)
		ret = pwritev2(fd, iov, nr, off, RWF_DSYNC);
	else
		ret = nr == 1 ? pwrite(fd, iov->iov_base, iov->iov_len, off)
			      : pwritev(fd, iov, nr, off);
	return ret < 0 ? -errno : ret;
}

/* Copies between @buf and the next @len bytes of the request's memory. */
static void copy_part(const struct block_request *req, uint8_t *buf, uint64_t len)
{
	for (const struct iovec *iov = req->iov; len; iov++) {
		size_t nr = iov->iov_len < len ? iov->iov_len : len;

		if (req->op == BLOCK_READ)
			memcpy(iov->iov_base, buf, nr);
		else
			memcpy(buf, iov->iov_base, nr);
		buf += nr;
		len -= nr;
	}
}

/* A piece of a direct READ or WRITE whose memory is not aligned as the host wants it. */
static ssize_t transfer_copied(int fd, const struct block_request *req)
{
	uint64_t len = req->len < CHUNK ? req->len : CHUNK;
	autofree uint8_t *buf = aligned_alloc(MEMORY_ALIGN, CHUNK);
	struct iovec iov = { buf, len };
	struct block_request piece = *req;
	ssize_t ret;

	if (!buf)
		return -ENOMEM;
	piece.iov = &iov;
	piece.nr_iov = 1;
	if (req->op == BLOCK_WRITE)
		copy_part(req, buf, len);
	ret = transfer_once(fd, &piece);
	if (ret > 0 && req->op == BLOCK_READ)
		copy_part(req, buf, (uint64_t)ret);
	return ret;
}

static int transfer(const struct disk_file *file, struct block_request *req)
{
	bool copy = false;

	while (req->len) {
		ssize_t ret = copy ? transfer_copied(file->fd, req) : transfer_once(file->fd, req);

		if (ret == -EINTR)
			continue;
		if (ret == -EINVAL && !copy && file->io_align > 1) {
			copy = true;
			continue;
		}
		if (ret <= 0)
			return ret ? (int)ret : -EIO; /* the file has become shorter */
		if ((uint64_t)ret == req->len)
			break;
		disk_request_advance(req, (uint64_t)ret);
	}
	return 0;
}

static int write_zeroes(const struct disk_file *file, uint64_t off, uint64_t len)
{
	autofree uint8_t *zeroes = aligned_alloc(MEMORY_ALIGN, CHUNK);
	int ret = 0;

	if (!zeroes)
		return -ENOMEM;
	memset(zeroes, 0, CHUNK);
	while (len && ret == 0) {
		uint64_t nr = len < CHUNK ? len : CHUNK;
		struct iovec iov = { zeroes, nr };
		struct block_request piece = {
			.op = BLOCK_WRITE, .off = off, .len = nr, .iov = &iov, .nr_iov = 1
		};

		ret = transfer(file, &piece);
		off += nr;
		len -= nr;
	}
	return ret;
}

static int allocate(const struct disk_file *file, int mode, const struct block_request *req)
{
	int ret;

	do
		ret = fallocate(file->fd, mode, (off_t)req->off, (off_t)req->len);
	while (ret < 0 && errno == EINTR);
	return ret < 0 ? -errno : 0;
}

/* Whether the host just does not have this operation for this file. */
static bool is_missing(int ret)
{
	return ret == -EOPNOTSUPP || ret == -ENOSYS || ret == -ENODEV || ret == -ENOTTY ||
	       ret == -EINVAL;
}

static int zero(const struct disk_file *file, const struct block_request *req)
{
	int ret = -EOPNOTSUPP;

	if (req->unmap)
		ret = allocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, req);
	if (is_missing(ret))
		ret = allocate(file, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, req);
	return is_missing(ret) ? write_zeroes(file, req->off, req->len) : ret;
}

/* A hint: where it cannot be followed, nothing has to be done. */
static int discard(const struct disk_file *file, const struct block_request *req)
{
	uint64_t range[2] = { req->off, req->len };
	int ret;

	if (file->is_device)
		ret = ioctl(file->fd, BLKDISCARD, range) < 0 ? -errno : 0;
	else
		ret = allocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, req);
	return is_missing(ret) ? 0 : ret;
}

static int flush(const struct disk_file *file)
{
	return fdatasync(file->fd) < 0 ? -errno : 0;
}

int disk_raw_run(const struct disk_file *file, struct block_request *req)
{
	int ret;

	switch (req->op) {
	case BLOCK_READ:
	case BLOCK_WRITE:
		return transfer(file, req);
	case BLOCK_DISCARD:
		return discard(file, req);
	case BLOCK_WRITE_ZEROES:
		ret = zero(file, req);
		return ret == 0 && req->durable ? flush(file) : ret;
	case BLOCK_FLUSH:
		return flush(file);
	}
	return -EOPNOTSUPP;
}

int disk_raw_read_cached(const struct disk_file *file, const struct block_request *req)
{
	ssize_t ret = preadv2(file->fd, req->iov, (int)req->nr_iov, (off_t)req->off, RWF_NOWAIT);

	if (ret >= 0)
		return (uint64_t)ret == req->len ? 0 : -EAGAIN;
	return errno == EOPNOTSUPP || errno == ENOSYS ? -EOPNOTSUPP : -EAGAIN;
}
