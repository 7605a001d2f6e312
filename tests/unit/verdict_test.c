/* SPDX-License-Identifier: BSD-2-Clause */
/* Verdicts on scripted guests: what they say, how they end, and what lkvm makes of it. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "verdict_trial.h"
#include "util/bits.h"

/* Long enough for the judge to come. */
static void rest_a_moment(void *ctx)
{
	(void)ctx;
	usleep(30000);
}

#define REST                                                  \
	{                                                     \
		.what = FAKE_STEP_CALL, .call = rest_a_moment \
	}

static void a_guest_that_says_all_in_order_is_stopped_with_0(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "^Welcome");
	expect(&t, "login: ");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("boot\r\nWelcome to it\r\n\r\nit "),
		   FAKE_TYPE("login: "), FAKE_SPIN);
	run(&t, VERDICT_EXPECTED, 0, "");
	assert_int_equal(t.v.nr_seen, 2);
	assert_string_equal(t.v.expect.pattern[0].line, "Welcome to it");
	assert_string_equal(t.v.expect.pattern[1].line, "it login: ");
	assert_true(t.p.seconds < 5);
	end(&t);
}

static void what_comes_before_its_turn_does_not_count(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "one");
	expect(&t, "two");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("two\r\none\r\n"), OFF);
	run(&t, VERDICT_ENDED, 123, "the guest powered off; 1 of 2 seen, waiting for 'two'");
	end(&t);
}

static void a_line_fulfils_one_expectation(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "a");
	expect(&t, "a");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("aa a"), REST, FAKE_TYPE("a"), REST,
		   FAKE_TYPE("\n"), OFF);
	run(&t, VERDICT_ENDED, 123, "1 of 2 seen");
	end(&t);
	begin(&t);
	expect(&t, "a");
	expect(&t, "a");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("a\na\n"), OFF);
	run(&t, VERDICT_EXPECTED, 0, "");
	end(&t);
}

/* Whatever the moment at which it is looked at. */
static void a_dollar_is_the_end_of_a_line_that_has_ended(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "done$");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("done"), REST, FAKE_TYPE(" soon\n"), OFF);
	run(&t, VERDICT_ENDED, 123, "0 of 1 seen, waiting for 'done$'");
	end(&t);
	begin(&t);
	expect(&t, "done$");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("done"), OFF);
	run(&t, VERDICT_EXPECTED, 0, "");
	end(&t);
}

static void the_end_of_a_word_is_known_when_the_line_has_ended(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "in\\>");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("in"), REST, FAKE_TYPE("it\n"), OFF);
	run(&t, VERDICT_ENDED, 123, "0 of 1 seen");
	end(&t);
}

/* The same when both come at once and when they do not. */
static void of_what_is_expected_and_rejected_in_a_line_the_first_counts(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "ok");
	reject(&t, "BUG");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("ok BUG\n"), OFF);
	run(&t, VERDICT_EXPECTED, 0, "");
	end(&t);
	begin(&t);
	expect(&t, "ok");
	reject(&t, "BUG");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("a BUG is ok\n"), OFF);
	run(&t, VERDICT_REJECTED, 123, "forbids: a BUG is ok");
	assert_int_equal(t.v.nr_seen, 0);
	end(&t);
	begin(&t);
	expect(&t, "ok");
	expect(&t, "more");
	reject(&t, "BUG$");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("ok BUG\n"), OFF);
	run(&t, VERDICT_REJECTED, 123, "forbids: ok BUG");
	assert_int_equal(t.v.nr_seen, 1);
	end(&t);
}

static void what_is_rejected_ends_it(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "login:");
	reject(&t, "BUG|Oops");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("BU\33[1mG: \xff here\r\nlogin: "), FAKE_SPIN);
	run(&t, VERDICT_REJECTED, 123,
	    "the guest said what --reject 'BUG|Oops' forbids: BUG: ? here");
	end(&t);
}

static void each_end_before_all_was_seen_is_123(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "x");
	fake_guest(FAKE_EVERY_BOOT, 0, RESET);
	run(&t, VERDICT_ENDED, 123, "the guest reset the machine; 0 of 1 seen, waiting for 'x'");
	end(&t);
	begin(&t);
	expect(&t, "x");
	fake_guest(FAKE_EVERY_BOOT, 0, CRASH);
	run(&t, VERDICT_ENDED, 123, "the guest crashed; 0 of 1 seen, waiting for 'x'");
	end(&t);
}

static void without_expectations_an_end_is_what_it_was(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	reject(&t, "x");
	fake_guest(FAKE_EVERY_BOOT, 0, OFF);
	run(&t, VERDICT_OFF, 0, "");
	end(&t);
	begin(&t);
	reject(&t, "x");
	fake_guest(FAKE_EVERY_BOOT, 0, RESET);
	run(&t, VERDICT_RESET, 120, "");
	end(&t);
	begin(&t);
	reject(&t, "x");
	fake_guest(FAKE_EVERY_BOOT, 0, CRASH);
	run(&t, VERDICT_CRASHED, 121, "");
	end(&t);
}

