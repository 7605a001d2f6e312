/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The way of each message through a shared folder.
 *
 *	submit --> at once: a Tflush of what is not (or no longer) being answered; what is no message
 *	       --> a worker --> eventfd --> loop: done, then done of the Tflushes that waited for it; done_end
 *
 * A Tflush wants an answer when the message it names has had its own, or never will: nothing is
 * ever dropped, so it waits. Everything here is guarded by the lock of the device that is connected.
 */
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include "host/share.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "workers.h"

/* Messages that threads can be busy with at once. */
#define THREADS 8

struct share {
	struct p9_session *session;
	struct loop *loop;
	struct loop_source wake; /* eventfd: workers are done, or later() */
	struct workers *workers;
	struct p9_frontend frontend; /* .done NULL: no device */
	struct p9_request *first;    /* all that are not complete */
};

/* A thread's own file mode creation mask, since the guest has applied its own already; and what it can reach by name. */
static void begin(void *ctx)
{
	const struct share *share = ctx;
	int ret;

	if (unshare(CLONE_FS) == 0)
		umask(0);
	ret = sandbox_is_on() ? p9_session_confine(share->session) : 0;
	if (ret < 0)
		sandbox_give_up(ret);
}

static void run(void *ctx, struct work *work)
{
	struct share *share = ctx;

	p9_answer(share->session, container_of(work, struct p9_request, work));
}

static struct p9_request *find(const struct share *share, uint16_t tag)
{
	struct p9_request *req = share->first;

	while (req && req->tag != tag)
		req = req->next;
	return req;
}

static void link_request(struct share *share, struct p9_request *req)
{
	req->next = share->first;
	share->first = req;
}

static void unlink_request(struct share *share, struct p9_request *req)
{
	struct p9_request **link = &share->first;

	while (*link != req)
		link = &(*link)->next;
	*link = req->next;
}

static bool share_submit(void *ctx, struct p9_request *req)
{
	struct share *share = ctx;
	struct p9_request *old;

	if (p9_read_header(req) < 0) {
		req->result = -EBADMSG;
		return true;
	}
	if (req->type == P9_TFLUSH) {
		old = find(share, req->oldtag);
		if (!old) {
			p9_answer(share->session, req);
			return true;
		}
		req->flushes = old->flushes;
		old->flushes = req;
		return false;
	}
	link_request(share, req);
	workers_put(share->workers, &req->work);
	return false;
}

static void share_later(void *ctx)
{
	struct share *share = ctx;

	/* Cannot fail short of 2^64 - 2 wake-ups, since it is never read: it is watched for edges. */
	eventfd_write(share->wake.fd, 1);
}

static void share_reset(void *ctx)
{
	struct share *share = ctx;

	p9_session_reset(share->session);
}

/* @req is answered, and with it every Tflush that waited for that. */
static void complete(struct share *share, struct p9_request *req)
{
	const struct p9_frontend *frontend = &share->frontend;
	struct p9_request *flushes = req->flushes, *next;

	unlink_request(share, req);
	frontend->done(frontend->ctx, req);
	for (; flushes; flushes = next) {
		next = flushes->flushes;
		p9_answer(share->session, flushes);
		frontend->done(frontend->ctx, flushes);
	}
}

static void complete_list(struct share *share, struct work *work)
{
	while (work) {
		struct work *next = work->next;

		complete(share, container_of(work, struct p9_request, work));
		work = next;
	}
}

/* The loop's thread: something is done, or somebody called later(). */
static void ready(void *ctx, uint32_t events)
{
	struct share *share = ctx;
	const struct p9_frontend *frontend = &share->frontend;

	(void)events;
	if (!frontend->done)
		return;
	pthread_mutex_lock(frontend->lock);
	complete_list(share, workers_take(share->workers, false));
	frontend->done_end(frontend->ctx);
	pthread_mutex_unlock(frontend->lock);
}

struct p9_backend share_backend(struct share *share)
{
	return (struct p9_backend){
		.submit = share_submit,
		.later = share_later,
		.reset = share_reset,
		.ctx = share,
	};
}

void share_connect(struct share *share, struct p9_frontend frontend)
{
	share->frontend = frontend;
}

void share_disconnect(struct share *share)
{
	const struct p9_frontend *frontend = &share->frontend;

	if (!frontend->done)
		return;
	pthread_mutex_lock(frontend->lock);
	while (share->first)
		complete_list(share, workers_take(share->workers, true));
	pthread_mutex_unlock(frontend->lock);
	share->frontend = (struct p9_frontend){ 0 };
	p9_session_clear(share->session);
}

struct share *share_open(const struct p9_config *cfg, struct loop *loop, struct err *e)
{
	struct share *share = calloc(1, sizeof(*share));
	struct worker_job job = {
		.run = run, .begin = begin, .ctx = share, .name = "share", .sandbox = SANDBOX_SHARE
	};
	int ret;

	if (!share) {
		err_sys(e, "'%s' cannot be shared", cfg->dir);
		return NULL;
	}
	share->loop = loop;
	share->wake = (struct loop_source){ .fd = -1, .ready = ready, .ctx = share };
	share->session = p9_session_open(cfg, e);
	if (!share->session)
		goto fail;
	share->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = share->wake.fd < 0 ? -errno : loop_add(loop, &share->wake, EPOLLIN | EPOLLET);
	if (ret < 0) {
		err_set(e, -ret, "'%s' cannot be shared: %s", cfg->dir, strerror(-ret));
		goto fail;
	}
	share->workers = workers_create(THREADS, job, share->wake.fd, e);
	if (share->workers)
		return share;
fail:
	share_close(share);
	return NULL;
}

void share_close(struct share *share)
{
	if (!share)
		return;
	if (share->wake.fd >= 0)
		loop_remove(share->loop, &share->wake);
	workers_destroy(share->workers);
	p9_session_close(share->session);
	close_fd(&share->wake.fd);
	free(share);
}
