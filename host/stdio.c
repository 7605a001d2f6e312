/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lkvm's standard streams for a command in a guest.
 *
 *	stdin  --> block --> the guest's buffers	on the loop's thread
 *	stdout <------------ the guest's buffers	by whoever serves the device; what does not fit stays there
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "host/stdio.h"
#include "host/terminal.h"
#include "util/cleanup.h"
#include "util/log.h"

/* --- stdin --- */

/* Waits for more, or asks for another turn, when the guest has taken all there was. */
static void watch_input(struct stdio_in *in, bool wanted)
{
	if (in->always && wanted)
		eventfd_write(in->wake.fd, 1);
	else if (!in->always && in->source.fd >= 0 && wanted != in->watched)
		loop_modify(in->loop, &in->source, wanted ? EPOLLIN : 0);
	in->watched = wanted;
}

static void read_block(struct stdio_in *in)
{
	ssize_t n = stream_read(&in->stream, in->block, STDIO_BLOCK);

	if (n == -EAGAIN)
		return;
	if (n < 0)
		log_warning("cannot read stdin (%s); the command finds its end", strerror((int)-n));
	in->ended = n <= 0;
	in->off = 0;
	in->len = n > 0 ? (size_t)n : 0;
}

/* Gives the guest what it takes, then the end if that is next. Returns whether more is to be read. */
static bool deliver(struct stdio_in *in)
{
	const struct char_frontend *frontend = &in->frontend;
	bool more;

	pthread_mutex_lock(frontend->lock);
	if (in->len && in->room && !in->closed) {
		size_t taken = frontend->input(frontend->ctx, in->block + in->off, in->len);

		in->off += taken;
		in->len -= taken;
		in->room = !in->len;
	}
	if (in->ended && !in->len && !in->told) {
		in->told = true;
		frontend->hang_up(frontend->ctx);
	}
	more = !in->ended && !in->len && !in->closed;
	pthread_mutex_unlock(frontend->lock);
	return more;
}

/* @readable: stdin has something, or its end. */
static void pump(struct stdio_in *in, bool readable)
{
	if (!in->frontend.input)
		return;
	if (readable && !in->ended && !in->len)
		read_block(in);
	watch_input(in, deliver(in));
}

static void in_ready(void *ctx, uint32_t events)
{
	(void)events;
	pump(ctx, true);
}

static void in_woken(void *ctx, uint32_t events)
{
	struct stdio_in *in = ctx;

	(void)events;
	pump(in, in->always);
}

static size_t in_output(void *ctx, const uint8_t *buf, size_t len)
{
	(void)ctx;
	(void)buf;
	return len; /* nobody writes to stdin */
}

static void in_input_ready(void *ctx)
{
	struct stdio_in *in = ctx;

	in->room = true;
	eventfd_write(in->wake.fd, 1);
}

static void in_closed(void *ctx)
{
	struct stdio_in *in = ctx;

	in->closed = true;
	eventfd_write(in->wake.fd, 1);
}

struct char_backend stdio_in_backend(struct stdio_in *in)
{
	return (struct char_backend){
		.output = in_output, .input_ready = in_input_ready, .closed = in_closed, .ctx = in
	};
}

static int watch_stream(struct loop *loop, struct loop_source *source, bool *always)
{
	int ret = loop_add(loop, source, 0);

	*always = ret == -EPERM;
	if (*always)
		source->fd = -1;
	return *always ? 0 : ret;
}

static int open_input(struct stdio_in *in, int fd)
{
	int ret;

	in->block = malloc(STDIO_BLOCK);
	if (!in->block)
		return -ENOMEM;
	in->wake = (struct loop_source){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
					 .ready = in_woken,
					 .ctx = in };
	if (in->wake.fd < 0)
		return -errno;
	/* Edge-triggered: each write is an event, and nobody needs to read the counter. */
	ret = loop_add(in->loop, &in->wake, EPOLLIN | EPOLLET);
	/* Reading a terminal from the background would stop the whole job with SIGTTIN. */
	if (ret < 0 || (isatty(fd) && !terminal_is_ours(fd)))
		return ret;
	ret = stream_open(&in->stream, fd, O_RDONLY);
	in->ended = ret == -EBADF;
	if (ret < 0)
		return ret == -EBADF ? 0 : ret;
	in->source = (struct loop_source){ .fd = in->stream.fd, .ready = in_ready, .ctx = in };
	return watch_stream(in->loop, &in->source, &in->always);
}

