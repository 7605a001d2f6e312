/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that serve a VM: how they start, what they get, and that none outlives it. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "host/child.h"
#include "util/cleanup.h"

struct world {
	struct loop loop;
	struct child child;
	int pipe[2];
	int status;
	unsigned int nr_ended;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*w = (struct world){ .loop = LOOP_NONE, .child = CHILD_NONE, .status = -1 };
	assert_int_equal(loop_create(&w->loop, NULL), 0);
	assert_int_equal(pipe2(w->pipe, O_CLOEXEC), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	child_end(&w->child);
	loop_destroy(&w->loop);
	close_fd(&w->pipe[0]);
	close_fd(&w->pipe[1]);
	free(w);
	return 0;
}

static void ended(void *ctx, int status)
{
	struct world *w = ctx;

	w->status = status;
	w->nr_ended++;
	loop_quit(&w->loop);
}

/* Runs a shell script that has the writing end of the pipe as descriptor $1. */
static int start_script(struct world *w, const char *script, struct err *e)
{
	char fd[16];
	const char *argv[] = { "/bin/sh", "-c", script, "sh", fd, NULL };

	snprintf(fd, sizeof(fd), "%d", w->pipe[1]);
	return child_start(&w->child, argv, &w->pipe[1], 1, &w->loop, ended, w, e);
}

/* All that was written into the pipe, which the test itself does not hold open. */
static const char *all_written(struct world *w, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t ret;

	close_fd(&w->pipe[1]);
	while (len < size - 1 && (ret = read(w->pipe[0], buf + len, size - 1 - len)) > 0)
		len += (size_t)ret;
	buf[len] = 0;
	return buf;
}

static void a_program_gets_its_descriptor_and_nothing_to_read(void **state)
{
	struct world *w = *state;
	char buf[64];

	assert_int_equal(start_script(w, "read line; eval \"echo read $? >&$1\"", NULL), 0);
	assert_string_equal(all_written(w, buf, sizeof(buf)), "read 1\n");
}

static void its_end_is_told_with_its_status(void **state)
{
	struct world *w = *state;

	assert_int_equal(start_script(w, "exit 7", NULL), 0);
	assert_int_equal(loop_run(&w->loop), 0);
	assert_int_equal(w->nr_ended, 1);
	assert_true(WIFEXITED(w->status) && WEXITSTATUS(w->status) == 7);
	assert_int_equal(w->child.pid, 0);
}

static void a_program_that_cannot_be_executed_is_named(void **state)
{
	struct world *w = *state;
	const char *argv[] = { "/nowhere/at-all", NULL };
	struct err e = { 0 };

	assert_int_equal(child_start(&w->child, argv, NULL, 0, &w->loop, ended, w, &e), -ENOENT);
	assert_string_equal(e.text, "cannot run '/nowhere/at-all': No such file or directory");
	/* Not even as somebody's zombie. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void one_that_does_not_listen_is_killed(void **state)
{
	struct world *w = *state;
	struct timespec from, to;
	char byte;

	assert_int_equal(start_script(w,
				      "trap '' TERM; eval \"echo >&$1\"; while :; do sleep 1; done",
				      NULL),
			 0);
	assert_int_equal(read(w->pipe[0], &byte, 1), 1);
	clock_gettime(CLOCK_MONOTONIC, &from);
	child_end(&w->child);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_in_range(to.tv_sec - from.tv_sec, 0, 10);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(w->nr_ended, 0);
}

/* Of the signals in the @nr-th line of @text, in hexadecimal, those that are a program's to block or ignore. */
static uint64_t signals_in(const char *text, unsigned int nr)
{
	uint64_t set;

	for (; nr; nr--)
		text = strchr(text, '\n') + 1;
	set = strtoull(text, NULL, 16);
	/* The first real-time signals are the C library's own, which nobody can give back by it. */
	for (int i = __SIGRTMIN; i < SIGRTMIN; i++)
		set &= ~(1ULL << (i - 1));
	return set;
}

static void signals_that_lkvm_blocks_reach_it(void **state)
{
	struct world *w = *state;
	sigset_t set, old;
	char buf[64];

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(start_script(w,
				      "eval \"sed -n 's/^Sig[BI][a-z]*:\t*//p' "
				      "/proc/self/status >&$1\"",
				      NULL),
			 0);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(strlen(all_written(w, buf, sizeof(buf))), 2 * 17);
	assert_int_equal(signals_in(buf, 0), 0);
	assert_int_equal(signals_in(buf, 1), 0);
}

/* The test's own child starts one and is killed, as lkvm might be. */
static void none_outlives_a_killed_lkvm(void **state)
{
	struct world *w = *state;
	pid_t pid = fork();
	char buf[64];

	if (pid == 0) {
		start_script(w, "while :; do eval \"echo >&$1\"; sleep 0.01; done", NULL);
		pause();
		_exit(1);
	}
	assert_int_equal(read(w->pipe[0], buf, 1), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* The pipe ends when the last that holds it has ended. */
	close_fd(&w->pipe[1]);
	while (read(w->pipe[0], buf, sizeof(buf)) > 0)
		;
}

static void a_program_is_found_in_path_then_in_known_places(void **state)
{
	static const char *const places[] = { "/nowhere/sh", "/bin/sh", NULL };
	const char *path = getenv("PATH");
	char *old = strdup(path ? path : ""), *found;

	(void)state;
	setenv("PATH", "/nowhere::/usr/bin:/bin", 1);
	found = child_find("env", NULL);
	assert_non_null(found);
	assert_int_equal(*found, '/');
	free(found);
	found = child_find("no-such-program-at-all", places);
	assert_string_equal(found, "/bin/sh");
	free(found);
	assert_null(child_find("no-such-program-at-all", NULL));
	setenv("PATH", old, 1);
	free(old);
}

/* What comes on stderr while @script runs to its end by itself. */
static const char *shown_of(struct world *w, const char *script, char *buf, size_t size)
{
	int old = dup(STDERR_FILENO), fds[2];
	ssize_t len;

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	dup2(fds[1], STDERR_FILENO);
	start_script(w, script, NULL);
	loop_run(&w->loop);
	dup2(old, STDERR_FILENO);
	len = read(fds[0], buf, size - 1);
	buf[len > 0 ? len : 0] = '\0';
	close(fds[0]);
	close(fds[1]);
	close(old);
	return buf;
}

static void what_a_program_says_is_shown_if_it_fails(void **state)
{
	struct world *w = *state;
	char buf[256];

	assert_string_equal(shown_of(w,
				     "for i in 1 2 3 4 5 6; do echo $i; done; echo no >&2; exit 1",
				     buf, sizeof(buf)),
			    "sh: 3\nsh: 4\nsh: 5\nsh: 6\nsh: no\n");
}

static void a_program_that_ends_well_is_not_heard(void **state)
{
	struct world *w = *state;
	char buf[256];

	assert_string_equal(shown_of(w, "echo all is well >&2", buf, sizeof(buf)), "");
}

static void words_of_one_that_failed_before_it_is_ended_are_shown(void **state)
{
	struct world *w = *state;
	int old = dup(STDERR_FILENO), fds[2];
	char buf[256];
	ssize_t len;

	assert_int_equal(pipe2(fds, O_CLOEXEC | O_NONBLOCK), 0);
	start_script(w, "echo no socket; exit 1", NULL);
	close_fd(&w->pipe[1]);
	assert_int_equal(read(w->pipe[0], buf, 1), 0); /* it has ended, or is about to */
	usleep(100000);
	dup2(fds[1], STDERR_FILENO);
	child_end(&w->child);
	dup2(old, STDERR_FILENO);
	len = read(fds[0], buf, sizeof(buf) - 1);
	buf[len > 0 ? len : 0] = '\0';
	assert_string_equal(buf, "sh: no socket\n");
	close(fds[0]);
	close(fds[1]);
	close(old);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_program_gets_its_descriptor_and_nothing_to_read),
		TEST(its_end_is_told_with_its_status),
		TEST(a_program_that_cannot_be_executed_is_named),
		TEST(one_that_does_not_listen_is_killed),
		TEST(signals_that_lkvm_blocks_reach_it),
		TEST(none_outlives_a_killed_lkvm),
		TEST(what_a_program_says_is_shown_if_it_fails),
		TEST(a_program_that_ends_well_is_not_heard),
		TEST(words_of_one_that_failed_before_it_is_ended_are_shown),
		TEST(a_program_is_found_in_path_then_in_known_places),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
