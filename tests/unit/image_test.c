/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel files that are taken: where they go and what they need. */
#include "image_files.h"

static void an_image_loads_at_its_text_offset(void **state)
{
	(void)state;
	make_image(plain, BIG, 0x1000, 0);
	put_le(plain + 16, BIG, 8);
	loads(plain, BIG);
	assert_false(image.flat);
	assert_loaded(0x1000, plain, BIG);
	assert_int_equal(end, entry + BIG);
}

static void image_size_is_the_end_where_it_is_more_than_the_file(void **state)
{
	(void)state;
	make_image(plain, 4096, 0, 0x12345);
	loads(plain, 4096);
	assert_loaded(0, plain, 4096);
	assert_int_equal(end, BASE + 0x12345);
}

static void the_file_is_the_end_where_image_size_is_less(void **state)
{
	(void)state;
	make_image(plain, 4096, 0, 100);
	loads(plain, 4096);
	assert_int_equal(end, BASE + 4096);
}

static void an_image_without_image_size_goes_where_old_kernels_went(void **state)
{
	(void)state;
	make_image(plain, 4096, 0x7000000000000000, 0);
	loads(plain, 4096);
	assert_loaded(0x80000, plain, 4096);
	assert_int_equal(end, BASE + 0x80000 + 4096);
}

static void an_image_of_its_header_alone_is_one(void **state)
{
	(void)state;
	make_image(plain, 64, 0, 64);
	loads(plain, 64);
	assert_loaded(0, plain, 64);
}

static void an_image_compressed_by_gzip_is_inflated(void **state)
{
	(void)state;
	make_image(plain, BIG, 0x2000, BIG + 4096);
	loads(file, gzip(file, plain, BIG));
	assert_true(image.gzip);
	assert_loaded(0x2000, plain, BIG);
	assert_int_equal(end, entry + BIG + 4096);
}

static void a_compressed_image_may_be_shorter_than_its_sections(void **state)
{
	(void)state;
	make_image(plain, BIG, 0, BIG);
	memset(plain + 64, 0, BIG - 64);
	add_pe(plain, 4096, BIG - 4096);
	loads(file, gzip(file, plain, BIG));
	assert_loaded(0, plain, BIG);
}

static void an_old_image_compressed_by_gzip_ends_where_its_bytes_do(void **state)
{
	(void)state;
	make_image(plain, BIG, 0, 0);
	loads(file, gzip(file, plain, BIG));
	assert_loaded(0x80000, plain, BIG);
	assert_int_equal(end, entry + BIG);
}

static void a_flat_binary_loads_at_its_fixed_offset(void **state)
{
	(void)state;
	fill_code(plain, 80);
	loads(plain, 80);
	assert_true(image.flat);
	assert_loaded(IMAGE_FLAT_OFFSET, plain, 80);
	assert_int_equal(end, entry + 80);
}

static void one_instruction_is_a_flat_binary(void **state)
{
	(void)state;
	loads("\x00\x00\x00\x14", 4);
	assert_loaded(IMAGE_FLAT_OFFSET, "\x00\x00\x00\x14", 4);
}

static void a_flat_binary_compressed_by_gzip_is_inflated(void **state)
{
	(void)state;
	fill_code(plain, BIG);
	loads(file, gzip(file, plain, BIG));
	assert_true(image.flat && image.gzip);
	assert_loaded(IMAGE_FLAT_OFFSET, plain, BIG);
	assert_int_equal(end, entry + BIG);
}

static void what_follows_a_gzip_stream_is_ignored(void **state)
{
	size_t len;

	(void)state;
	fill_code(plain, BIG);
	len = gzip(file, plain, BIG);
	memset(file + len, 0xff, 100000);
	loads(file, len + 100000);
	assert_int_equal(end, entry + BIG);
}

static void a_zboot_image_yields_its_payload(void **state)
{
	size_t len;

	(void)state;
	make_image(plain, BIG, 0, BIG);
	len = gzip(file, plain, BIG);
	loads(file, make_zboot(file, len, "gzip"));
	assert_loaded(0, plain, BIG);
}

static void a_zboot_payload_ends_where_its_header_says(void **state)
{
	size_t len;

	(void)state;
	make_image(plain, BIG, 0, BIG);
	len = gzip(file, plain, BIG);
	len = make_zboot(file, len, "gzip");
	memset(file + len, 'x', 1000);
	loads(file, len + 1000);
	assert_int_equal(image.data_size, len - 256);
}

static void a_kernel_in_memory_loads_like_a_file(void **state)
{
	(void)state;
	fill_code(plain, 80);
	assert_int_equal(image_from_memory(&image, "guest", plain, 80, &err), 0);
	assert_int_equal(load(), 0);
	assert_loaded(IMAGE_FLAT_OFFSET, plain, 80);
}

static void a_kernel_that_fills_ram_to_the_last_byte_fits(void **state)
{
	(void)state;
	make_image(plain, 4096, 0x1000, RAM_SIZE - 0x1000);
	loads(plain, 4096);
	assert_int_equal(end, BASE + RAM_SIZE);
}

