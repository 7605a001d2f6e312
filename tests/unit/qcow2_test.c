/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2 images that are odd, damaged or made to harm: what is refused, with which words, and what is not. */
#include "qcow2_world.h"

#define CLUSTER 4096

static const struct shape small = { .cluster_bits = 12, .size = 64 * CLUSTER };

/* Opening must fail, with @word in the message; the file stays as it is. */
static void refused(int fd, bool readonly, const struct disk_file *backing, const char *word)
{
	struct disk_file file = file_of(fd, readonly);
	struct image_config cfg = { .file = &file,
				    .backing = backing,
				    .backing_format = DISK_FORMAT_QCOW2 };
	struct disk_image image;
	struct err e = { 0 };

	if (qcow2_open(&image, &cfg, &e) == 0)
		fail_msg("it opens, and should not: %s", word);
	if (!strstr(e.text, word))
		fail_msg("\"%s\" does not say \"%s\"", e.text, word);
}

static void a_header_out_of_bounds_is_refused(void **state)
{
	static const struct {
		unsigned int off, width;
		uint64_t value;
		const char *word;
	} rows[] = {
		{ 0, 4, 0x514649fc, "not a qcow2 image" },
		{ 4, 4, 1, "version 1" },
		{ 4, 4, 4, "version 4" },
		{ 20, 4, 8, "2^8" },
		{ 20, 4, 22, "2^22" },
		{ 20, 4, UINT32_MAX, "2^4294967295" },
		{ 24, 8, 0, "empty" },
		{ 24, 8, UINT64_MAX, "too big" },
		{ 24, 8, 1ULL << 40, "L1 table has" },
		{ 32, 4, 1, "encrypted" },
		{ 32, 4, 2, "encrypted" },
		{ 36, 4, UINT32_MAX, "too big" },
		{ 36, 4, 0, "L1 table has 0" },
		{ 36, 4, 4096, "L1 table is outside" },
		{ 40, 8, 0, "L1 table is outside" },
		{ 40, 8, 3 * CLUSTER + 8, "L1 table is outside" },
		{ 40, 8, 1ULL << 50, "L1 table is outside" },
		{ 40, 8, -4096ULL, "L1 table is outside" },
		{ 48, 8, 0, "refcount table is outside" },
		{ 48, 8, 1ULL << 50, "refcount table is outside" },
		{ 56, 4, 0, "refcount table has 0" },
		{ 56, 4, 5, "refcount table is outside" },
		{ 56, 4, UINT32_MAX, "refcount table has" },
		{ 72, 8, 4, "another file" },
		{ 72, 8, 8, "compression" },
		{ 72, 8, 16, "subclusters" },
		{ 72, 8, 1ULL << 63 | 1, "0x8000000000000000" },
		{ 96, 4, 7, "2^7" },
		{ 100, 4, 96, "96 bytes" },
		{ 100, 4, 108, "108 bytes" },
		{ 100, 4, 1 << 20, "1048576 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shape shape = small;
		int fd = make_image(&shape);

		if (rows[i].width == 4)
			raw_be32(fd, rows[i].off, (uint32_t)rows[i].value);
		else
			raw_be64(fd, rows[i].off, rows[i].value);
		refused(fd, false, NULL, rows[i].word);
		close(fd);
	}
}

static void zstd_is_refused_by_name(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);

	(void)state;
	raw_be64(fd, 72, 8);
	raw_be32(fd, 100, 112);
	raw_write(fd, 104, "\1", 1);
	refused(fd, false, NULL, "zstd");
	close(fd);
}

static void a_file_that_is_too_short_is_refused(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);

	(void)state;
	assert_int_equal(ftruncate(fd, 104), 0);
	refused(fd, false, NULL, "outside");
	assert_int_equal(ftruncate(fd, 71), 0);
	refused(fd, false, NULL, "not a qcow2 image");
	close(fd);
}

static void what_is_no_plain_file_is_refused(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	struct disk_file file = file_of(fd, false);
	struct image_config cfg = { .file = &file };
	struct disk_image image;
	struct err e = { 0 };

	(void)state;
	file.is_device = true;
	assert_true(qcow2_open(&image, &cfg, &e) < 0);
	assert_non_null(strstr(e.text, "block device"));
	file.is_device = false;
	file.io_align = 512;
	assert_true(qcow2_open(&image, &cfg, &e) < 0);
	assert_non_null(strstr(e.text, "direct"));
	close(fd);
}

