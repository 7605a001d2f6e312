/* SPDX-License-Identifier: BSD-2-Clause */
/* What the threads of a shared folder can still reach by name when the sandbox is on. */
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "p9_world.h"

/* As such a thread, in a process of its own. Its status: 0, or what went wrong. */
static int as_confined(struct world *w)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || p9_session_confine(w->s) < 0)
		return 1;
	if (open(path_of(w, "../secret"), O_RDONLY) >= 0 || errno != EACCES)
		return 2;
	if (mkdir(path_of(w, "../new"), 0755) == 0 || errno != EACCES)
		return 3;
	if (rename(path_of(w, "a/file"), path_of(w, "../away")) == 0)
		return 4;
	/* Within the folder all is as it was: things move, are linked, opened by what they are, and cut short. */
	if (rename(path_of(w, "a/file"), path_of(w, "b/file")) < 0 ||
	    link(path_of(w, "b/file"), path_of(w, "a/link")) < 0)
		return 5;
	if (open_file(w, 2, "a/link", O_RDWR) || read_from(w, 2, 0, 100) != 5)
		return 6;
	if (truncate(path_of(w, "b/file"), 1) < 0 || unlink(path_of(w, "b/file")) < 0)
		return 7;
	/* What has no name any more is still opened anew. */
	if (walk(w, ROOT, 3, "a/link") || unlink(path_of(w, "a/link")) < 0 ||
	    call(w, TLOPEN, "dd", 3, O_RDWR))
		return 8;
	return 0;
}

static void a_confined_thread_reaches_the_folder_alone(void **state)
{
	struct world *w = *state;
	int status;
	pid_t pid;

	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 2)
		skip(); /* this kernel has no Landlock, or an old one */
	host_dir(w, "a");
	host_dir(w, "b");
	host_file(w, "a/file", "hello");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(as_confined(w));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_confined_thread_reaches_the_folder_alone, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
