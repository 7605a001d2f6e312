/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unix sockets behind a socket device. Streams are watched for edges and read and written only by the device, so
 * what a slow side does not take stays in its socket. All of a stream is guarded by the device's lock. One that is
 * closed, by whatever thread, is freed by the loop, which may still hold an event of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <unistd.h>
#include "host/unixsock.h"
#include "host/vsock_unix.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/opt.h"

#define BACKLOG   64
#define LINE_MAX_ 32 /* bytes of "CONNECT port\n" */
#define PORT_MAX_ (sizeof("_4294967295") - 1)

/* How long another start in the same folder is waited for. */
#define LOCK_TRIES 100
#define LOCK_WAIT  10000 /* microseconds */

struct vsock_stream {
	struct vsock_unix *u;
	struct loop_source src;  /* its fd is -1: closed, to be freed */
	struct vsock_conn *conn; /* NULL: it has not said yet what it wants */
	struct vsock_stream *next;
};

struct vsock_unix {
	struct loop *loop;
	struct sockaddr_un address;
	struct loop_source listener, wake; /* eventfd: there are streams to be freed */
	bool starved; /* accepting failed: not tried before another client comes */
	struct vsock_frontend frontend; /* .connect is NULL: there is no device */
	struct vsock_stream *first;     /* newest first */
	unsigned int nr_new;
	struct log_limit limit; /* what the guest may make lkvm say; with the device's lock held */
};

/* --- Streams, with the device's lock held --- */

static void close_stream(struct vsock_stream *stream)
{
	struct vsock_unix *u = stream->u;

	if (stream->src.fd < 0)
		return;
	if (!stream->conn)
		u->nr_new--;
	loop_modify(u->loop, &stream->src, 0);
	close_fd(&stream->src.fd);
	eventfd_write(u->wake.fd, 1);
}

static void ready(void *ctx, uint32_t events)
{
	struct vsock_stream *stream = ctx;
	const struct vsock_frontend *frontend = &stream->u->frontend;
	unsigned int what = 0;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		what |= VSOCK_READABLE;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		what |= VSOCK_WRITABLE;
	if (events & (EPOLLHUP | EPOLLERR))
		what |= VSOCK_GONE;
	pthread_mutex_lock(frontend->lock);
	if (stream->src.fd >= 0)
		frontend->ready(frontend->ctx, stream->conn, what);
	pthread_mutex_unlock(frontend->lock);
}

/*
 * Takes the line from a client, and not a byte more, and connects it. Returns false if it is to be dropped; a
 * line that is not complete yet is waited for.
 */
static bool greet(struct vsock_stream *stream)
{
	const struct vsock_frontend *frontend = &stream->u->frontend;
	char line[LINE_MAX_ + 1];
	ssize_t len = recv(stream->src.fd, line, LINE_MAX_, MSG_PEEK);
	char *end = len > 0 ? memchr(line, '\n', (size_t)len) : NULL;
	uint32_t port;

	if (!end)
		return len > 0 ? len < LINE_MAX_ : len < 0 && errno == EAGAIN;
	*end = '\0';
	if (strncmp(line, "CONNECT ", 8) || opt_set_u32(&port, line + 8, NULL) < 0 ||
	    recv(stream->src.fd, line, (size_t)(end - line) + 1, 0) != end - line + 1)
		return false;
	stream->src.ready = ready;
	stream->conn = frontend->connect(frontend->ctx, port, stream);
	if (stream->conn)
		stream->u->nr_new--;
	return stream->conn;
}

static void greet_ready(void *ctx, uint32_t events)
{
	struct vsock_stream *stream = ctx;
	pthread_mutex_t *lock = stream->u->frontend.lock;

	(void)events;
	pthread_mutex_lock(lock);
	if (stream->src.fd >= 0 && !greet(stream))
		close_stream(stream);
	pthread_mutex_unlock(lock);
}

/* A stream of @fd, which becomes its own. NULL: it could not be made, and @fd is closed. */
static struct vsock_stream *add_stream(struct vsock_unix *u, int fd, struct vsock_conn *conn)
{
	struct vsock_stream *stream = calloc(1, sizeof(*stream));