static void an_image_in_doubt_is_for_reading_only(void **state)
{
	(void)state;
	for (uint64_t bit = 1; bit <= 2; bit++) {
		struct shape shape = small;
		int fd = make_image(&shape);
		struct disk_file file = file_of(fd, true);
		struct image_config cfg = { .file = &file };
		struct disk_image image;
		uint8_t buf[512];

		raw_be64(fd, 72, bit);
		refused(fd, false, NULL, "qemu-img check -r all");
		assert_int_equal(qcow2_open(&image, &cfg, NULL), 0);
		assert_int_equal(request(&image, BLOCK_READ, 0, buf, 512, false), 0);
		assert_int_equal(request(&image, BLOCK_WRITE, 0, buf, 512, false), -EROFS);
		image.ops->close(image.ctx);
		close(fd);
	}
}

static void lead_l1_to_a_block(int fd)
{
	raw_be64(fd, AT_L1 * CLUSTER, AT_BLOCK * CLUSTER | QCOW2_COPIED);
}

static void lead_l1_to_itself(int fd)
{
	raw_be64(fd, AT_L1 * CLUSTER, AT_L1 * CLUSTER | QCOW2_COPIED);
}

static void lead_l1_to_the_header(int fd)
{
	raw_be64(fd, AT_L1 * CLUSTER, QCOW2_COPIED);
}

static void lead_l1_beyond_the_end(int fd)
{
	raw_be64(fd, AT_L1 * CLUSTER, 100 * CLUSTER | QCOW2_COPIED);
}

static void lead_l1_between_clusters(int fd)
{
	raw_be64(fd, AT_L1 * CLUSTER, (4 * CLUSTER + 512) | QCOW2_COPIED);
}

static void use_a_block_twice(int fd)
{
	raw_be64(fd, AT_REFTABLE * CLUSTER + 8, AT_BLOCK * CLUSTER);
}

static void lead_reftable_to_itself(int fd)
{
	raw_be64(fd, AT_REFTABLE * CLUSTER + 8, AT_REFTABLE * CLUSTER);
}

static void lead_reftable_beyond_the_end(int fd)
{
	raw_be64(fd, AT_REFTABLE * CLUSTER + 8, 1ULL << 60);
}

static void tables_in_impossible_places_are_not_written_to(void **state)
{
	static const struct {
		void (*spoil)(int fd);
		const char *word;
	} rows[] = {
		{ lead_l1_to_a_block, "two of its tables" },
		{ lead_l1_to_itself, "two of its tables" },
		{ lead_l1_to_the_header, "entry 0 of its L1 table" },
		{ lead_l1_beyond_the_end, "entry 0 of its L1 table" },
		{ lead_l1_between_clusters, "entry 0 of its L1 table" },
		{ use_a_block_twice, "two of its tables" },
		{ lead_reftable_to_itself, "two of its tables" },
		{ lead_reftable_beyond_the_end, "entry 1 of its refcount table" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct shape shape = small;
		int fd = make_image(&shape);
		struct disk_file file = file_of(fd, true);
		struct image_config cfg = { .file = &file };
		struct disk_image image;
		uint8_t buf[4096];

		rows[i].spoil(fd);
		refused(fd, false, NULL, rows[i].word);
		/* For reading it opens, and each read ends, one way or the other. */
		assert_int_equal(qcow2_open(&image, &cfg, NULL), 0);
		request(&image, BLOCK_READ, 0, buf, sizeof(buf), false);
		image.ops->close(image.ctx);
		close(fd);
	}
}

static void data_that_lie_in_metadata_are_not_written(void **state)
{
	static const uint64_t places[] = { AT_REFTABLE * CLUSTER, AT_BLOCK * CLUSTER,
					   AT_L1 * CLUSTER,       4 * CLUSTER /* the L2 table */,
					   100 * CLUSTER,         7 * CLUSTER /* counted 0 times */,
					   4 * CLUSTER + 512 };

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		uint8_t before[8 * CLUSTER], after[8 * CLUSTER], buf[512] = "overwritten";
		struct shape shape = small;
		int fd = make_image(&shape);
		struct disk_image image;
		struct disk_file file;

		raw_map(fd, &shape, 0, places[i] | QCOW2_COPIED);
		assert_int_equal(ftruncate(fd, sizeof(before)), 0);
		assert_int_equal(pread(fd, before, sizeof(before), 0), sizeof(before));
		image = open_image(&file, fd, (struct image_config){ 0 });
		assert_int_equal(request(&image, BLOCK_WRITE, 0, buf, 512, false), -EIO);
		/* From then on nothing is. */
		assert_int_equal(request(&image, BLOCK_WRITE, CLUSTER, buf, 512, false), -EIO);
		assert_int_equal(flush(&image), 0);
		image.ops->close(image.ctx);
		assert_int_equal(pread(fd, after, sizeof(after), 0), sizeof(after));
		assert_memory_equal(before, after, sizeof(before));
		close(fd);
	}
}

