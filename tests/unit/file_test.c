/* SPDX-License-Identifier: BSD-2-Clause */
/* Whole files: read exactly, written whole or not at all. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/play.h"
#include "util/file.h"

#define PATH_SIZE 256

static void in_dir(char path[PATH_SIZE], const char *dir, const char *name)
{
	snprintf(path, PATH_SIZE, "%s/%s", dir, name);
}

static void opening_tells_the_size(void **state)
{
	char *path = temp_file("12345", 5);
	struct err e = { 0 };
	uint64_t size = 0;
	int fd = file_open(path, "initrd", &size, &e);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(size, 5);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	temp_remove(path);
}

static void what_is_no_file_with_bytes_is_refused_by_name(void **state)
{
	char *dir = temp_dir(), *empty = temp_file("", 0);
	char fifo[PATH_SIZE], missing[PATH_SIZE];
	struct {
		const char *path, *word;
		int ret;
	} rows[] = {
		{ dir, "directory", -EISDIR },       { empty, "empty", -ENODATA },
		{ fifo, "regular", -EINVAL },        { missing, "No such file", -ENOENT },
		{ "/dev/null", "regular", -EINVAL },
	};

	(void)state;
	in_dir(fifo, dir, "fifo");
	in_dir(missing, dir, "missing");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = { 0 };
		uint64_t size = 99;

		assert_int_equal(file_open(rows[i].path, "initrd", &size, &e), rows[i].ret);
		assert_non_null(strstr(e.text, rows[i].path));
		assert_non_null(strstr(e.text, rows[i].word));
		assert_non_null(strstr(e.text, "initrd"));
		assert_int_equal(size, 99);
	}
	unlink(fifo);
	temp_remove(dir);
	temp_remove(empty);
}

static void reading_is_exact_or_an_error(void **state)
{
	char *path = temp_file("0123456789", 10);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char buf[11] = "";

	(void)state;
	assert_int_equal(file_read_at(fd, buf, 4, 6), 0);
	assert_string_equal(buf, "6789");
	assert_int_equal(file_read_at(fd, buf, 5, 6), -ENODATA);
	assert_int_equal(file_read_at(fd, buf, 1, 1000), -ENODATA);
	assert_int_equal(file_read_at(fd, buf, 0, 1000), 0);
	assert_int_equal(file_read_at(-1, buf, 1, 0), -EBADF);
	close(fd);
	temp_remove(path);
}

static void a_new_file_has_the_bytes_and_the_mode_that_umask_leaves(void **state)
{
	char *dir = temp_dir(), path[PATH_SIZE], *bytes;
	mode_t mask = umask(027);
	struct err e = { 0 };
	struct stat st;
	size_t len;

	(void)state;
	in_dir(path, dir, "new");
	assert_int_equal(file_write(path, "a\0b", 3, &e), 0);
	assert_int_equal(umask(mask), 027);
	bytes = file_bytes(path, &len);
	assert_int_equal(len, 3);
	assert_memory_equal(bytes, "a\0b", 3);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(dir_entries(dir), 1);
	free(bytes);
	unlink(path);
	temp_remove(dir);
}

static void a_longer_file_is_replaced_whole(void **state)
{
	char *path = temp_file("something longer", 16), *bytes;
	struct err e = { 0 };
	size_t len;

	(void)state;
	assert_int_equal(file_write(path, "new", 3, &e), 0);
	bytes = file_bytes(path, &len);
	assert_int_equal(len, 3);
	assert_string_equal(bytes, "new");
	free(bytes);
	temp_remove(path);
}

static void an_unwritable_place_is_named_and_nothing_is_left(void **state)
{
	char *dir = temp_dir(), missing[PATH_SIZE];
	struct err e = { 0 };

	(void)state;
	in_dir(missing, dir, "no/such/place");
	assert_true(file_write(missing, "x", 1, &e) < 0);
	assert_non_null(strstr(e.text, missing));
	assert_true(file_write(dir, "x", 1, &e) < 0); /* a directory */
	assert_non_null(strstr(e.text, dir));
	assert_true(file_write("/proc/no-such-file", "x", 1, &e) < 0);
	assert_non_null(strstr(e.text, "/proc/no-such-file"));
	assert_int_equal(dir_entries(dir), 0);
	temp_remove(dir);
}

static void a_write_that_fails_leaves_the_old_file_and_no_other(void **state)
{
	struct rlimit old, small = { .rlim_cur = 4096 };
	char *dir = temp_dir(), path[PATH_SIZE], *bytes;
	static char big[8192];
	struct err e = { 0 };
	int ret;

	(void)state;
	in_dir(path, dir, "old");
	assert_int_equal(file_write(path, "old", 3, &e), 0);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	small.rlim_max = old.rlim_max;
	setrlimit(RLIMIT_FSIZE, &small);
	ret = file_write(path, big, sizeof(big), &e);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(ret, -EFBIG);
	assert_non_null(strstr(e.text, path));
	bytes = file_bytes(path, NULL);
	assert_string_equal(bytes, "old");
	assert_int_equal(dir_entries(dir), 1);
	free(bytes);
	unlink(path);
	temp_remove(dir);
}

static void a_full_device_is_named(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(file_write("/dev/full", "x", 1, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "/dev/full"));
}

static void a_device_is_written_and_stays_a_device(void **state)
{
	struct err e = { 0 };
	struct stat st;

	(void)state;
	assert_int_equal(file_write("/dev/null", "x", 1, &e), 0);
	assert_int_equal(stat("/dev/null", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
}

/* /dev/stdout is one: replacing it would break every program on the machine. */
static void a_symbolic_link_stays_one_and_its_target_gets_the_bytes(void **state)
{
	char *target = temp_file("something longer", 16), *dir = temp_dir(), link[PATH_SIZE],
	     *bytes;
	struct err e = { 0 };
	struct stat st;
	size_t len;

	(void)state;
	in_dir(link, dir, "link");
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(file_write(link, "new", 3, &e), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	bytes = file_bytes(target, &len);
	assert_int_equal(len, 3);
	assert_string_equal(bytes, "new");
	assert_int_equal(dir_entries(dir), 1);
	free(bytes);
	unlink(link);
	temp_remove(dir);
	temp_remove(target);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opening_tells_the_size),
		cmocka_unit_test(what_is_no_file_with_bytes_is_refused_by_name),
		cmocka_unit_test(reading_is_exact_or_an_error),
		cmocka_unit_test(a_new_file_has_the_bytes_and_the_mode_that_umask_leaves),
		cmocka_unit_test(a_longer_file_is_replaced_whole),
		cmocka_unit_test(an_unwritable_place_is_named_and_nothing_is_left),
		cmocka_unit_test(a_write_that_fails_leaves_the_old_file_and_no_other),
		cmocka_unit_test(a_full_device_is_named),
		cmocka_unit_test(a_device_is_written_and_stays_a_device),
		cmocka_unit_test(a_symbolic_link_stays_one_and_its_target_gets_the_bytes),
	};

	return cmocka_run_group_tests_name("file", tests, NULL, NULL);
}