static void a_guest_that_does_not_end_in_time_is_124(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "never");
	t.v.timeout = 200;
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_SPIN);
	run(&t, VERDICT_TIMEOUT, 124,
	    "the time is up: it ran for 0.200 s; 0 of 1 seen, waiting for 'never'");
	assert_true(t.p.seconds >= 0.2 && t.p.seconds < 5);
	end(&t);
}

static void a_panic_ends_it_within_a_second_and_its_last_words_are_kept(void **state)
{
	char text[TAIL_SIZE + 1];
	struct trial t;

	(void)state;
	begin(&t);
	t.v.timeout = 20000;
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE(PANIC), REST,
		   FAKE_TYPE("Call trace:\r\n here\r\n"), FAKE_SPIN);
	run(&t, VERDICT_PANICKED, 122, "the guest's kernel panicked: it went wrong");
	assert_true(t.p.seconds < 5);
	tail_text(&t.v.tail, 3, text);
	assert_string_equal(text, "[    1.5] Kernel panic - not syncing: it went wrong\n"
				  "Call trace:\n here");
	end(&t);
}

/* Ends sooner than a panic is waited for; on a busy machine, once in a few times. */
static void panics_at_once(void (*guest)(void), const char *why)
{
	double seconds = 1;

	for (int tries = 0; tries < 5 && seconds >= 0.5; tries++) {
		struct trial t;

		begin(&t);
		t.v.timeout = 20000;
		guest();
		run(&t, VERDICT_PANICKED, 122, why);
		seconds = t.p.seconds;
		end(&t);
	}
	assert_true(seconds < 0.5);
}

static void tells_to_the_end(void)
{
	fake_guest(FAKE_EVERY_BOOT, 0,
		   FAKE_TYPE(PANIC "---[ end Kernel panic - not syncing: it went wrong ]---\r\n"),
		   FAKE_SPIN);
}

static void writes_to_the_device(void)
{
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(MAP_PVPANIC, 1, 1), FAKE_SPIN);
}

static void tells_and_writes(void)
{
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE(PANIC), FAKE_WRITE(MAP_PVPANIC, 1, 2), FAKE_SPIN);
}

static void a_panic_that_is_told_to_the_end_is_not_waited_for(void **state)
{
	(void)state;
	panics_at_once(tells_to_the_end, "the guest's kernel panicked: it went wrong");
}

static void a_panic_by_the_device_ends_it(void **state)
{
	(void)state;
	panics_at_once(writes_to_the_device,
		       "the guest's kernel panicked: it said so by pvpanic alone");
	panics_at_once(tells_and_writes, "the guest's kernel panicked: it went wrong");
}

/* "panic=-1" on its command line. */
static void a_kernel_that_panicked_and_reset_has_no_other_life(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	t.v.timeout = 20000;
	t.cfg.reboot = true;
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE(PANIC), RESET);
	run(&t, VERDICT_PANICKED, 122, "it went wrong");
	assert_int_equal(t.v.lives, 1);
	end(&t);
}

static void a_panic_that_is_only_reported_is_a_warning(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "saved");
	assert_int_equal(verdict_set_panic(&t.v, "report", &t.e), 0);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE(PANIC), FAKE_WRITE(MAP_PVPANIC, 1, 2),
		   FAKE_TYPE("saved\n"), FAKE_SPIN);
	run(&t, VERDICT_EXPECTED, 0, "");
	assert_non_null(strstr(t.p.log, "VM it: the guest's kernel panicked: it went wrong\n"));
	assert_true(t.v.panicked);
	end(&t);
}

static void a_panic_that_was_expected_is_none(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "Kernel panic.*wrong");
	expect(&t, "more");
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE(PANIC "more\n"), FAKE_SPIN);
	run(&t, VERDICT_EXPECTED, 0, "");
	end(&t);
}

static void expectations_go_on_over_lives(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "up");
	expect(&t, "up");
	expect(&t, "up");
	t.cfg.reboot = true;
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("up\n"), RESET);
	run(&t, VERDICT_EXPECTED, 0, "");
	assert_int_equal(t.v.lives, 3);
	end(&t);
}

static void stop(void *ctx)
{
	(void)ctx;
	kill(getpid(), SIGTERM);
}

static void a_guest_that_is_stopped_before_all_was_seen_did_not_pass(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "x");
	fake_guest(FAKE_EVERY_BOOT, 0, { .what = FAKE_STEP_CALL, .call = stop }, FAKE_SPIN);
	run(&t, VERDICT_STOPPED, 123, "the guest was stopped; 0 of 1 seen, waiting for 'x'");
	end(&t);
	begin(&t);
	reject(&t, "x");
	fake_guest(FAKE_EVERY_BOOT, 0, { .what = FAKE_STEP_CALL, .call = stop }, FAKE_SPIN);
	run(&t, VERDICT_STOPPED, 0, "");
	end(&t);
}

