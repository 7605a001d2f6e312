/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole files, in and out. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/aside.h"
#include "util/cleanup.h"
#include "util/file.h"

int file_open(const char *path, const char *what, uint64_t *size, struct err *e)
{
	/* O_NONBLOCK: a FIFO must be refused, not waited for. */
	autofd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, "Unable to open %s %s", what, path);
	if (S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "%s %s is a directory", what, path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "%s %s is not a regular file", what, path);
	if (st.st_size == 0)
		return err_set(e, ENODATA, "%s %s is empty", what, path);
	*size = (uint64_t)st.st_size;
	return take_fd(&fd);
}

int file_read_at(int fd, void *buf, uint64_t len, uint64_t off)
{
	uint8_t *p = buf;

	while (len) {
		ssize_t got = pread(fd, p, len, (off_t)off);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			return -ENODATA;
		p += got;
		off += (uint64_t)got;
		len -= (uint64_t)got;
	}
	return 0;
}

static int write_all(int fd, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (len) {
		ssize_t put = write(fd, p, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		p += put;
		len -= (size_t)put;
	}
	return 0;
}

static int write_in_place(const char *path, const void *buf, size_t len, struct err *e)
{
	autofd int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);

	if (fd < 0 || write_all(fd, buf, len) < 0)
		return err_sys(e, "cannot write %s", path);
	return 0;
}

int file_write(const char *path, const void *buf, size_t len, struct err *e)
{
	struct aside aside;
	struct stat st;
	mode_t mask;
	int ret;

	/* A link is followed, not replaced: /dev/stdout is one. */
	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return write_in_place(path, buf, len, e);
	mask = umask(0);
	umask(mask);
	ret = aside_open(&aside, path, 0666 & ~mask, e);
	if (ret == 0 && write_all(aside.fd, buf, len) < 0)
		ret = err_sys(e, "cannot write %s", path);
	if (ret == 0)
		ret = aside_keep(&aside, path, e);
	aside_drop(&aside);
	return ret;
}
