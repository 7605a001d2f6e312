/* SPDX-License-Identifier: BSD-2-Clause */
/* modules.dep and modules.builtin: what is loaded, in which order; damage; and decompression within bounds. */
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
#include <zlib.h>
#include "../../arm/unpack.h"
#include "arm/modules.h"
#include "fake/play.h"
#include "util/cleanup.h"

#ifdef LKVM_HAVE_LZMA
#include <lzma.h>
#endif
#ifdef LKVM_HAVE_ZSTD
#include <zstd.h>
#endif

static char dep[] = "kernel/fs/netfs/netfs.ko:\n"
		    "kernel/net/9p/9pnet.ko.xz: kernel/fs/netfs/netfs.ko\n"
		    "kernel/fs/9p/9p.ko.xz: kernel/net/9p/9pnet.ko.xz kernel/fs/netfs/netfs.ko\n"
		    "kernel/drivers/virtio-mmio.ko:\n"
		    "kernel/loop_a.ko: kernel/loop_b.ko kernel/loop_a.ko\n"
		    "kernel/loop_b.ko: kernel/loop_a.ko kernel/loop_b.ko";
static char builtin[] = "kernel/drivers/char/virtio_console.ko\nkernel/fs/ext4/ext4.ko\n";
static const struct module_index index_all = { .dep = dep, .builtin = builtin };

/* The paths of @list, each with a blank behind. */
static const char *paths(struct module_list *list)
{
	static char text[1024];

	text[0] = '\0';
	for (unsigned int i = 0; i < list->nr; i++)
		strcat(strcat(text, list->path[i]), " ");
	module_list_free(list);
	return text;
}

static void what_a_module_needs_goes_first(void **state)
{
	struct module_list list = { 0 };

	(void)state;
	assert_int_equal(module_list_add(&list, &index_all, "9p"), 0);
	assert_string_equal(paths(&list), "kernel/fs/netfs/netfs.ko kernel/net/9p/9pnet.ko.xz "
					  "kernel/fs/9p/9p.ko.xz ");
}

static void nothing_goes_twice(void **state)
{
	struct module_list list = { 0 };

	(void)state;
	assert_int_equal(module_list_add(&list, &index_all, "9pnet"), 0);
	assert_int_equal(module_list_add(&list, &index_all, "9p"), 0);
	assert_int_equal(module_list_add(&list, &index_all, "9p"), 0);
	assert_string_equal(paths(&list), "kernel/fs/netfs/netfs.ko kernel/net/9p/9pnet.ko.xz "
					  "kernel/fs/9p/9p.ko.xz ");
}

static void dash_and_underscore_are_the_same(void **state)
{
	struct module_list list = { 0 };

	(void)state;
	assert_int_equal(module_list_add(&list, &index_all, "virtio_mmio"), 0);
	assert_string_equal(paths(&list), "kernel/drivers/virtio-mmio.ko ");
}

static void a_part_of_a_name_is_none(void **state)
{
	struct module_list list = { 0 };

	(void)state;
	assert_int_equal(module_list_add(&list, &index_all, "virtio"), -ENOENT);
	assert_int_equal(module_list_add(&list, &index_all, "pnet"), -ENOENT);
	assert_int_equal(module_list_add(&list, &index_all, "9pnet_virtio"), -ENOENT);
	assert_int_equal(list.nr, 0);
}

static void what_is_built_in_is_not_loaded(void **state)
{
	struct module_list list = { 0 };

	(void)state;
	assert_int_equal(module_list_add(&list, &index_all, "virtio_console"), 0);
	assert_int_equal(list.nr, 0);
}

static void what_may_be_built_in_is_not_missed(void **state)
{
	const struct module_index index = { .dep = dep };
	struct module_list list = { 0 };

	(void)state;
	assert_int_equal(module_list_add(&list, &index, "overlay"), 0);
	assert_int_equal(list.nr, 0);
}

static void a_circle_ends(void **state)
{
	struct module_list list = { 0 };

	(void)state;
	assert_int_equal(module_list_add(&list, &index_all, "loop_a"), 0);
	assert_int_equal(module_list_add(&list, &index_all, "loop_b"), 0);
	assert_string_equal(paths(&list), "kernel/loop_a.ko kernel/loop_b.ko ");
}

static void too_many_are_refused(void **state)
{
	char text[4096] = "big.ko:";
	const struct module_index index = { .dep = text };
	struct module_list list = { 0 };

	(void)state;
	for (int i = 0; i < MODULES_MAX; i++)
		sprintf(text + strlen(text), " m%d.ko", i);
	assert_int_equal(module_list_add(&list, &index, "big"), -E2BIG);
	assert_int_equal(list.nr, MODULES_MAX);
	module_list_free(&list);
}

static void damage_is_no_module(void **state)
{
	static const char *const texts[] = { "",    "\n\n",     ":::",    "a.ko",    ".ko:",
					     "x.k", "\n: a.ko", " 9p.ko", "9p.ko.xz" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct module_index index = { .dep = (char *)texts[i], .builtin = builtin };
		struct module_list list = { 0 };

		assert_int_equal(module_list_add(&list, &index, "9p"), i == 8 ? 0 : -ENOENT);
		module_list_free(&list);
	}
}

