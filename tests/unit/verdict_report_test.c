/* SPDX-License-Identifier: BSD-2-Clause */
/* What is told of a verdict: the report and its like, and the console's last lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "verdict_trial.h"

/* The file that @t's verdict writes, as a string to be freed. */
static char *written(struct trial *t, const char **file)
{
	char *path = temp_file("old", 3), *text;
	struct capture c;

	*file = path;
	capture_start(&c, 2);
	t->status = verdict_tell(&t->v, t->status, &t->p.e);
	free(capture_end(&c, NULL));
	text = file_bytes(path, NULL);
	temp_remove(path);
	return text;
}

#define assert_in(text, part)                            \
	do {                                             \
		if (!strstr(text, part))                 \
			assert_string_equal(text, part); \
	} while (0)

static void a_report_tells_it_all(void **state)
{
	struct trial t;
	char *text;

	(void)state;
	begin(&t);
	expect(&t, "se\"en");
	expect(&t, "missing");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("a se\"en \xff\\\r\nlast\r\n"), OFF);
	run(&t, VERDICT_ENDED, 123, "1 of 2 seen");
	text = written(&t, &t.v.report);
	assert_int_equal(t.status, 123);
	assert_in(text, "{\n  \"version\": 1,\n  \"name\": \"it\",\n  \"verdict\": \"ended\",\n"
			"  \"status\": 123,\n  \"reason\": \"the guest powered off; 1 of 2 seen, "
			"waiting for 'missing'\",\n  \"panic\": null,\n  \"lives\": 1,\n");
	assert_in(text, "\"first-instruction-ms\": ");
	assert_in(text, "\"first-console-byte-ms\": ");
	assert_in(text, "\"end-ms\": ");
	assert_in(text, "\"regex\": \"se\\\"en\",\n      \"seen\": true,\n      \"ms\": ");
	assert_in(text, "\"line\": \"a se\\\"en \xef\xbf\xbd\\\\\"\n");
	assert_in(text, "\"regex\": \"missing\",\n      \"seen\": false\n");
	assert_in(text, "\"mmio\": 18,\n    \"system event\": 1,");
	assert_in(text, "\"by-cpu\": [");
	assert_in(text, "\"psci\": \"1.1\"");
	assert_in(text, "\"last\"\n  ]\n}\n");
	free(text);
	end(&t);
}

static void a_result_is_a_tests(void **state)
{
	struct trial t;
	char *text;

	(void)state;
	begin(&t);
	reject(&t, "bad");
	t.cfg.kernel = NULL;
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("bad\n"), FAKE_SPIN);
	run(&t, VERDICT_REJECTED, 123, "forbids: bad");
	text = written(&t, &t.v.junit);
	assert_in(text, "tests=\"1\" failures=\"1\" errors=\"0\"");
	assert_in(text, "name=\"embedded guest\"");
	assert_in(text, "type=\"rejected\"");
	free(text);
	t.v.junit = NULL;
	text = written(&t, &t.v.tap);
	assert_in(text, "not ok 1 - embedded guest\n");
	free(text);
	end(&t);
}

static void a_report_that_cannot_be_written_is_a_failure(void **state)
{
	struct capture c;
	struct trial t;
	char *log;

	(void)state;
	begin(&t);
	t.v.report = "/nowhere/report";
	fake_guest(FAKE_EVERY_BOOT, 0, OFF);
	run(&t, VERDICT_OFF, 0, "");
	capture_start(&c, 2);
	assert_int_equal(verdict_tell(&t.v, t.status, &t.p.e), 125);
	log = capture_end(&c, NULL);
	assert_in(log, "Fatal: run: cannot write /nowhere/report");
	free(log);
	end(&t);
}

static void the_last_lines_are_shown_when_it_did_not_pass(void **state)
{
	struct capture c;
	struct trial t;
	char *log;

	(void)state;
	begin(&t);
	expect(&t, "x");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("first\r\n\33[1mlast\33[m"), OFF);
	run(&t, VERDICT_ENDED, 123, "0 of 1");
	capture_start(&c, 2);
	assert_int_equal(verdict_tell(&t.v, t.status, &t.p.e), 123);
	log = capture_end(&c, NULL);
	assert_string_equal(log, "  | first\n  | last\n");
	free(log);
	end(&t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_report_tells_it_all),
		cmocka_unit_test(a_result_is_a_tests),
		cmocka_unit_test(a_report_that_cannot_be_written_is_a_failure),
		cmocka_unit_test(the_last_lines_are_shown_when_it_did_not_pass),
	};

	return cmocka_run_group_tests_name("verdict_report", tests, NULL, NULL);
}
