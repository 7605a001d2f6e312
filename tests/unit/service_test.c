/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM as a service: pidfiles, words to a service manager, and lkvm in the background. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../ipc/notify.h"
#include "../../ipc/pidfile.h"
#include "ipc/service.h"
#include "util/cleanup.h"

/* A folder, with a pidfile to be. */
struct world {
	char dir[32], path[64];
};

static void world_start(struct world *w)
{
	*w = (struct world){ .dir = "/tmp/service-test-XXXXXX" };
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->path, sizeof(w->path), "%s/pid", w->dir);
	unsetenv("NOTIFY_SOCKET");
}

static void world_end(struct world *w)
{
	unlink(w->path);
	assert_int_equal(rmdir(w->dir), 0); /* nothing else was left */
}

static void write_text(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void assert_holds_our_pid(const char *path)
{
	char text[32] = "", want[32];
	FILE *file = fopen(path, "r");

	assert_non_null(file);
	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	snprintf(want, sizeof(want), "%d\n", (int)getpid());
	assert_string_equal(text, want);
}

static void a_pidfile_holds_the_number_until_the_end(void **state)
{
	struct err e = { 0 };
	struct stat st;
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	umask(022);
	fd = pidfile_take(w.path, &e);
	assert_string_equal(e.text, "");
	assert_true(fd >= 0);
	assert_holds_our_pid(w.path);
	assert_int_equal(stat(w.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0644);
	pidfile_drop(w.path, &fd);
	assert_int_equal(fd, -1);
	assert_int_equal(access(w.path, F_OK), -1);
	world_end(&w);
}

static void a_pidfile_of_a_living_process_is_refused(void **state)
{
	struct err e = { 0 };
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	fd = pidfile_take(w.path, NULL);
	assert_true(fd >= 0);
	assert_int_equal(pidfile_take(w.path, &e), -EBUSY);
	assert_non_null(strstr(e.text, w.path));
	assert_non_null(strstr(e.text, "which runs"));
	assert_holds_our_pid(w.path);
	pidfile_drop(w.path, &fd);
	world_end(&w);
}

/* Number 1 is a living process, but none that holds the lock: its number was used again. */
static void a_stale_pidfile_is_replaced(void **state)
{
	const char *const texts[] = { "1\n", "4194303\n", "123", "" };
	struct world w;
	int fd;

	(void)state;
	world_start(&w);
	for (size_t i = 0; i < 4; i++) {
		write_text(w.path, texts[i]);
		fd = pidfile_take(w.path, NULL);
		assert_true(fd >= 0);
		assert_holds_our_pid(w.path);
		pidfile_drop(w.path, &fd);
	}
	world_end(&w);
}

static void what_is_no_pidfile_is_left_alone(void **state)
{
	const char *const texts[] = { "important\n", "12 34\n", "12\n34\n", "-1\n",
				      "123456789012345678901234567890\n" };
	struct err e = { 0 };
	char text[64] = "";
	struct world w;
	FILE *file;

	(void)state;
	world_start(&w);
	for (size_t i = 0; i < 5; i++) {
		write_text(w.path, texts[i]);
		assert_int_equal(pidfile_take(w.path, &e), -EINVAL);
		assert_non_null(strstr(e.text, "is no pidfile"));
		file = fopen(w.path, "r");
		assert_int_equal(fread(text, 1, sizeof(text), file), strlen(texts[i]));
		fclose(file);
		assert_memory_equal(text, texts[i], strlen(texts[i]));
	}
	unlink(w.path);
	assert_int_equal(mkfifo(w.path, 0600), 0);
	assert_int_equal(pidfile_take(w.path, &e), -EINVAL);
	assert_true(pidfile_take(w.dir, &e) < 0);
	world_end(&w);
}

static void somebody_elses_pidfile_is_not_removed(void **state)
{
	struct world w;
	int fd, other;

	(void)state;
	world_start(&w);
	fd = pidfile_take(w.path, NULL);
	unlink(w.path);
	other = pidfile_take(w.path, NULL);
	assert_true(other >= 0);
	pidfile_drop(w.path, &fd);
	assert_int_equal(access(w.path, F_OK), 0);
	pidfile_drop(w.path, &other);
	world_end(&w);
}

static void a_pidfile_without_a_folder_is_named(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(pidfile_take("/nowhere/at/all", &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nowhere/at/all"));
}

/* A service manager's socket, at @path or, without one, at an abstract name, which goes to NOTIFY_SOCKET. */
static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	socklen_t len = offsetof(struct sockaddr_un, sun_path);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[108];

	if (path)
		snprintf(name, sizeof(name), "%s", path);
	else
		snprintf(name, sizeof(name), "@service-test-%d", (int)getpid());
	memcpy(at.sun_path, name, strlen(name));
	if (!path)
		at.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&at, len + (socklen_t)strlen(name)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	return fd;
}

static void quit(void *ctx, uint32_t events)
{
	(void)events;
	loop_quit(ctx);
}

/* A VM that runs until its loop has nothing to do any more; @end: only until it is built. */
static void live(struct service *s, bool end)
{
	struct machine_config cfg = { .name = "web" };
	struct loop loop;
	void *state = NULL;

	assert_int_equal(loop_create(&loop, NULL), 0);
	assert_int_equal(service_control.open(s, &cfg, &loop, &state, NULL), 0);
	if (state) {
		struct loop_source last = { .fd = eventfd(1, EFD_CLOEXEC),
					    .ready = quit,
					    .ctx = &loop };

		service_control.running(state, (struct machine *)&cfg);
		if (!end) {
			assert_int_equal(loop_add(&loop, &last, EPOLLIN), 0);
			assert_int_equal(loop_run(&loop), 0);
		}
		close(last.fd);
		service_control.running(state, NULL);
		service_control.close(state);
	}
	loop_destroy(&loop);
}

static void assert_said(int fd, const char *want)
{
	char text[512];
	ssize_t len = recv(fd, text, sizeof(text) - 1, MSG_DONTWAIT);

	assert_true(len > 0);
	text[len] = '\0';
	assert_string_equal(text, want);
}

static void hear_a_life(const char *path)
{
	struct service s = SERVICE_NONE;
	int fd = listen_at(path), status;
	char ready[128];

	assert_int_equal(service_start(&s, &status, NULL), 0);
	live(&s, false);
	service_end(&s);
	snprintf(ready, sizeof(ready), "READY=1\nMAINPID=%d\nSTATUS=VM web is running",
		 (int)getpid());
	assert_said(fd, ready);
	assert_said(fd, "STOPPING=1\nSTATUS=VM web ends");
	close(fd);
}

static void a_service_manager_hears_when_the_guest_runs_and_when_it_ends(void **state)
{
	struct world w;

	(void)state;
	world_start(&w);
	hear_a_life(w.path);
	unlink(w.path);
	hear_a_life(NULL);
	world_end(&w);
}

static void a_service_manager_that_is_not_there_is_no_reason_to_fail(void **state)
{
	const char *const addresses[] = {
		"/nowhere/notify", "@nobody-listens-here", "vsock:2:5", "relative", "/", ""
	};
	struct service s;
	int status;

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		s = SERVICE_NONE;
		setenv("NOTIFY_SOCKET", addresses[i], 1);
		assert_int_equal(service_start(&s, &status, NULL), 0);
		assert_true(s.notify < 0);
		live(&s, false);
		service_end(&s);
	}
	unsetenv("NOTIFY_SOCKET");
}

/* What the process of the VM does, and what it ends with. */
enum fate { RUNS, ENDS_AT_ONCE, FAILS, IS_KILLED };

/* The process in the background; the parent goes on with *status. Returns as service_start(). */
static int background(struct service *s, enum fate fate, int *status, struct err *e)
{
	int ret = service_start(s, status, e);

	if (ret)
		return ret;
	if (fate == IS_KILLED)
		raise(SIGKILL);
	if (fate == FAILS)
		_exit(MACHINE_FAILED);
	live(s, fate == ENDS_AT_ONCE);
	service_end(s);
	_exit(fate == ENDS_AT_ONCE ? 7 : 0);
}

static void the_one_who_daemonizes_hears_how_it_went(void **state)
{
	static const struct {
		enum fate fate;
		int status;
	} rows[] = { { RUNS, 0 }, { ENDS_AT_ONCE, 7 }, { FAILS, MACHINE_FAILED } };
	struct err e = { 0 };
	int status;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	for (size_t i = 0; i < 3; i++) {
		struct service s = SERVICE_NONE;

		s.daemonize = true;
		status = -1;
		assert_int_equal(background(&s, rows[i].fate, &status, &e), 1);
		assert_int_equal(status, rows[i].status);
		service_end(&s);
		while (wait(NULL) > 0)
			;
	}
	{
		struct service s = SERVICE_NONE;

		s.daemonize = true;
		assert_int_equal(background(&s, IS_KILLED, &status, &e), -ECHILD);
		assert_non_null(strstr(e.text, "Killed"));
		service_end(&s);
	}
}

/* Reads all that a process writes to the pipe, in which it runs a VM in the background. */
static void whoever_reads_the_output_is_not_kept_waiting(void **state)
{
	int out[2], hold[2], status;
	char text[64];
	ssize_t len;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(pipe2(hold, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		struct service s = SERVICE_NONE;

		s.daemonize = true;
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		close(hold[1]);
		if (service_start(&s, &status, NULL) > 0)
			_exit(status);
		dprintf(STDERR_FILENO, "told");
		dprintf(STDOUT_FILENO, "lost");
		live(&s, false);
		dprintf(STDERR_FILENO, "lost");
		/* It lives until the test has read to the end. */
		len = read(hold[0], text, 1);
		_exit(len != 0 || getsid(0) != getpid());
	}
	close(out[1]);
	close(hold[0]);
	len = 0;
	for (ssize_t got; (got = read(out[0], text + len, sizeof(text) - 1 - (size_t)len)) > 0;)
		len += got;
	text[len] = '\0';
	assert_string_equal(text, "told");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(out[0]);
	close(hold[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pidfile_holds_the_number_until_the_end),
		cmocka_unit_test(a_pidfile_of_a_living_process_is_refused),
		cmocka_unit_test(a_stale_pidfile_is_replaced),
		cmocka_unit_test(what_is_no_pidfile_is_left_alone),
		cmocka_unit_test(somebody_elses_pidfile_is_not_removed),
		cmocka_unit_test(a_pidfile_without_a_folder_is_named),
		cmocka_unit_test(a_service_manager_hears_when_the_guest_runs_and_when_it_ends),
		cmocka_unit_test(a_service_manager_that_is_not_there_is_no_reason_to_fail),
		cmocka_unit_test(the_one_who_daemonizes_hears_how_it_went),
		cmocka_unit_test(whoever_reads_the_output_is_not_kept_waiting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
