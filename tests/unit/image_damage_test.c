/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel files that are missing, cut or damaged: the words of each refusal. */
#include "image_files.h"

/* Files that are none. */

static void a_missing_file_is_named(void **state)
{
	char words[100];

	(void)state;
	snprintf(words, sizeof(words), "Unable to open kernel %s: No such file or directory", path);
	assert_int_equal(image_open(&image, path, &err), -ENOENT);
	assert_string_equal(err.text, words);
	assert_int_equal(image.fd, -1);
}

static void a_directory_is_refused(void **state)
{
	(void)state;
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(image_open(&image, path, &err), -EISDIR);
	assert_says("Unable to open kernel");
	assert_says("it is a directory");
}

static void a_fifo_is_refused_without_waiting(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(image_open(&image, path, &err) < 0);
	assert_says("not a regular file");
}

static void an_empty_file_is_refused(void **state)
{
	(void)state;
	refused("", 0, "is empty");
	assert_true(image_from_memory(&image, "guest", "", 0, &err) < 0);
	assert_int_equal(image.fd, -1);
}

static void a_file_shorter_than_an_instruction_is_refused(void **state)
{
	(void)state;
	refused("abc", 3, "too short for a kernel: 3 bytes");
	refused(file, gzip(file, (const uint8_t *)"abc", 3), "3 bytes decompressed");
	refused(file, gzip(file, NULL, 0), "0 bytes decompressed");
}

/* Damage. */

static void an_image_cut_in_its_header_is_truncated(void **state)
{
	(void)state;
	make_image(plain, 64, 0, 64);
	for (size_t len = 60; len < 64; len++) {
		refused(plain, len, "is truncated");
		refused(file, gzip(file, plain, len), "is truncated");
	}
}

static void an_image_shorter_than_its_sections_is_truncated(void **state)
{
	(void)state;
	make_image(plain, 8192, 0, 8192);
	add_pe(plain, 4096, 4096);
	opens(plain, 8192);
	image_close(&image);
	refused(plain, 8191, "it has 8191 of 8192 bytes");
	add_pe(plain, 0xffffffff, 0xffffffff);
	refused(plain, 8192, "it has 8192 of 8589934590 bytes");
}

static void a_section_without_bytes_promises_none(void **state)
{
	(void)state;
	make_image(plain, 8192, 0, 8192);
	add_pe(plain, 0, 0x100000);
	opens(plain, 8192);
	image_close(&image);
	add_pe(plain, 0x100000, 0);
	opens(plain, 8192);
}

static void a_section_table_that_leaves_the_first_bytes_is_not_followed(void **state)
{
	(void)state;
	make_image(plain, 8192, 0, 8192);
	memset(plain + 64, 0, 8192 - 64);
	add_pe(plain, 4096, 4096);
	put_le(plain + 64 + 6, 0xffff, 2);
	opens(plain, 8192);
	image_close(&image);
	put_le(plain + 64 + 20, 0xffff, 2);
	opens(plain, 8192);
	image_close(&image);
	memcpy(plain + 8188, "PE\0\0", 4);
	put_le(plain + 60, 8188, 4);
	opens(plain, 8192);
	image_close(&image);
	put_le(plain + 60, 0xffffffff, 4);
	opens(plain, 8192);
}

static void a_text_offset_between_instructions_is_damage(void **state)
{
	(void)state;
	make_image(plain, 4096, 0x80002, 4096);
	refused(plain, 4096, "text_offset 0x80002");
}

static void a_size_that_wraps_is_damage(void **state)
{
	(void)state;
	make_image(plain, 4096, 0x80000, UINT64_MAX - 0x7ffff);
	refused(plain, 4096, "image_size 0xfffffffffff80000");
	refused(file, gzip(file, plain, 4096), "is damaged");
	make_image(plain, 4096, UINT64_MAX - 3, 1);
	refused(plain, 4096, "text_offset 0xfffffffffffffffc");
}

static void a_gzip_stream_that_ends_early_is_truncated(void **state)
{
	size_t len;

	(void)state;
	make_image(plain, BIG, 0, BIG);
	len = gzip(file, plain, BIG);
	does_not_load(file, len - 1, "is truncated: its gzip stream ends early");
	image_close(&image);
	does_not_load(file, len / 2, "is truncated: its gzip stream ends early");
	image_close(&image);
	for (size_t i = 2; i < 100; i++)
		refused(file, i, "is truncated: its gzip stream ends early");
}

static void a_gzip_stream_with_a_wrong_sum_is_damaged(void **state)
{
	size_t len;

	(void)state;
	make_image(plain, BIG, 0, BIG);
	len = gzip(file, plain, BIG);
	file[len - 8] ^= 1;
	does_not_load(file, len, "is damaged: gzip: incorrect data check");
}

