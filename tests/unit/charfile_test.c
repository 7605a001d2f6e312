/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that get what a guest sends, the terminal's size, and random bytes: the small back ends. */
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/play.h"
#include "host/charfile.h"
#include "host/random.h"
#include "host/winsize.h"

static const struct growing_limit no_limit;

struct below {
	size_t room, nr;
	unsigned int input_ready;
};

static size_t below_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct below *below = ctx;

	(void)buf;
	if (len > below->room)
		len = below->room;
	below->room -= len;
	below->nr += len;
	return len;
}

static void below_input_ready(void *ctx)
{
	struct below *below = ctx;

	below->input_ready++;
}

static size_t send(struct char_backend backend, const char *text)
{
	return backend.output(backend.ctx, (const uint8_t *)text, strlen(text));
}

static void assert_content(const char *path, const char *text)
{
	size_t len;
	char *bytes = file_bytes(path, &len);

	assert_non_null(bytes);
	assert_string_equal(bytes, text);
	free(bytes);
}

static void a_file_is_appended_to(void **state)
{
	char *path = temp_file("old ", 4);
	struct charfile file;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(charfile_open(&file, path, &no_limit, &e), 0);
	assert_int_equal(send(charfile_backend(&file, (struct char_backend){ 0 }), "new"), 3);
	charfile_close(&file);
	charfile_close(&file);
	assert_content(path, "old new");
	temp_remove(path);
}

static void a_file_that_is_not_there_is_made(void **state)
{
	char *dir = temp_dir(), path[256];
	struct charfile file;
	struct err e = { 0 };

	(void)state;
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(charfile_open(&file, path, &no_limit, &e), 0);
	charfile_close(&file);
	assert_content(path, "");
	unlink(path);
	temp_remove(dir);
}

static void a_copy_has_what_the_other_takes(void **state)
{
	char *path = temp_file("", 0);
	struct below below = { .room = 7 };
	struct charfile file;
	struct char_backend backend;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(charfile_open(&file, path, &no_limit, &e), 0);
	backend = charfile_backend(&file, (struct char_backend){ .output = below_output,
								 .input_ready = below_input_ready,
								 .ctx = &below });
	assert_int_equal(send(backend, "hello"), 5);
	assert_int_equal(send(backend, "world"), 2);
	assert_int_equal(send(backend, "world"), 0);
	backend.input_ready(backend.ctx);
	assert_int_equal(below.nr, 7);
	assert_int_equal(below.input_ready, 1);
	assert_content(path, "hellowo");
	charfile_close(&file);
	temp_remove(path);
}

static void a_full_disk_is_said_once_and_does_not_stop_the_guest(void **state)
{
	struct below below = { .room = 1000 };
	struct charfile file;
	struct char_backend backend;
	struct capture capture;
	struct err e = { 0 };
	char *log;

	(void)state;
	assert_int_equal(charfile_open(&file, "/dev/full", &no_limit, &e), 0);
	backend = charfile_backend(&file,
				   (struct char_backend){ .output = below_output, .ctx = &below });
	capture_start(&capture, STDERR_FILENO);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send(backend, "hello"), 5);
	log = capture_end(&capture, NULL);
	assert_non_null(strstr(log, "/dev/full"));
	assert_null(strchr(strchr(log, '\n') + 1, '\n'));
	assert_int_equal(below.nr, 15);
	free(log);
	charfile_close(&file);
}

static void what_is_no_file_is_refused(void **state)
{
	char *dir = temp_dir(), path[256];
	struct charfile file;
	struct err e = { 0 };

	(void)state;
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(charfile_open(&file, path, &no_limit, &e) < 0);
	assert_non_null(strstr(e.text, path));
	charfile_close(&file);
	assert_int_equal(charfile_open(&file, dir, &no_limit, &e), -EISDIR);
	charfile_close(&file);
	assert_int_equal(charfile_open(&file, "/nowhere/log", &no_limit, &e), -ENOENT);
	charfile_close(&file);
	unlink(path);
	temp_remove(dir);
}

static void a_terminal_is_refused(void **state)
{
	struct charfile file;
	struct err e = { 0 };
	int master, slave;
	char name[64];

	(void)state;
	assert_int_equal(openpty(&master, &slave, name, NULL, NULL), 0);
	assert_int_equal(charfile_open(&file, name, &no_limit, &e), -EINVAL);
	charfile_close(&file);
	close(master);
	close(slave);
}