static void a_folder_that_is_not_there_says_what_to_do(void **state)
{
	struct module_index index;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(module_index_read(&index, "/nowhere/6.1", "6.1", &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nowhere/6.1"));
	assert_non_null(strstr(e.text, "--modules"));
	module_index_free(&index);
}

static void a_folder_without_an_index_is_named(void **state)
{
	char *dir = temp_dir();
	struct module_index index;
	struct err e = { 0 };

	(void)state;
	assert_true(module_index_read(&index, dir, "6.1", &e) < 0);
	assert_non_null(strstr(e.text, "modules.dep"));
	module_index_free(&index);
	temp_remove(dir);
}

/* --- Decompression --- */

#define MUCH (3 * 1024 * 1024 + 17)

static void assert_unpacks(const uint8_t *packed, size_t packed_size, const uint8_t *plain,
			   size_t plain_size)
{
	uint8_t *data;
	size_t size;
	struct err e = { 0 };

	if (unpack("file", packed, packed_size, &data, &size, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(size, plain_size);
	assert_memory_equal(data, plain, size);
	assert_int_equal(data[size], 0);
	free(data);
}

static void refuse(const uint8_t *packed, size_t packed_size, const char *why)
{
	uint8_t *data;
	size_t size;
	struct err e = { 0 };

	assert_true(unpack("file", packed, packed_size, &data, &size, &e) < 0);
	if (!strstr(e.text, why))
		fail_msg("'%s' instead of '%s'", e.text, why);
}

/* Cut anywhere, damaged anywhere in the middle: an error, or (never here) the same. */
static void assert_fragile(uint8_t *packed, size_t packed_size)
{
	for (size_t cut = 10; cut < packed_size; cut += packed_size / 5)
		refuse(packed, cut, "damaged");
	packed[packed_size / 2] ^= 0x55;
	refuse(packed, packed_size, "damaged");
}

static uint8_t *noise(void)
{
	uint8_t *plain = malloc(MUCH);
	uint32_t x = 1;

	assert_non_null(plain);
	for (size_t i = 0; i < MUCH; i++) {
		x = x * 1103515245 + 12345;
		plain[i] = i % 3 ? (uint8_t)(x >> 16) & 0x0f : (uint8_t)(x >> 24);
	}
	return plain;
}

static size_t gzip(uint8_t *to, size_t room, const uint8_t *from, size_t size)
{
	z_stream z = { .next_in = (uint8_t *)from,
		       .avail_in = (unsigned int)size,
		       .next_out = to,
		       .avail_out = (unsigned int)room };

	assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return room - z.avail_out;
}

#ifdef LKVM_HAVE_LZMA
static size_t xz(uint8_t *to, size_t room, const uint8_t *from, size_t size)
{
	size_t nr = 0;

	assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, from, size, to, &nr,
						 room),
			 LZMA_OK);
	return nr;
}
#endif

#ifdef LKVM_HAVE_ZSTD
static size_t zstd(uint8_t *to, size_t room, const uint8_t *from, size_t size)
{
	size_t nr = ZSTD_compress(to, room, from, size, 1);

	assert_false(ZSTD_isError(nr));
	return nr;
}
#endif

static const struct packer {
	const char *name;
	size_t (*pack)(uint8_t *to, size_t room, const uint8_t *from, size_t size);
	bool checked; /* it has a checksum */
} packers[] = {
	{ "gzip", gzip, true },
#ifdef LKVM_HAVE_LZMA
	{ "xz", xz, true },
#endif
#ifdef LKVM_HAVE_ZSTD
	{ "zstd", zstd, false },
#endif
};

static void each_format_comes_back_whole_or_not_at_all(void **state)
{
	autofree uint8_t *plain = noise(), *packed = malloc(2 * MUCH);
	uint8_t *room = packed;

	(void)state;
	for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
		const struct packer *p = &packers[i];
		size_t nr = p->pack(room, 2 * MUCH, plain, MUCH);

		print_message("%s: %zu of %d bytes\n", p->name, nr, MUCH);
		assert_unpacks(room, nr, plain, MUCH);
		if (p->checked)
			assert_fragile(room, nr);
		nr = p->pack(room, 2 * MUCH, plain, 0);
		assert_unpacks(room, nr, plain, 0);
	}
}

static void what_is_not_compressed_stays_as_it_is(void **state)
{
	autofree uint8_t *plain = noise();

	(void)state;
	assert_unpacks(plain, MUCH, plain, MUCH);
	assert_unpacks(plain, 0, plain, 0);
	assert_unpacks(plain, 1, plain, 1);
}

/* A small file that means a large one. */
static void a_bomb_is_defused(void **state)
{
	autofree uint8_t *zeros = calloc(1, UNPACK_MAX + 1), *packed = malloc(2 * MUCH);
	uint8_t *room = packed;

	(void)state;
	for (size_t i = 0; i < sizeof(packers) / sizeof(packers[0]); i++) {
		size_t nr = packers[i].pack(room, 2 * MUCH, zeros, UNPACK_MAX + 1);

		refuse(room, nr, "64 MiB");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_module_needs_goes_first),
		cmocka_unit_test(nothing_goes_twice),
		cmocka_unit_test(dash_and_underscore_are_the_same),
		cmocka_unit_test(a_part_of_a_name_is_none),
		cmocka_unit_test(what_is_built_in_is_not_loaded),
		cmocka_unit_test(what_may_be_built_in_is_not_missed),
		cmocka_unit_test(a_circle_ends),
		cmocka_unit_test(too_many_are_refused),
		cmocka_unit_test(damage_is_no_module),
		cmocka_unit_test(a_folder_that_is_not_there_says_what_to_do),
		cmocka_unit_test(a_folder_without_an_index_is_named),
		cmocka_unit_test(each_format_comes_back_whole_or_not_at_all),
		cmocka_unit_test(what_is_not_compressed_stays_as_it_is),
		cmocka_unit_test(a_bomb_is_defused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
