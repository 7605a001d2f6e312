/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The console: lkvm's stdin and stdout at the far end of the guest's first serial line.
 *
 *	vCPU threads			loop's thread
 *	tty_output --------------------------> stdout, while it takes what comes
 *	tty_output ---> out ring ---> drain -> stdout, once it did not
 *	tty_input_ready - - wake - -> deliver <- in ring <- stdin
 *
 * Locks: the device's outside, tty->lock inside. Nothing waits under the latter, so a vCPU never
 * waits for the host's reader. A vCPU wakes the loop when it puts bytes into an empty ring; while
 * the loop is busy with a batch, further bytes cost no system call.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "host/stream.h"
#include "host/terminal.h"
#include "host/tty.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "vm/ring.h"

/*
 * Linux's console driver waits 10 ms for each byte of a printk and then sends it regardless, so
 * what finds no room here is lost however patient the transmitter: a kernel's boot log fits.
 */
#define OUT_SIZE   (64 * 1024)
#define IN_SIZE    (64 * 1024) /* a long paste into a slow guest */
#define IN_CHUNK   4096        /* how far stdin is read ahead of the guest */
#define OUT_ROUNDS 4           /* writes before other sources have their turn */

struct tty {
	struct loop *loop;
	void (*quit)(void *ctx);
	void *quit_ctx;
	struct char_frontend frontend; /* .input is NULL: not connected */
	struct loop_source wake;       /* eventfd */

	pthread_mutex_t lock; /* guards the next four; the innermost lock */
	struct ring out;
	size_t out_limit; /* bytes that may be in @out */
	bool out_refused; /* the device wants to hear of room */
	bool discard;     /* nobody reads any more */

	struct stream out_stream;
	struct loop_source out_src;
	bool out_watched;

	int in_fd; /* the caller's, for the help text */
	struct stream in_stream;
	struct loop_source in_src;
	bool in_open, in_watched;
	bool in_always; /* epoll does not know it: it is always ready */
	bool in_room;   /* the device takes input; guarded by the device's lock */
	struct ring in; /* read and not yet taken by the device */

	bool is_terminal; /* stdin is, and is ours */
	bool is_raw;
	struct termios saved;
	struct escape escape;

	uint8_t out_buf[OUT_SIZE + CHAR_HELD_MAX];
	uint8_t in_buf[IN_SIZE];
};

static void wake_loop(struct tty *tty)
{
	/* Cannot fail short of 2^64 - 2 wake-ups, since it is never read: see tty_open(). */
	eventfd_write(tty->wake.fd, 1);
}

/*
 * The device's output, on a vCPU thread. Straight to the host where that takes it without waiting:
 * one system call, as waking the loop would be, and no second thread has to run for each byte. Only
 * an empty ring may be passed by, so order is kept; while it is not empty, only the loop writes.
 */
static size_t tty_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct tty *tty = ctx;
	size_t taken = len;
	bool wake = false;

	pthread_mutex_lock(&tty->lock);
	if (!tty->discard) {
		size_t room = tty->out.nr < tty->out_limit ? tty->out_limit - tty->out.nr : 0;
		ssize_t written = 0;

		if (!tty->out.nr) {
			written = stream_write(&tty->out_stream, buf, len);
			if (written < 0)
				written = 0; /* the loop meets the error again and says it */
			wake = (size_t)written < len;
		}
		len -= (size_t)written;
		taken = (size_t)written +
			ring_put(&tty->out, buf + written, len < room ? len : room);
		tty->out_refused = tty->out_refused || len > room;
	}
	pthread_mutex_unlock(&tty->lock);
	if (wake)
		wake_loop(tty);
	return taken;
}

/* Room in the device, on a vCPU thread with the device's lock held. */
static void tty_input_ready(void *ctx)
{
	struct tty *tty = ctx;

	tty->in_room = true;
	wake_loop(tty);
}

