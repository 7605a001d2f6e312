/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM as a service. The process that runs it is made before anything is opened: KVM's descriptors and threads
 * do not survive a fork().
 *
 * The current folder stays as it is: names of files are looked up again while a VM runs (at each reboot,
 * when a log is rotated, by the programs that serve it), and must then mean what the user meant.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>
#include "ipc/service.h"
#include "notify.h"
#include "pidfile.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Waits until the VM's process says that its guest runs, or ends. Returns the status to end with, or -errno. */
static int wait_until_running(pid_t pid, int from, struct err *e)
{
	ssize_t len;
	char running;
	int status;

	do
		len = read(from, &running, 1);
	while (len < 0 && errno == EINTR);
	if (len == 1)
		return MACHINE_OFF;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return err_sys(e, "cannot tell how lkvm ended in the background");
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return err_set(e, ECHILD, "lkvm was killed in the background: %s",
		       strsignal(WTERMSIG(status)));
}

/* From now on these are nobody's. Returns 0, or -errno. */
static int silence(int first, int last)
{
	autofd int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	for (int fd = first; fd <= last; fd++) {
		if (dup2(null, fd) < 0)
			return -errno;
	}
	return 0;
}

/* Returns 1 with *status in the parent, 0 in the child, or -errno with @e set, in either. */
static int become_two(struct service *s, int *status, struct err *e)
{
	int pipe_fds[2], ret;
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return err_sys(e, "cannot go to the background");
	pid = fork();
	if (pid) {
		close(pipe_fds[1]);
		ret = pid < 0 ? err_sys(e, "cannot go to the background")
			      : wait_until_running(pid, pipe_fds[0], e);
		close(pipe_fds[0]);
		if (ret < 0)
			return ret;
		*status = ret;
		return 1;
	}
	close(pipe_fds[0]);
	s->parent = pipe_fds[1];
	setsid();
	ret = silence(STDIN_FILENO, STDOUT_FILENO);
	return ret < 0 ? err_set(e, -ret, "cannot open /dev/null: %s", strerror(-ret)) : 0;
}

int service_start(struct service *s, int *status, struct err *e)
{
	const char *address = getenv("NOTIFY_SOCKET");
	struct err why = { 0 };
	int ret = 0;

	if (s->daemonize)
		ret = become_two(s, status, e);
	if (ret)
		return ret;
	if (s->pidfile) {
		ret = s->pid_fd = pidfile_take(s->pidfile, e);
		if (ret < 0)
			return ret;
	}
	if (address && *address) {
		s->notify = notify_open(address, &why);
		if (s->notify < 0)
			log_warning("%s", why.text);
	}
	return 0;
}

void service_end(struct service *s)
{
	close_fd(&s->parent);
	close_fd(&s->notify);
	if (s->pidfile)
		pidfile_drop(s->pidfile, &s->pid_fd);
}

/* The loop's first turn, for which vm_run() has started the vCPUs. Once in a session. */
static void started(void *ctx, uint32_t events)
{
	struct service *s = ctx;

	(void)events;
	loop_remove(s->loop, &s->started);
	close_fd(&s->started.fd);
	notify_send(s->notify, "READY=1\nMAINPID=%d\nSTATUS=VM %s is running", (int)getpid(),
		    s->name);
	if (s->parent < 0)
		return;
	/* First, so that whoever waits for the parent's output to end does not wait for this process. */
	silence(STDERR_FILENO, STDERR_FILENO);
	/* A parent that was killed while it waited is a user who gave up. */
	if (write(s->parent, "", 1) < 0)
		machine_stop(s->machine);
	close_fd(&s->parent);
}

static int service_open(void *options, const struct machine_config *cfg, struct loop *loop,
			void **state, struct err *e)
{
	struct service *s = options;
	int ret;

	s->name = cfg->name;
	s->loop = loop;
	if (s->parent < 0 && s->notify < 0)
		return 0;
	s->started = (struct loop_source){ .fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK),
					   .ready = started,
					   .ctx = s };
	if (s->started.fd < 0)
		return err_sys(e, "cannot tell when the guest runs");
	ret = loop_add(loop, &s->started, EPOLLIN);
	if (ret < 0) {
		close_fd(&s->started.fd);
		return err_set(e, -ret, "cannot tell when the guest runs: %s", strerror(-ret));
	}
	*state = s;
	return 0;
}

/* The guest does not run yet: vCPUs are started between this and the loop's first turn. */
static void service_running(void *state, struct machine *m)
{
	struct service *s = state;

	s->machine = m;
}

static void service_close(void *state)
{
	struct service *s = state;

	if (s->started.fd >= 0)
		loop_remove(s->loop, &s->started);
	close_fd(&s->started.fd);
	notify_send(s->notify, "STOPPING=1\nSTATUS=VM %s ends", s->name);
}

const struct machine_control service_control = {
	.open = service_open,
	.running = service_running,
	.close = service_close,
};
