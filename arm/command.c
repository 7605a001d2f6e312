/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A command's streams, as ports of a console device of their own, and its end. What is said on the control port is
 * in include/guest/init.h; the guest's words there are as hostile as all that guests say.
 *
 *	lkvm.control			this file
 *	lkvm.stdin, .stdout, .stderr	host/stdio.c
 *	lkvm.tty			host/tty.c, when lkvm is used on a terminal
 *
 * The machine ends when the guest has said how the command ended, and has closed its ports for output, of which
 * lkvm hears when all of it was written: so a slow reader gets everything, and a signal ends lkvm as always.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "host/stdio.h"
#include "host/tty.h"
#include "host/winsize.h"
#include "parts.h"
#include "virtio/console.h"

/* How long the last output may take to reach a slow terminal. */
#define TTY_DRAIN_MS 500

enum { PORT_CONTROL, PORT_IN, PORT_OUT, PORT_ERR, PORTS_MAX };

struct streams {
	struct guest_command *command;
	struct loop *loop;
	struct machine *m; /* of now, or NULL */
	struct stdio_in in;
	struct stdio_out out, err;
	struct tty *tty; /* in place of @in and @out, or NULL */
	struct winsize_watch winsize;

	/* Of one life; under the device's lock. */
	struct virtio_console dev;
	struct loop_timer again;
	bool made;
	struct virtio_console_line line[PORTS_MAX];
	unsigned int nr; /* ports; [PORT_CONTROL] is the first, the others may not all be there */
	unsigned int nr_open; /* of those for output */
	uint16_t cols, rows;
	bool resized;            /* and the guest has not been told */
	bool asked, to_be_asked; /* to end its command; the guest has not been told */
};

/* --- How it ends --- */

static void end_if_over(struct streams *s)
{
	if (s->m && s->command->done && !s->nr_open)
		vm_stop(&s->m->vm, VM_OFF);
}

static void output_closed(void *ctx)
{
	struct streams *s = ctx;

	if (s->nr_open)
		s->nr_open--;
	end_if_over(s);
}

void command_stopped(struct guest_command *c, int signal)
{
	if (c->done)
		return;
	c->done = true;
	c->status = COMMAND_KILLED + signal;
}

/* The person at the terminal ends the VM. */
static void quit(void *ctx)
{
	struct streams *s = ctx;

	command_stopped(s->command, SIGKILL);
	if (s->m)
		vm_stop(&s->m->vm, VM_STOPPED);
}

/* One line, whose end is cut off. */
static void take_line(struct guest_command *c)
{
	char word[8] = "", text[INIT_LINE_MAX] = "";
	unsigned int number;

	if (sscanf(c->line, "%7[a-z] %5u %511[ -~]", word, &number, text) < 2)
		return;
	if (!strcmp(word, "exit")) {
		c->status = number & 0xff;
	} else if (!strcmp(word, "signal")) {
		c->status = (COMMAND_KILLED + number) & 0xff;
	} else if (!strcmp(word, "exec")) {
		c->error = number ? (int)number : EIO;
		c->status = number == ENOENT ? COMMAND_NOT_FOUND : COMMAND_NOT_EXECUTABLE;
	} else if (!strcmp(word, "fail") && *text) {
		c->error = number ? (int)number : EIO;
		c->status = MACHINE_FAILED;
		memcpy(c->failed, text, sizeof(c->failed));
	} else {
		return;
	}
	c->done = true;
}

void command_hear(struct guest_command *c, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len && !c->done; i++) {
		if (buf[i] == '\n') {
			c->line[c->line_len] = '\0';
			c->line_len = 0;
			take_line(c);
		} else if (c->line_len < sizeof(c->line) - 1) {
			c->line[c->line_len++] = (char)buf[i];
		}
	}
}

int command_status(const struct guest_command *c, struct err *e)
{
	if (c->done && *c->failed)
		err_set(e, EIO, "the guest cannot %s: %s", c->failed, strerror(c->error));
	else if (c->done && c->error)
		err_set(e, c->error, "cannot run '%s': %s", c->argv[0], strerror(c->error));
	else if (!c->done)
		err_set(e, EIO, "the guest ended before the command '%s' did", c->argv[0]);
	return c->done ? c->status : MACHINE_FAILED;
}

/* --- The control port --- */

static size_t control_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct streams *s = ctx;

	command_hear(s->command, buf, len);
	/* What it was not come to has no output. */
	if (s->command->done && s->command->error)
		s->nr_open = 0;
	end_if_over(s);
	return len;
}

/* Returns false if the guest cannot hear yet. */
static bool tell(struct streams *s, const char *line)
{
	struct char_frontend control = virtio_console_frontend(&s->dev, 1 + PORT_CONTROL);

	return control.input(control.ctx, (const uint8_t *)line, strlen(line));
}

/* Tells the guest what it does not know yet, if it can hear already. */
static void tell_news(struct streams *s)
{
	char line[32];

	snprintf(line, sizeof(line), "size %u %u\n", s->cols, s->rows);
	if (s->resized)
		s->resized = !tell(s, line);
	if (s->to_be_asked)
		s->to_be_asked = !tell(s, "terminate\n");
}

static void control_input_ready(void *ctx)
{
	tell_news(ctx);
}

void command_terminate(struct streams *s)
{
	pthread_mutex_lock(&s->dev.dev.lock);
	s->to_be_asked |= !s->asked;
	s->asked = true;
	tell_news(s);
	pthread_mutex_unlock(&s->dev.dev.lock);
}

static void resized(void *ctx, uint16_t cols, uint16_t rows)
{
	struct streams *s = ctx;

	s->cols = cols;
	s->rows = rows;
	s->resized = true;
	tell_news(s);
}

/* --- The terminal: a back end that has no ends, below one that has --- */

