/* SPDX-License-Identifier: BSD-2-Clause */
/* Between a terminal, or a script's pipe, and the console of a running VM. One thread, one poll(). */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>
#include "host/terminal.h"
#include "ipc/client.h"
#include "ipc/console.h"
#include "util/cleanup.h"
#include "util/log.h"

/* After the end of input that is no terminal's, output may still come as an answer. */
#define SILENCE_MS 1000

enum visit_end { VISIT_GOES_ON, VISIT_LEFT, VISIT_VM_ENDED };

struct visit {
	const char *name;
	int fd; /* the connection; does not block */
	int signals;
	bool terminal, input_open;
	struct escape escape;
	uint8_t in[256]; /* typed; up to @in_done sent */
	size_t in_nr, in_done;
	enum visit_end end;
};

static void write_all(const uint8_t *buf, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, buf, len);

		if (n < 0 && errno == EAGAIN)
			poll(&(struct pollfd){ .fd = STDOUT_FILENO, .events = POLLOUT }, 1, -1);
		else if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		}
	}
}

static void show_help(void)
{
	static const char help[] =
		"\r\n"
		"Ctrl-A d       leave the console; the VM runs on\r\n"
		"Ctrl-A x       end the VM\r\n"
		"Ctrl-A h or ?  show this help\r\n"
		"Ctrl-A a       send a Ctrl-A to the guest (so does Ctrl-A Ctrl-A)\r\n";

	write_all((const uint8_t *)help, sizeof(help) - 1);
}

/* The end of the VM shows at the connection. */
static void stop_vm(struct visit *v)
{
	const struct request request = { .command = "stop" };
	struct reply reply = { 0 };
	struct err e = { 0 };

	if (client_call(v->name, &request, &reply, &e) < 0)
		log_error("%s", e.text);
	else if (reply.status < 0)
		log_error("%s", reply.text);
	free(reply.tree);
}

/* Of this terminal. A serial console has none, and an lkvm from before does not know the command: nobody minds. */
static void send_size(const struct visit *v)
{
	struct request request = { .command = "console-size" };
	struct reply reply = { 0 };
	struct winsize size;

	if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0)
		return;
	request.columns = size.ws_col;
	request.rows = size.ws_row;
	client_call(v->name, &request, &reply, NULL);
	free(reply.tree);
}

static void receive_signal(struct visit *v)
{
	struct signalfd_siginfo info;

	if (read(v->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH)
		send_size(v);
	else
		v->end = VISIT_LEFT;
}

/* What a person types: keys for the guest stay in v->in. */
static void take_keys(struct visit *v, size_t nr)
{
	for (size_t i = 0; i < nr && v->end == VISIT_GOES_ON; i++) {
		uint8_t key = v->in[i];

		switch (escape_feed(&v->escape, &key)) {
		case ESCAPE_PASS:
			v->in[v->in_nr++] = key;
			break;
		case ESCAPE_QUIT:
			stop_vm(v);
			break;
		case ESCAPE_HELP:
			show_help();
			break;
		case ESCAPE_DETACH:
			v->end = VISIT_LEFT;
			break;
		case ESCAPE_DROP:
			break;
		}
	}
}

static void read_input(struct visit *v)
{
	ssize_t n = read(STDIN_FILENO, v->in, sizeof(v->in));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	v->in_nr = v->in_done = 0;
	if (n <= 0 && v->terminal)
		v->end = VISIT_LEFT;
	else if (n <= 0)
		v->input_open = false;
	else if (v->terminal)
		take_keys(v, (size_t)n);
	else
		v->in_nr = (size_t)n;
}

static void send_input(struct visit *v)
{
	ssize_t n = send(v->fd, v->in + v->in_done, v->in_nr - v->in_done, MSG_NOSIGNAL);

	if (n > 0)
		v->in_done += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		v->in_done = v->in_nr; /* that the VM has ended shows where its output comes from */
}

static void receive_output(struct visit *v)
{
	uint8_t buf[4096];
	ssize_t n = recv(v->fd, buf, sizeof(buf), 0);

	if (n > 0)
		write_all(buf, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		v->end = VISIT_VM_ENDED;
}

static void turn(struct visit *v)
{
	bool pending = v->in_done < v->in_nr;
	bool input = v->input_open && !pending;
	struct pollfd fds[] = {
		{ .fd = v->fd, .events = (short)(POLLIN | (pending ? POLLOUT : 0)) },
		{ .fd = v->signals, .events = POLLIN },
		{ .fd = input ? STDIN_FILENO : -1, .events = POLLIN },
	};
	int nr = poll(fds, 3, v->input_open || pending ? -1 : SILENCE_MS);

	if (nr == 0)
		v->end = VISIT_LEFT;
	if (nr <= 0)
		return;
	if (fds[0].revents & POLLOUT)
		send_input(v);
	if (fds[0].revents & ~POLLOUT)
		receive_output(v);
	if (fds[1].revents)
		receive_signal(v);
	if (fds[2].revents && v->end == VISIT_GOES_ON)
		read_input(v);
}

/* Signals that would end this process end the visit, so that the terminal is put back; and the terminal's size. */
static int take_signals(struct visit *v, sigset_t *old, struct err *e)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, old);
	v->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return v->signals < 0 ? err_sys(e, "cannot receive signals") : 0;
}

static int connect_to(struct visit *v, struct err *e)
{
	const struct request request = { .command = "console" };
	struct client_call call = CLIENT_CALL_NONE;
	int ret;

	snprintf(call.name, sizeof(call.name), "%s", v->name);
	call.keep = true;
	client_call_all(&call, 1, &request, CLIENT_PATIENCE_MS);
	ret = call.ret;
	if (ret < 0)
		err_set(e, -ret, "%s", call.e.text);
	else if (call.reply.status < 0)
		ret = err_set(e, -call.reply.status, "%s", call.reply.text);
	else
		v->fd = take_fd(&call.fd);
	call.keep = false;
	client_end(&call, 1);
	return ret;
}

int console_attach(const char *name, struct err *e)
{
	struct visit v = { .name = name, .fd = -1, .signals = -1, .input_open = true };
	struct termios saved;
	sigset_t old;
	int ret;

	sigprocmask(SIG_BLOCK, NULL, &old);
	v.terminal = isatty(STDIN_FILENO);
	if (v.terminal && !terminal_is_ours(STDIN_FILENO))
		return err_set(e, EAGAIN, "a job in the background has no terminal to type on");
	ret = connect_to(&v, e);
	if (ret < 0)
		return ret;
	if (v.terminal)
		log_info("the console of VM %s: Ctrl-A d leaves it, Ctrl-A h helps", name);
	ret = take_signals(&v, &old, e);
	if (ret == 0 && v.terminal && terminal_make_raw(STDIN_FILENO, &saved) < 0)
		ret = err_sys(e, "cannot use this terminal");
	if (ret == 0) {
		if (v.terminal)
			send_size(&v);
		while (v.end == VISIT_GOES_ON)
			turn(&v);
		if (v.terminal)
			terminal_restore(STDIN_FILENO, &saved);
	}
	if (v.terminal && v.end == VISIT_LEFT)
		log_info("left the console of VM %s", name);
	if (v.terminal && v.end == VISIT_VM_ENDED)
		log_info("VM %s has ended", name);
	close_fd(&v.fd);
	close_fd(&v.signals);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return ret;
}