static void metadata_counted_as_free_are_not_taken(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	struct disk_image image;
	struct disk_file file;
	uint8_t buf[512] = "x";

	(void)state;
	raw_count(fd, &shape, AT_REFTABLE, 0);
	image = open_image(&file, fd, (struct image_config){ 0 });
	assert_int_equal(request(&image, BLOCK_WRITE, 0, buf, 512, false), -EIO);
	image.ops->close(image.ctx);
	assert_int_equal(raw_read64(fd, AT_REFTABLE * CLUSTER), AT_BLOCK * CLUSTER);
	close(fd);
}

static void metadata_named_as_data_are_not_freed(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	struct disk_image image;
	struct disk_file file;

	(void)state;
	raw_map(fd, &shape, 0, AT_L1 * CLUSTER | QCOW2_COPIED);
	image = open_image(&file, fd, (struct image_config){ 0 });
	assert_int_equal(request(&image, BLOCK_DISCARD, 0, NULL, CLUSTER, false), 0);
	assert_int_equal(flush(&image), 0);
	assert_int_equal(request(&image, BLOCK_DISCARD, 0, NULL, CLUSTER, false), -EIO);
	image.ops->close(image.ctx);
	assert_int_equal(raw_read64(fd, AT_L1 * CLUSTER) & QCOW2_OFFSET, 4 * CLUSTER);
	close(fd);
}

static void a_compressed_cluster_that_lies_is_an_error(void **state)
{
	/* Beyond the end; in the header; not compressed at all. */
	static const uint64_t entries[] = { 1 << 30, 64, 3 * CLUSTER };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct shape shape = small;
		int fd = make_image(&shape);
		struct disk_image image;
		struct disk_file file;
		uint8_t buf[512];

		raw_map(fd, &shape, 0, entries[i] | QCOW2_PACKED | 15ULL << 58);
		image = open_image(&file, fd, (struct image_config){ 0 });
		assert_int_equal(request(&image, BLOCK_READ, 0, buf, 512, false), -EIO);
		/* What is next to it can still be read. */
		assert_int_equal(request(&image, BLOCK_READ, CLUSTER, buf, 512, false), 0);
		image.ops->close(image.ctx);
		close(fd);
	}
}

static void the_backing_file_of_the_header_is_never_opened(void **state)
{
	struct shape shape = small;
	int fd = name_a_backing_file(&shape, "/etc/\033passwd");

	(void)state;
	refused(fd, false, NULL, "add backing=FILE");
	refused(fd, false, NULL, "\"/etc/?passwd\"");
	raw_be32(fd, 16, 1024);
	refused(fd, false, NULL, "name is damaged");
	close(fd);
}

static void a_backing_file_nobody_asked_for_is_refused(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	struct disk_file backing = file_of(fd, true);

	(void)state;
	refused(fd, false, &backing, "it has no backing file");
	close(fd);
}

static void one_level_of_backing_is_the_limit(void **state)
{
	struct shape shape = small;
	int fd = name_a_backing_file(&shape, "b"), below = name_a_backing_file(&shape, "c");
	struct disk_file backing = file_of(below, true);

	(void)state;
	refused(fd, false, &backing, "one level only");
	close(fd);
	close(below);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_out_of_bounds_is_refused),
		cmocka_unit_test(zstd_is_refused_by_name),
		cmocka_unit_test(a_file_that_is_too_short_is_refused),
		cmocka_unit_test(what_is_no_plain_file_is_refused),
		cmocka_unit_test(an_image_in_doubt_is_for_reading_only),
		cmocka_unit_test(tables_in_impossible_places_are_not_written_to),
		cmocka_unit_test(data_that_lie_in_metadata_are_not_written),
		cmocka_unit_test(metadata_counted_as_free_are_not_taken),
		cmocka_unit_test(metadata_named_as_data_are_not_freed),
		cmocka_unit_test(a_compressed_cluster_that_lies_is_an_error),
		cmocka_unit_test(the_backing_file_of_the_header_is_never_opened),
		cmocka_unit_test(a_backing_file_nobody_asked_for_is_refused),
		cmocka_unit_test(one_level_of_backing_is_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
