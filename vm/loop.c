/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The event loop, on epoll. A batch of events is taken at once; whoever is removed while the batch
 * is served is struck out of it, so no handler is called after its removal.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "util/cleanup.h"
#include "vm/loop.h"

#define BATCH 16

int loop_create(struct loop *loop, struct err *e)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = loop };
	autofd int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	autofd int quit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	*loop = LOOP_NONE;
	if (epoll_fd < 0 || quit_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, quit_fd, &event) < 0)
		return err_sys(e, "cannot create an event loop");
	loop->epoll_fd = take_fd(&epoll_fd);
	loop->quit_fd = take_fd(&quit_fd);
	return 0;
}

void loop_destroy(struct loop *loop)
{
	close_fd(&loop->epoll_fd);
	close_fd(&loop->quit_fd);
}

static int control(struct loop *loop, int op, struct loop_source *src, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = src };

	return epoll_ctl(loop->epoll_fd, op, src->fd, &event) < 0 ? -errno : 0;
}

int loop_add(struct loop *loop, struct loop_source *src, uint32_t events)
{
	int ret = control(loop, EPOLL_CTL_ADD, src, events);

	if (!ret && !events)
		ret = control(loop, EPOLL_CTL_DEL, src, 0);
	return ret;
}

/* A source without events is taken out of the epoll set: left in, it would still report EPOLLHUP. */
int loop_modify(struct loop *loop, struct loop_source *src, uint32_t events)
{
	int ret = control(loop, events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, src, events);

	if (ret == -ENOENT)
		ret = events ? control(loop, EPOLL_CTL_ADD, src, events) : 0;
	return ret;
}

void loop_remove(struct loop *loop, struct loop_source *src)
{
	loop_modify(loop, src, 0);
	for (int i = 0; i < loop->nr_batch; i++) {
		if (loop->batch[i].data.ptr == src)
			loop->batch[i].data.ptr = NULL;
	}
}

/*
 * Serves one batch; returns whether loop_quit() was among it. The rest is served even then: an
 * edge-triggered event that was taken and not served would be lost.
 */
static bool dispatch(struct loop *loop, struct epoll_event *batch, int nr)
{
	bool quit = false;
	uint64_t count;

	loop->batch = batch;
	loop->nr_batch = nr;
	for (int i = 0; i < nr; i++) {
		struct loop_source *src = batch[i].data.ptr;

		if (batch[i].data.ptr == loop)
			quit = read(loop->quit_fd, &count, sizeof(count)) == sizeof(count) || quit;
		else if (src)
			src->ready(src->ctx, batch[i].events);
	}
	loop->batch = NULL;
	loop->nr_batch = 0;
	return quit;
}

int loop_run(struct loop *loop)
{
	struct epoll_event batch[BATCH];
	bool quit = false;

	while (!quit) {
		int nr = epoll_wait(loop->epoll_fd, batch, BATCH, -1);

		if (nr < 0 && errno != EINTR)
			return -errno;
		if (nr > 0)
			quit = dispatch(loop, batch, nr);
	}
	return 0;
}

void loop_quit(struct loop *loop)
{
	int saved = errno;

	/* Fails only if 2^64 - 2 calls wait to be seen: one is enough. */
	if (eventfd_write(loop->quit_fd, 1) < 0)
		errno = saved;
}
