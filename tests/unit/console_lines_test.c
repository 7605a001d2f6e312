/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes of a console as lines that can be judged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../ipc/console_lines.h"
#include "util/bits.h"

/* What was told: whole lines between [ ], cut ones between ( ), and the unfinished one, as it was told last. */
struct heard {
	char text[20000], unfinished[CONSOLE_LINE_MAX + 1];
	unsigned int nr_unfinished;
};

static void told(void *ctx, const struct console_line *line)
{
	struct heard *h = ctx;

	assert_int_equal(strlen(line->text), line->len);
	if (!line->whole) {
		h->nr_unfinished++;
		strcpy(h->unfinished, line->text);
		return;
	}
	*h->unfinished = '\0';
	snprintf(h->text + strlen(h->text), sizeof(h->text) - strlen(h->text), "%c%s%c",
		 line->cut ? '(' : '[', line->text, line->cut ? ')' : ']');
}

/* Feeds @bytes in pieces of @step bytes. */
static void feed(struct heard *h, const char *bytes, size_t len, size_t step)
{
	struct console_lines lines = { .told = told, .ctx = h };

	*h = (struct heard){ 0 };
	for (size_t at = 0; at < len; at += step)
		console_lines_feed(&lines, (const uint8_t *)bytes + at,
				   len - at < step ? len - at : step);
}

static void check_bytes(const char *bytes, size_t len, const char *text, const char *unfinished)
{
	static struct heard h;

	for (size_t step = 1; step <= len; step++) {
		feed(&h, bytes, len, step);
		assert_string_equal(h.text, text);
		assert_string_equal(h.unfinished, unfinished);
	}
}

#define check(bytes, text, unfinished) check_bytes(bytes, sizeof(bytes) - 1, text, unfinished)

static void lines_are_the_same_wherever_they_are_cut(void **state)
{
	(void)state;
	check("one\r\ntwo\n\nlogin: ", "[one][two][]", "login: ");
}

static void escape_sequences_are_left_out(void **state)
{
	(void)state;
	check("\33[1;31mred\33[0m!\33[?25h\n", "[red!]", "");
	check("\33]0;a title\abe\33]2;x\33\\fore\n", "[before]", "");
	check("\33(Bplain\33=\0337\33#8\n", "[plain]", "");
	check("\33Pq#0\33\\a\33[3\33[1mb\n", "[ab]", "");
}

static void a_newline_ends_any_sequence(void **state)
{
	(void)state;
	check("a\33[12\nb\33]0;title\nc\33\nd\n", "[a][b][c][d]", "");
	check("a\33]0;\30b\33[\32c\n", "[abc]", "");
}

static void control_characters_and_nul_are_left_out_and_eight_bits_stay(void **state)
{
	(void)state;
	check("a\0b\1\bc\td\177\r\n", "[abc\td]", "");
	check("\xc3\xa9\xff\x9b\n", "[\xc3\xa9\xff\x9b]", "");
}

/* The begin is gone, and what is left overlaps with what was told before: nothing was unseen. */
static void a_line_without_end_goes_on_without_its_first_half(void **state)
{
	static char bytes[CONSOLE_LINE_MAX + 2];
	static struct heard h;

	(void)state;
	memset(bytes, 'a', sizeof(bytes));
	bytes[CONSOLE_LINE_MAX / 2] = 'b';
	bytes[CONSOLE_LINE_MAX + 1] = '\n';
	feed(&h, bytes, CONSOLE_LINE_MAX, CONSOLE_LINE_MAX);
	assert_int_equal(h.nr_unfinished, 1);
	assert_int_equal(strlen(h.unfinished), CONSOLE_LINE_MAX);
	feed(&h, bytes, sizeof(bytes), sizeof(bytes));
	assert_int_equal(h.nr_unfinished, 1);
	assert_int_equal(strlen(h.text), CONSOLE_LINE_MAX / 2 + 1 + 2);
	assert_true(!strncmp(h.text, "(ba", 3));
}

static void what_is_unfinished_in_the_end_is_a_line(void **state)
{
	struct heard h = { 0 };
	struct console_lines lines = { .told = told, .ctx = &h };

	(void)state;
	console_lines_feed(&lines, (const uint8_t *)"x\nlast", 6);
	console_lines_end(&lines);
	assert_string_equal(h.text, "[x][last]");
	console_lines_end(&lines);
	assert_string_equal(h.text, "[x][last]");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_the_same_wherever_they_are_cut),
		cmocka_unit_test(escape_sequences_are_left_out),
		cmocka_unit_test(a_newline_ends_any_sequence),
		cmocka_unit_test(control_characters_and_nul_are_left_out_and_eight_bits_stay),
		cmocka_unit_test(a_line_without_end_goes_on_without_its_first_half),
		cmocka_unit_test(what_is_unfinished_in_the_end_is_a_line),
	};

	return cmocka_run_group_tests_name("console_lines", tests, NULL, NULL);
}
