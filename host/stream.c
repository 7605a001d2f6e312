/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared descriptors used without waiting: lkvm's stdin and stdout, for host/tty.c. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/stream.h"
#include "util/cleanup.h"

/* O_NOCTTY: opening a terminal must not make it the controlling one of a daemon. */
static int open_again(int fd, int access)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, access | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* The master's name is /dev/ptmx, and opening that makes another pseudo-terminal. */
static bool is_pty_master(int fd)
{
	int nr;

	return ioctl(fd, TIOCGPTN, &nr) == 0;
}

int stream_open(struct stream *stream, int fd, int access)
{
	int flags = fcntl(fd, F_GETFL);
	bool tty = isatty(fd);
	struct stat st;

	*stream = STREAM_NONE;
	if (flags < 0 || fstat(fd, &st) < 0)
		return -errno;
	/* Opening again would give access that @fd does not have: a pipe's reader could write. */
	if ((flags & O_ACCMODE) != O_RDWR && (flags & O_ACCMODE) != access)
		return -EBADF;

	stream->max = SSIZE_MAX;
	if (S_ISSOCK(st.st_mode)) {
		stream->kind = STREAM_SOCKET;
	} else if (tty || S_ISFIFO(st.st_mode)) {
		stream->fd = is_pty_master(fd) ? -1 : open_again(fd, access);
		if (stream->fd >= 0) {
			stream->kind = STREAM_NONBLOCK;
			return 0;
		}
		/* A pipe that polls as writable has room for PIPE_BUF; a terminal, for a byte. */
		stream->kind = STREAM_POLLED;
		stream->max = tty ? 1 : PIPE_BUF;
	}
	stream->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	return stream->fd < 0 ? -errno : 0;
}

void stream_close(struct stream *stream)
{
	close_fd(&stream->fd);
}

/* Whether a transfer would not wait; errors do not make one wait either. */
static bool ready(const struct stream *stream, short events)
{
	struct pollfd pollfd = { .fd = stream->fd, .events = events };

	return stream->kind != STREAM_POLLED || poll(&pollfd, 1, 0) > 0;
}

ssize_t stream_read(struct stream *stream, void *buf, size_t len)
{
	ssize_t n;

	if (len > stream->max)
		len = stream->max;
	do {
		if (!ready(stream, POLLIN))
			return -EAGAIN;
		if (stream->kind == STREAM_SOCKET)
			n = recv(stream->fd, buf, len, MSG_DONTWAIT);
		else
			n = read(stream->fd, buf, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

ssize_t stream_write(struct stream *stream, const void *buf, size_t len)
{
	ssize_t n;

	if (len > stream->max)
		len = stream->max;
	do {
		if (!ready(stream, POLLOUT))
			return -EAGAIN;
		if (stream->kind == STREAM_SOCKET)
			n = send(stream->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		else
			n = write(stream->fd, buf, len);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}