static size_t terminal_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct streams *s = ctx;
	struct char_backend tty = tty_backend(s->tty);

	return tty.output(tty.ctx, buf, len);
}

static void terminal_input_ready(void *ctx)
{
	struct streams *s = ctx;
	struct char_backend tty = tty_backend(s->tty);

	tty.input_ready(tty.ctx);
}

/* --- The part --- */

static bool command_uses(const struct machine_config *cfg, enum virtio_bus bus)
{
	return cfg->command && slots_bus(cfg, VIRTIO_BUS_DEFAULT) == bus;
}

static void add_line(struct streams *s, const char *name, struct char_backend backend)
{
	s->line[s->nr++] = (struct virtio_console_line){ .name = name, .backend = backend };
}

static int open_terminal(struct streams *s, struct err *e)
{
	int ret = winsize_open(&s->winsize, s->loop, STDOUT_FILENO, e);

	if (ret < 0)
		return ret;
	add_line(s, INIT_TTY,
		 (struct char_backend){ .output = terminal_output,
					.input_ready = terminal_input_ready,
					.closed = output_closed,
					.ctx = s });
	if (s->command->stderr_apart) {
		ret = stdio_out_open(&s->err, s->loop, STDERR_FILENO, "stderr", output_closed, s,
				     e);
		add_line(s, INIT_STDERR, stdio_out_backend(&s->err));
	}
	if (ret == 0)
		s->tty = tty_open(s->loop, STDIN_FILENO, STDOUT_FILENO, quit, s, e);
	return s->tty ? 0 : -EIO;
}

static int open_pipes(struct streams *s, struct err *e)
{
	int ret = stdio_in_open(&s->in, s->loop, STDIN_FILENO, e);

	if (ret == 0)
		ret = stdio_out_open(&s->out, s->loop, STDOUT_FILENO, "stdout", output_closed, s,
				     e);
	if (ret == 0)
		ret = stdio_out_open(&s->err, s->loop, STDERR_FILENO, "stderr", output_closed, s,
				     e);
	add_line(s, INIT_STDIN, stdio_in_backend(&s->in));
	add_line(s, INIT_STDOUT, stdio_out_backend(&s->out));
	add_line(s, INIT_STDERR, stdio_out_backend(&s->err));
	return ret;
}

static int command_open(void **part, const struct machine_config *cfg, struct loop *loop,
			struct err *e)
{
	struct streams *s;

	if (!cfg->command)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_sys(e, "cannot run a command");
	s->command = cfg->command;
	s->loop = loop;
	s->in = STDIO_IN_NONE;
	s->out = s->err = STDIO_OUT_NONE;
	s->winsize = WINSIZE_NONE;
	*part = s;
	add_line(s, INIT_CONTROL,
		 (struct char_backend){
			 .output = control_output, .input_ready = control_input_ready, .ctx = s });
	return cfg->command->tty ? open_terminal(s, e) : open_pipes(s, e);
}

/* The front end of the port called @name, which is there. */
static struct char_frontend frontend_of(struct streams *s, const char *name)
{
	unsigned int i = 0;

	while (strcmp(s->line[i].name, name) != 0)
		i++;
	return virtio_console_frontend(&s->dev, 1 + i);
}

static int command_add(void *part, struct machine *m, struct err *e)
{
	struct streams *s = part;
	struct guest_command *c = s->command;
	int ret;

	s->m = m;
	m->command = s;
	s->asked = s->to_be_asked = false;
	s->nr_open = c->tty && !c->stderr_apart ? 1 : 2;
	s->made = true;
	loop_timer_init(&s->again, s->loop, &s->dev.dev.lock, virtio_console_again, &s->dev);
	ret = virtio_console_init_ports(&s->dev, "command", &m->vm.ram, s->line, s->nr,
					loop_timer_value(&s->again), e);
	if (ret == 0)
		ret = slots_add(m, &s->dev.dev, VIRTIO_BUS_DEFAULT, e);
	if (ret < 0)
		return ret;
	if (c->tty) {
		winsize_connect(&s->winsize, (struct char_frontend){ .resized = resized,
								     .ctx = s,
								     .lock = &s->dev.dev.lock });
		tty_connect(s->tty, frontend_of(s, INIT_TTY));
	} else {
		stdio_in_connect(&s->in, frontend_of(s, INIT_STDIN));
		stdio_out_connect(&s->out, frontend_of(s, INIT_STDOUT));
	}
	if (!c->tty || c->stderr_apart)
		stdio_out_connect(&s->err, frontend_of(s, INIT_STDERR));
	return 0;
}

static void command_remove(void *part, struct machine *m)
{
	struct streams *s = part;

	m->command = NULL;
	s->m = NULL;
	if (!s->made)
		return;
	/* What the guest had sent when it ended, and nobody had looked at yet. */
	pthread_mutex_lock(&s->dev.dev.lock);
	virtio_console_finish(&s->dev);
	pthread_mutex_unlock(&s->dev.dev.lock);
	winsize_disconnect(&s->winsize);
	if (s->tty)
		tty_disconnect(s->tty);
	stdio_in_disconnect(&s->in);
	stdio_out_disconnect(&s->out);
	stdio_out_disconnect(&s->err);
	loop_timer_close(&s->again);
	virtio_console_destroy(&s->dev);
	s->made = false;
}

static void command_close(void *part)
{
	struct streams *s = part;

	tty_close(s->tty, TTY_DRAIN_MS);
	winsize_close(&s->winsize);
	stdio_in_close(&s->in);
	stdio_out_close(&s->out);
	stdio_out_close(&s->err);
	free(s);
}

const struct machine_part command_part = {
	.uses = command_uses,
	.open = command_open,
	.add = command_add,
	.remove = command_remove,
	.close = command_close,
};
