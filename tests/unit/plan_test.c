/* SPDX-License-Identifier: BSD-2-Clause */
/* Test plans: what rows a text becomes, and that each mistake is named with its line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "arm/psci.h"
#include "ipc/plan.h"

static struct plan plan;
static struct err err;

static int parse(const char *text)
{
	memset(&err, 0, sizeof(err));
	return plan_parse(&plan, text, strlen(text), "dir/boot.plan", &err);
}

/* All rows as text: name, and each of its options on a line of its own. */
static void become(const char *text, const char *want)
{
	char *got = NULL;
	size_t len;
	FILE *out = open_memstream(&got, &len);
	int ret = parse(text);

	if (ret < 0)
		fail_msg("%s", err.text);
	for (unsigned int i = 0; i < plan.nr_rows; i++) {
		fprintf(out, "%s\n", plan.rows[i].name);
		for (const char **word = plan.rows[i].options; *word; word++)
			fprintf(out, " %s\n", *word);
	}
	fclose(out);
	assert_string_equal(got, want);
	free(got);
	plan_free(&plan);
}

static void refuse(const char *text, const char *why)
{
	assert_true(parse(text) < 0);
	assert_string_equal(err.text, why);
}

static void a_plan_without_sections_is_one_test_called_like_its_file(void **state)
{
	(void)state;
	become("kernel Image\n", "boot\n --kernel=Image\n");
	become("# nothing but the guest that is built in\n", "boot\n");
	become("name  my plan\n", "my plan\n");
}

static void what_has_several_values_is_multiplied_the_last_one_fastest(void **state)
{
	(void)state;
	become("cpus 1 4\npsci 0.2  1.1\nkernel a b\n",
	       "boot psci=0.2 cpus=1\n --psci-version=0.2\n --cpus=1\n --kernel=a b\n"
	       "boot psci=0.2 cpus=4\n --psci-version=0.2\n --cpus=4\n --kernel=a b\n"
	       "boot psci=1.1 cpus=1\n --psci-version=1.1\n --cpus=1\n --kernel=a b\n"
	       "boot psci=1.1 cpus=4\n --psci-version=1.1\n --cpus=4\n --kernel=a b\n");
}

static void a_file_given_twice_is_two_rows_and_names_tell_them_apart(void **state)
{
	(void)state;
	become("kernel a/Image\nkernel b/Image\nparams quiet\nparams debug # all\n",
	       "boot kernel=a/Image params=quiet\n --kernel=a/Image\n --params=quiet\n"
	       "boot kernel=a/Image params=debug # all\n --kernel=a/Image\n --params=debug # all\n"
	       "boot kernel=b/Image params=quiet\n --kernel=b/Image\n --params=quiet\n"
	       "boot kernel=b/Image params=debug # all\n --kernel=b/Image\n --params=debug # all\n");
}

static void each_line_of_each_is_a_choice_of_options(void **state)
{
	(void)state;
	become("each --irqchip=gicv2 --irqchip=gicv3\neach - --rng\n",
	       "boot irqchip=gicv2 -\n --irqchip=gicv2\n"
	       "boot irqchip=gicv2 rng\n --irqchip=gicv2\n --rng\n"
	       "boot irqchip=gicv3 -\n --irqchip=gicv3\n"
	       "boot irqchip=gicv3 rng\n --irqchip=gicv3\n --rng\n");
}

static void options_and_expectations_go_along_in_order(void **state)
{
	(void)state;
	become("\texpect  login: $ \r\nexpect b\nexpect login: $\noption --disk=a b,ro\nreject ^oops\n"
	       "timeout 2m\n",
	       "boot\n --disk=a b,ro\n --expect=login: $\n --expect=b\n --expect=login: $\n"
	       " --reject=^oops\n --timeout=2m\n");
}

static void a_section_replaces_what_it_says_itself_and_keeps_the_rest(void **state)
{
	(void)state;
	become("kernel Image\ninitrd r\ncpus 2\nexpect a\nexpect b\n"
	       "[one]\ncpus 1\n[two ]\nexpect c\ninitrd -\n",
	       "boot/one\n --cpus=1\n --kernel=Image\n --initrd=r\n --expect=a\n --expect=b\n"
	       "boot/two \n --cpus=2\n --kernel=Image\n --expect=c\n");
	become("each --a --b\n[x]\neach --c\n[y]\neach -\n", "boot/x\n --c\nboot/y\n");
}

