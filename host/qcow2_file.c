/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: the file's bytes, the guest's memory in pieces, and the word on a file that lies. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "qcow2.h"
#include "util/log.h"

#define BATCH 64 /* pieces of memory a system call */

/* The pieces of the next @len bytes, or of as many as BATCH holds: their number. */
static int pieces(const struct qcow2_iov *at, uint64_t len, struct iovec piece[BATCH])
{
	size_t skip = at->skip;
	int nr = 0;

	for (unsigned int i = 0; i < at->nr && len && nr < BATCH; i++, skip = 0) {
		size_t here = at->iov[i].iov_len - skip;

		if (here > len)
			here = len;
		if (!here)
			continue;
		piece[nr].iov_base = (uint8_t *)at->iov[i].iov_base + skip;
		piece[nr++].iov_len = here;
		len -= here;
	}
	return nr;
}

static void advance(struct qcow2_iov *at, uint64_t len)
{
	while (at->nr && len >= at->iov[0].iov_len - at->skip) {
		len -= at->iov[0].iov_len - at->skip;
		at->iov++;
		at->nr--;
		at->skip = 0;
	}
	at->skip += len;
}

void qcow2_iov_fill(struct qcow2_iov *at, const void *buf, uint64_t len)
{
	const uint8_t *from = buf;

	while (len && at->nr) {
		uint8_t *to = (uint8_t *)at->iov[0].iov_base + at->skip;
		uint64_t here = at->iov[0].iov_len - at->skip;

		if (here > len)
			here = len;
		if (from) {
			memcpy(to, from, here);
			from += here;
		} else {
			memset(to, 0, here);
		}
		len -= here;
		advance(at, here);
	}
}

int qcow2_readv(int fd, struct qcow2_iov *at, uint64_t len, uint64_t off)
{
	while (len) {
		struct iovec piece[BATCH];
		ssize_t got = preadv(fd, piece, pieces(at, len, piece), (off_t)off);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0) {
			qcow2_iov_fill(at, NULL, len);
			return 0;
		}
		advance(at, (uint64_t)got);
		off += (uint64_t)got;
		len -= (uint64_t)got;
	}
	return 0;
}

int qcow2_read_at(int fd, void *buf, uint64_t len, uint64_t off)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct qcow2_iov at = { .iov = &iov, .nr = 1 };

	return qcow2_readv(fd, &at, len, off);
}

int qcow2_writev(struct qcow2 *q, struct qcow2_iov *at, uint64_t len, uint64_t off)
{
	while (len) {
		struct iovec piece[BATCH];
		int nr = pieces(at, len, piece);
		ssize_t put;

		if (nr == 0)
			return -EIO;
		put = q->io->pwritev(q->file->fd, piece, nr, (off_t)off);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -ENOSPC;
		advance(at, (uint64_t)put);
		off += (uint64_t)put;
		len -= (uint64_t)put;
	}
	return 0;
}

int qcow2_write_at(struct qcow2 *q, const void *buf, uint64_t len, uint64_t off)
{
	struct iovec iov = { .iov_base = (void *)(uintptr_t)buf, .iov_len = len };
	struct qcow2_iov at = { .iov = &iov, .nr = 1 };

	return qcow2_writev(q, &at, len, off);
}

int qcow2_sync(struct qcow2 *q)
{
	int ret;

	if (q->unsafe || q->io->fdatasync(q->file->fd) == 0)
		return 0;
	/* The kernel forgets what it could not write: a second try would succeed and mean nothing. */
	ret = -errno;
	q->state = QCOW2_LOST;
	log_warning("%s: cannot be synced (%s); it is not written to any more", q->file->path,
		    strerror(-ret));
	return ret;
}

void qcow2_punch(struct qcow2 *q, uint64_t off, uint64_t len)
{
	if (!q->no_punch &&
	    q->io->fallocate(q->file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
			     (off_t)len) < 0)
		q->no_punch = errno == EOPNOTSUPP || errno == ENOSYS;
}

int qcow2_damaged(struct qcow2 *q, const char *fmt, ...)
{
	char text[160];
	va_list ap;

	if (q->state == QCOW2_GOOD)
		q->state = QCOW2_DAMAGED;
	if (q->said)
		return -EIO;
	q->said = true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_warning("%s: the qcow2 image is damaged: %s; look at it with `qemu-img check`%s",
		    q->file->path, text, q->readonly ? "" : " (it is not written to any more)");
	return -EIO;
}

bool qcow2_off_ok(const struct qcow2 *q, uint64_t off)
{
	return off && !(off & (q->cluster_size - 1)) && off >> q->header.cluster_bits < q->end;
}