struct char_backend tty_backend(struct tty *tty)
{
	return (struct char_backend){ .output = tty_output,
				      .input_ready = tty_input_ready,
				      .ctx = tty };
}

static void tell_output_ready(struct tty *tty)
{
	const struct char_frontend *frontend = &tty->frontend;

	if (!frontend->input)
		return;
	pthread_mutex_lock(frontend->lock);
	frontend->output_ready(frontend->ctx);
	pthread_mutex_unlock(frontend->lock);
}

/* Drops what was written, or everything for good, and tells a device that waits for room. */
static void consume(struct tty *tty, size_t nr, bool discard)
{
	bool refused;

	pthread_mutex_lock(&tty->lock);
	tty->discard = discard;
	ring_drop(&tty->out, discard ? tty->out.nr : nr);
	refused = tty->out_refused;
	tty->out_refused = false;
	pthread_mutex_unlock(&tty->lock);
	if (refused)
		tell_output_ready(tty);
}

/* Writes some of the ring: 1 if there may be more to do, 0 when it is empty, or -EAGAIN. */
static int write_some(struct tty *tty)
{
	const uint8_t *span;
	ssize_t n;
	size_t len;

	/* Only this thread drops bytes, so the span stays put while vCPUs append behind it. */
	pthread_mutex_lock(&tty->lock);
	span = ring_peek(&tty->out, &len);
	pthread_mutex_unlock(&tty->lock);
	if (!len)
		return 0;
	n = stream_write(&tty->out_stream, span, len);
	if (n == -EAGAIN)
		return -EAGAIN;
	if (n < 0)
		log_warning("cannot write the console's output (%s); the VM runs on without it",
			    strerror((int)-n));
	consume(tty, n < 0 ? 0 : (size_t)n, n < 0);
	return 1;
}

static void watch_output(struct tty *tty, bool watch)
{
	if (watch != tty->out_watched)
		loop_modify(tty->loop, &tty->out_src, watch ? EPOLLOUT : 0);
	tty->out_watched = watch;
}

/* A guest that floods the console must not keep the loop from its other sources: the escape. */
static void drain(struct tty *tty)
{
	int ret = 1;

	for (int i = 0; i < OUT_ROUNDS && ret > 0; i++)
		ret = write_some(tty);
	watch_output(tty, ret == -EAGAIN);
	if (ret > 0)
		wake_loop(tty);
}

static void out_ready(void *ctx, uint32_t events)
{
	(void)events;
	drain(ctx);
}

static void end_input(struct tty *tty)
{
	if (!tty->in_open)
		return;
	if (tty->is_raw)
		terminal_restore(tty->in_stream.fd, &tty->saved);
	loop_remove(tty->loop, &tty->in_src);
	stream_close(&tty->in_stream);
	tty->in_open = false;
}

/* The number of bytes read, 0 for none. Ends the input when it is over. */
static size_t read_some(struct tty *tty, uint8_t *buf, size_t len)
{
	ssize_t n = stream_read(&tty->in_stream, buf, len);

	if (n > 0)
		return (size_t)n;
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		log_warning("cannot read the console's input (%s); the VM runs on without it",
			    strerror((int)-n));
	end_input(tty);
	return 0;
}

static void show_help(struct tty *tty)
{
	static const char help[] =
		"\r\n"
		"Ctrl-A x       end the VM\r\n"
		"Ctrl-A h or ?  show this help\r\n"
		"Ctrl-A a       send a Ctrl-A to the guest (so does Ctrl-A Ctrl-A)\r\n";
	struct stream terminal;

	if (stream_open(&terminal, tty->in_fd, O_WRONLY) < 0 ||
	    stream_write(&terminal, help, sizeof(help) - 1) != sizeof(help) - 1)
		log_info("Ctrl-A x ends the VM, Ctrl-A a sends a Ctrl-A to the guest");
	stream_close(&terminal);
}

