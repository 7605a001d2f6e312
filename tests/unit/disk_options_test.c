/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of -d: what they mean, and what is said about those that mean nothing. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "arm/disks.h"

static int tear_down(void **state)
{
	disk_options_free(*state);
	return 0;
}

static int set_up(void **state)
{
	static struct disk_options disks;

	*state = &disks;
	return 0;
}

static const struct disk_option *parse(struct disk_options *disks, const char *value)
{
	struct err e = { 0 };

	if (disk_parse(disks, value, &e) < 0)
		fail_msg("%s", e.text);
	return &disks->disk[disks->nr - 1];
}

static void refused(struct disk_options *disks, const char *value, const char *words)
{
	struct err e = { 0 };
	uint32_t nr = disks->nr;

	assert_true(disk_parse(disks, value, &e) < 0);
	if (!strstr(e.text, words))
		fail_msg("'%s' does not say '%s'", e.text, words);
	assert_non_null(strstr(e.text, value));
	assert_int_equal(disks->nr, nr);
}

static void a_name_alone_has_the_defaults(void **state)
{
	const struct disk_option *disk = parse(*state, "a.img");

	assert_string_equal(disk->file.path, "a.img");
	assert_int_equal(disk->file.format, DISK_FORMAT_UNSAID);
	assert_int_equal(disk->file.cache, DISK_WRITEBACK);
	assert_int_equal(disk->file.aio, DISK_AIO_AUTO);
	assert_int_equal(disk->bus, VIRTIO_BUS_DEFAULT);
	assert_false(disk->file.readonly || disk->file.direct);
	assert_null(disk->serial);
	assert_null(disk->file.backing);
}

static void every_word_is_understood(void **state)
{
	const struct disk_option *disk =
		parse(*state, "a.img,ro,direct,serial=S1,format=qcow2,cache=unsafe,queues=4,"
			      "transport=pci,backing=b.img,backing-format=raw,aio=threads");

	assert_true(disk->file.readonly && disk->file.direct);
	assert_string_equal(disk->serial, "S1");
	assert_int_equal(disk->file.format, DISK_FORMAT_QCOW2);
	assert_int_equal(disk->file.cache, DISK_UNSAFE);
	assert_int_equal(disk->nr_queues, 4);
	assert_int_equal(disk->bus, VIRTIO_BUS_PCI);
	assert_string_equal(disk->file.backing, "b.img");
	assert_int_equal(disk->file.backing_format, DISK_FORMAT_RAW);
	assert_int_equal(disk->file.aio, DISK_AIO_THREADS);
}

static void a_doubled_comma_belongs_to_the_name(void **state)
{
	const struct disk_option *disk = parse(*state, "a,,b,,,ro,serial=x,,y");

	assert_string_equal(disk->file.path, "a,b,");
	assert_true(disk->file.readonly);
	assert_string_equal(disk->serial, "x,y");
}

static void a_later_word_overrides_an_earlier_one(void **state)
{
	const struct disk_option *disk =
		parse(*state, "a,serial=1,serial=2,format=raw,format=qcow2");

	assert_string_equal(disk->serial, "2");
	assert_int_equal(disk->file.format, DISK_FORMAT_QCOW2);
}

static void an_equals_sign_may_be_in_a_value(void **state)
{
	assert_string_equal(parse(*state, "a=b,serial=c=d")->serial, "c=d");
}

static void disks_keep_their_order(void **state)
{
	struct disk_options *disks = *state;

	parse(disks, "a");
	parse(disks, "b");
	assert_string_equal(disks->disk[0].file.path, "a");
	assert_string_equal(disks->disk[1].file.path, "b");
}

static void nonsense_is_named(void **state)
{
	static const char *const lines[][2] = {
		{ "", "the name of the file is empty" },
		{ ",ro", "the name of the file is empty" },
		{ "a,", "nothing follows a comma" },
		{ "a,ro,", "nothing follows a comma" },
		{ "a,foo", "'foo' is none of ro, direct" },
		{ "a,foo=1", "'foo' is none of ro, direct" },
		{ "a,ro=1", "'ro' takes no value" },
		{ "a,serial", "'serial' needs a value" },
		{ "a,serial=", "is no serial number" },
		{ "a,serial=123456789012345678901", "1 to 20 characters" },
		{ "a,serial=\t", "printable" },
		{ "a,format=", "'' is none of raw, qcow2" },
		{ "a,format=vdi", "format: 'vdi' is none of raw, qcow2" },
		{ "a,cache=none", "'none' is none of writeback" },
		{ "a,queues=0", "1 to 16 queues" },
		{ "a,queues=17", "1 to 16 queues" },
		{ "a,queues=4294967296", "1 to 16 queues" },
		{ "a,queues=-1", "not a whole number" },
		{ "a,transport=isa", "'isa' is none of mmio, pci" },
		{ "a,backing=", "the name of the file is empty" },
		{ "a,backing-format=raw", "'backing-format' needs 'backing='" },
		{ "a,aio=native", "'native' is none of auto" },
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		refused(*state, lines[i][0], lines[i][1]);
}

static void there_is_a_most(void **state)
{
	struct disk_options *disks = *state;

	for (unsigned int i = 0; i < DISKS_MAX; i++)
		parse(disks, "a");
	refused(disks, "b", "up to 32 disks");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_name_alone_has_the_defaults),
		TEST(every_word_is_understood),
		TEST(a_doubled_comma_belongs_to_the_name),
		TEST(a_later_word_overrides_an_earlier_one),
		TEST(an_equals_sign_may_be_in_a_value),
		TEST(disks_keep_their_order),
		TEST(nonsense_is_named),
		TEST(there_is_a_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