	if (stream) {
		*stream = (struct vsock_stream){
			.u = u,
			.src = { .fd = fd, .ready = conn ? ready : greet_ready, .ctx = stream },
			.conn = conn,
			.next = u->first,
		};
		/* Not loop_add(): this may be a vCPU's thread. */
		if (loop_modify(u->loop, &stream->src, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET) ==
		    0) {
			u->nr_new += !conn;
			u->first = stream;
			return stream;
		}
	}
	free(stream);
	close_fd(&fd);
	return NULL;
}

/* Loop's thread. */
static void free_closed(struct vsock_unix *u)
{
	struct vsock_stream **at = &u->first, *stream;

	while ((stream = *at)) {
		if (stream->src.fd >= 0) {
			at = &stream->next;
			continue;
		}
		*at = stream->next;
		loop_remove(u->loop, &stream->src);
		free(stream);
	}
}

static void reap(void *ctx, uint32_t events)
{
	struct vsock_unix *u = ctx;

	(void)events;
	pthread_mutex_lock(u->frontend.lock);
	free_closed(u);
	pthread_mutex_unlock(u->frontend.lock);
}

/* --- What the device calls --- */

static struct vsock_stream *backend_connect(void *ctx, uint32_t port, struct vsock_conn *conn)
{
	struct vsock_unix *u = ctx;
	struct sockaddr_un address = u->address;
	autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	size_t len = strlen(address.sun_path);

	snprintf(address.sun_path + len, sizeof(address.sun_path) - len, "_%u", port);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (log_enabled(LOG_DEBUG) && log_limit_ok(&u->limit))
			log_debug("vsock: the guest calls %s: %s", address.sun_path,
				  strerror(errno));
		return NULL;
	}
	return add_stream(u, take_fd(&fd), conn);
}

static void backend_accepted(struct vsock_stream *stream, uint32_t port)
{
	char line[LINE_MAX_];
	int len = snprintf(line, sizeof(line), "OK %u\n", port);

	/* The first bytes that are sent: there is room. */
	if (send(stream->src.fd, line, (size_t)len, MSG_NOSIGNAL) != len &&
	    log_enabled(LOG_DEBUG) && log_limit_ok(&stream->u->limit))
		log_debug("vsock: a client has gone before its connection was made");
}

static ssize_t backend_receive(struct vsock_stream *stream, const struct iovec *iov,
			       unsigned int nr)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = nr };
	ssize_t len;

	do
		len = recvmsg(stream->src.fd, &msg, 0);
	while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : len;
}

static ssize_t backend_send(struct vsock_stream *stream, const struct iovec *iov, unsigned int nr)
{
	struct msghdr msg = { .msg_iov = (struct iovec *)iov, .msg_iovlen = nr };
	ssize_t len;

	do
		len = sendmsg(stream->src.fd, &msg, MSG_NOSIGNAL);
	while (len < 0 && errno == EINTR);
	return len < 0 ? -errno : len;
}

static void backend_shutdown(struct vsock_stream *stream)
{
	shutdown(stream->src.fd, SHUT_WR);
}

struct vsock_backend vsock_unix_backend(struct vsock_unix *u)
{
	return (struct vsock_backend){
		.connect = backend_connect,
		.accepted = backend_accepted,
		.receive = backend_receive,
		.send = backend_send,
		.shutdown = backend_shutdown,
		.close = close_stream,
		.ctx = u,
	};
}

/* --- Clients --- */

static void drop_oldest_new(struct vsock_unix *u)
{
	struct vsock_stream *oldest = NULL;

	for (struct vsock_stream *stream = u->first; stream; stream = stream->next) {
		if (stream->src.fd >= 0 && !stream->conn)
			oldest = stream;
	}
	if (oldest)
		close_stream(oldest);
}

/*
 * A client that cannot be accepted, for want of descriptors, stays in the queue: told of it again and
 * again, the loop would spin.
 */
static void starve(struct vsock_unix *u, bool starved)
{
	if (starved != u->starved)
		loop_modify(u->loop, &u->listener, EPOLLIN | (starved ? EPOLLET : 0));
	u->starved = starved;
}

