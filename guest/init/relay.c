/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command's life: its pipes, or its terminal, and the ports to the host, with the bytes carried between.
 *
 *	port in  --> pipe --> command's stdin
 *	port out <-- pipe <-- command's stdout		each its own relay
 *	port err <-- pipe <-- command's stderr
 *
 * An end on either side becomes an end on the other: of stdin, the pipe is closed; where the host's reader is
 * gone, the port says so, and the command gets SIGPIPE. When the command has ended, what is in its pipes still
 * goes out; who else has them open does not count.
 */
#include <asm/ioctls.h>
#include <asm/poll.h>
#include <asm/signal.h>
#include <asm/termios.h>
#include <linux/signalfd.h>
#include <linux/wait.h>
#include "../str.h"
#include "guest/init.h"
#include "init.h"

#define RELAYS_MAX 3
#define TURNS      16 /* of one relay before the others look */

struct relay {
	int from, to;  /* -1: over */
	bool output;   /* of the command's */
	bool draining; /* what is there is all that comes */
	size_t off, len;
	char buf[64 * 1024];
};

static struct job {
	struct relay relay[RELAYS_MAX];
	unsigned int nr;
	struct streams streams;
	int control, signals;
	int master; /* the terminal's, or -1 */
	int pid;
	bool ended;
	bool terminate; /* it, as soon as it is there */
	int status;
	char line[INIT_LINE_MAX]; /* of the control port, so far */
	size_t line_len;
} job;

static void relay_end(struct relay *r)
{
	sys(close, r->from);
	sys(close, r->to);
	r->from = r->to = -1;
}

/* Carries what can be carried now. */
static void relay_run(struct relay *r)
{
	for (int i = 0; i < TURNS && r->from >= 0; i++) {
		long n;

		if (r->len) {
			n = sys(write, r->to, r->buf + r->off, r->len);
			if (n == -EAGAIN)
				return;
			if (n < 0) {
				relay_end(r);
				return;
			}
			r->off += (size_t)n;
			r->len -= (size_t)n;
			continue;
		}
		n = sys(read, r->from, r->buf, sizeof(r->buf));
		if (n == -EAGAIN && !r->draining)
			return;
		if (n <= 0) {
			relay_end(r);
			return;
		}
		r->off = 0;
		r->len = (size_t)n;
	}
}

static void add_relay(int from, int to, bool output)
{
	struct relay *r = &job.relay[job.nr++];

	r->from = from;
	r->to = to;
	r->output = output;
	sys(fcntl, from, F_SETFL, O_NONBLOCK | O_RDWR);
	sys(fcntl, to, F_SETFL, O_NONBLOCK | O_RDWR);
}

/* A pipe whose one end is the command's stream @nr, which it may open again by /dev/stdin and the like. */
static int make_pipe(const struct config *cfg, int nr)
{
	int fd[2] = { -1, -1 };
	long ret = sys(pipe2, fd, O_CLOEXEC);

	if (ret < 0)
		fail("make a pipe", "", ret);
	job.streams.fd[nr] = fd[nr != 0];
	sys(fchown, job.streams.fd[nr], cfg->uid, cfg->gid);
	sys(fcntl, fd[0], F_SETPIPE_SZ, 256 * 1024);
	return fd[nr == 0];
}

static void make_pipes(const struct config *cfg, const struct ports *ports)
{
	add_relay(ports->in, make_pipe(cfg, 0), false);
	add_relay(make_pipe(cfg, 1), ports->out, true);
	add_relay(make_pipe(cfg, 2), ports->err, true);
}