static void a_gzip_stream_that_fills_ram_to_the_last_byte_fits(void **state)
{
	(void)state;
	fill_code(plain, RAM_SIZE - IMAGE_FLAT_OFFSET);
	loads(file, gzip(file, plain, RAM_SIZE - IMAGE_FLAT_OFFSET));
	assert_int_equal(end, BASE + RAM_SIZE);
}

static void ram_of_gigabytes_takes_a_gzip_stream(void **state)
{
	(void)state;
	ram_destroy(&ram);
	/* What is above text_offset has a size of which zlib's 32 bits hold nothing. */
	assert_int_equal(ram_create(&ram, BASE, 4 * GiB + IMAGE_FLAT_OFFSET, NULL, false, &err), 0);
	fill_code(plain, BIG);
	loads(file, gzip(file, plain, BIG));
	assert_loaded(IMAGE_FLAT_OFFSET, plain, BIG);
}

static void code_that_begins_like_an_lzma_file_is_code(void **state)
{
	(void)state;
	fill_code(plain, 80);
	memcpy(plain, "\x5d\x00\x00\x14", 4); /* b .+0x174 */
	loads(plain, 80);
}

static void loading_twice_is_fine(void **state)
{
	(void)state;
	make_image(plain, BIG, 0, BIG);
	loads(file, gzip(file, plain, BIG));
	memset(ram.host, 0, BIG);
	assert_int_equal(load(), 0);
	assert_loaded(0, plain, BIG);
}

static void a_closed_image_can_be_closed(void **state)
{
	(void)state;
	opens("\x00\x00\x00\x14", 4);
	image_close(&image);
	assert_int_equal(image.fd, -1);
	image_close(&image);
}

/* Too large. */

static void an_image_that_does_not_fit_says_what_it_needs(void **state)
{
	(void)state;
	make_image(plain, 4096, 0x1000, RAM_SIZE - 0xfff);
	does_not_load(plain, 4096, "needs 3 MiB of RAM, the VM has 2: use --mem");
	assert_int_equal(load(), -ENOMEM);
}

static void an_image_size_of_exabytes_does_not_fit(void **state)
{
	(void)state;
	make_image(plain, 4096, 0, UINT64_MAX);
	does_not_load(plain, 4096, "needs 17592186044416 MiB of RAM");
	image_close(&image);
	does_not_load(file, gzip(file, plain, 4096), "needs 17592186044416 MiB of RAM");
}

static void a_text_offset_beyond_ram_does_not_fit(void **state)
{
	(void)state;
	make_image(plain, 4096, RAM_SIZE, 4096);
	does_not_load(plain, 4096, "needs 3 MiB of RAM, the VM has 2");
	image_close(&image);
	make_image(plain, 4096, 1ULL << 62, 4096);
	does_not_load(plain, 4096, "use --mem");
}

static void a_flat_binary_larger_than_ram_does_not_fit(void **state)
{
	(void)state;
	fill_code(plain, RAM_SIZE);
	does_not_load(plain, RAM_SIZE - IMAGE_FLAT_OFFSET + 1, "needs 3 MiB of RAM, the VM has 2");
}

static void a_gzip_stream_larger_than_ram_does_not_fit(void **state)
{
	(void)state;
	fill_code(plain, RAM_SIZE);
	does_not_load(file, gzip(file, plain, RAM_SIZE - IMAGE_FLAT_OFFSET + 1),
		      "needs more than the VM's 2 MiB of RAM: use --mem");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(an_image_loads_at_its_text_offset),
		TEST(image_size_is_the_end_where_it_is_more_than_the_file),
		TEST(the_file_is_the_end_where_image_size_is_less),
		TEST(an_image_without_image_size_goes_where_old_kernels_went),
		TEST(an_image_of_its_header_alone_is_one),
		TEST(an_image_compressed_by_gzip_is_inflated),
		TEST(a_compressed_image_may_be_shorter_than_its_sections),
		TEST(an_old_image_compressed_by_gzip_ends_where_its_bytes_do),
		TEST(a_flat_binary_loads_at_its_fixed_offset),
		TEST(one_instruction_is_a_flat_binary),
		TEST(a_flat_binary_compressed_by_gzip_is_inflated),
		TEST(what_follows_a_gzip_stream_is_ignored),
		TEST(a_zboot_image_yields_its_payload),
		TEST(a_zboot_payload_ends_where_its_header_says),
		TEST(a_kernel_in_memory_loads_like_a_file),
		TEST(a_kernel_that_fills_ram_to_the_last_byte_fits),
		TEST(a_gzip_stream_that_fills_ram_to_the_last_byte_fits),
		TEST(ram_of_gigabytes_takes_a_gzip_stream),
		TEST(code_that_begins_like_an_lzma_file_is_code),
		TEST(loading_twice_is_fine),
		TEST(a_closed_image_can_be_closed),
		TEST(an_image_that_does_not_fit_says_what_it_needs),
		TEST(an_image_size_of_exabytes_does_not_fit),
		TEST(a_text_offset_beyond_ram_does_not_fit),
		TEST(a_flat_binary_larger_than_ram_does_not_fit),
		TEST(a_gzip_stream_larger_than_ram_does_not_fit),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
