/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pseudo-terminal behind a guest's line. The master's descriptor says by POLLHUP, for as long as it
 * lasts, that nobody has the other end open; the loop watches it for edges, and so hears of it once. That
 * somebody has come is no event at all: it shows when there is input, or when poll() is asked before the
 * next output.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <termios.h>
#include <unistd.h>
#include "host/pty.h"
#include "util/cleanup.h"

#define IN_SIZE   4096
#define IN_ROUNDS 8 /* reads before other sources have their turn */
#define NAME_SIZE 64

struct pty {
	struct loop *loop;
	struct loop_source src, wake;  /* the master; eventfd */
	struct char_frontend frontend; /* .input is NULL: not connected */
	char name[NAME_SIZE];

	pthread_mutex_t lock; /* guards the next two and what @src is watched for; innermost */
	bool out_waits;       /* the device waits for room */
	bool nobody;          /* had it open when that was last looked at */

	bool in_room; /* the device takes input; guarded by the device's lock */
	size_t in_nr, in_done;
	uint8_t in[IN_SIZE]; /* read, and up to @in_done taken by the device */
};

/* Never read, so it cannot fail short of 2^64 - 2 wake-ups. */
static void wake_loop(struct pty *pty)
{
	eventfd_write(pty->wake.fd, 1);
}

/* With pty->lock held. Whatever is there already when this is called is reported once more. */
static void watch(struct pty *pty, bool out_waits)
{
	pty->out_waits = out_waits;
	loop_modify(pty->loop, &pty->src, EPOLLIN | EPOLLET | (out_waits ? EPOLLOUT : 0));
}

/* Looks whether somebody has the other end open. With pty->lock held. */
static void look(struct pty *pty)
{
	struct pollfd pollfd = { .fd = pty->src.fd };

	pty->nobody = poll(&pollfd, 1, 0) > 0 && pollfd.revents & POLLHUP;
}

/* The device's output, on a vCPU's thread or the loop's. */
static size_t pty_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct pty *pty = ctx;
	size_t done = 0;

	pthread_mutex_lock(&pty->lock);
	if (pty->nobody)
		look(pty);
	while (!pty->nobody && done < len) {
		ssize_t n = write(pty->src.fd, buf + done, len - done);

		if (n > 0) {
			done += (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			look(pty);
			if (!pty->nobody && !pty->out_waits)
				watch(pty, true);
			break;
		}
	}
	if (pty->nobody)
		done = len;
	pthread_mutex_unlock(&pty->lock);
	return done;
}

static void pty_input_ready(void *ctx)
{
	struct pty *pty = ctx;

	pty->in_room = true;
	wake_loop(pty);
}

struct char_backend pty_backend(struct pty *pty)
{
	return (struct char_backend){ .output = pty_output,
				      .input_ready = pty_input_ready,
				      .ctx = pty };
}

/* Gives the device what it takes; returns whether it took all. */
static bool deliver(struct pty *pty)
{
	const struct char_frontend *frontend = &pty->frontend;
	bool room;

	if (!frontend->input)
		return false;
	pthread_mutex_lock(frontend->lock);
	if (pty->in_room && pty->in_done < pty->in_nr) {
		pty->in_done += frontend->input(frontend->ctx, pty->in + pty->in_done,
						pty->in_nr - pty->in_done);
		pty->in_room = pty->in_done == pty->in_nr;
	}
	room = pty->in_room;
	pthread_mutex_unlock(frontend->lock);
	return room;
}

/* Reads for as long as the device has room. That nobody is there, or no more, is no end. */
static void receive(struct pty *pty)
{
	for (int i = 0; i < IN_ROUNDS; i++) {
		ssize_t n;

		if (!deliver(pty))
			return;
		n = read(pty->src.fd, pty->in, sizeof(pty->in));
		if (n <= 0)
			return;
		pty->in_nr = (size_t)n;
		pty->in_done = 0;
	}
	wake_loop(pty);
}

static void woken(void *ctx, uint32_t events)
{
	(void)events;
	receive(ctx);
}

static void ready(void *ctx, uint32_t events)
{
	struct pty *pty = ctx;
	const struct char_frontend *frontend = &pty->frontend;
	bool waited = false;

	if (events & ~(uint32_t)EPOLLIN) {
		pthread_mutex_lock(&pty->lock);
		look(pty);
		waited = pty->out_waits;
		if (waited)
			watch(pty, false);
		pthread_mutex_unlock(&pty->lock);
	}
	if (waited && frontend->input) {
		pthread_mutex_lock(frontend->lock);
		frontend->output_ready(frontend->ctx);
		pthread_mutex_unlock(frontend->lock);
	}
	receive(pty);
}

/* Until the other end is opened for the first time, nothing says that nobody has it open. */
static int open_once(const char *name)
{
	int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	close_fd(&fd);
	return 0;
}

/* The modes are the other end's: with echo on, the guest would read its own output. */
static int make_master(struct pty *pty)
{
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	struct termios modes;
	int ret;

	pty->src.fd = fd;
	if (fd < 0 || grantpt(fd) < 0 || unlockpt(fd) < 0 || tcgetattr(fd, &modes) < 0)
		return -errno;
	cfmakeraw(&modes);
	if (tcsetattr(fd, TCSANOW, &modes) < 0)
		return -errno;
	ret = ptsname_r(fd, pty->name, sizeof(pty->name));
	if (ret)
		return -ret;
	pty->nobody = true;
	return open_once(pty->name);
}

struct pty *pty_open(struct loop *loop, struct err *e)
{
	struct pty *pty = calloc(1, sizeof(*pty));
	int ret = -ENOMEM;

	if (!pty)
		goto fail;
	pthread_mutex_init(&pty->lock, NULL);
	pty->loop = loop;
	pty->src = (struct loop_source){ .fd = -1, .ready = ready, .ctx = pty };
	pty->wake = (struct loop_source){ .fd = -1, .ready = woken, .ctx = pty };
	ret = make_master(pty);
	if (ret == 0) {
		pty->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ret = pty->wake.fd < 0 ? -errno : 0;
	}
	if (ret == 0)
		ret = loop_add(loop, &pty->wake, EPOLLIN | EPOLLET);
	if (ret == 0)
		ret = loop_add(loop, &pty->src, EPOLLIN | EPOLLET);
	if (ret == 0)
		return pty;
fail:
	pty_close(pty);
	err_set(e, -ret, "cannot make a pseudo-terminal: %s", strerror(-ret));
	return NULL;
}

const char *pty_name(const struct pty *pty)
{
	return pty->name;
}

void pty_connect(struct pty *pty, struct char_frontend frontend)
{
	pty->frontend = frontend;
	pty->in_room = true;
	wake_loop(pty);
}

void pty_disconnect(struct pty *pty)
{
	pty->frontend = (struct char_frontend){ 0 };
}

void pty_close(struct pty *pty)
{
	if (!pty)
		return;
	if (pty->src.fd >= 0)
		loop_remove(pty->loop, &pty->src);
	if (pty->wake.fd >= 0)
		loop_remove(pty->loop, &pty->wake);
	close_fd(&pty->src.fd);
	close_fd(&pty->wake.fd);
	pthread_mutex_destroy(&pty->lock);
	free(pty);
}
