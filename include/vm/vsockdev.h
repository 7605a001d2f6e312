/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a vsock device and the host's side of its connections: two small interfaces, so that neither knows the
 * other's type. The device keeps to the protocol and counts credit; the back end has a stream of bytes for
 * each connection. All calls, both ways, are made with the device's lock held; none blocks.
 */
#ifndef LKVM_VM_VSOCKDEV_H
#define LKVM_VM_VSOCKDEV_H

#include <pthread.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct vsock_conn;   /* a connection, the device's */
struct vsock_stream; /* its other end, the back end's */

struct vsock_backend {
	/* The guest wants to be connected with @port of the host. NULL: refused. */
	struct vsock_stream *(*connect)(void *ctx, uint32_t port, struct vsock_conn *conn);
	/* The guest took the connection that vsock_frontend.connect() made; @port is the host's end of it. */
	void (*accepted)(struct vsock_stream *stream, uint32_t port);
	/*
	 * Bytes from and to the host. Return how many; 0 of receive(): no more will come; -EAGAIN: none now, and
	 * vsock_frontend.ready() follows when that has changed; another -errno: the stream is broken.
	 */
	ssize_t (*receive)(struct vsock_stream *stream, const struct iovec *iov, unsigned int nr);
	ssize_t (*send)(struct vsock_stream *stream, const struct iovec *iov, unsigned int nr);
	/* The guest will send no more. */
	void (*shutdown)(struct vsock_stream *stream);
	/* The connection is over: @stream is not the device's any more. Any thread. */
	void (*close)(struct vsock_stream *stream);
	void *ctx;
};

/* What a stream is ready for. */
#define VSOCK_READABLE 1 /* receive() may give something, be it the end */
#define VSOCK_WRITABLE 2 /* send() may take something */
#define VSOCK_GONE \
	4 /* nobody is at its other end any more; what came from there can still be received */

/* The device's side. Called on the loop's thread. */
struct vsock_frontend {
	/* A client wants to be connected with @port of the guest. NULL: not now. */
	struct vsock_conn *(*connect)(void *ctx, uint32_t port, struct vsock_stream *stream);
	/* After this, the stream may have been closed. */
	void (*ready)(void *ctx, struct vsock_conn *conn, unsigned int what);
	void *ctx;
	pthread_mutex_t *lock;
};

#endif
