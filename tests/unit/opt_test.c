/* SPDX-License-Identifier: BSD-2-Clause */
/* The option parser: what is taken, and that each refusal names what was typed. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "util/bits.h"
#include "util/opt.h"

struct target {
	const char *text;
	bool flag;
	uint64_t size;
	uint32_t number;
	uint64_t time;
	char words[64];
};

static const struct opt rows[] = {
	{ 't', "text", "TEXT", "A text", opt_set_string, offsetof(struct target, text) },
	{ 0, "flag", NULL, "A switch\nof two lines", opt_set_flag, offsetof(struct target, flag) },
	{ 's', "size", "SIZE", "A size", opt_set_size, offsetof(struct target, size) },
	{ 'n', "number", "NR", "A number", opt_set_u32, offsetof(struct target, number) },
	{ 0, "time", "TIME", "A time", opt_set_time, offsetof(struct target, time) },
};

static struct target target;
static struct err err;
static bool help;

static int add_word(void *to, const char *word, struct err *e)
{
	struct target *t = to;

	if (!strcmp(word, "bad"))
		return err_set(e, EINVAL, "a bad word");
	strcat(strcat(t->words, word), ";");
	return 0;
}

static int parse_with(int (*word)(void *, const char *, struct err *), int argc, const char **argv)
{
	memset(&target, 0, sizeof(target));
	memset(&err, 0, sizeof(err));
	return opt_parse(rows, ARRAY_SIZE(rows), &target, argc, (char **)argv, word, &help, NULL,
			 &err);
}

#define WORDS(...)  ((const char *[]){ __VA_ARGS__ })
#define parse(...)  parse_with(add_word, ARRAY_SIZE(WORDS(__VA_ARGS__)), WORDS(__VA_ARGS__))
#define accept(...) assert_int_equal(parse(__VA_ARGS__), 0)
#define refuse(words, ...)                            \
	do {                                          \
		assert_true(parse(__VA_ARGS__) < 0);  \
		assert_string_equal(err.text, words); \
	} while (0)

static void accept_size(const char *text, uint64_t size)
{
	accept("--size", text);
	assert_int_equal(target.size, size);
}

static void refuse_size(const char *text, const char *why)
{
	char words[200];

	snprintf(words, sizeof(words), "--size: '%s' is %s", text, why);
	refuse(words, "--size", text);
	assert_int_equal(target.size, 0);
}

static void a_time_has_a_unit_or_is_in_seconds(void **state)
{
	(void)state;
	accept("--time=30");
	assert_int_equal(target.time, 30000);
	accept("--time=500ms");
	assert_int_equal(target.time, 500);
	accept("--time=2m");
	assert_int_equal(target.time, 120000);
	accept("--time=8784h");
	assert_int_equal(target.time, OPT_TIME_MAX);
	refuse("--time: '1 s' is not a time: a whole number and one of ms s m h, or none for s",
	       "--time=1 s");
	refuse("--time: '' is not a time: a whole number and one of ms s m h, or none for s",
	       "--time=");
	refuse("--time: '0' is out of range: 1ms to 8784h", "--time=0");
	refuse("--time: '8785h' is out of range: 1ms to 8784h", "--time=8785h");
	refuse("--time: '99999999999999999999' is out of range: 1ms to 8784h",
	       "--time=99999999999999999999");
}

static void a_value_is_the_next_word_or_behind_the_equals_sign(void **state)
{
	(void)state;
	accept("--text", "a");
	assert_string_equal(target.text, "a");
	accept("--text=b=c");
	assert_string_equal(target.text, "b=c");
	accept("--text=");
	assert_string_equal(target.text, "");
}

static void a_value_of_a_letter_is_the_next_word_or_sticks_to_it(void **state)
{
	(void)state;
	accept("-t", "a");
	assert_string_equal(target.text, "a");
	accept("-tab");
	assert_string_equal(target.text, "ab");
}

static void a_value_may_look_like_an_option(void **state)
{
	(void)state;
	accept("--text", "--flag");
	assert_string_equal(target.text, "--flag");
	assert_false(target.flag);
}

static void a_switch_takes_no_value(void **state)
{
	(void)state;
	accept("--flag");
	assert_true(target.flag);
	refuse("'--flag=1': --flag takes no value", "--flag=1");
	refuse("'--flag=': --flag takes no value", "--flag=");
}

static void a_later_option_overrides_an_earlier_one(void **state)
{
	(void)state;
	accept("-t", "a", "--text=b", "-tc");
	assert_string_equal(target.text, "c");
}

static void a_missing_value_is_named(void **state)
{
	(void)state;
	refuse("--text needs a value: TEXT", "--flag", "--text");
	refuse("-t needs a value: TEXT", "-t");
}

static void an_unknown_option_is_named(void **state)
{
	(void)state;
	refuse("unknown option '--nothing' (--help lists them)", "--nothing");
	refuse("unknown option '--nothing=1' (--help lists them)", "--nothing=1");
	refuse("unknown option '-x' (--help lists them)", "-x");
	refuse("unknown option '--=x' (--help lists them)", "--=x");
	refuse("unknown option '--texts' (--help lists them)", "--texts");
}

static void an_abbreviated_option_is_refused_and_the_full_one_offered(void **state)
{
	(void)state;
	refuse("unknown option '--tex' (did you mean '--text'?)", "--tex", "a");
	refuse("unknown option '--si=1' (did you mean '--size'?)", "--si=1");
	assert_int_equal(target.size, 0);
}

static void words_come_in_order_between_options(void **state)
{
	(void)state;
	accept("a", "--flag", "b", "-");
	assert_string_equal(target.words, "a;b;-;");
	assert_true(target.flag);
}

static void options_end_at_two_dashes(void **state)
{
	(void)state;
	accept("a", "--", "--flag", "--", "-h");
	assert_string_equal(target.words, "a;--flag;--;-h;");
	assert_false(target.flag || help);
}

static void a_refused_word_ends_the_parse(void **state)
{
	(void)state;
	refuse("a bad word", "a", "bad", "b");
	assert_string_equal(target.words, "a;");
}

static void words_are_refused_where_none_are_wanted(void **state)
{
	(void)state;
	assert_int_equal(parse_with(NULL, 1, WORDS("a")), -EINVAL);
	assert_string_equal(err.text, "'a' is not wanted here");
}

static void help_stops_the_parse(void **state)
{
	(void)state;
	accept("-h", "--nothing");
	assert_true(help);
	accept("a", "--help", "--nothing");
	assert_true(help);
	accept("a");
	assert_false(help);
}

static void no_words_are_fine(void **state)
{
	(void)state;
	assert_int_equal(parse_with(NULL, 0, NULL), 0);
	assert_int_equal(opt_parse(NULL, 0, NULL, 0, NULL, NULL, &help, NULL, &err), 0);
}

static void a_size_without_a_suffix_is_in_mebibytes(void **state)
{
	(void)state;
	accept_size("256", 256 * MiB);
	accept_size("0", 0);
}

static void a_size_takes_its_suffix_in_either_case(void **state)
{
	(void)state;
	accept_size("3B", 3);
	accept_size("3b", 3);
	accept_size("3K", 3 * KiB);
	accept_size("3k", 3 * KiB);
	accept_size("3M", 3 * MiB);
	accept_size("3m", 3 * MiB);
	accept_size("3G", 3 * GiB);
	accept_size("3g", 3 * GiB);
	accept_size("3T", 3 * TiB);
	accept_size("3t", 3 * TiB);
}

static void a_size_ends_below_2_to_the_64(void **state)
{
	static const char large[] = "too large: it is 2^64 bytes or more";

	(void)state;
	accept_size("18446744073709551615B", UINT64_MAX);
	refuse_size("18446744073709551616B", large);
	refuse_size("18446744073709551625B", large);
	refuse_size("99999999999999999999999", large);
	accept_size("17592186044415", UINT64_MAX - MiB + 1);
	refuse_size("17592186044416", large);
	accept_size("16777215T", UINT64_MAX - TiB + 1);
	refuse_size("16777216T", large);
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const texts[] = {
		"", " 1", "1 ", "-1", "+1", "0x10", "1.5G", "12Q", "12MB", "G", "1e3", "1M1", "1\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		refuse_size(texts[i],
			    "not a size: a whole number and one of B K M G T, or none for M");
}

static void a_number_goes_up_to_its_last_bit(void **state)
{
	(void)state;
	accept("-n0");
	assert_int_equal(target.number, 0);
	accept("-n", "4294967295");
	assert_int_equal(target.number, UINT32_MAX);
	refuse("-n: '4294967296' is too large", "-n", "4294967296");
	refuse("-n: '99999999999999999999' is too large", "-n99999999999999999999");
}

static void what_is_no_number_is_refused(void **state)
{
	(void)state;
	refuse("--number: '-1' is not a whole number", "--number=-1");
	refuse("--number: '' is not a whole number", "--number=");
	refuse("--number: '1x' is not a whole number", "--number", "1x");
	refuse("-n: ' 1' is not a whole number", "-n", " 1");
	refuse("-n: '=1' is not a whole number", "-n=1");
}

static void the_help_is_aligned(void **state)
{
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	opt_print(out, rows, ARRAY_SIZE(rows));
	fclose(out);
	assert_string_equal(text, "  -t, --text TEXT  A text\n"
				  "      --flag       A switch\n"
				  "                   of two lines\n"
				  "  -s, --size SIZE  A size\n"
				  "  -n, --number NR  A number\n"
				  "      --time TIME  A time\n"
				  "  -h, --help       Print this list\n");
	free(text);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_time_has_a_unit_or_is_in_seconds),
		cmocka_unit_test(a_value_is_the_next_word_or_behind_the_equals_sign),
		cmocka_unit_test(a_value_of_a_letter_is_the_next_word_or_sticks_to_it),
		cmocka_unit_test(a_value_may_look_like_an_option),
		cmocka_unit_test(a_switch_takes_no_value),
		cmocka_unit_test(a_later_option_overrides_an_earlier_one),
		cmocka_unit_test(a_missing_value_is_named),
		cmocka_unit_test(an_unknown_option_is_named),
		cmocka_unit_test(an_abbreviated_option_is_refused_and_the_full_one_offered),
		cmocka_unit_test(words_come_in_order_between_options),
		cmocka_unit_test(options_end_at_two_dashes),
		cmocka_unit_test(a_refused_word_ends_the_parse),
		cmocka_unit_test(words_are_refused_where_none_are_wanted),
		cmocka_unit_test(help_stops_the_parse),
		cmocka_unit_test(no_words_are_fine),
		cmocka_unit_test(a_size_without_a_suffix_is_in_mebibytes),
		cmocka_unit_test(a_size_takes_its_suffix_in_either_case),
		cmocka_unit_test(a_size_ends_below_2_to_the_64),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(a_number_goes_up_to_its_last_bit),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(the_help_is_aligned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