struct sized {
	struct loop *loop;
	unsigned int told;
	uint16_t cols, rows;
};

static void sized_resized(void *ctx, uint16_t cols, uint16_t rows)
{
	struct sized *s = ctx;

	s->told++;
	s->cols = cols;
	s->rows = rows;
	if (s->loop)
		loop_quit(s->loop);
}

static void the_size_is_told_at_once_and_when_it_changes(void **state)
{
	struct winsize_watch watch;
	struct loop loop;
	struct sized s = { 0 };
	struct err e = { 0 };
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	sigset_t old;
	int master, slave;

	(void)state;
	pthread_sigmask(SIG_SETMASK, NULL, &old);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, &size), 0);
	assert_int_equal(loop_create(&loop, NULL), 0);
	assert_int_equal(winsize_open(&watch, &loop, slave, &e), 0);
	winsize_connect(&watch, (struct char_frontend){
					.resized = sized_resized, .ctx = &s, .lock = &lock });
	assert_int_equal(s.told, 1);
	assert_int_equal(s.cols, 80);
	assert_int_equal(s.rows, 24);
	size = (struct winsize){ .ws_row = 43, .ws_col = 132 };
	assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
	s.loop = &loop;
	raise(SIGWINCH); /* the terminal is not the controlling one: nobody else sends it */
	assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(s.told, 2);
	assert_int_equal(s.cols, 132);
	assert_int_equal(s.rows, 43);
	winsize_disconnect(&watch);
	raise(SIGWINCH);
	loop_quit(&loop);
	assert_int_equal(loop_run(&loop), 0);
	assert_int_equal(s.told, 2);
	winsize_close(&watch);
	winsize_close(&watch);
	loop_destroy(&loop);
	close(master);
	close(slave);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void an_unwatched_terminal_says_nothing(void **state)
{
	struct winsize_watch watch = WINSIZE_NONE;
	struct sized s = { 0 };

	(void)state;
	winsize_connect(&watch, (struct char_frontend){ .resized = sized_resized, .ctx = &s });
	winsize_disconnect(&watch);
	winsize_close(&watch);
	assert_int_equal(s.told, 0);
}

/* Somebody comes to the console from elsewhere: over all lives of the machine, and also when lkvm itself is on no terminal. */
static void another_terminals_size_counts_and_is_kept(void **state)
{
	struct winsize_watch watch = WINSIZE_NONE;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct sized s = { 0 };
	const struct char_frontend frontend = { .resized = sized_resized,
						.ctx = &s,
						.lock = &lock };

	(void)state;
	winsize_connect(&watch, frontend);
	winsize_set(&watch, 90, 40);
	assert_int_equal(s.told, 1);
	winsize_disconnect(&watch);
	winsize_set(&watch, 100, 50);
	assert_int_equal(s.told, 1);
	winsize_connect(&watch, frontend);
	assert_int_equal(s.told, 2);
	assert_int_equal(s.cols, 100);
	assert_int_equal(s.rows, 50);
	winsize_disconnect(&watch);
	winsize_close(&watch);
}

static void random_bytes_fill_all_there_is(void **state)
{
	uint8_t bytes[4096 + 1] = { 0 };
	unsigned int zeroes = 0;

	(void)state;
	assert_true(random_fill(NULL, bytes, 4096));
	for (int i = 0; i < 4096; i++)
		zeroes += !bytes[i];
	assert_in_range(zeroes, 0, 60); /* 16 on average; the last ones would stand out */
	assert_int_equal(bytes[4096], 0);
	assert_true(bytes[4092] | bytes[4093] | bytes[4094] | bytes[4095]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_appended_to),
		cmocka_unit_test(a_file_that_is_not_there_is_made),
		cmocka_unit_test(a_copy_has_what_the_other_takes),
		cmocka_unit_test(a_full_disk_is_said_once_and_does_not_stop_the_guest),
		cmocka_unit_test(what_is_no_file_is_refused),
		cmocka_unit_test(a_terminal_is_refused),
		cmocka_unit_test(the_size_is_told_at_once_and_when_it_changes),
		cmocka_unit_test(an_unwatched_terminal_says_nothing),
		cmocka_unit_test(another_terminals_size_counts_and_is_kept),
		cmocka_unit_test(random_bytes_fill_all_there_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