static void make_terminal(const struct config *cfg, const struct ports *ports)
{
	int unlock = 0, slave, from;

	job.master = open_file("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (job.master < 0)
		fail("open", "/dev/ptmx", job.master);
	sys(ioctl, job.master, TIOCSPTLCK, &unlock);
	slave = (int)sys(ioctl, job.master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		fail("open", "a terminal", slave);
	sys(fchown, slave, cfg->uid, cfg->gid);
	job.streams = (struct streams){ { slave, slave, slave }, true };
	from = (int)sys(fcntl, ports->tty, F_DUPFD_CLOEXEC, 0);
	add_relay(from, (int)sys(fcntl, job.master, F_DUPFD_CLOEXEC, 0), false);
	add_relay((int)sys(fcntl, job.master, F_DUPFD_CLOEXEC, 0), ports->tty, true);
	if (cfg->stderr_apart)
		add_relay(make_pipe(cfg, 2), ports->err, true);
}

/* Starts the command. The pipe tells what went wrong before it was one: it is closed if nothing did. */
static void start(const struct config *cfg)
{
	struct {
		int error;
		const char *what;
	} trouble = { 0, NULL };
	int fd[2] = { -1, -1 };

	sys(pipe2, fd, O_CLOEXEC);
	job.pid = (int)sys(clone, SIGCHLD, 0, 0, 0, 0);
	if (job.pid == 0) {
		trouble.error = command_exec(cfg, &job.streams, &trouble.what);
		sys(write, fd[1], &trouble, sizeof(trouble));
		sys(exit_group, 127);
	}
	if (job.pid < 0)
		fail("start a process", "", job.pid);
	sys(close, fd[1]);
	sys(read, fd[0], &trouble, sizeof(trouble));
	if (trouble.what)
		fail(trouble.what, cfg->cwd, trouble.error);
	if (trouble.error) {
		report(job.control, "exec", -trouble.error, NULL, NULL);
		wait_for_end();
	}
	sys(close, fd[0]);
	for (int i = 0; i < 3; i++)
		sys(close, job.streams.fd[i]);
}

static void reap(void)
{
	struct signalfd_siginfo info;
	int status;
	long pid;

	sys(read, job.signals, &info, sizeof(info));
	while ((pid = sys(wait4, -1, &status, WNOHANG, NULL)) > 0) {
		if (pid != job.pid)
			continue;
		job.ended = true;
		job.status = status;
		for (unsigned int i = 0; i < job.nr; i++)
			job.relay[i].draining = job.relay[i].output;
	}
}

/* The command and what it started in its group; a shell that reads a terminal heeds only the end of that. */
static void terminate(void)
{
	job.terminate = false;
	if (job.ended)
		return;
	sys(kill, -job.pid, SIGTERM);
	if (job.master >= 0)
		sys(kill, -job.pid, SIGHUP);
}

/* "terminate", or "size COLUMNS ROWS" */
static void take_line(const char *line)
{
	struct winsize size = { 0 };

	job.terminate |= !strcmp(line, "terminate");
	if (job.master < 0 || memcmp(line, "size ", 5))
		return;
	line += 5;
	size.ws_col = (unsigned short)get_number(&line);
	line += *line == ' ';
	size.ws_row = (unsigned short)get_number(&line);
	sys(ioctl, job.master, TIOCSWINSZ, &size);
}

static void hear(void)
{
	char buf[256];
	long nr = sys(read, job.control, buf, sizeof(buf));

	for (long i = 0; i < nr; i++) {
		if (buf[i] == '\n') {
			job.line[job.line_len] = '\0';
			take_line(job.line);
			job.line_len = 0;
		} else if (job.line_len < sizeof(job.line) - 1) {
			job.line[job.line_len++] = buf[i];
		}
	}
}

/* Whether the command has ended and all that it wrote is on its way. */
static bool over(void)
{
	for (unsigned int i = 0; i < job.nr; i++)
		if (job.relay[i].output && job.relay[i].from >= 0)
			return false;
	return job.ended;
}

/* Waits until a relay can go on, a process has ended, or the host says something. */
static void wait_for_work(bool *heard, bool *reaped)
{
	struct pollfd poll[2 + 2 * RELAYS_MAX] = {
		{ .fd = job.signals, .events = POLLIN },
		{ .fd = job.control, .events = POLLIN },
	};

	for (unsigned int i = 0; i < job.nr; i++) {
		struct relay *r = &job.relay[i];

		poll[2 + 2 * i] = (struct pollfd){ .fd = r->len ? -1 : r->from, .events = POLLIN };
		poll[3 + 2 * i] =
			(struct pollfd){ .fd = r->to, .events = r->len ? POLLOUT : (short)0 };
	}
	sys(ppoll, poll, 2 + 2 * job.nr, NULL, NULL);
	*reaped = poll[0].revents;
	*heard = poll[1].revents & POLLIN;
	for (unsigned int i = 0; i < job.nr; i++)
		if (job.relay[i].from >= 0 && poll[3 + 2 * i].revents & (POLLHUP | POLLERR))
			relay_end(&job.relay[i]);
}

static void tell_end(void)
{
	int signal = job.status & 0x7f;

	/* What is on its way to shared folders gets there first. */
	sys(sync);
	report(job.control, signal ? "signal" : "exit", signal ? signal : job.status >> 8 & 0xff,
	       NULL, NULL);
}

void command_run(const struct config *cfg, const struct ports *ports)
{
	const uint64_t signals = 1ULL << (SIGCHLD - 1) | 1ULL << (SIGPIPE - 1);
	const uint64_t children = 1ULL << (SIGCHLD - 1);
	bool heard = true, reaped = false;

	job.control = ports->control;
	job.master = -1;
	sys(rt_sigprocmask, SIG_BLOCK, &signals, NULL, sizeof(signals));
	job.signals = (int)sys(signalfd4, -1, &children, sizeof(children), O_CLOEXEC | O_NONBLOCK);
	if (cfg->tty)
		make_terminal(cfg, ports);
	else
		make_pipes(cfg, ports);
	/* The terminal's size, if it is here yet. */
	if (cfg->tty)
		hear();
	start(cfg);
	while (!over()) {
		if (job.terminate)
			terminate();
		wait_for_work(&heard, &reaped);
		if (reaped)
			reap();
		if (heard)
			hear();
		for (unsigned int i = 0; i < job.nr; i++)
			relay_run(&job.relay[i]);
	}
	for (unsigned int i = 0; i < job.nr; i++)
		if (job.relay[i].from >= 0)
			relay_end(&job.relay[i]);
	tell_end();
}
