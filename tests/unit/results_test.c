/* SPDX-License-Identifier: BSD-2-Clause */
/* JUnit, TAP and JSON: what the readers of those formats get, whatever a guest has said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>
#include "ipc/results.h"
#include "util/bits.h"

static const char console[] = "  [    0.1] a<b> & \"c\"\r\n"
			      "\x1b[31mred\x1b[0m \xff\xc0\x80 \xe2\x82\xac\x01\n"
			      "]]> ... # \\ --\n...\n";

static const struct result some[] = {
	{ .name = "boot psci=1.0", .verdict = "expected", .outcome = RESULT_PASS, .ms = 1234 },
	{ .name = "boot #2 <&\"\\>",
	  .group = "plan",
	  .verdict = "timeout",
	  .outcome = RESULT_FAIL,
	  .status = 124,
	  .ms = 60000,
	  .reason = "the time was up:\n\"login:\" <never>\x02",
	  .console = console,
	  .console_len = sizeof(console) - 1 },
	{ .name = "psci=1.3",
	  .verdict = "skipped",
	  .outcome = RESULT_SKIP,
	  .reason = "not # here" },
	{ .name = "none", .verdict = "failed", .outcome = RESULT_ERROR, .status = -1 },
};

/* All of @some, or none of them, in that format; for the caller to free(). */
static char *written(enum results_format format, bool any)
{
	struct results r;
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	results_begin(&r, format, out, "a <suite>", any ? ARRAY_SIZE(some) : 0);
	for (size_t i = 0; any && i < ARRAY_SIZE(some); i++)
		results_add(&r, &some[i]);
	assert_int_equal(results_end(&r), 0);
	fclose(out);
	return text;
}

static void check_text(const char *bytes, size_t len, const char *want)
{
	/* Exactly that much memory, so that nobody reads on. */
	char *copy = malloc(len ? len : 1), *text;

	memcpy(copy, bytes, len);
	text = results_text(copy, len);
	assert_string_equal(text, want);
	free(text);
	free(copy);
}

#define TEXT(bytes, want) check_text(bytes, sizeof(bytes) - 1, want)
#define BAD               "\xef\xbf\xbd"

static void text_keeps_what_people_read(void **state)
{
	(void)state;
	TEXT("a\tb\r\n \xc3\xa4 \xf0\x9f\x98\x80", "a\tb\n \xc3\xa4 \xf0\x9f\x98\x80");
	TEXT("", "");
}

static void escape_sequences_vanish_and_cut_ones_do_no_harm(void **state)
{
	(void)state;
	TEXT("\x1b[1;31mx\x1b[0m\x1b"
	     "cy\x1b[",
	     "xy");
	TEXT("x\x1b", "x");
	TEXT("x\x1b[12", "x");
	TEXT("x\x1b[1\ny", "x\ny");
}

static void bytes_that_are_no_text_are_replaced(void **state)
{
	(void)state;
	TEXT("\x80 \xc3", BAD " " BAD);
	TEXT("\xc0\xaf", BAD BAD);                 /* overlong */
	TEXT("\xed\xa0\x80", BAD BAD BAD);         /* a surrogate */
	TEXT("\xf4\x90\x80\x80", BAD BAD BAD BAD); /* beyond the last */
	TEXT("\xf8\x88", BAD BAD);
	TEXT("\xef\xbf\xbf", BAD); /* a non-character */
	TEXT("\xc2\x85\xe2\x80\xa8", BAD BAD);
	TEXT("\x01\x7f", BAD BAD);
	TEXT("a\0b", "ab");
}

static void junit_counts_first_and_tells_each(void **state)
{
	char *text = written(RESULTS_JUNIT, true);

	(void)state;
	assert_non_null(strstr(text,
			       "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
			       "<testsuites name=\"a &lt;suite&gt;\" tests=\"4\" failures=\"1\" "
			       "errors=\"1\" skipped=\"1\" time=\"61.234\">\n"));
	assert_non_null(strstr(text,
			       "<testcase classname=\"a &lt;suite&gt;\" name=\"boot psci=1.0\" "
			       "time=\"1.234\"/>\n"));
	assert_non_null(strstr(
		text, "<testcase classname=\"plan\" name=\"boot #2 &lt;&amp;&quot;\\&gt;\""));
	assert_non_null(
		strstr(text, "type=\"timeout\">  [    0.1] a&lt;b&gt; &amp; &quot;c&quot;\nred "));
	assert_non_null(strstr(text, "\n]]&gt; ... # \\ --\n...\n</failure>\n"));
	assert_non_null(strstr(text, "<skipped message=\"not # here\"></skipped>"));
	assert_non_null(strstr(text, "<error message=\"failed\" type=\"failed\"></error>"));
	free(text);
}