static void the_environment_stands_in_for_names_in_braces(void **state)
{
	(void)state;
	setenv("LKVM_TEST_DIR", "/some where", 1);
	become("kernel ${LKVM_TEST_DIR}/Image$\n", "boot\n --kernel=/some where/Image$\n");
	refuse("\nkernel ${LKVM_TEST_NOT}/Image\n",
	       "dir/boot.plan:2: kernel: ${LKVM_TEST_NOT}: there is no such environment variable");
	setenv("LKVM_TEST_DIR", "a\nb", 1);
	refuse("kernel ${LKVM_TEST_DIR}\n",
	       "dir/boot.plan:1: kernel: ${LKVM_TEST_DIR} has a control character");
	become("params a${\n", "boot\n --params=a${\n");
}

static void the_runner_learns_what_a_row_needs(void **state)
{
	(void)state;
	assert_int_equal(
		parse("jobs 3\nunsupported skip\nstatus 120\ntimeout 5s\ncpus 4\npsci 1.0\n"
		      "[user]\noption --psci=user\n[any]\npsci auto\ncpus -\nstatus 0\n"
		      "unsupported fail\n"),
		0);
	assert_int_equal(plan.jobs, 3);
	assert_int_equal(plan.nr_rows, 2);
	assert_int_equal(plan.rows[0].psci, PSCI_AUTO);
	assert_int_equal(plan.rows[0].cpus, 4);
	assert_int_equal(plan.rows[0].status, 120);
	assert_string_equal(plan.rows[0].timeout, "5s");
	assert_true(plan.rows[0].optional);
	assert_int_equal(plan.rows[1].psci, PSCI_AUTO);
	assert_int_equal(plan.rows[1].cpus, 2);
	assert_int_equal(plan.rows[1].status, 0);
	assert_false(plan.rows[1].optional);
	plan_free(&plan);
	assert_int_equal(parse("psci 1.0\n"), 0);
	assert_int_equal(plan.rows[0].psci, PSCI_VERSION(1, 0));
	assert_null(plan.rows[0].timeout);
	plan_free(&plan);
}

static void mistakes_are_named_with_file_and_line(void **state)
{
	(void)state;
	refuse("\n# x\nkernle Image\n",
	       "dir/boot.plan:3: 'kernle' is no key of a plan; lkvm-test(1) lists them");
	refuse("kernel\n", "dir/boot.plan:1: kernel: it needs a value");
	refuse("cpus 1 0\n", "dir/boot.plan:1: cpus: '0' is no number of CPUs: 1 to 512");
	refuse("cpus 1 2 1\n", "dir/boot.plan:1: cpus: '1' stands here twice");
	refuse("expect a\nexpect (b\n",
	       "dir/boot.plan:2: expect: '(b' is no regular expression: Unmatched ( or \\(");
	refuse("timeout 1s\ntimeout 2s\n",
	       "dir/boot.plan:2: timeout: '2s' comes after '1s', and there can be one only");
	refuse("status 256\n", "dir/boot.plan:1: status: '256' is no exit status: 0 to 255");
	refuse("unsupported no\n", "dir/boot.plan:1: unsupported: 'no' is neither fail nor skip");
	refuse("jobs 0\n", "dir/boot.plan:1: jobs: '0' is no number of jobs: 1 to 1024");
	refuse("[a]\njobs 1\n",
	       "dir/boot.plan:2: jobs: it is the whole plan's, and stands before the first [NAME]");
	refuse("[a]\n[b]\n[a]\n", "dir/boot.plan:3: there is a [a] before");
	refuse("[]\n", "dir/boot.plan:1: '[]' is no [NAME] of 1 to 64 bytes");
	refuse("[a] b\n", "dir/boot.plan:1: '[a] b' is no [NAME] of 1 to 64 bytes");
	refuse("a\x01\n", "dir/boot.plan:1: there is a control character: is it a text file?");
}

