/* SPDX-License-Identifier: BSD-2-Clause */
/* Errors on their way up. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "util/cleanup.h"
#include "util/err.h"

static void a_set_error_has_its_text_and_its_code(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, ENOENT, "no %s number %d", "thing", 7), -ENOENT);
	assert_string_equal(e.text, "no thing number 7");
}

static void a_system_error_names_its_reason(void **state)
{
	struct err e = { 0 };

	(void)state;
	errno = EACCES;
	assert_int_equal(err_sys(&e, "cannot open %s", "x"), -EACCES);
	assert_string_equal(e.text, "cannot open x: Permission denied");
}

static void wrapping_puts_a_name_before_the_cause(void **state)
{
	struct err e = { 0 };

	(void)state;
	err_set(&e, EINVAL, "not a number");
	assert_int_equal(err_wrap(&e, -EINVAL, "--%s", "mem"), -EINVAL);
	assert_string_equal(e.text, "--mem: not a number");
}

static void nobody_needs_to_listen(void **state)
{
	(void)state;
	errno = ENOMEM;
	assert_int_equal(err_set(NULL, EINVAL, "x"), -EINVAL);
	assert_int_equal(err_sys(NULL, "x"), -ENOMEM);
	assert_int_equal(err_wrap(NULL, -EPERM, "x"), -EPERM);
}

static void a_text_that_is_too_long_is_cut_and_terminated(void **state)
{
	char text[3000];
	struct err e = { 0 };

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&e, EINVAL, "%s", text);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	errno = EINVAL;
	err_sys(&e, "%s", text);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	err_wrap(&e, -EINVAL, "%s", text);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	err_set(&e, EINVAL, "%s", text);
	err_wrap(&e, -EINVAL, "name");
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	assert_memory_equal(e.text, "name: xxx", 9);
}

static void closing_a_descriptor_makes_it_none_and_keeps_errno(void **state)
{
	int fd = dup(2), same = fd;

	(void)state;
	errno = EDOM;
	close_fd(&fd);
	assert_int_equal(fd, -1);
	close_fd(&fd);
	assert_int_equal(errno, EDOM);
	assert_int_equal(dup2(2, same), same); /* its number is free */
	close_fd(&same);
	fd = -ENODEV; /* what a failed call left */
	close_fd(&fd);
	assert_int_equal(fd, -1);
}

static void a_taken_descriptor_stays_open(void **state)
{
	int kept;

	(void)state;
	{
		autofd int fd = dup(2);

		kept = take_fd(&fd);
		assert_int_equal(fd, -1);
	}
	assert_int_equal(close(kept), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_set_error_has_its_text_and_its_code),
		cmocka_unit_test(a_system_error_names_its_reason),
		cmocka_unit_test(wrapping_puts_a_name_before_the_cause),
		cmocka_unit_test(nobody_needs_to_listen),
		cmocka_unit_test(a_text_that_is_too_long_is_cut_and_terminated),
		cmocka_unit_test(closing_a_descriptor_makes_it_none_and_keeps_errno),
		cmocka_unit_test(a_taken_descriptor_stays_open),
	};

	return cmocka_run_group_tests_name("err", tests, NULL, NULL);
}