/* What another reader of the format says to it: its status, or 127 if there is none. */
static int read_by(const char *command, const char *text)
{
	FILE *pipe = popen(command, "w");
	int status;

	assert_non_null(pipe);
	fputs(text, pipe);
	status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void both_documents_are_well_formed(void **state)
{
	static const struct {
		enum results_format format;
		const char *reader;
	} readers[] = {
		{ RESULTS_JUNIT, "python3 -c 'import sys, xml.dom.minidom as x\n"
				 "x.parseString(sys.stdin.buffer.read())' 2>/dev/null" },
		{ RESULTS_JSON, "python3 -c 'import sys, json; json.load(sys.stdin)' 2>/dev/null" },
	};

	(void)state;
	if (read_by("python3 -c pass 2>/dev/null", "") == 127)
		skip();
	for (size_t i = 0; i < 2 * ARRAY_SIZE(readers); i++) {
		char *text = written(readers[i / 2].format, i % 2);

		assert_int_equal(read_by(readers[i / 2].reader, text), 0);
		free(text);
	}
}

static void tap_has_a_line_for_each_and_a_block_that_says_why(void **state)
{
	char *text = written(RESULTS_TAP, true);

	(void)state;
	assert_string_equal(text,
			    "TAP version 14\n"
			    "1..4\n"
			    "# a <suite>\n"
			    "ok 1 - boot psci=1.0\n"
			    "  ---\n"
			    "  verdict: \"expected\"\n"
			    "  status: 0\n"
			    "  duration_ms: 1234\n"
			    "  ...\n"
			    "not ok 2 - boot \\#2 <&\"\\\\>\n"
			    "  ---\n"
			    "  message: \"the time was up:\\n\\\"login:\\\" <never>" BAD "\"\n"
			    "  verdict: \"timeout\"\n"
			    "  status: 124\n"
			    "  duration_ms: 60000\n"
			    "  console:\n"
			    "    - \"  [    0.1] a<b> & \\\"c\\\"\"\n"
			    "    - \"red " BAD BAD BAD " \xe2\x82\xac" BAD "\"\n"
			    "    - \"]]> ... # \\\\ --\"\n"
			    "    - \"...\"\n"
			    "  ...\n"
			    "ok 3 - psci=1.3 # SKIP not \\# here\n"
			    "not ok 4 - none\n"
			    "  ---\n"
			    "  verdict: \"failed\"\n"
			    "  status: -1\n"
			    "  duration_ms: 0\n"
			    "  ...\n");
	free(text);
}

static void json_counts_at_the_end(void **state)
{
	char *text = written(RESULTS_JSON, true);

	(void)state;
	assert_non_null(strstr(text,
			       "{\n  \"version\": 1,\n  \"suite\": \"a <suite>\",\n"
			       "  \"results\": [\n    {\n      \"name\": \"boot psci=1.0\",\n"));
	assert_non_null(strstr(text,
			       "    }\n  ],\n  \"pass\": 1,\n  \"fail\": 1,\n  \"error\": 1,\n"
			       "  \"skip\": 1\n}\n"));
	free(text);
}

static void a_stream_that_is_full_is_told(void **state)
{
	(void)state;
	for (int format = 0; format < RESULTS_FORMATS; format++) {
		FILE *out = fopen("/dev/full", "w");
		struct results r;

		assert_non_null(out);
		results_begin(&r, format, out, "suite", 1);
		results_add(&r, &some[0]);
		assert_true(results_end(&r) < 0);
		fclose(out);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_keeps_what_people_read),
		cmocka_unit_test(escape_sequences_vanish_and_cut_ones_do_no_harm),
		cmocka_unit_test(bytes_that_are_no_text_are_replaced),
		cmocka_unit_test(junit_counts_first_and_tells_each),
		cmocka_unit_test(both_documents_are_well_formed),
		cmocka_unit_test(tap_has_a_line_for_each_and_a_block_that_says_why),
		cmocka_unit_test(json_counts_at_the_end),
		cmocka_unit_test(a_stream_that_is_full_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
