/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What confined threads can still do. Each try is a process of its own, which the real filters of this machine confine: the
 * calls are made raw, since a sanitizer's would be its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/play.h"
#include "util/sandbox.h"

#define REFUSED 125
#define DONE    7

/* The thread's class: that of the loop alone, or one below it. */
#define NONE SANDBOX_NONE

struct
try {
	long nr, arg[6];
};

#define CALL(name, ...) ((const struct try){ .nr = SYS_##name, .arg = { __VA_ARGS__ } })

/*
 * What becomes of a process that confines itself as @loop, then as @class, and makes the call: its status; the last line
 * that it wrote is in @said.
 */
static int status_of(enum sandbox loop, enum sandbox class, const struct try *try, char *said,
		     size_t size)
{
	struct err e = { 0 };
	int fd[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		dup2(fd[1], STDERR_FILENO);
		if (sandbox_start(loop, &e) < 0)
			_exit(1);
		if (class != NONE)
			sandbox_enter(class);
		syscall(try->nr, try->arg[0], try->arg[1], try->arg[2], try->arg[3], try->arg[4],
			try->arg[5]);
		syscall(SYS_exit_group, DONE);
	}
	close(fd[1]);
	n = read(fd[0], said, size - 1);
	said[n > 0 ? n : 0] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool may(enum sandbox class, struct try try)
{
	char said[1024];
	int status = status_of(class <= SANDBOX_REBUILD ? class : SANDBOX_REBUILD,
			       class <= SANDBOX_REBUILD ? NONE : class, &try, said, sizeof(said));

	assert_true(status == DONE || status == REFUSED);
	return status == DONE;
}

static void no_thread_makes_new_code(void **state)
{
	const struct try map =
		CALL(mmap, 0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const struct try code =
		CALL(mmap, 0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	for (enum sandbox class = 0; class < SANDBOX_NR; class ++) {
		assert_true(may(class, map));
		assert_false(may(class, code));
	}
}

static void nobody_starts_programs(void **state)
{
	(void)state;
	assert_false(may(SANDBOX_REBUILD, CALL(execve, 0, 0, 0)));
	assert_false(may(SANDBOX_LOOP, CALL(execve, 0, 0, 0)));
	assert_false(may(SANDBOX_LOOP, CALL(execveat, -1, 0, 0, 0, 0)));
}

/* Its threads are, and what they create: each has its own limits. */
static void a_loop_that_starts_programs_is_not_confined(void **state)
{
	const struct try try = CALL(execve, 0, 0, 0), opens = CALL(openat, -1, 0, 0, 0);
	char said[1024];

	(void)state;
	assert_int_equal(status_of(SANDBOX_NONE, NONE, &try, said, sizeof(said)), DONE);
	assert_int_equal(status_of(SANDBOX_NONE, SANDBOX_VCPU, &opens, said, sizeof(said)),
			 REFUSED);
}

static void a_new_process_is_no_thread(void **state)
{
	(void)state;
	assert_false(may(SANDBOX_LOOP, CALL(clone, SIGCHLD, 0, 0, 0, 0)));
	assert_false(may(SANDBOX_REBUILD, CALL(clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0)));
}

static void a_vcpu_runs_and_opens_nothing(void **state)
{
	(void)state;
	assert_true(may(SANDBOX_VCPU, CALL(ioctl, -1, KVM_RUN, 0)));
	assert_true(may(SANDBOX_VCPU, CALL(write, -1, 0, 0)));
	assert_false(may(SANDBOX_VCPU, CALL(openat, -1, 0, 0, 0)));
	assert_false(may(SANDBOX_VCPU, CALL(openat2, -1, 0, 0, 0)));
	assert_false(may(SANDBOX_VCPU, CALL(socket, AF_UNIX, SOCK_STREAM, 0)));
	assert_false(may(SANDBOX_VCPU,
			 CALL(clone, CLONE_THREAD | CLONE_VM | CLONE_SIGHAND, 0, 0, 0, 0)));
	assert_true(may(SANDBOX_WRITER, CALL(openat, -1, 0, 0, 0)));
}

static void requests_of_ioctl_are_told_apart(void **state)
{
	(void)state;
	assert_false(may(SANDBOX_VCPU, CALL(ioctl, -1, KVM_CREATE_VM, 0)));
	assert_false(may(SANDBOX_VCPU, CALL(ioctl, -1, TIOCSTI, 0)));
	assert_false(may(SANDBOX_LOOP, CALL(ioctl, -1, TIOCSTI, 0)));
	assert_false(may(SANDBOX_LOOP, CALL(ioctl, -1, KVM_CREATE_VM, 0)));
	assert_true(may(SANDBOX_REBUILD, CALL(ioctl, -1, KVM_CREATE_VM, 0)));
	/* Bits that the kernel does not look at hide nothing. */
	assert_false(may(SANDBOX_VCPU, CALL(ioctl, -1, (long)(1UL << 32 | KVM_RUN), 0)));
}

static void sockets_are_local(void **state)
{
	(void)state;
	assert_true(may(SANDBOX_LOOP, CALL(socket, AF_UNIX, SOCK_STREAM, 0)));
	assert_false(may(SANDBOX_LOOP, CALL(socket, AF_INET, SOCK_STREAM, 0)));
	assert_false(may(SANDBOX_LOOP, CALL(socket, AF_NETLINK, SOCK_RAW, 0)));
}

static void workers_do_their_own_work(void **state)
{
	(void)state;
	assert_false(may(SANDBOX_DISK, CALL(openat, -1, 0, 0, 0)));
	assert_true(may(SANDBOX_DISK, CALL(fdatasync, -1)));
	assert_true(may(SANDBOX_SHARE, CALL(openat2, -1, 0, 0, 0)));
	assert_false(may(SANDBOX_SHARE, CALL(ioctl, -1, KVM_RUN, 0)));
	assert_false(may(SANDBOX_SHARE, CALL(socket, AF_UNIX, SOCK_STREAM, 0)));
}

static void nobody_gets_more_rights(void **state)
{
	static const struct try tries[] = {
		CALL(ptrace, 0, 0, 0, 0),
		CALL(mount, 0, 0, 0, 0, 0),
		CALL(setuid, 0),
		CALL(bpf, 0, 0, 0),
		CALL(perf_event_open, 0, 0, 0, 0, 0),
		CALL(init_module, 0, 0, 0),
		CALL(process_vm_writev, 0, 0, 0, 0, 0, 0),
		CALL(keyctl, 0, 0, 0, 0, 0),
		CALL(unshare, CLONE_NEWUSER),
		CALL(setns, -1, 0),
		CALL(prctl, PR_SET_DUMPABLE, 1),
		CALL(userfaultfd, 0),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++)
		assert_false(may(SANDBOX_REBUILD, tries[i]));
}

static void a_refused_call_is_named_with_its_thread(void **state)
{
	const struct try try = CALL(socket, AF_INET, SOCK_STREAM, 0);
	char said[1024];

	(void)state;
	prctl(PR_SET_NAME, "vcpu3");
	assert_int_equal(status_of(SANDBOX_LOOP, SANDBOX_VCPU, &try, said, sizeof(said)), REFUSED);
	assert_non_null(
		strstr(said, "Fatal: the sandbox ended this VM: its thread vcpu3 called socket "));
	assert_non_null(strstr(said, "0x2, 0x1"));
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

/* Threads that block all signals, as vCPUs do. */
static void a_blocked_signal_does_not_silence_it(void **state)
{
	const struct try try = CALL(openat, -1, 0, 0, 0);
	sigset_t all, old;
	char said[1024];
	int status;

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	status = status_of(SANDBOX_LOOP, SANDBOX_VCPU, &try, said, sizeof(said));
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(status, REFUSED);
	assert_non_null(strstr(said, "called openat "));
}

static void without_a_start_nothing_is_confined(void **state)
{
	(void)state;
	sandbox_enter(SANDBOX_VCPU);
	assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_thread_makes_new_code),
		cmocka_unit_test(nobody_starts_programs),
		cmocka_unit_test(a_loop_that_starts_programs_is_not_confined),
		cmocka_unit_test(a_new_process_is_no_thread),
		cmocka_unit_test(a_vcpu_runs_and_opens_nothing),
		cmocka_unit_test(requests_of_ioctl_are_told_apart),
		cmocka_unit_test(sockets_are_local),
		cmocka_unit_test(workers_do_their_own_work),
		cmocka_unit_test(nobody_gets_more_rights),
		cmocka_unit_test(a_refused_call_is_named_with_its_thread),
		cmocka_unit_test(a_blocked_signal_does_not_silence_it),
		cmocka_unit_test(without_a_start_nothing_is_confined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
