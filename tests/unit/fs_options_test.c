/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of --fs, and what the device shows of them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "arm/fs.h"
#include "fake/ring.h"
#include "util/bits.h"

#define TAG_36 "123456789012345678901234567890123456"

static struct fs_options options_of(const char *value)
{
	struct fs_options options = { 0 };
	struct err e = { 0 };

	assert_int_equal(fs_parse(&options, value, &e), 0);
	assert_string_equal(e.text, "");
	assert_int_equal(options.nr, 1);
	return options;
}

static void refused(const char *value, const char *why)
{
	struct fs_options options = { 0 };
	struct err e = { 0 };

	assert_true(fs_parse(&options, value, &e) < 0);
	if (!strstr(e.text, why))
		fail_msg("'%s' is not in '%s'", why, e.text);
	assert_non_null(strstr(e.text, value));
	assert_int_equal(options.nr, 0);
}

static void a_folder_and_a_tag_will_do(void **state)
{
	struct fs_options options = options_of("/srv/a,,b,tag");

	(void)state;
	assert_string_equal(options.fs[0].dir, "/srv/a,b");
	assert_string_equal(options.fs[0].tag, "tag");
	assert_null(options.fs[0].cache);
	assert_null(options.fs[0].sandbox);
	assert_int_equal(options.fs[0].bus, VIRTIO_BUS_DEFAULT);
	fs_options_free(&options);
}

static void all_keys_are_taken(void **state)
{
	struct fs_options options =
		options_of("d," TAG_36 ",cache=always,sandbox=chroot,transport=pci");

	(void)state;
	assert_string_equal(options.fs[0].tag, TAG_36);
	assert_string_equal(options.fs[0].cache, "always");
	assert_string_equal(options.fs[0].sandbox, "chroot");
	assert_int_equal(options.fs[0].bus, VIRTIO_BUS_PCI);
	fs_options_free(&options);
}

static void wrong_words_are_named(void **state)
{
	(void)state;
	refused("", "the folder is empty");
	refused(",tag", "the folder is empty");
	refused("d", "it has no tag");
	refused("d,", "is no tag");
	refused("d," TAG_36 "7", "is no tag");
	refused("d,a b", "printable");
	refused("d,t,", "nothing follows");
	refused("d,t,cache", "needs a value");
	refused("d,t,cache=some", "none of auto, always, none");
	refused("d,t,sandbox=", "none of namespace, chroot");
	refused("d,t,transport=isa", "isa");
	refused("d,t,ro", "'ro' is none of");
}

static void a_tag_is_one_folders(void **state)
{
	struct fs_options options = options_of("a,tag");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(fs_parse(&options, "b,tag", &e), -EEXIST);
	assert_int_equal(fs_parse(&options, "b,tag2", &e), 0);
	assert_int_equal(options.nr, 2);
	fs_options_free(&options);
}

static void there_is_an_end_to_folders(void **state)
{
	struct fs_options options = { 0 };
	struct err e = { 0 };
	char value[] = "d,a";

	(void)state;
	for (unsigned int i = 0; i < FS_MAX; i++) {
		value[2] = (char)('a' + i);
		assert_int_equal(fs_parse(&options, value, &e), 0);
	}
	assert_int_equal(fs_parse(&options, "d,z", &e), -E2BIG);
	assert_int_equal(options.nr, FS_MAX);
	fs_options_free(&options);
}

static void the_device_shows_its_tag_and_one_queue_of_requests(void **state)
{
	struct virtio_fs fs;
	struct ram ram;
	struct err e = { 0 };

	(void)state;
	ring_ram(&ram, 0x40000000, MiB);
	assert_int_equal(virtio_fs_init(&fs, "fs0", &ram,
					(struct vhost_backend){ .features = FEATURE_VERSION_1 },
					"tag", &e),
			 0);
	assert_int_equal(fs.dev.class->id, 26);
	assert_int_equal(fs.dev.nr_queues, 2);
	assert_int_equal(virtio_config_read(&fs.dev, 0, 4), get_le32("tag"));
	assert_int_equal(virtio_config_read(&fs.dev, 4, 8), 0);
	assert_int_equal(virtio_config_read(&fs.dev, 36, 4), 1);
	assert_int_equal(virtio_config_read(&fs.dev, 40, 4), 0);
	assert_int_equal(fs.dev.offered, FEATURE_VERSION_1);
	virtio_fs_destroy(&fs);
	ring_ram_free(&ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_and_a_tag_will_do),
		cmocka_unit_test(all_keys_are_taken),
		cmocka_unit_test(wrong_words_are_named),
		cmocka_unit_test(a_tag_is_one_folders),
		cmocka_unit_test(there_is_an_end_to_folders),
		cmocka_unit_test(the_device_shows_its_tag_and_one_queue_of_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