static void accept_client(void *ctx, uint32_t events)
{
	struct vsock_unix *u = ctx;
	int fd = accept4(u->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)events;
	starve(u, fd < 0 && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED);
	if (fd < 0)
		return;
	pthread_mutex_lock(u->frontend.lock);
	if (u->nr_new == VSOCK_UNIX_NEW_MAX)
		drop_oldest_new(u);
	add_stream(u, fd, NULL);
	pthread_mutex_unlock(u->frontend.lock);
}

/* --- Its life --- */

/*
 * Locks the folder of the socket for as long as the descriptor lives: two starts must not take each other's new
 * socket for a dead one. Somebody who holds it longer than that takes is no reason not to start.
 */
static int lock_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)] = ".";
	int fd;

	if (slash)
		snprintf(folder, sizeof(folder), "%.*s", slash == path ? 1 : (int)(slash - path),
			 path);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; fd >= 0 && i < LOCK_TRIES && flock(fd, LOCK_EX | LOCK_NB) < 0; i++)
		usleep(LOCK_WAIT);
	return fd;
}

static int listen_at(struct vsock_unix *u, const char *path, struct err *e)
{
	const size_t most = sizeof(u->address.sun_path) - 1 - PORT_MAX_;
	autofd int folder = -1;
	int fd;

	if (strlen(path) > most)
		return err_set(e, ENAMETOOLONG,
			       "'%s' is too long for a socket: at most %zu characters, so that "
			       "_PORT can follow",
			       path, most);
	u->address.sun_family = AF_UNIX;
	memcpy(u->address.sun_path, path, strlen(path) + 1);
	folder = lock_folder(path);
	fd = unix_listen(&u->address, BACKLOG);
	if (fd == -EADDRINUSE)
		return err_set(e, EADDRINUSE, "%s is another VM's: somebody listens there", path);
	if (fd == -EEXIST)
		return err_set(e, EEXIST, "%s is there and is no socket", path);
	if (fd < 0)
		return err_set(e, -fd, "cannot make the socket %s: %s", path, strerror(-fd));
	return fd;
}

static struct vsock_unix *give_up(struct vsock_unix *u)
{
	vsock_unix_close(u);
	return NULL;
}

struct vsock_unix *vsock_unix_open(const char *path, struct loop *loop, struct err *e)
{
	struct vsock_unix *u = calloc(1, sizeof(*u));
	int ret;

	if (!u) {
		err_sys(e, "cannot make a socket device");
		return NULL;
	}
	u->loop = loop;
	u->wake = (struct loop_source){ .fd = -1, .ready = reap, .ctx = u };
	u->listener = (struct loop_source){ .fd = -1, .ready = accept_client, .ctx = u };
	ret = listen_at(u, path, e);
	if (ret < 0)
		return give_up(u);
	u->listener.fd = ret;
	u->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = u->wake.fd < 0 ? -errno : loop_add(loop, &u->wake, EPOLLIN | EPOLLET);
	if (ret == 0)
		ret = loop_add(loop, &u->listener, EPOLLIN);
	if (ret < 0) {
		err_set(e, -ret, "cannot serve the socket %s: %s", path, strerror(-ret));
		return give_up(u);
	}
	return u;
}

void vsock_unix_connect(struct vsock_unix *u, struct vsock_frontend frontend)
{
	u->frontend = frontend;
}

void vsock_unix_disconnect(struct vsock_unix *u)
{
	for (struct vsock_stream *stream = u->first; stream; stream = stream->next)
		close_stream(stream);
	free_closed(u);
	u->frontend = (struct vsock_frontend){ 0 };
}

void vsock_unix_close(struct vsock_unix *u)
{
	if (!u)
		return;
	if (u->listener.fd >= 0) {
		/* Before it is closed: a socket without a listener is anybody's to replace. */
		unlink(u->address.sun_path);
		loop_remove(u->loop, &u->listener);
	}
	if (u->wake.fd >= 0)
		loop_remove(u->loop, &u->wake);
	close_fd(&u->listener.fd);
	close_fd(&u->wake.fd);
	free(u);
}
