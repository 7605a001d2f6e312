/* SPDX-License-Identifier: BSD-2-Clause */
/* A command's options, what its guest says of it, and the kernel's last words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "arm/machine.h"
#include "arm/command.h"
#include "fake/play.h"

static char prog[] = "prog", *argv[] = { prog, NULL };

/* lkvm's status after the guest has said @text, in pieces of @step bytes; -1: the command is not over. */
static int status_in_steps(const char *text, size_t step, struct err *e)
{
	struct guest_command c = { .argv = argv };
	size_t len = strlen(text);

	memset(e, 0, sizeof(*e));
	for (size_t i = 0; i < len; i += step)
		command_hear(&c, (const uint8_t *)text + i, len - i < step ? len - i : step);
	return c.done ? command_status(&c, e) : -1;
}

static void assert_status(const char *text, int status, const char *says)
{
	struct err e;

	for (size_t step = 1; step < 20; step += 6) {
		assert_int_equal(status_in_steps(text, step, &e), status);
		assert_string_equal(e.text, says);
	}
}

static void the_status_is_the_commands(void **state)
{
	(void)state;
	assert_status("exit 0\n", 0, "");
	assert_status("exit 7\n", 7, "");
	assert_status("exit 255\n", 255, "");
	assert_status("signal 9\n", 137, "");
}

static void what_cannot_be_executed_is_as_in_a_shell(void **state)
{
	(void)state;
	assert_status("exec 2\n", 127, "cannot run 'prog': No such file or directory");
	assert_status("exec 13\n", 126, "cannot run 'prog': Permission denied");
	assert_status("exec 8\n", 126, "cannot run 'prog': Exec format error");
}

static void what_fails_before_is_lkvms_own_status(void **state)
{
	(void)state;
	assert_status("fail 19 mount /lower\n", 125,
		      "the guest cannot mount /lower: No such device");
}

static void only_a_whole_line_counts(void **state)
{
	(void)state;
	assert_status("exit 7", -1, "");
	assert_status("", -1, "");
	assert_status("exit 7\nexit 8\nfail 1 x\n", 7, "");
}

static void nonsense_is_not_heard(void **state)
{
	(void)state;
	assert_status("exit\nexit x\nexitt 3\n\n 4\nfail 5\nEXIT 6\nexit 7\n", 7, "");
}

/* It goes to a terminal. */
static void what_no_terminal_should_get_is_cut_off(void **state)
{
	(void)state;
	assert_status("fail 1 a\033[2Jb\n", 125, "the guest cannot a: Operation not permitted");
}

static void an_endless_line_is_cut(void **state)
{
	char text[4096];
	struct err e;

	(void)state;
	memset(text, 'a', sizeof(text));
	strcpy(text + sizeof(text) - 8, "\nexit 3");
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(status_in_steps(text, 100, &e), -1);
	memcpy(text, "fail 2 ", 7);
	assert_int_equal(status_in_steps(text, 100, &e), 125);
	assert_true(strlen(e.text) < 600);
}

static void a_guest_that_says_nothing_fails(void **state)
{
	struct guest_command c = { .argv = argv };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(command_status(&c, &e), 125);
	assert_non_null(strstr(e.text, "'prog'"));
}

static void lkvm_stopped_by_a_signal_is_as_if_the_command_was(void **state)
{
	struct guest_command c = { .argv = argv };
	struct err e = { 0 };

	(void)state;
	command_stopped(&c, 15);
	assert_int_equal(command_status(&c, &e), 143);
	command_hear(&c, (const uint8_t *)"exit 0\n", 7);
	assert_int_equal(command_status(&c, &e), 143);
}

/* --- Options --- */

static void variables_have_lkvms_value_or_another(void **state)
{
	struct guest_command c = { 0 };
	struct err e = { 0 };

	(void)state;
	setenv("LKVM_TEST", "of lkvm", 1);
	unsetenv("LKVM_NONE");
	assert_int_equal(command_add_env(&c, "A=b=c", &e), 0);
	assert_int_equal(command_add_env(&c, "EMPTY=", &e), 0);
	assert_int_equal(command_add_env(&c, "LKVM_TEST", &e), 0);
	assert_int_equal(c.nr_env, 3);
	assert_string_equal(c.env[0], "A=b=c");
	assert_string_equal(c.env[1], "EMPTY=");
	assert_string_equal(c.env[2], "LKVM_TEST=of lkvm");
	assert_true(command_add_env(&c, "LKVM_NONE", &e) < 0);
	assert_non_null(strstr(e.text, "LKVM_NONE=VALUE"));
	assert_true(command_add_env(&c, "=x", &e) < 0);
	assert_true(command_add_env(&c, "", &e) < 0);
	assert_int_equal(c.nr_env, 3);
	command_free(&c);
}

static void users_are_numbers(void **state)
{
	static const char *const bad[] = {
		"", "root", "1:", ":1", "1:2:3", "-1", "4294967295", "1 "
	};
	struct guest_command c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(command_set_user(&c, "0", &e), 0);
	assert_true(c.other_user && c.uid == 0 && c.gid == 0);
	assert_int_equal(command_set_user(&c, "1000:100", &e), 0);
	assert_true(c.uid == 1000 && c.gid == 100);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(command_set_user(&c, bad[i], &e), -EINVAL);
}