static void a_gzip_stream_with_a_wrong_length_is_damaged(void **state)
{
	size_t len;

	(void)state;
	make_image(plain, BIG, 0, BIG);
	len = gzip(file, plain, BIG);
	file[len - 1] ^= 1;
	does_not_load(file, len, "is damaged: gzip: incorrect length check");
}

static void a_gzip_header_with_an_unknown_method_is_damaged(void **state)
{
	size_t len;

	(void)state;
	fill_code(plain, 100);
	len = gzip(file, plain, 100);
	file[2] = 7;
	refused(file, len, "is damaged: gzip: unknown compression method");
}

static void a_file_cut_after_it_was_opened_is_noticed(void **state)
{
	(void)state;
	fill_code(plain, BIG);
	opens(plain, BIG);
	assert_int_equal(truncate(path, BIG / 2), 0);
	assert_int_equal(load(), -EIO);
	assert_says("became shorter");
	image_close(&image);
	opens(file, gzip(file, plain, BIG));
	assert_int_equal(truncate(path, BIG / 2), 0);
	assert_int_equal(load(), -EIO);
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	(void)state;
	fill_code(plain, BIG);
	opens(plain, BIG);
	close(image.fd);
	image.fd = open("/", O_RDONLY);
	assert_int_equal(load(), -EISDIR);
	assert_says("cannot read kernel");
	assert_says("Is a directory");
}

static void a_zboot_header_cut_short_is_truncated(void **state)
{
	(void)state;
	make_zboot("", 0, "gzip");
	for (size_t len = 8; len < 64; len++)
		refused(file, len, "is truncated");
}

static void a_zboot_payload_beyond_the_file_is_truncated(void **state)
{
	size_t len;

	(void)state;
	make_image(plain, 4096, 0, 4096);
	len = gzip(file, plain, 4096);
	len = make_zboot(file, len, "gzip");
	refused(file, len - 1, "is truncated: the payload");
	put_le(file + 12, 0xffffffff, 4);
	refused(file, len, "is truncated: the payload");
	put_le(file + 12, 0, 4);
	put_le(file + 8, len + 1, 4);
	refused(file, len, "is truncated: the payload");
	put_le(file + 8, 0xffffffff, 4);
	refused(file, len, "is truncated: the payload");
}

static void a_zboot_payload_that_is_empty_is_truncated(void **state)
{
	(void)state;
	refused(file, make_zboot("", 0, "gzip"), "its gzip stream ends early");
}

static void a_zboot_payload_that_is_no_gzip_stream_is_damaged(void **state)
{
	(void)state;
	refused(file, make_zboot("plain text", 10, "gzip"), "is damaged: gzip: incorrect header");
}

static void a_zboot_image_of_another_compression_is_named(void **state)
{
	(void)state;
	refused(file, make_zboot("", 0, "zstd22"), "an EFI zboot image compressed by 'zstd22'");
	refused(file, make_zboot("", 0, "gzip2"), "compressed by 'gzip2'");
	refused(file, make_zboot("", 0, "xz\x1b]0;boo"), "compressed by 'xz'");
	refused(file, make_zboot("", 0, "abcdefghijabcdefghijabcdefghij12"),
		"compressed by 'abcdefghijabcdefghijabcdefghij12'");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_missing_file_is_named),
		TEST(a_directory_is_refused),
		TEST(a_fifo_is_refused_without_waiting),
		TEST(an_empty_file_is_refused),
		TEST(a_file_shorter_than_an_instruction_is_refused),
		TEST(an_image_cut_in_its_header_is_truncated),
		TEST(an_image_shorter_than_its_sections_is_truncated),
		TEST(a_section_without_bytes_promises_none),
		TEST(a_section_table_that_leaves_the_first_bytes_is_not_followed),
		TEST(a_text_offset_between_instructions_is_damage),
		TEST(a_size_that_wraps_is_damage),
		TEST(a_gzip_stream_that_ends_early_is_truncated),
		TEST(a_gzip_stream_with_a_wrong_sum_is_damaged),
		TEST(a_gzip_stream_with_a_wrong_length_is_damaged),
		TEST(a_gzip_header_with_an_unknown_method_is_damaged),
		TEST(a_file_cut_after_it_was_opened_is_noticed),
		TEST(a_file_that_cannot_be_read_is_named),
		TEST(a_zboot_header_cut_short_is_truncated),
		TEST(a_zboot_payload_beyond_the_file_is_truncated),
		TEST(a_zboot_payload_that_is_empty_is_truncated),
		TEST(a_zboot_payload_that_is_no_gzip_stream_is_damaged),
		TEST(a_zboot_image_of_another_compression_is_named),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