static void take_key(struct tty *tty, uint8_t key)
{
	switch (escape_feed(&tty->escape, &key)) {
	case ESCAPE_PASS:
		ring_put(&tty->in, &key, 1); /* or lose it: see host/tty.h */
		break;
	case ESCAPE_QUIT:
		tty->quit(tty->quit_ctx);
		break;
	case ESCAPE_HELP:
		show_help(tty);
		break;
	case ESCAPE_DETACH:
	case ESCAPE_DROP:
		break;
	}
}

static void read_terminal(struct tty *tty)
{
	uint8_t buf[256];
	size_t nr = read_some(tty, buf, sizeof(buf));

	for (size_t i = 0; i < nr; i++)
		take_key(tty, buf[i]);
}

static bool wants_stream(const struct tty *tty)
{
	return tty->in_open && tty->frontend.input && !tty->in.nr;
}

static void read_stream(struct tty *tty)
{
	uint8_t buf[IN_CHUNK];

	if (wants_stream(tty))
		ring_put(&tty->in, buf, read_some(tty, buf, sizeof(buf)));
}

/* Gives the device what it takes of the input at hand. */
static void deliver(struct tty *tty)
{
	const struct char_frontend *frontend = &tty->frontend;

	if (!frontend->input || !tty->in.nr)
		return;
	pthread_mutex_lock(frontend->lock);
	while (tty->in_room && tty->in.nr) {
		size_t len, taken;
		const uint8_t *span = ring_peek(&tty->in, &len);

		taken = frontend->input(frontend->ctx, span, len);
		ring_drop(&tty->in, taken);
		tty->in_room = taken == len;
	}
	pthread_mutex_unlock(frontend->lock);
}

/* Waits for more input: of a terminal always, of anything else when the device has taken all. */
static void watch_input(struct tty *tty)
{
	bool watch = tty->in_open && (tty->is_terminal || wants_stream(tty));

	if (tty->in_always && watch)
		wake_loop(tty);
	else if (tty->in_open && !tty->in_always && watch != tty->in_watched)
		loop_modify(tty->loop, &tty->in_src, watch ? EPOLLIN : 0);
	tty->in_watched = watch;
}

static void in_ready(void *ctx, uint32_t events)
{
	struct tty *tty = ctx;

	(void)events;
	if (tty->is_terminal)
		read_terminal(tty);
	else
		read_stream(tty);
	deliver(tty);
	watch_input(tty);
}

static void woken(void *ctx, uint32_t events)
{
	struct tty *tty = ctx;

	(void)events;
	drain(tty);
	if (tty->in_always)
		read_stream(tty);
	deliver(tty);
	watch_input(tty);
}

static int open_output(struct tty *tty, int fd)
{
	int ret = stream_open(&tty->out_stream, fd, O_WRONLY);

	tty->discard = ret == -EBADF; /* closed: output vanishes, as the person asked */
	if (ret < 0)
		return ret == -EBADF ? 0 : ret;
	tty->out_src =
		(struct loop_source){ .fd = tty->out_stream.fd, .ready = out_ready, .ctx = tty };
	ret = loop_add(tty->loop, &tty->out_src, 0);
	return ret == -EPERM ? 0 : ret;
}

static int open_input(struct tty *tty, int fd)
{
	bool terminal = isatty(fd);
	int ret;

	/* Reading from the background would stop the whole job with SIGTTIN. */
	if (terminal && !terminal_is_ours(fd)) {
		log_debug("the terminal is not read: this job is in the background");
		return 0;
	}
	ret = stream_open(&tty->in_stream, fd, O_RDONLY);
	if (ret < 0)
		return ret == -EBADF ? 0 : ret;
	tty->in_open = true;
	tty->in_fd = fd;
	tty->is_terminal = terminal;
	tty->in_src =
		(struct loop_source){ .fd = tty->in_stream.fd, .ready = in_ready, .ctx = tty };
	ret = loop_add(tty->loop, &tty->in_src, 0);
	tty->in_always = ret == -EPERM;
	if (ret < 0 && ret != -EPERM)
		return ret;
	ret = terminal ? terminal_make_raw(tty->in_stream.fd, &tty->saved) : 0;
	tty->is_raw = terminal && ret == 0;
	watch_input(tty);
	return ret;
}

