/* SPDX-License-Identifier: BSD-2-Clause */
/* What json_escape() makes of any bytes, and what a document looks like. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "util/json.h"

/* @text, escaped as a whole. */
static void escape(char *to, const char *text)
{
	while (*text) {
		unsigned int len = json_escape(to, &text);

		assert_in_range(len, 1, JSON_ESCAPE_SIZE - 1);
		to += len;
	}
	*to = 0;
}

static void expect(const char *text, const char *escaped)
{
	char buf[256];

	escape(buf, text);
	assert_string_equal(buf, escaped);
}

static void plain_text_stays_as_it_is(void **state)
{
	(void)state;
	expect("Linux 6.1 / aarch64 '~'", "Linux 6.1 / aarch64 '~'");
}

static void quotes_and_backslashes_are_escaped(void **state)
{
	(void)state;
	expect("\"C:\\\"", "\\\"C:\\\\\\\"");
}

static void control_characters_are_numbers(void **state)
{
	(void)state;
	expect("\x01\t\n\r\x1b[0m\x1f", "\\u0001\\u0009\\u000a\\u000d\\u001b[0m\\u001f");
	expect("\x7f", "\\u007f");
	/* The C1 controls, which terminals obey, too. */
	expect("\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "\\u0080\\u009b\\u009f\xc2\xa0");
}

static void characters_of_all_lengths_stay(void **state)
{
	static const char *const texts[] = {
		"\xc2\xa0",         /* the first of two bytes that is no control character */
		"\xdf\xbf",         /* the last: U+07FF */
		"\xe0\xa0\x80",     /* U+0800 */
		"\xed\x9f\xbf",     /* the last before the surrogates: U+D7FF */
		"\xee\x80\x80",     /* the first behind them: U+E000 */
		"\xef\xbf\xbf",     /* U+FFFF */
		"\xf0\x90\x80\x80", /* U+10000 */
		"\xf4\x8f\xbf\xbf", /* the last: U+10FFFF */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		expect(texts[i], texts[i]);
}

static void a_byte_that_begins_nothing_is_replaced(void **state)
{
	(void)state;
	expect("a\x80z", "a\\ufffdz");
	expect("\xbf\xfe\xff\xf8", "\\ufffd\\ufffd\\ufffd\\ufffd");
}

static void each_byte_of_an_overlong_form_is_replaced(void **state)
{
	(void)state;
	expect("\xc0\x80", "\\ufffd\\ufffd");
	expect("\xc1\xbf", "\\ufffd\\ufffd");
	expect("\xe0\x9f\xbf", "\\ufffd\\ufffd\\ufffd");
	expect("\xf0\x8f\xbf\xbf", "\\ufffd\\ufffd\\ufffd\\ufffd");
	/* A quote that hides in one does not end the string. */
	expect("\xc0\xa2", "\\ufffd\\ufffd");
}

static void surrogates_are_no_characters(void **state)
{
	(void)state;
	expect("\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd");
	expect("\xed\xbf\xbf", "\\ufffd\\ufffd\\ufffd");
}

static void beyond_the_last_character_there_is_none(void **state)
{
	(void)state;
	expect("\xf4\x90\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd");
	expect("\xf5\x80\x80\x80", "\\ufffd\\ufffd\\ufffd\\ufffd");
}

static void what_follows_a_cut_character_is_kept(void **state)
{
	(void)state;
	expect("\xe2\x82"
	       "A",
	       "\\ufffd\\ufffd"
	       "A");
	expect("\xc3\"", "\\ufffd\\\"");
	expect("\xf0\x90\x80\xc3\xa4", "\\ufffd\\ufffd\\ufffd\xc3\xa4");
}

/* The sanitizers see it if a byte behind the NUL is read. */
static void a_character_cut_by_the_end_reads_nothing_behind_it(void **state)
{
	static const char *const cut[] = { "\xc3", "\xe2\x82", "\xf0\x90\x80" };
	static const char *const escaped[] = { "\\ufffd", "\\ufffd\\ufffd",
					       "\\ufffd\\ufffd\\ufffd" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		char *text = strdup(cut[i]);

		assert_non_null(text);
		expect(text, escaped[i]);
		free(text);
	}
}

static void one_character_a_call_with_room_for_a_nul(void **state)
{
	char to[JSON_ESCAPE_SIZE];
	const char *text = "\xe2\x82\xac\n";
	const char *start = text;

	(void)state;
	assert_int_equal(json_escape(to, &text), 3);
	assert_ptr_equal(text, start + 3);
	assert_int_equal(json_escape(to, &text), 6);
	assert_ptr_equal(text, start + 4);
}

/* Six bytes at the most for each: who sizes a line by that is never wrong. */
static void no_byte_grows_beyond_six(void **state)
{
	(void)state;
	for (int first = 1; first < 256; first++) {
		for (int second = 0; second < 256; second++) {
			const char text[] = { (char)first, (char)second, 0 };
			char escaped[32];

			escape(escaped, text);
			assert_true(strlen(escaped) <= 6 * strlen(text));
		}
	}
}

static void a_document_is_nested_and_indented(void **state)
{
	struct json j = { 0 };
	char *text = NULL;
	size_t size;

	(void)state;
	j.out = open_memstream(&text, &size);
	assert_non_null(j.out);
	json_object(&j, NULL);
	json_string(&j, "k\n", "v\xff");
	json_string(&j, "none", NULL);
	json_array(&j, "list");
	json_number(&j, NULL, INT64_MIN);
	json_bool(&j, NULL, true);
	json_ms(&j, NULL, 1002003999);
	json_hex(&j, NULL, 0xab, 4);
	json_end(&j);
	json_object(&j, "empty");
	json_end(&j);
	json_end(&j);
	fclose(j.out);
	assert_string_equal(text, "{\n"
				  "  \"k\\u000a\": \"v\\ufffd\",\n"
				  "  \"none\": null,\n"
				  "  \"list\": [\n"
				  "    -9223372036854775808,\n"
				  "    true,\n"
				  "    1002.003,\n"
				  "    \"0x00ab\"\n"
				  "  ],\n"
				  "  \"empty\": {}\n"
				  "}\n");
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_stays_as_it_is),
		cmocka_unit_test(quotes_and_backslashes_are_escaped),
		cmocka_unit_test(control_characters_are_numbers),
		cmocka_unit_test(characters_of_all_lengths_stay),
		cmocka_unit_test(a_byte_that_begins_nothing_is_replaced),
		cmocka_unit_test(each_byte_of_an_overlong_form_is_replaced),
		cmocka_unit_test(surrogates_are_no_characters),
		cmocka_unit_test(beyond_the_last_character_there_is_none),
		cmocka_unit_test(what_follows_a_cut_character_is_kept),
		cmocka_unit_test(a_character_cut_by_the_end_reads_nothing_behind_it),
		cmocka_unit_test(one_character_a_call_with_room_for_a_nul),
		cmocka_unit_test(no_byte_grows_beyond_six),
		cmocka_unit_test(a_document_is_nested_and_indented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
