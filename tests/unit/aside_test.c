/* SPDX-License-Identifier: BSD-2-Clause */
/* Files written aside: nothing is seen of them before they are whole, and nothing is left of them. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/play.h"
#include "util/aside.h"

#define PATH_SIZE 256

struct place {
	char *dir, path[PATH_SIZE];
};

static struct place place_make(void)
{
	struct place place = { .dir = temp_dir() };

	snprintf(place.path, sizeof(place.path), "%s/file", place.dir);
	return place;
}

static void place_remove(struct place *place)
{
	unlink(place->path);
	temp_remove(place->dir);
}

static bool holds(const struct place *place, const char *text)
{
	size_t len;
	char *bytes = file_bytes(place->path, &len);
	bool same = len == strlen(text) && !memcmp(bytes, text, len);

	free(bytes);
	return same;
}

static int put(const struct place *place, const char *text, struct err *e)
{
	struct aside aside;
	int ret = aside_open(&aside, place->path, 0600, e);

	if (ret == 0 && write(aside.fd, text, strlen(text)) != (ssize_t)strlen(text))
		ret = -EIO;
	if (ret == 0)
		ret = aside_keep(&aside, place->path, e);
	aside_drop(&aside);
	return ret;
}

static void a_file_is_seen_once_it_is_kept(void **state)
{
	struct place place = place_make();
	struct err e = { 0 };
	struct aside aside;
	struct stat st;

	(void)state;
	assert_int_equal(aside_open(&aside, place.path, 0640, &e), 0);
	assert_int_equal(write(aside.fd, "new", 3), 3);
	assert_int_equal(dir_entries(place.dir), 0);
	assert_int_equal(aside_keep(&aside, place.path, &e), 0);
	aside_drop(&aside);
	assert_true(holds(&place, "new"));
	assert_int_equal(stat(place.path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(dir_entries(place.dir), 1);
	place_remove(&place);
}

static void a_file_that_is_dropped_was_never_there(void **state)
{
	struct place place = place_make();
	struct err e = { 0 };
	struct aside aside;

	(void)state;
	assert_int_equal(put(&place, "old", &e), 0);
	assert_int_equal(aside_open(&aside, place.path, 0600, &e), 0);
	assert_int_equal(write(aside.fd, "new", 3), 3);
	aside_drop(&aside);
	assert_true(holds(&place, "old"));
	assert_int_equal(dir_entries(place.dir), 1);
	place_remove(&place);
}

static void who_is_killed_while_writing_leaves_nothing(void **state)
{
	struct place place = place_make();
	struct err e = { 0 };
	char said;
	pid_t pid;
	int ends[2];

	(void)state;
	assert_int_equal(put(&place, "old", &e), 0);
	assert_int_equal(pipe(ends), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct aside aside;

		if (aside_open(&aside, place.path, 0600, &e) == 0 && write(aside.fd, "n", 1) == 1 &&
		    write(ends[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ends[0], &said, 1), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(ends[0]);
	close(ends[1]);
	assert_true(holds(&place, "old"));
	assert_int_equal(dir_entries(place.dir), 1);
	place_remove(&place);
}

/* Without /proc a file without a name would never get one: it has one from the start. 2: cannot be tried here. */
static int put_without_proc(const struct place *place)
{
	struct err e = { 0 };
	struct aside aside;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0 ||
	    mount("none", "/proc", "tmpfs", 0, NULL) < 0)
		return 2;
	if (aside_open(&aside, place->path, 0600, &e) < 0 || !aside.name ||
	    access(aside.name, F_OK) < 0)
		return 1;
	aside_drop(&aside);
	return put(place, "new", &e) < 0;
}

static void a_file_gets_its_place_without_proc_too(void **state)
{
	struct place place = place_make();
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(put_without_proc(&place));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 2) {
		place_remove(&place);
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_true(holds(&place, "new"));
	assert_int_equal(dir_entries(place.dir), 1);
	place_remove(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_seen_once_it_is_kept),
		cmocka_unit_test(a_file_that_is_dropped_was_never_there),
		cmocka_unit_test(who_is_killed_while_writing_leaves_nothing),
		cmocka_unit_test(a_file_gets_its_place_without_proc_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
