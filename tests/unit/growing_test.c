/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that grow up to a limit: where they are cut, which are kept, and that nothing is lost. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/play.h"
#include "util/growing.h"

#define MAX 4096

struct world {
	char *dir, path[256];
	struct growing file;
};

static const char *old(struct world *w, unsigned int nr)
{
	static char path[300];

	snprintf(path, sizeof(path), "%s.%u", w->path, nr);
	return path;
}

static void start(struct world *w, uint32_t keep)
{
	const struct growing_limit limit = { .max = MAX, .keep = keep };
	struct err e = { 0 };

	w->dir = temp_dir();
	snprintf(w->path, sizeof(w->path), "%s/log", w->dir);
	assert_int_equal(growing_open(&w->file, w->path, &limit, &e), 0);
}

static void end(struct world *w)
{
	growing_close(&w->file);
	unlink(w->path);
	for (unsigned int i = 0; i < 9; i++)
		unlink(old(w, i));
	temp_remove(w->dir);
}

static size_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : (size_t)st.st_size;
}

/* Writes @nr numbered lines of @len bytes each, @chunk bytes at a time. */
static void write_lines(struct world *w, unsigned int nr, size_t len, size_t chunk)
{
	char *text = malloc(nr * len + 1);

	for (unsigned int i = 0; i < nr; i++)
		snprintf(text + i * len, len + 1, "%0*u\n", (int)len - 1, i);
	for (size_t at = 0; at < nr * len; at += chunk) {
		size_t now = nr * len - at < chunk ? nr * len - at : chunk;

		assert_int_equal(growing_write(&w->file, text + at, now), 0);
	}
	free(text);
}

/* All numbers from *next on stand in the file, a whole line each. */
static void read_lines(const char *path, size_t len, unsigned int *next)
{
	size_t size;
	char *text = file_bytes(path, &size);

	assert_non_null(text);
	assert_int_equal(size % len, 0);
	for (size_t at = 0; at < size; at += len)
		assert_int_equal(strtoul(text + at, NULL, 10), (*next)++);
	free(text);
}

static void lines_go_from_file_to_file_and_none_is_lost(void **state)
{
	static const size_t chunks[] = { 1, 7, 100, 4096, 65536 };

	(void)state;
	for (size_t i = 0; i < sizeof(chunks) / sizeof(*chunks); i++) {
		unsigned int next = 0;
		struct world w;

		start(&w, 4);
		write_lines(&w, 190, 100, chunks[i]);
		for (unsigned int nr = 4; nr; nr--) {
			read_lines(old(&w, nr), 100, &next);
			assert_in_range(size_of(old(&w, nr)), MAX, MAX + 99);
		}
		read_lines(w.path, 100, &next);
		assert_int_equal(next, 190);
		end(&w);
	}
}

static void the_oldest_goes(void **state)
{
	unsigned int next = 0;
	struct world w;

	(void)state;
	start(&w, 2);
	write_lines(&w, 190, 100, 100);
	assert_int_equal(size_of(old(&w, 3)), 0);
	next = 82; /* 41 lines a file, of which two are gone */
	read_lines(old(&w, 2), 100, &next);
	read_lines(old(&w, 1), 100, &next);
	read_lines(w.path, 100, &next);
	assert_int_equal(next, 190);
	end(&w);
}

static void a_line_without_an_end_is_cut(void **state)
{
	static const char zeros[3 * MAX];
	struct world w;

	(void)state;
	start(&w, 4);
	assert_int_equal(growing_write(&w.file, zeros, sizeof(zeros)), 0);
	assert_int_equal(size_of(old(&w, 1)), MAX + GROWING_SLACK);
	assert_int_equal(size_of(w.path), sizeof(zeros) - MAX - GROWING_SLACK);
	end(&w);
}

static void what_an_earlier_start_left_counts(void **state)
{
	const struct growing_limit limit = { .max = MAX };
	struct err e = { 0 };
	struct world w;

	(void)state;
	start(&w, 4);
	write_lines(&w, 41, 100, 100);
	growing_close(&w.file);
	assert_int_equal(growing_open(&w.file, w.path, &limit, &e), 0);
	write_lines(&w, 1, 100, 100);
	assert_int_equal(size_of(old(&w, 1)), 4100);
	assert_int_equal(size_of(w.path), 100);
	end(&w);
}

static void a_file_that_cannot_be_put_aside_grows_on(void **state)
{
	struct world w;
	char dir[310];

	(void)state;
	start(&w, 1);
	write_lines(&w, 41, 100, 100);
	snprintf(dir, sizeof(dir), "%s", old(&w, 1));
	mkdir(dir, 0700); /* no file can take its place */
	assert_int_equal(growing_write(&w.file, "x\n", 2), -EISDIR);
	assert_false(w.file.failed);
	assert_int_equal(growing_write(&w.file, "y\n", 2), 0);
	assert_int_equal(size_of(w.path), 4104);
	rmdir(dir);
	end(&w);
}

static void a_full_disk_is_told_once(void **state)
{
	const struct growing_limit limit = { .max = MAX };
	struct growing file;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(growing_open(&file, "/dev/full", &limit, &e), 0);
	assert_int_equal(growing_write(&file, "x", 1), -ENOSPC);
	assert_true(file.failed);
	assert_int_equal(growing_write(&file, "x", 1), 0);
	growing_close(&file);
}

static void limits_are_words(void **state)
{
	struct growing_limit limit = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(growing_parse_word(&limit, "max=10M", &e), 1);
	assert_int_equal(limit.max, 10 << 20);
	assert_int_equal(growing_parse_word(&limit, "keep=7", &e), 1);
	assert_int_equal(limit.keep, 7);
	assert_int_equal(growing_parse_word(&limit, "pty", &e), 0);
	assert_int_equal(growing_parse_word(&limit, "keep=0", &e), -ERANGE);
	assert_int_equal(growing_parse_word(&limit, "keep=1000", &e), -ERANGE);
	assert_int_equal(growing_parse_word(&limit, "max=1B", &e), -ERANGE);
	assert_int_equal(growing_parse_word(&limit, "max=", &e), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_go_from_file_to_file_and_none_is_lost),
		cmocka_unit_test(the_oldest_goes),
		cmocka_unit_test(a_line_without_an_end_is_cut),
		cmocka_unit_test(what_an_earlier_start_left_counts),
		cmocka_unit_test(a_file_that_cannot_be_put_aside_grows_on),
		cmocka_unit_test(a_full_disk_is_told_once),
		cmocka_unit_test(limits_are_words),
	};

	return cmocka_run_group_tests_name("growing", tests, NULL, NULL);
}
