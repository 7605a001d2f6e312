/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages: what stands on stderr, and how much of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/play.h"
#include "util/log.h"

static int reset_level(void **state)
{
	(void)state;
	log_set_level(LOG_INFO);
	return 0;
}

static void each_level_has_its_prefix(void **state)
{
	struct capture c;
	char *text;

	(void)state;
	log_set_level(LOG_DEBUG);
	capture_start(&c, STDERR_FILENO);
	log_error("a %d", 1);
	log_warning("b");
	log_info("c");
	log_debug("d");
	text = capture_end(&c, NULL);
	assert_string_equal(text, "Fatal: a 1\nWarning: b\nInfo: c\nDebug: d\n");
	free(text);
}

static void nothing_above_the_level_is_printed(void **state)
{
	struct capture c;
	char *text;

	(void)state;
	capture_start(&c, STDERR_FILENO);
	log_debug("not at info, the level at first");
	log_set_level(LOG_ERROR);
	log_warning("not at error");
	log_error("always");
	text = capture_end(&c, NULL);
	assert_string_equal(text, "Fatal: always\n");
	assert_false(log_enabled(LOG_WARNING));
	free(text);
}

static void a_long_line_is_cut_and_ended(void **state)
{
	char words[5000], *text;
	struct capture c;
	size_t len;

	(void)state;
	memset(words, 'x', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	capture_start(&c, STDERR_FILENO);
	log_error("%s", words);
	text = capture_end(&c, &len);
	assert_true(len > 1000 && len < 2000);
	assert_int_equal(strlen(text), len); /* no '\0' within */
	assert_int_equal(text[len - 1], '\n');
	assert_ptr_equal(strchr(text, '\n'), text + len - 1);
	free(text);
}

static void errno_survives_a_message(void **state)
{
	struct capture c;

	(void)state;
	capture_start(&c, STDERR_FILENO);
	close(STDERR_FILENO); /* the write fails */
	errno = EDOM;
	log_error("x");
	assert_int_equal(errno, EDOM);
	free(capture_end(&c, NULL));
}

static void a_guest_gets_ten_lines_and_then_silence(void **state)
{
	struct log_limit limit = { 0 };
	unsigned int let_through = 0;

	(void)state;
	for (int i = 0; i < 1000; i++)
		let_through += log_limit_ok(&limit);
	assert_int_equal(let_through, LOG_LIMIT_BURST);
	assert_int_equal(limit.suppressed, 1000 - LOG_LIMIT_BURST);
}

static void the_next_window_tells_how_many_were_suppressed(void **state)
{
	struct log_limit limit = { 0 };
	struct capture c;
	char *text;

	(void)state;
	for (int i = 0; i < LOG_LIMIT_BURST + 3; i++)
		log_limit_ok(&limit);
	limit.window_start -= LOG_LIMIT_SECONDS;
	capture_start(&c, STDERR_FILENO);
	assert_true(log_limit_ok(&limit));
	assert_true(log_limit_ok(&limit));
	text = capture_end(&c, NULL);
	assert_string_equal(text, "Warning: 3 similar messages suppressed\n");
	free(text);
}

static void json_is_an_object_a_line(void **state)
{
	const struct log_output output = { .format = LOG_JSON, .vm = "web" };
	struct capture c;
	char *text;

	(void)state;
	capture_start(&c, STDERR_FILENO);
	assert_int_equal(log_open(&output, NULL), 0);
	log_warning("a \"b\"\n\\\xff \xc3\xa9\xc2\x80 \xe2\x82");
	log_close();
	text = capture_end(&c, NULL);
	/* {"time":"2026-11-23T07:00:00.000Z", ... */
	assert_int_equal(strspn(text + 9, "0123456789-T:.Z"), 24);
	assert_int_equal(text[9 + 23], 'Z');
	assert_string_equal(text + 9 + 24, "\",\"level\":\"warning\",\"vm\":\"web\",\"message\":"
					   "\"a \\\"b\\\"\\u000a\\\\\\ufffd "
					   "\xc3\xa9\\u0080 \\ufffd\\ufffd\"}\n");
	free(text);
}

/* The longest message, each byte of which is escaped, is an object still. */
static void a_long_message_is_json_all_the_same(void **state)
{
	const struct log_output output = { .format = LOG_JSON };
	char words[5000], *text;
	struct capture c;
	size_t len;

	(void)state;
	memset(words, '\x01', sizeof(words) - 1);
	words[sizeof(words) - 1] = '\0';
	capture_start(&c, STDERR_FILENO);
	assert_int_equal(log_open(&output, NULL), 0);
	log_error("%s", words);
	log_close();
	text = capture_end(&c, &len);
	assert_true(len > 6000);
	assert_string_equal(text + len - 9, "\\u0001\"}\n");
	free(text);
}

static void a_file_has_time_and_name_and_stderr_the_errors(void **state)
{
	char *path = temp_file("", 0), *text, *file;
	struct log_output output = { .path = path, .vm = "web" };
	struct capture c;
	size_t len;

	(void)state;
	capture_start(&c, STDERR_FILENO);
	assert_int_equal(log_open(&output, NULL), 0);
	log_info("one");
	log_error("two");
	log_close();
	log_info("three");
	text = capture_end(&c, NULL);
	file = file_bytes(path, &len);
	assert_memory_equal(file + 24, " web: Info: one\n", 16);
	assert_non_null(strstr(file, "Z web: Fatal: two\n"));
	assert_null(strstr(file, "three"));
	assert_non_null(strstr(text, " web: Fatal: two\nInfo: three\n"));
	assert_null(strstr(text, "one"));
	free(file);
	free(text);
	temp_remove(path);
}

static void a_log_that_cannot_be_written_is_told_once(void **state)
{
	char path[] = "/dev/full", *text;
	const struct log_output output = { .path = path };
	struct capture c;

	(void)state;
	capture_start(&c, STDERR_FILENO);
	assert_int_equal(log_open(&output, NULL), 0);
	log_info("one");
	log_info("two");
	log_close();
	text = capture_end(&c, NULL);
	assert_string_equal(text, "Warning: cannot write /dev/full: No space left on device\n");
	free(text);
}

static void words_of_the_options(void **state)
{
	struct log_output output = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(log_parse_format(&output, "json", &e), 0);
	assert_int_equal(output.format, LOG_JSON);
	assert_int_equal(log_parse_format(&output, "xml", &e), -EINVAL);
	assert_int_equal(log_parse_file(&output, "a,,b,max=1M,keep=2", &e), 0);
	assert_string_equal(output.path, "a,b");
	assert_int_equal(output.limit.max, 1 << 20);
	assert_int_equal(output.limit.keep, 2);
	assert_int_equal(log_parse_file(&output, "", &e), -EINVAL);
	assert_int_equal(log_parse_file(&output, "a,size=1", &e), -EINVAL);
	assert_int_equal(log_parse_file(&output, "a,keep=1", &e), -EINVAL);
	assert_string_equal(output.path, "a,b");
	free(output.path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_level_has_its_prefix, reset_level),
		cmocka_unit_test_setup(nothing_above_the_level_is_printed, reset_level),
		cmocka_unit_test_setup(a_long_line_is_cut_and_ended, reset_level),
		cmocka_unit_test_setup(errno_survives_a_message, reset_level),
		cmocka_unit_test_setup(a_guest_gets_ten_lines_and_then_silence, reset_level),
		cmocka_unit_test_setup(the_next_window_tells_how_many_were_suppressed, reset_level),
		cmocka_unit_test_setup(json_is_an_object_a_line, reset_level),
		cmocka_unit_test_setup(a_long_message_is_json_all_the_same, reset_level),
		cmocka_unit_test_setup(a_file_has_time_and_name_and_stderr_the_errors, reset_level),
		cmocka_unit_test_setup(a_log_that_cannot_be_written_is_told_once, reset_level),
		cmocka_unit_test_setup(words_of_the_options, reset_level),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
