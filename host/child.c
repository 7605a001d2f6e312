/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs of the host that serve a VM. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "host/child.h"
#include "util/cleanup.h"
#include "util/log.h"

/* How long it may take to end when asked, in milliseconds. */
#define PATIENCE_MS 1000

/* What a pipe holds at most. */
#define PIPE_SIZE (64 * 1024)

/* Lines of what it said last that are shown if it fails. */
#define LINES_SHOWN 5

static char *find_in_path(const char *name)
{
	const char *dir = getenv("PATH");

	while (dir && *dir) {
		int len = (int)strcspn(dir, ":");
		char *path;

		/* An empty word stands for the current folder: no place for programs of ours. */
		if (len) {
			if (asprintf(&path, "%.*s/%s", len, dir, name) < 0)
				return NULL;
			if (access(path, X_OK) == 0)
				return path;
			free(path);
		}
		dir += len;
		dir += *dir == ':';
	}
	return NULL;
}

char *child_find(const char *name, const char *const *places)
{
	char *path = find_in_path(name);

	for (; !path && places && *places; places++) {
		if (access(*places, X_OK) == 0)
			path = strdup(*places);
	}
	return path;
}

/* In the child: makes it a program of its own. Returns only if that failed, with errno set. */
static void become(const char *const *argv, const int *fds, unsigned int nr_fds, int words,
		   pid_t parent)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	setsid();
	if (null < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return;
	if (getppid() != parent)
		_exit(0);
	for (unsigned int i = 0; i < nr_fds; i++) {
		if (fcntl(fds[i], F_SETFD, 0) < 0)
			return;
	}
	if (dup2(null, STDIN_FILENO) < 0 || dup2(words, STDOUT_FILENO) < 0 ||
	    dup2(words, STDERR_FILENO) < 0)
		return;
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execv(argv[0], (char *const *)argv);
}

/* Returns its process id, or -errno; it does not run if the program cannot be executed. */
static pid_t spawn(const char *const *argv, const int *fds, unsigned int nr_fds, int words)
{
	pid_t parent = getpid(), pid;
	int report[2], error = 0;
	ssize_t len;

	/* Closed unread by the program that starts; otherwise it says why there is none. */
	if (pipe2(report, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		become(argv, fds, nr_fds, words, parent);
		error = errno;
		len = write(report[1], &error, sizeof(error));
		_exit(len < 0);
	}
	error = errno;
	close(report[1]);
	if (pid > 0) {
		do
			len = read(report[0], &error, sizeof(error));
		while (len < 0 && errno == EINTR);
		if (len > 0)
			waitpid(pid, NULL, 0);
	}
	close(report[0]);
	return pid < 0 || len > 0 ? -error : pid;
}

/*
 * Takes what it has said by now, as much as a pipe holds: one that never stops is not all there is to do. Returns false
 * when there is no more to come.
 */
static bool listen_to(struct child *child)
{
	struct char_backend tail = tail_backend(&child->tail);
	uint8_t buf[4096];
	ssize_t len = 1;

	for (size_t turn = 0; turn < PIPE_SIZE && len > 0; turn += sizeof(buf)) {
		len = read(child->words.fd, buf, sizeof(buf));
		if (len <= 0)
			break;
		if (child->heard)
			child->heard(child->ctx, buf, (size_t)len);
		else
			tail.output(tail.ctx, buf, (size_t)len);
	}
	return len > 0 || (len < 0 && (errno == EAGAIN || errno == EINTR));
}

static void stop_listening(struct child *child)
{
	if (child->words.fd < 0)
		return;
	loop_remove(child->loop, &child->words);
	close_fd(&child->words.fd);
}

static void said(void *ctx, uint32_t events)
{
	struct child *child = ctx;

	(void)events;
	if (!listen_to(child))
		stop_listening(child);
}

/*
 * It has ended, or is made to: nothing of it is left. @alone: by itself, so that a failure is told in its own
 * words. Returns its status.
 */
static int reap(struct child *child, bool alone)
{
	char prefix[sizeof(child->name) + 2];
	int status = 0;

	while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
		;
	child->pid = 0;
	if (child->source.fd >= 0) {
		loop_remove(child->loop, &child->source);
		close_fd(&child->source.fd);
	}
	if (child->words.fd >= 0)
		listen_to(child);
	stop_listening(child);
	snprintf(prefix, sizeof(prefix), "%s: ", child->name);
	if (alone && status)
		tail_print(&child->tail, LINES_SHOWN, prefix);
	return status;
}

static void ended(void *ctx, uint32_t events)
{
	struct child *child = ctx;
	int status = reap(child, true);

	(void)events;
	if (child->ended)
		child->ended(child->ctx, status);
}

/* Watches its end and its words. */
static int watch(struct child *child)
{
	int ret = child->source.fd < 0 ? -errno : loop_add(child->loop, &child->source, EPOLLIN);

	if (ret < 0) {
		close_fd(&child->source.fd);
		close_fd(&child->words.fd);
		return ret;
	}
	ret = loop_add(child->loop, &child->words, EPOLLIN);
	if (ret < 0)
		close_fd(&child->words.fd);
	return ret;
}

int child_start(struct child *child, const char *const *argv, const int *fds, unsigned int nr_fds,
		struct loop *loop, void (*on_end)(void *ctx, int status), void *ctx, struct err *e)
{
	const char *slash = strrchr(argv[0], '/');
	int words[2], ret;
	pid_t pid;

	if (pipe2(words, O_CLOEXEC) < 0)
		return err_sys(e, "cannot run '%s'", argv[0]);
	pid = spawn(argv, fds, nr_fds, words[1]);
	close(words[1]);
	if (pid < 0) {
		close(words[0]);
		return err_set(e, -pid, "cannot run '%s': %s", argv[0], strerror(-pid));
	}
	fcntl(words[0], F_SETFL, O_NONBLOCK);
	*child = (struct child){
		.pid = pid,
		.loop = loop,
		.source = { .fd = pidfd_open(pid, 0), .ready = ended, .ctx = child },
		.words = { .fd = words[0], .ready = said, .ctx = child },
		.tail.show = log_enabled(LOG_DEBUG),
		.ended = on_end,
		.ctx = ctx,
	};
	snprintf(child->name, sizeof(child->name), "%s", slash ? slash + 1 : argv[0]);
	ret = watch(child);
	if (ret < 0) {
		child_end(child);
		return err_set(e, -ret, "cannot watch '%s': %s", argv[0], strerror(-ret));
	}
	return 0;
}

void child_signal(struct child *child, int signal)
{
	if (child->pid)
		kill(child->pid, signal);
}

void child_end(struct child *child)
{
	struct pollfd fd = { .fd = child->source.fd, .events = POLLIN };
	bool alone;

	if (!child->pid)
		return;
	alone = fd.fd >= 0 && poll(&fd, 1, 0) > 0;
	kill(child->pid, SIGTERM);
	if (fd.fd < 0 || poll(&fd, 1, PATIENCE_MS) <= 0)
		kill(child->pid, SIGKILL);
	reap(child, alone);
}