static void folders_to_write_to_are_folders(void **state)
{
	char *dir = temp_dir(), *file = temp_file("x", 1);
	struct guest_command c = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(command_add_rw(&c, dir, &e), 0);
	assert_string_equal(c.rw[0], dir);
	assert_int_equal(command_add_rw(&c, file, &e), -ENOTDIR);
	assert_non_null(strstr(e.text, file));
	assert_int_equal(command_add_rw(&c, "/nowhere", &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nowhere"));
	command_free(&c);
	temp_remove(dir);
	temp_remove(file);
}

static void a_folder_is_known_by_its_real_name(void **state)
{
	struct guest_command c = { 0 };
	struct err e = { 0 };
	char *cwd = getcwd(NULL, 0);

	(void)state;
	assert_int_equal(command_add_rw(&c, ".", &e), 0);
	assert_string_equal(c.rw[0], cwd);
	command_free(&c);
	free(cwd);
}

/* What command_prepare() makes of @cfg for @c, both of which are the test's to look at. */
static int prepare(struct guest_command *c, struct machine_config *cfg, struct err *e)
{
	*cfg = machine_config_default;
	cfg->name = "test";
	cfg->kernel = "/kernel";
	c->argv = argv;
	return command_prepare(c, cfg, e);
}

static void release(struct guest_command *c, struct machine_config *cfg)
{
	share_options_free(&cfg->shares);
	console_options_free(&cfg->console);
	command_free(c);
}

static void the_root_is_shared_and_cannot_be_written_to(void **state)
{
	struct guest_command c = { 0 };
	struct machine_config cfg;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(command_add_rw(&c, "/tmp", &e), 0);
	assert_int_equal(prepare(&c, &cfg, &e), 0);
	assert_int_equal(cfg.shares.nr, 2);
	assert_string_equal(cfg.shares.share[0].dir, "/");
	assert_true(cfg.shares.share[0].ro);
	assert_string_equal(cfg.shares.share[1].dir, "/tmp");
	assert_false(cfg.shares.share[1].ro);
	release(&c, &cfg);
}

static void unless_that_is_meant(void **state)
{
	struct guest_command c = { .root = "/usr", .root_rw = true };
	struct machine_config cfg;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(prepare(&c, &cfg, &e), 0);
	assert_string_equal(cfg.shares.share[0].dir, "/usr");
	assert_false(cfg.shares.share[0].ro);
	release(&c, &cfg);
}

static void the_kernel_is_quiet_and_its_console_kept(void **state)
{
	struct guest_command c = { 0 };
	struct machine_config cfg;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(prepare(&c, &cfg, &e), 0);
	assert_int_equal(cfg.console.line.end, LINE_TAIL);
	assert_ptr_equal(cfg.console.line.tail, &c.console);
	assert_false(c.console.show);
	assert_string_equal(cfg.params, "quiet panic=-1");
	release(&c, &cfg);
}

/* --- The kernel's last words --- */

static char *printed(struct tail *tail, unsigned int lines)
{
	struct capture capture;

	fflush(stderr);
	capture_start(&capture, STDERR_FILENO);
	tail_print(tail, lines, "> ");
	fflush(stderr);
	return capture_end(&capture, NULL);
}

static void feed(struct tail *tail, const char *text)
{
	struct char_backend backend = tail_backend(tail);

	assert_int_equal(backend.output(backend.ctx, (const uint8_t *)text, strlen(text)),
			 strlen(text));
}

static void assert_printed(struct tail *tail, unsigned int lines, const char *text)
{
	char *out = printed(tail, lines);

	assert_string_equal(out, text);
	free(out);
}

static void the_last_lines_are_printed(void **state)
{
	struct tail tail = { 0 };

	(void)state;
	assert_printed(&tail, 3, "");
	feed(&tail, "one\r\ntwo\r\nthree");
	assert_printed(&tail, 5, "> one\n> two\n> three\n");
	feed(&tail, "\r\n\r\n");
	assert_printed(&tail, 2, "> two\n> three\n");
	assert_printed(&tail, 1, "> three\n");
}

static void without_what_a_terminal_would_do(void **state)
{
	struct tail tail = { 0 };

	(void)state;
	feed(&tail, "a\033[2J\tb\n");
	assert_printed(&tail, 1, "> a?[2J\tb\n");
}

static void a_long_log_is_cut_at_its_beginning(void **state)
{
	struct tail tail = { 0 };
	char *out;

	(void)state;
	for (int i = 0; i < 3 * TAIL_SIZE / 4; i++)
		feed(&tail, "abc\n");
	feed(&tail, "end\n");
	assert_printed(&tail, 2, "> abc\n> end\n");
	out = printed(&tail, UINT32_MAX);
	assert_true(strlen(out) < 2 * TAIL_SIZE);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_status_is_the_commands),
		cmocka_unit_test(what_cannot_be_executed_is_as_in_a_shell),
		cmocka_unit_test(what_fails_before_is_lkvms_own_status),
		cmocka_unit_test(only_a_whole_line_counts),
		cmocka_unit_test(nonsense_is_not_heard),
		cmocka_unit_test(what_no_terminal_should_get_is_cut_off),
		cmocka_unit_test(an_endless_line_is_cut),
		cmocka_unit_test(a_guest_that_says_nothing_fails),
		cmocka_unit_test(lkvm_stopped_by_a_signal_is_as_if_the_command_was),
		cmocka_unit_test(variables_have_lkvms_value_or_another),
		cmocka_unit_test(users_are_numbers),
		cmocka_unit_test(folders_to_write_to_are_folders),
		cmocka_unit_test(a_folder_is_known_by_its_real_name),
		cmocka_unit_test(the_root_is_shared_and_cannot_be_written_to),
		cmocka_unit_test(unless_that_is_meant),
		cmocka_unit_test(the_kernel_is_quiet_and_its_console_kept),
		cmocka_unit_test(the_last_lines_are_printed),
		cmocka_unit_test(without_what_a_terminal_would_do),
		cmocka_unit_test(a_long_log_is_cut_at_its_beginning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