int stdio_in_open(struct stdio_in *in, struct loop *loop, int fd, struct err *e)
{
	int ret;

	*in = STDIO_IN_NONE;
	in->loop = loop;
	ret = open_input(in, fd);
	return ret < 0 ? err_set(e, -ret, "cannot read stdin: %s", strerror(-ret)) : 0;
}

void stdio_in_connect(struct stdio_in *in, struct char_frontend frontend)
{
	in->frontend = frontend;
	in->room = true;
	in->closed = in->told = false;
	pump(in, false);
}

void stdio_in_disconnect(struct stdio_in *in)
{
	in->frontend = (struct char_frontend){ 0 };
	watch_input(in, false);
}

void stdio_in_close(struct stdio_in *in)
{
	if (in->source.fd >= 0)
		loop_remove(in->loop, &in->source);
	if (in->wake.fd >= 0)
		loop_remove(in->loop, &in->wake);
	close_fd(&in->wake.fd);
	stream_close(&in->stream);
	free(in->block);
	*in = STDIO_IN_NONE;
}

/* --- stdout, stderr --- */

/* Nobody reads any more. As any command in a pipe, the guest's learns of it by SIGPIPE. */
static void end_output(struct stdio_out *out, int error)
{
	if (error != EPIPE)
		log_warning("cannot write %s (%s)", out->name, strerror(error));
	out->ended = true;
	if (out->frontend.hang_up)
		out->frontend.hang_up(out->frontend.ctx);
}

static size_t out_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct stdio_out *out = ctx;
	size_t done = 0;
	ssize_t n = 0;

	while (done < len && !out->ended) {
		n = stream_write(&out->stream, buf + done, len - done);
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (n == -EAGAIN)
		loop_modify(out->loop, &out->source, EPOLLOUT);
	else if (n < 0)
		end_output(out, (int)-n);
	return out->ended ? len : done;
}

static void out_input_ready(void *ctx)
{
	(void)ctx;
}

static void out_closed(void *ctx)
{
	struct stdio_out *out = ctx;

	if (out->closed)
		out->closed(out->closed_ctx);
}

struct char_backend stdio_out_backend(struct stdio_out *out)
{
	return (struct char_backend){ .output = out_output,
				      .input_ready = out_input_ready,
				      .closed = out_closed,
				      .ctx = out };
}

static void out_ready(void *ctx, uint32_t events)
{
	struct stdio_out *out = ctx;
	const struct char_frontend *frontend = &out->frontend;

	(void)events;
	loop_modify(out->loop, &out->source, 0);
	if (!frontend->output_ready)
		return;
	pthread_mutex_lock(frontend->lock);
	frontend->output_ready(frontend->ctx);
	pthread_mutex_unlock(frontend->lock);
}

int stdio_out_open(struct stdio_out *out, struct loop *loop, int fd, const char *name,
		   void (*closed)(void *ctx), void *ctx, struct err *e)
{
	int ret;

	*out = STDIO_OUT_NONE;
	out->loop = loop;
	out->name = name;
	out->closed = closed;
	out->closed_ctx = ctx;
	ret = stream_open(&out->stream, fd, O_WRONLY);
	out->ended = ret == -EBADF; /* closed: output vanishes, as the person asked */
	if (ret == 0) {
		out->source = (struct loop_source){ .fd = out->stream.fd,
						    .ready = out_ready,
						    .ctx = out };
		ret = watch_stream(loop, &out->source, &out->always);
	}
	if (ret < 0 && !out->ended)
		return err_set(e, -ret, "cannot write %s: %s", name, strerror(-ret));
	return 0;
}

void stdio_out_connect(struct stdio_out *out, struct char_frontend frontend)
{
	out->frontend = frontend;
}

void stdio_out_disconnect(struct stdio_out *out)
{
	out->frontend = (struct char_frontend){ 0 };
}

void stdio_out_close(struct stdio_out *out)
{
	if (out->source.fd >= 0)
		loop_remove(out->loop, &out->source);
	stream_close(&out->stream);
	*out = STDIO_OUT_NONE;
}
