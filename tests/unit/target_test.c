/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of commands that are for one VM, or for all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "arm/machine.h"
#include "fake/play.h"
#include "ipc/target.h"
#include "util/bits.h"
#include "util/opt.h"

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "The VM, by its name", name_set, offsetof(struct target, name) },
	{ 'a', "all", NULL, "All VMs of this user", opt_set_flag, offsetof(struct target, all) },
};

static const struct target_words words = {
	.command = "stop",
	.rows = rows,
	.nr = ARRAY_SIZE(rows),
	.usage = "Usage: lkvm stop NAME",
};

/* What is printed on @fd for @argv, which is not to be gone on with; *status as target_parse() has it. */
static char *parse_in_vain(int fd, char **argv, int *status)
{
	struct target target = { 0 };
	struct capture c;
	int argc = 0;
	bool goes_on;

	while (argv[argc])
		argc++;
	*status = -1;
	capture_start(&c, fd);
	goes_on = target_parse(&words, &target, argc, argv, status);
	fflush(stdout);
	assert_false(goes_on);
	return capture_end(&c, NULL);
}

#define ARGV(...)  ((char *[]){ (char[]){ "stop" }, ##__VA_ARGS__, NULL })
#define WORD(text) ((char[]){ text })

static void assert_refused(char **argv, const char *line)
{
	int status;
	char *said = parse_in_vain(STDERR_FILENO, argv, &status);

	assert_int_equal(status, MACHINE_FAILED);
	assert_string_equal(said, line);
	free(said);
}

static void a_target_is_one_vm_or_all(void **state)
{
	(void)state;
	assert_refused(ARGV(WORD("-a"), WORD("web")),
		       "Fatal: stop: VM 'web', or all of them? See 'lkvm stop --help'\n");
	assert_refused(ARGV(), "Fatal: stop: which VM? See 'lkvm stop --help'\n");
	assert_refused(ARGV(WORD("web"), WORD("db")),
		       "Fatal: stop: 'db' is one word too many: the VM is 'web'\n");
}

static void a_name_that_is_none_is_refused(void **state)
{
	(void)state;
	assert_refused(ARGV(WORD("../web")), "Fatal: stop: '../web' is not a name: 1 to 64 of the "
					     "characters A-Z a-z 0-9 . _ -\n");
}

static void the_name_is_a_word_or_an_options(void **state)
{
	struct target bare = { 0 }, option = { 0 }, all = { 0 };
	int status = -1;

	(void)state;
	assert_true(target_parse(&words, &bare, 2, ARGV(WORD("web")), &status));
	assert_string_equal(bare.name, "web");
	assert_false(bare.all);
	assert_true(target_parse(&words, &option, 3, ARGV(WORD("-n"), WORD("web")), &status));
	assert_string_equal(option.name, "web");
	assert_true(target_parse(&words, &all, 2, ARGV(WORD("--all")), &status));
	assert_true(all.all);
}

static void help_is_a_success_that_goes_on_to_nothing(void **state)
{
	int status;
	char *said;

	(void)state;
	/* A VM need not be named for it. */
	said = parse_in_vain(STDOUT_FILENO, ARGV(WORD("--help")), &status);
	assert_int_equal(status, MACHINE_OFF);
	assert_ptr_equal(strstr(said, "Usage: lkvm stop NAME\n"), said);
	assert_non_null(strstr(said, "-n, --name NAME"));
	free(said);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_one_vm_or_all),
		cmocka_unit_test(a_name_that_is_none_is_refused),
		cmocka_unit_test(the_name_is_a_word_or_an_options),
		cmocka_unit_test(help_is_a_success_that_goes_on_to_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