/* 100 KB of what would take a naive matcher minutes. */
static void a_guest_cannot_make_judging_slow(void **state)
{
	const size_t size = 100000;
	char *text = malloc(size);
	struct trial t;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', size);
	begin(&t);
	expect(&t, "a.*b.*c");
	reject(&t, "(a|b)*a(a|b){10}c");
	fake_guest(FAKE_EVERY_BOOT, 0,
		   { .what = FAKE_STEP_TYPE, .addr = MAP_UART, .text = text, .text_len = size },
		   OFF);
	run(&t, VERDICT_ENDED, 123, "0 of 1");
	assert_true(t.p.seconds < 5);
	end(&t);
	free(text);
}

static void a_begin_that_is_gone_is_no_begin(void **state)
{
	char text[6000];
	struct trial t;

	(void)state;
	memset(text, 'b', sizeof(text));
	text[0] = 'a';
	begin(&t);
	expect(&t, "end");
	reject(&t, "^b");
	fake_guest(FAKE_EVERY_BOOT, 0,
		   { .what = FAKE_STEP_TYPE,
		     .addr = MAP_UART,
		     .text = text,
		     .text_len = sizeof(text) },
		   FAKE_TYPE("end\n"), OFF);
	run(&t, VERDICT_EXPECTED, 0, "");
	end(&t);
}

static void a_machine_that_cannot_be_made_has_failed(void **state)
{
	struct trial t;

	(void)state;
	begin(&t);
	expect(&t, "x");
	t.cfg.dev = "/dev/nowhere";
	run(&t, VERDICT_FAILED, 125, "/dev/nowhere");
	end(&t);
}

static void refuse(const char *regex, const char *why)
{
	struct verdict v = { 0 };
	struct err e = { 0 };

	assert_true(verdict_add_expect(&v, regex, &e) < 0);
	if (!strstr(e.text, why))
		assert_string_equal(e.text, why);
	verdict_free(&v);
}

static void what_is_no_regular_expression_is_refused(void **state)
{
	static char long_text[VERDICT_PATTERN_SIZE + 1];
	struct verdict v = { 0 };
	struct err e = { 0 };

	(void)state;
	memset(long_text, 'a', sizeof(long_text) - 1);
	refuse("", "is empty");
	refuse("(", "'(' is no regular expression: ");
	refuse("[z-a]", "is no regular expression");
	refuse(long_text, "less than 1024 characters");
	refuse("a\nb", "newline");
	refuse("(a{255}){255}", "'(a{255}){255}' repeats too much too often");
	refuse("(a)\\1", "'(a)\\1' refers back to a group");
	refuse("[]\\1](a)\\9", "refers back");
	assert_int_equal(verdict_add_expect(&v, "[(\\1]x\\\\1", &e), 0);
	for (int i = 1; i < VERDICT_PATTERNS_MAX; i++)
		assert_int_equal(verdict_add_expect(&v, "x", &e), 0);
	assert_true(verdict_add_expect(&v, "x", &e) < 0);
	assert_string_equal(e.text, "these are more than 64");
	assert_true(verdict_set_panic(&v, "stopp", &e) < 0);
	assert_string_equal(e.text, "'stopp' is none of stop, report");
	assert_true(verdict_set_file(&v.report, "-", &e) < 0);
	verdict_free(&v);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_guest_that_says_all_in_order_is_stopped_with_0),
		cmocka_unit_test(what_comes_before_its_turn_does_not_count),
		cmocka_unit_test(a_line_fulfils_one_expectation),
		cmocka_unit_test(a_dollar_is_the_end_of_a_line_that_has_ended),
		cmocka_unit_test(the_end_of_a_word_is_known_when_the_line_has_ended),
		cmocka_unit_test(of_what_is_expected_and_rejected_in_a_line_the_first_counts),
		cmocka_unit_test(what_is_rejected_ends_it),
		cmocka_unit_test(each_end_before_all_was_seen_is_123),
		cmocka_unit_test(without_expectations_an_end_is_what_it_was),
		cmocka_unit_test(a_guest_that_does_not_end_in_time_is_124),
		cmocka_unit_test(a_panic_ends_it_within_a_second_and_its_last_words_are_kept),
		cmocka_unit_test(a_panic_that_is_told_to_the_end_is_not_waited_for),
		cmocka_unit_test(a_panic_by_the_device_ends_it),
		cmocka_unit_test(a_kernel_that_panicked_and_reset_has_no_other_life),
		cmocka_unit_test(a_panic_that_is_only_reported_is_a_warning),
		cmocka_unit_test(a_panic_that_was_expected_is_none),
		cmocka_unit_test(expectations_go_on_over_lives),
		cmocka_unit_test(a_guest_that_is_stopped_before_all_was_seen_did_not_pass),
		cmocka_unit_test(a_guest_cannot_make_judging_slow),
		cmocka_unit_test(a_begin_that_is_gone_is_no_begin),
		cmocka_unit_test(a_machine_that_cannot_be_made_has_failed),
		cmocka_unit_test(what_is_no_regular_expression_is_refused),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
