/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A qcow2 image as anyone may have made it, and requests to it. The input: a byte of flags, a byte N, N
 * requests of 6 bytes, with a flag 512 bytes of a backing file, the image. With another flag the image
 * is its own backing file. Nothing is written outside of the file's clusters, and of the header only
 * what may change.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../host/qcow2.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { READONLY = 1, BACKED = 2, BACKED_QCOW2 = 4, SMALL_CACHE = 8, FULL_DISK = 16 };

#define BUFFER   (64 * 1024)
#define FILE_MAX (1ULL << 40)

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static ssize_t checked_pwritev(int fd, const struct iovec *iov, int nr, off_t off)
{
	uint64_t len = 0;

	for (int i = 0; i < nr; i++)
		len += iov[i].iov_len;
	/* Offset 0 is the header's cluster, which is 512 bytes or more. */
	must(off >= 512 || (off == QCOW2_HEADER_REFTABLE && len == 12) ||
	     (off == QCOW2_HEADER_AUTOCLEAR && len == 8));
	if ((uint64_t)off > FILE_MAX) {
		errno = EFBIG;
		return -1;
	}
	return pwritev(fd, iov, nr, off);
}

static ssize_t full_pwritev(int fd, const struct iovec *iov, int nr, off_t off)
{
	struct stat st;

	must(fstat(fd, &st) == 0);
	if (off >= st.st_size) {
		errno = ENOSPC;
		return -1;
	}
	return checked_pwritev(fd, iov, nr, off);
}

static int no_sync(int fd)
{
	(void)fd;
	return 0;
}

static const struct qcow2_io checked_io = {
	.pwritev = checked_pwritev,
	.fdatasync = no_sync,
	.fallocate = fallocate,
};

static const struct qcow2_io full_io = {
	.pwritev = full_pwritev,
	.fdatasync = no_sync,
	.fallocate = fallocate,
};

static struct disk_file file_with(const uint8_t *data, size_t size, bool readonly)
{
	int fd = memfd_create("image", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	return (struct disk_file){ .path = "image",
				   .fd = fd,
				   .readonly = readonly,
				   .size = size,
				   .io_align = 1,
				   .memory_align = 1 };
}

/* Sector, count and kind of a request are all of the input that it has. */
static void one_request(struct disk_image *image, const uint8_t *bytes, uint8_t *buf)
{
	uint64_t sectors = image->info.size / BLOCK_SECTOR, nr = bytes[4] % (BUFFER / BLOCK_SECTOR);
	uint32_t number = get_be32(bytes) & 0xffffff;
	struct iovec iov[2] = { { buf, 100 } };
	struct block_request req = {
		.op = (enum block_op)(bytes[5] % 5),
		.unmap = bytes[5] & 0x80,
		.iov = iov,
		.nr_iov = 2,
	};

	/* Near the end as often as near the beginning. */
	req.off = bytes[5] & 0x40 ? sectors - 1 - number % sectors : number % sectors;
	nr = nr + 1 > sectors - req.off ? sectors - req.off : nr + 1;
	req.off *= BLOCK_SECTOR;
	req.len = nr * BLOCK_SECTOR;
	iov[1] = (struct iovec){ buf + 100, req.len - 100 };
	if (req.op == BLOCK_FLUSH)
		req.off = req.len = 0;
	(void)image->ops->run(image->ctx, &req);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t nr = size > 2 ? data[1] % 64 : 0, split = 2 + 6 * nr;
	struct disk_file file, backing = { .fd = -1 };
	struct image_config cfg = { .file = &file };
	struct disk_image image;
	struct err e = { 0 };
	uint8_t flags, *buf;

	if (size < split + 72)
		return 0;
	flags = data[0];
	if (flags & BACKED && size > split + 512 + 72) {
		backing = file_with(data + split, 512, true);
		if (flags & BACKED_QCOW2) {
			/* Itself, but with nothing under it. */
			close(backing.fd);
			backing = file_with(data + split, size - split, true);
			must(pwrite(backing.fd, "\0\0\0\0\0\0\0", 8, 8) == 8);
		} else {
			split += 512;
		}
		cfg.backing = &backing;
		cfg.backing_format = flags & BACKED_QCOW2 ? DISK_FORMAT_QCOW2 : DISK_FORMAT_RAW;
	}
	file = file_with(data + split, size - split, flags & READONLY);
	if (qcow2_open(&image, &cfg, &e) == 0) {
		struct qcow2 *q = image.ctx;

		q->io = flags & FULL_DISK ? &full_io : &checked_io;
		q->said = true; /* a line for each input would be too many */
		if (q->base)
			q->base->said = true;
		if (flags & SMALL_CACHE && !q->readonly)
			q->l2.nr = q->blocks.nr = 4;
		buf = calloc(1, BUFFER);
		must(buf && image.info.size && image.info.size % BLOCK_SECTOR == 0);
		for (size_t i = 0; i < nr; i++)
			one_request(&image, data + 2 + 6 * i, buf);
		image.ops->close(image.ctx);
		free(buf);
	} else {
		must(e.text[0]);
	}
	close(file.fd);
	if (backing.fd >= 0)
		close(backing.fd);
	return 0;
}
