/* SPDX-License-Identifier: BSD-2-Clause */
/* A terminal's size and its changes. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include "host/winsize.h"
#include "util/cleanup.h"

static void tell(const struct winsize_watch *watch)
{
	const struct char_frontend *frontend = &watch->frontend;

	if (!frontend->resized || (!watch->cols && !watch->rows))
		return;
	pthread_mutex_lock(frontend->lock);
	frontend->resized(frontend->ctx, watch->cols, watch->rows);
	pthread_mutex_unlock(frontend->lock);
}

static void look(struct winsize_watch *watch)
{
	struct winsize size;

	if (ioctl(watch->tty, TIOCGWINSZ, &size) == 0)
		winsize_set(watch, size.ws_col, size.ws_row);
}

void winsize_set(struct winsize_watch *watch, uint16_t cols, uint16_t rows)
{
	watch->cols = cols;
	watch->rows = rows;
	tell(watch);
}

static void signalled(void *ctx, uint32_t events)
{
	struct winsize_watch *watch = ctx;
	struct signalfd_siginfo info;

	(void)events;
	if (read(watch->source.fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		look(watch);
}

int winsize_open(struct winsize_watch *watch, struct loop *loop, int tty, struct err *e)
{
	sigset_t set;
	int ret;

	*watch = WINSIZE_NONE;
	watch->loop = loop;
	watch->tty = tty;
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	watch->source.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (watch->source.fd < 0)
		return err_sys(e, "cannot watch the terminal's size");
	watch->source.ready = signalled;
	watch->source.ctx = watch;
	ret = loop_add(loop, &watch->source, EPOLLIN);
	if (ret < 0)
		return err_set(e, -ret, "cannot watch the terminal's size: %s", strerror(-ret));
	look(watch);
	return 0;
}

void winsize_connect(struct winsize_watch *watch, struct char_frontend frontend)
{
	watch->frontend = frontend;
	tell(watch);
}

void winsize_disconnect(struct winsize_watch *watch)
{
	watch->frontend = (struct char_frontend){ 0 };
}

void winsize_close(struct winsize_watch *watch)
{
	if (watch->source.fd >= 0)
		loop_remove(watch->loop, &watch->source);
	close_fd(&watch->source.fd);
}
