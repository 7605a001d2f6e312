/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes from or to a descriptor that lkvm shares with whoever started it, without ever waiting and
 * without O_NONBLOCK: that flag belongs to the open file description, so setting it would change
 * the shell's and every other sharer's view of it, and outlive lkvm.
 *
 *	terminal, pipe, FIFO	opened again through /proc/self/fd, non-blocking
 *	socket			MSG_DONTWAIT
 *	anything else		plain read and write: files do not make one wait for a peer
 *
 * Where the second open fails (a terminal of another user, no /proc, a FIFO whose reader is gone),
 * poll() says whether a transfer small enough not to wait can be made.
 */
#ifndef LKVM_HOST_STREAM_H
#define LKVM_HOST_STREAM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stream {
	int fd; /* the stream's own; for epoll and poll */
	enum { STREAM_PLAIN, STREAM_NONBLOCK, STREAM_SOCKET, STREAM_POLLED } kind;
	size_t max; /* bytes a transfer */
};

#define STREAM_NONE ((struct stream){ .fd = -1 })

/*
 * Opens a second way to what is behind @fd, which stays the caller's. @access is O_RDONLY or
 * O_WRONLY. Returns 0, or -errno with @stream made STREAM_NONE: -EBADF if @fd is closed or not open
 * for @access.
 */
int stream_open(struct stream *stream, int fd, int access);

/* STREAM_NONE is fine. */
void stream_close(struct stream *stream);

/* Reads what is there: the number of bytes (0: the end), or -errno; -EAGAIN: nothing yet. */
ssize_t stream_read(struct stream *stream, void *buf, size_t len);

/*
 * Writes what there is room for: the number of bytes, or -errno; -EAGAIN: no room yet. A reader
 * that went away is -EPIPE; SIGPIPE is the caller's to ignore.
 */
ssize_t stream_write(struct stream *stream, const void *buf, size_t len);

#endif
