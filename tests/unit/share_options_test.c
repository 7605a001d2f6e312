/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of --9p: what they mean, and what is said about those that mean nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "arm/shares.h"

static struct share_options shares;

static int tear_down(void **state)
{
	(void)state;
	share_options_free(&shares);
	return 0;
}

static const struct share_option *parse(const char *value)
{
	struct err e = { 0 };

	if (share_parse(&shares, value, &e) < 0)
		fail_msg("%s", e.text);
	return &shares.share[shares.nr - 1];
}

static void refused(const char *value, const char *words)
{
	struct err e = { 0 };
	uint32_t nr = shares.nr;

	assert_true(share_parse(&shares, value, &e) < 0);
	if (!strstr(e.text, words))
		fail_msg("'%s' does not say '%s'", e.text, words);
	assert_non_null(strstr(e.text, value));
	assert_int_equal(shares.nr, nr);
}

static void a_folder_and_a_tag_have_the_defaults(void **state)
{
	const struct share_option *share = parse("/srv,data");

	(void)state;
	assert_string_equal(share->dir, "/srv");
	assert_string_equal(share->tag, "data");
	assert_false(share->ro);
	assert_int_equal(share->bus, VIRTIO_BUS_DEFAULT);
}

static void every_word_is_understood(void **state)
{
	const struct share_option *share = parse("/srv,,x,data,ro,transport=pci");

	(void)state;
	assert_string_equal(share->dir, "/srv,x");
	assert_true(share->ro);
	assert_int_equal(share->bus, VIRTIO_BUS_PCI);
	assert_int_equal(parse("b,other,transport=mmio")->bus, VIRTIO_BUS_MMIO);
}

static void words_without_a_meaning_are_refused(void **state)
{
	(void)state;
	refused("/srv", "has no tag");
	refused("", "has no tag");
	refused(",tag", "the name of the folder is empty");
	refused("/srv,", "'' is no tag");
	refused("/srv,a b", "no blanks");
	refused("/srv,tag,", "nothing follows a comma");
	refused("/srv,tag,rw", "'rw' is none of ro, transport=");
	refused("/srv,tag,transport=usb", "'usb' is none of mmio, pci");
	refused("/srv,0123456789012345678901234567890123456789012345678901234567890123",
		"1 to 63 characters");
}

static void a_tag_is_taken_once(void **state)
{
	(void)state;
	parse("/srv,tag");
	refused("/home,tag", "the tag 'tag' is taken: '/srv' has it");
}

static void there_is_a_limit(void **state)
{
	char value[32];

	(void)state;
	for (unsigned int i = 0; i < SHARES_MAX; i++) {
		snprintf(value, sizeof(value), "/srv,tag%u", i);
		parse(value);
	}
	refused("/srv,more", "up to 16 shared folders");
}

static void one_that_nobody_typed_is_copied(void **state)
{
	char dir[] = "/", tag[] = "root";
	struct share_option share = { .dir = dir, .tag = tag, .ro = true };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(share_add(&shares, share, &e), 0);
	dir[0] = 'x';
	assert_string_equal(shares.share[0].dir, "/");
	assert_true(shares.share[0].ro);
}

#define TEST(name) cmocka_unit_test_teardown(name, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_folder_and_a_tag_have_the_defaults),
		TEST(every_word_is_understood),
		TEST(words_without_a_meaning_are_refused),
		TEST(a_tag_is_taken_once),
		TEST(there_is_a_limit),
		TEST(one_that_nobody_typed_is_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