static struct tty *tty_alloc(struct loop *loop, void (*quit)(void *ctx), void *ctx)
{
	struct tty *tty = calloc(1, sizeof(*tty)); /* pages that are not used are never touched */

	if (!tty)
		return NULL;
	tty->loop = loop;
	tty->quit = quit;
	tty->quit_ctx = ctx;
	tty->wake = (struct loop_source){ .fd = -1, .ready = woken, .ctx = tty };
	tty->out = (struct ring){ .buf = tty->out_buf, .size = sizeof(tty->out_buf) };
	tty->out_limit = OUT_SIZE;
	tty->in = (struct ring){ .buf = tty->in_buf, .size = sizeof(tty->in_buf) };
	tty->out_stream = tty->in_stream = STREAM_NONE;
	pthread_mutex_init(&tty->lock, NULL);
	return tty;
}

struct tty *tty_open(struct loop *loop, int in_fd, int out_fd, void (*quit)(void *ctx), void *ctx,
		     struct err *e)
{
	struct tty *tty = tty_alloc(loop, quit, ctx);
	int ret = -ENOMEM;

	if (tty) {
		tty->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ret = tty->wake.fd < 0 ? -errno : 0;
	}
	/* Edge-triggered: each write is an event, and nobody needs to read the counter. */
	if (ret == 0)
		ret = loop_add(loop, &tty->wake, EPOLLIN | EPOLLET);
	if (ret == 0)
		ret = open_output(tty, out_fd);
	if (ret == 0)
		ret = open_input(tty, in_fd);
	if (ret == 0)
		return tty;
	tty_close(tty, 0);
	err_set(e, -ret, "cannot open the console: %s", strerror(-ret));
	return NULL;
}

void tty_connect(struct tty *tty, struct char_frontend frontend)
{
	tty->frontend = frontend;
	tty->in_room = true;
	watch_input(tty);
	wake_loop(tty); /* keys may be waiting already */
}

void tty_disconnect(struct tty *tty)
{
	/* A device that holds bytes back was refused by a full ring; above the limit they fit. */
	pthread_mutex_lock(&tty->lock);
	tty->out_limit = tty->out.size;
	pthread_mutex_unlock(&tty->lock);
	tell_output_ready(tty);
	pthread_mutex_lock(&tty->lock);
	tty->out_limit = OUT_SIZE;
	tty->out_refused = false;
	pthread_mutex_unlock(&tty->lock);

	tty->frontend = (struct char_frontend){ 0 };
	watch_input(tty);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The loop does not run any more: waits for the reader itself. */
static void flush(struct tty *tty, int timeout_ms)
{
	struct pollfd pollfd = { .fd = tty->out_stream.fd, .events = POLLOUT };
	int64_t left, end = now_ms() + timeout_ms;
	int ret;

	while ((ret = write_some(tty)) != 0) {
		left = end - now_ms();
		if (ret == -EAGAIN && left <= 0) {
			log_warning("the console's reader is too slow: its last %zu bytes are lost",
				    tty->out.nr);
			return;
		}
		if (ret == -EAGAIN)
			poll(&pollfd, 1, (int)left);
	}
}

void tty_close(struct tty *tty, int timeout_ms)
{
	if (!tty)
		return;
	tty_disconnect(tty);
	flush(tty, timeout_ms);
	end_input(tty);
	if (tty->out_stream.fd >= 0)
		loop_remove(tty->loop, &tty->out_src);
	stream_close(&tty->out_stream);
	if (tty->wake.fd >= 0)
		loop_remove(tty->loop, &tty->wake);
	close_fd(&tty->wake.fd);
	pthread_mutex_destroy(&tty->lock);
	free(tty);
}
