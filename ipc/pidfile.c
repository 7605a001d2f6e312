/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pidfiles. A number alone cannot tell whether its process lives: numbers are used again. So the file is
 * locked, and the kernel drops the lock with the process, however that ends.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "pidfile.h"
#include "util/cleanup.h"

/* Room for a number, its newline and the end of the text. */
#define PID_TEXT_SIZE 24

/* Whether @fd is what is found at @path. */
static bool is_at(int fd, const char *path)
{
	struct stat open_one, there;

	return fstat(fd, &open_one) == 0 && stat(path, &there) == 0 &&
	       open_one.st_dev == there.st_dev && open_one.st_ino == there.st_ino;
}

/* The text of the file; false if it holds more, or anything but one number or nothing. */
static bool read_pid(int fd, char text[PID_TEXT_SIZE])
{
	ssize_t len = pread(fd, text, PID_TEXT_SIZE - 1, 0);
	size_t digits;

	if (len < 0 || len == PID_TEXT_SIZE - 1)
		return false;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	digits = strspn(text, "0123456789");
	return !text[digits] && (size_t)len <= digits + 1;
}

/* Opens and locks what is at @path, which is made if there is nothing. */
static int lock_old(const char *path, struct err *e)
{
	autofd int fd = -1;
	char text[PID_TEXT_SIZE];
	struct stat st;

	do {
		close_fd(&fd);
		/* O_NONBLOCK: a FIFO is refused, not waited for. */
		fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);
		if (fd < 0 || fstat(fd, &st) < 0)
			return err_sys(e, "cannot write the pidfile %s", path);
		if (!S_ISREG(st.st_mode) || !read_pid(fd, text))
			return err_set(e, EINVAL,
				       "%s is no pidfile: it holds something else than the number "
				       "of a process",
				       path);
		if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
			return err_set(e, EBUSY, "the pidfile %s is that of process %s, which runs",
				       path, *text ? text : "(starting)");
		/* Its owner may have removed or replaced it before the lock was ours. */
	} while (!is_at(fd, path));
	return take_fd(&fd);
}

static int write_aside(const char *aside, const char *path, int fd)
{
	char text[PID_TEXT_SIZE];
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	mode_t mask = umask(0);

	umask(mask);
	if (fchmod(fd, 0644 & ~mask) < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0)
		return -errno;
	errno = ENOSPC; /* a short write sets none */
	if (write(fd, text, (size_t)len) != len || rename(aside, path) < 0)
		return -errno;
	return 0;
}

int pidfile_take(const char *path, struct err *e)
{
	autofd int old = lock_old(path, e), fd = -1;
	autofree char *aside = NULL;
	int ret;

	if (old < 0)
		return old;
	if (asprintf(&aside, "%s.XXXXXX", path) < 0) {
		aside = NULL;
		return err_sys(e, "cannot write the pidfile %s", path);
	}
	fd = mkostemp(aside, O_CLOEXEC);
	/* The old one's lock is held until the new one is in its place: there is no moment for a third. */
	ret = fd < 0 ? -errno : write_aside(aside, path, fd);
	if (ret == 0)
		return take_fd(&fd);
	if (fd >= 0)
		unlink(aside);
	return err_set(e, -ret, "cannot write the pidfile %s: %s", path, strerror(-ret));
}

void pidfile_drop(const char *path, int *fd)
{
	if (*fd >= 0 && is_at(*fd, path))
		unlink(path);
	close_fd(fd);
}