static void options_that_a_plan_may_not_give_are_refused(void **state)
{
	(void)state;
	refuse("option -c 2\n",
	       "dir/boot.plan:1: option: '-c 2' is no long option of lkvm run: --NAME or --NAME=VALUE");
	refuse("option --disk a\n",
	       "dir/boot.plan:1: option: '--disk a': an option and its value are one word: --disk=VALUE");
	refuse("option --cpus=4\n", "dir/boot.plan:1: option: --cpus has a key of its own: cpus");
	refuse("each --psci-version=1.0\n",
	       "dir/boot.plan:1: each: --psci-version has a key of its own: psci");
	refuse("option --help\n", "dir/boot.plan:1: option: --help is not for plans");
	refuse("option --\n",
	       "dir/boot.plan:1: option: '--' is no long option of lkvm run: --NAME or --NAME=VALUE");
}

/* @nr times the same text. */
static char *repeat(const char *text, unsigned int nr)
{
	size_t len = strlen(text);
	char *all = malloc(len * nr + 1);

	for (unsigned int i = 0; i < nr; i++)
		memcpy(all + i * len, text, len);
	all[len * nr] = '\0';
	return all;
}

static void what_grows_too_large_is_refused(void **state)
{
	char *text = repeat("each --a --b --c\n", 8);

	(void)state;
	refuse(text, "dir/boot.plan:1: the plan grows to more than 4096 rows");
	free(text);
	text = repeat("each --a\n", 9);
	refuse(text, "dir/boot.plan:9: each: there may be 8 such lines");
	free(text);
	text = repeat("expect a\n", 65);
	refuse(text, "dir/boot.plan:65: expect: 'a' is one value too many: there may be 64");
	free(text);
	refuse("expect (a{9,255}x){255,}{2}\n",
	       "dir/boot.plan:1: expect: '(a{9,255}x){255,}{2}' repeats too much too often");
	refuse("expect a++++++++++++++++++\n",
	       "dir/boot.plan:1: expect: 'a++++++++++++++++++' repeats too much too often");
	become("expect ([0-9]+|[a-f]+)+ (.+)+\n", "boot\n --expect=([0-9]+|[a-f]+)+ (.+)+\n");
	become("expect a{,9}[0-9]{3}\n", "boot\n --expect=a{,9}[0-9]{3}\n");
	text = repeat("x", 5000);
	refuse(text, "dir/boot.plan:1: the line is longer than 4096 bytes");
	setenv("LKVM_TEST_LONG", text, 1);
	free(text);
	refuse("params ${LKVM_TEST_LONG}\n",
	       "dir/boot.plan:1: params: the value grows longer than 4096 bytes");
	unsetenv("LKVM_TEST_LONG");
}

static void the_example_for_ci_is_a_plan(void **state)
{
	(void)state;
	setenv("KERNEL", "Image", 1);
	setenv("INITRD", "initrd.gz", 1);
	if (plan_read(&plan, "docs/ci/boot.plan", &err) < 0)
		fail_msg("%s", err.text);
	assert_true(plan.nr_rows >= 9);
	plan_free(&plan);
}

static void a_file_that_is_no_plan_is_refused(void **state)
{
	(void)state;
	assert_true(plan_read(&plan, "docs/no-such.plan", &err) < 0);
	assert_string_equal(
		err.text, "Unable to open test plan docs/no-such.plan: No such file or directory");
	assert_true(plan_read(&plan, "docs", &err) < 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plan_without_sections_is_one_test_called_like_its_file),
		cmocka_unit_test(what_has_several_values_is_multiplied_the_last_one_fastest),
		cmocka_unit_test(a_file_given_twice_is_two_rows_and_names_tell_them_apart),
		cmocka_unit_test(each_line_of_each_is_a_choice_of_options),
		cmocka_unit_test(options_and_expectations_go_along_in_order),
		cmocka_unit_test(a_section_replaces_what_it_says_itself_and_keeps_the_rest),
		cmocka_unit_test(the_environment_stands_in_for_names_in_braces),
		cmocka_unit_test(the_runner_learns_what_a_row_needs),
		cmocka_unit_test(mistakes_are_named_with_file_and_line),
		cmocka_unit_test(options_that_a_plan_may_not_give_are_refused),
		cmocka_unit_test(what_grows_too_large_is_refused),
		cmocka_unit_test(the_example_for_ci_is_a_plan),
		cmocka_unit_test(a_file_that_is_no_plan_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
