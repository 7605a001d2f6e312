/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passt as the back end of a network device. It takes one connected socket, and quits when that is closed. If it
 * dies, the guest's link goes down and the VM lives on.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include "host/child.h"
#include "host/passt.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/log.h"

/*
 * Few large frames instead of many small ones; but of a size that one write to a stream socket takes as a
 * whole (32 KiB and a page): passt loses its place in the stream if it ever reads a part of a length or of a frame.
 */
#define MTU 32768

/* How long passt may take to be ready, in milliseconds: for a host that is very busy. */
#define PATIENCE_MS 20000

#define ARGS_MAX 160

struct passt {
	struct loop *loop;
	struct child child;
	struct loop_source source; /* the socket: @stream's, too */
	int ready;                 /* becomes readable when passt serves, -1: known */
	bool dead;
	bool read, write;
	struct net_frontend frontend;
	struct passt_stream stream;
};

/* The link is gone for good. */
static void lose(struct passt *p)
{
	if (p->dead)
		return;
	p->dead = true;
	loop_modify(p->loop, &p->source, 0);
	log_warning("network: passt has ended; the guest's link is down");
	if (p->frontend.link)
		p->frontend.link(p->frontend.ctx, false);
}

static void ended(void *ctx, int status)
{
	struct passt *p = ctx;

	(void)status;
	if (p->frontend.lock)
		pthread_mutex_lock(p->frontend.lock);
	lose(p);
	if (p->frontend.lock)
		pthread_mutex_unlock(p->frontend.lock);
}

static void ready(void *ctx, uint32_t events)
{
	struct passt *p = ctx;

	if (!p->frontend.ready || p->dead)
		return;
	pthread_mutex_lock(p->frontend.lock);
	if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && p->read)
		passt_stream_fill(&p->stream);
	p->frontend.ready(p->frontend.ctx, 0, events & ~(uint32_t)EPOLLOUT, events & EPOLLOUT);
	if (p->stream.broken)
		lose(p);
	pthread_mutex_unlock(p->frontend.lock);
}

static bool passt_send(void *ctx, unsigned int pair, const struct iovec *iov, unsigned int nr,
		       size_t len)
{
	struct passt *p = ctx;

	(void)pair;
	return passt_stream_send(&p->stream, iov, nr, len);
}

static size_t passt_receive(void *ctx, unsigned int pair, const struct iovec *iov, unsigned int nr)
{
	struct passt *p = ctx;

	(void)pair;
	return passt_stream_receive(&p->stream, iov, nr);
}

static void passt_watch(void *ctx, unsigned int pair, bool read, bool write)
{
	struct passt *p = ctx;

	(void)pair;
	p->read = read;
	p->write = write;
	if (!p->dead)
		loop_modify(p->loop, &p->source, (read ? EPOLLIN : 0) | (write ? EPOLLOUT : 0));
}

static void passt_set_offloads(void *ctx, unsigned int offloads)
{
	struct passt *p = ctx;

	p->stream.checked = offloads & NET_CSUM;
}

struct net_backend passt_backend(struct passt *p)
{
	return (struct net_backend){
		.send = passt_send,
		.receive = passt_receive,
		.watch = passt_watch,
		.set_offloads = passt_set_offloads,
		.ctx = p,
		.info = { .nr_pairs = 1, .rx_offloads = NET_CSUM, .mtu = MTU, .up = !p->dead },
	};
}

void passt_connect(struct passt *p, struct net_frontend frontend)
{
	p->frontend = frontend;
}

void passt_disconnect(struct passt *p)
{
	passt_watch(p, 0, false, false);
	p->frontend = (struct net_frontend){ 0 };
}

/* Starts passt with its end of the socket and a pipe that it writes to when it serves. */
static int start(struct passt *p, const char *program, const char *const *ports, int end, int pipe,
		 struct err *e)
{
	char fd[16], mtu[16], pid[32];
	const char *argv[ARGS_MAX] = {
		program, "-f", "-q", "--fd", fd, "-m", mtu, "-P", pid,
	};
	const int fds[] = { end, pipe };
	unsigned int nr = 9;

	snprintf(fd, sizeof(fd), "%d", end);
	snprintf(mtu, sizeof(mtu), "%d", MTU);
	snprintf(pid, sizeof(pid), "/proc/self/fd/%d", pipe);
	for (; ports && *ports && nr < ARGS_MAX - 1; ports++)
		argv[nr++] = *ports;
	return child_start(&p->child, argv, fds, ARRAY_SIZE(fds), p->loop, ended, p, e);
}

static int open_all(struct passt *p, const char *const *ports, struct err *e)
{
	autofree char *program =
		child_find("passt", (const char *const[]){ "/usr/bin/passt", NULL });
	autofd int end = -1, pipe_end = -1;
	int fds[2], ret;

	if (!program)
		return err_set(
			e, ENOENT,
			"there is no program 'passt' in PATH, which mode=user needs: install the "
			"package passt");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return err_sys(e, "cannot make a socket for passt");
	p->source.fd = p->stream.fd = fds[0];
	end = fds[1];
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_sys(e, "cannot make a pipe for passt");
	p->ready = fds[0];
	pipe_end = fds[1];
	/* Started by root, passt opens it as somebody else. */
	if (fchmod(pipe_end, 0622) < 0)
		return err_sys(e, "cannot make a pipe for passt");
	ret = start(p, program, ports, end, pipe_end, e);
	if (ret < 0)
		return ret;
	ret = loop_add(p->loop, &p->source, 0);
	if (ret < 0)
		return err_set(e, -ret, "cannot watch passt's socket: %s", strerror(-ret));
	return 0;
}

struct passt *passt_open(const char *const *ports, struct loop *loop, struct err *e)
{
	struct passt *p = calloc(1, sizeof(*p));

	if (!p) {
		err_sys(e, "cannot start passt");
		return NULL;
	}
	p->loop = loop;
	p->child = CHILD_NONE;
	p->source = (struct loop_source){ .fd = -1, .ready = ready, .ctx = p };
	p->ready = -1;
	if (open_all(p, ports, e) < 0) {
		passt_close(p);
		return NULL;
	}
	return p;
}

int passt_wait(struct passt *p, struct err *e)
{
	struct pollfd fd = { .fd = p->ready, .events = POLLIN };
	int ret;

	if (p->ready < 0)
		return 0;
	do
		ret = poll(&fd, 1, PATIENCE_MS);
	while (ret < 0 && errno == EINTR);
	if (!ret)
		return err_set(e, ETIMEDOUT, "passt is not ready after %d seconds",
			       PATIENCE_MS / 1000);
	/* It writes its process id, or closes the pipe by ending. */
	if (!(fd.revents & POLLIN))
		return err_set(e, EIO, "passt does not run");
	close_fd(&p->ready);
	return 0;
}

void passt_close(struct passt *p)
{
	if (!p)
		return;
	child_end(&p->child);
	loop_remove(p->loop, &p->source);
	close_fd(&p->source.fd);
	close_fd(&p->ready);
	free(p);
}
