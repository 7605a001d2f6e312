/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2 images in use: what is read, copied, given back and kept, and what a host that fails makes of it. */
#include "qcow2_world.h"

#define CLUSTER 4096

static const struct shape small = { .cluster_bits = 12, .size = 64 * CLUSTER };

static void compressed_clusters_are_read_and_written_over(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	uint8_t bytes[CLUSTER], buf[2 * CLUSTER];
	struct disk_image image;
	struct disk_file file;

	(void)state;
	for (unsigned int i = 0; i < CLUSTER; i++)
		bytes[i] = (uint8_t)(i / 100);
	raw_pack(fd, &shape, 1, bytes);
	image = open_image(&file, fd, (struct image_config){ 0 });
	assert_int_equal(request(&image, BLOCK_READ, CLUSTER - 512, buf, CLUSTER + 1024, false), 0);
	assert_int_equal(buf[511], 0);
	assert_memory_equal(buf + 512, bytes, CLUSTER);
	memset(bytes + 1024, 0xee, 512);
	assert_int_equal(request(&image, BLOCK_WRITE, CLUSTER + 1024, bytes + 1024, 512, false), 0);
	assert_int_equal(request(&image, BLOCK_READ, CLUSTER, buf, CLUSTER, false), 0);
	assert_memory_equal(buf, bytes, CLUSTER);
	image.ops->close(image.ctx);
	assert_consistent(fd, 0);
	close(fd);
}

static void what_a_snapshot_shares_is_copied(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	uint8_t old[CLUSTER], buf[CLUSTER];
	uint64_t data, l2;
	struct disk_image image;
	struct disk_file file;

	(void)state;
	memset(old, 0x55, sizeof(old));
	data = raw_append(fd, &shape, old, sizeof(old));
	raw_map(fd, &shape, 3, cluster_at(&shape, data));
	l2 = raw_read64(fd, AT_L1 * CLUSTER) & QCOW2_OFFSET;
	raw_be64(fd, AT_L1 * CLUSTER, l2);
	raw_count(fd, &shape, l2 / CLUSTER, 2);
	raw_count(fd, &shape, data, 2);

	image = open_image(&file, fd, (struct image_config){ 0 });
	memset(buf, 0x66, 512);
	assert_int_equal(request(&image, BLOCK_WRITE, 3 * CLUSTER + 512, buf, 512, false), 0);
	assert_int_equal(request(&image, BLOCK_READ, 3 * CLUSTER, buf, CLUSTER, false), 0);
	assert_int_equal(buf[511], 0x55);
	assert_int_equal(buf[512], 0x66);
	assert_int_equal(buf[1024], 0x55);
	image.ops->close(image.ctx);

	/* The snapshot's table and data are as they were, and counted once now. */
	assert_int_equal(raw_read64(fd, l2 + 24), cluster_at(&shape, data));
	assert_int_equal(pread(fd, buf, CLUSTER, (off_t)cluster_at(&shape, data)), CLUSTER);
	assert_memory_equal(buf, old, CLUSTER);
	assert_int_equal(raw_read64(fd, AT_BLOCK * CLUSTER + 2 * data) >> 48, 1);
	assert_int_equal(raw_read64(fd, AT_BLOCK * CLUSTER + 2 * l2 / CLUSTER) >> 48, 1);
	close(fd);
}

/* Half as long as the image, and not of whole clusters. */
static void what_lies_under_an_image_is_seen_through_its_holes(void **state)
{
	struct shape shape = small;
	int fd = name_a_backing_file(&shape, "b"), below = memfd_create("below", MFD_CLOEXEC);
	uint8_t buf[64 * CLUSTER], want[64 * CLUSTER] = { 0 };
	uint64_t end = 32 * CLUSTER + 700;
	struct disk_image image;
	struct disk_file file, backing;

	(void)state;
	memset(want, 0xbb, end);
	raw_write(below, 0, want, end);
	backing = file_of(below, true);
	image = open_image(&file, fd,
			   (struct image_config){ .backing = &backing,
						  .backing_format = DISK_FORMAT_RAW });
	assert_int_equal(request(&image, BLOCK_READ, 0, buf, sizeof(buf), false), 0);
	assert_memory_equal(buf, want, sizeof(buf));

	memset(want + 32 * CLUSTER + 512, 0xcc, 512);
	request(&image, BLOCK_WRITE, 32 * CLUSTER + 512, want + 32 * CLUSTER + 512, 512, false);
	memset(want + 5 * CLUSTER, 0, 2 * CLUSTER + 512);
	request(&image, BLOCK_WRITE_ZEROES, 5 * CLUSTER, NULL, 2 * CLUSTER + 512, true);
	assert_int_equal(request(&image, BLOCK_READ, 0, buf, sizeof(buf), false), 0);
	assert_memory_equal(buf, want, sizeof(buf));
	image.ops->close(image.ctx);
	assert_consistent(fd, 0);
	assert_int_equal(file_of(below, true).size, end);
	close(fd);
	close(below);
}

static void nothing_is_written_before_the_guest_writes(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	uint8_t before[4 * CLUSTER], after[4 * CLUSTER];
	struct disk_image image;
	struct disk_file file;

	(void)state;
	raw_be64(fd, QCOW2_HEADER_AUTOCLEAR, 3);
	assert_int_equal(pread(fd, before, sizeof(before), 0), sizeof(before));
	image = open_image(&file, fd, (struct image_config){ 0 });
	assert_int_equal(request(&image, BLOCK_READ, 0, after, CLUSTER, false), 0);
	assert_int_equal(flush(&image), 0);
	assert_int_equal(pread(fd, after, sizeof(after), 0), sizeof(after));
	assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(request(&image, BLOCK_WRITE, 0, after, 512, false), 0);
	assert_int_equal(raw_read64(fd, QCOW2_HEADER_AUTOCLEAR), 0);
	image.ops->close(image.ctx);
	close(fd);
}

static void a_discarded_cluster_goes_back_to_the_host(void **state)
{
	struct shape shape = { .cluster_bits = 16, .size = 4 << 20 };
	int fd = make_image(&shape);
	static uint8_t buf[1 << 20];
	struct disk_image image;
	struct disk_file file;
	struct stat before, after;

	(void)state;
	memset(buf, 1, sizeof(buf));
	image = open_image(&file, fd, (struct image_config){ 0 });
	assert_true(image.info.discard);
	assert_int_equal(request(&image, BLOCK_WRITE, 0, buf, sizeof(buf), false), 0);
	assert_int_equal(flush(&image), 0);
	fstat(fd, &before);
	assert_int_equal(request(&image, BLOCK_DISCARD, 0, NULL, sizeof(buf), false), 0);
	assert_int_equal(flush(&image), 0);
	fstat(fd, &after);
	assert_true(before.st_blocks - after.st_blocks >= 2048);
	image.ops->close(image.ctx);
	assert_consistent(fd, 0);
	close(fd);
}

static void what_was_freed_is_taken_again(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	uint8_t buf[16 * CLUSTER] = "x";
	struct disk_image image;
	struct disk_file file;

	(void)state;
	image = open_image(&file, fd, (struct image_config){ 0 });
	for (unsigned int i = 0; i < 20; i++) {
		assert_int_equal(request(&image, BLOCK_WRITE, 0, buf, sizeof(buf), false), 0);
		assert_int_equal(request(&image, BLOCK_DISCARD, 0, NULL, sizeof(buf), false), 0);
		assert_int_equal(flush(&image), 0);
	}
	image.ops->close(image.ctx);
	assert_true(file_of(fd, false).size <= 32 * CLUSTER);
	assert_consistent(fd, 0);
	close(fd);
}

static void zeroes_that_keep_their_place_are_written_in_it(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	uint8_t buf[CLUSTER], zero[CLUSTER] = { 0 };
	struct disk_image image;
	struct disk_file file;
	uint64_t size;

	(void)state;
	memset(buf, 7, sizeof(buf));
	image = open_image(&file, fd, (struct image_config){ 0 });
	assert_int_equal(request(&image, BLOCK_WRITE, 0, buf, CLUSTER, false), 0);
	assert_int_equal(request(&image, BLOCK_WRITE_ZEROES, 0, NULL, CLUSTER, false), 0);
	assert_int_equal(request(&image, BLOCK_READ, 0, buf, CLUSTER, false), 0);
	assert_memory_equal(buf, zero, CLUSTER);
	assert_int_equal(flush(&image), 0);
	size = file_of(fd, false).size;
	memset(buf, 8, 512);
	assert_int_equal(request(&image, BLOCK_WRITE, 512, buf, 512, false), 0);
	assert_int_equal(request(&image, BLOCK_READ, 0, buf, CLUSTER, false), 0);
	assert_int_equal(buf[512], 8);
	assert_int_equal(buf[511] | buf[1024], 0);
	image.ops->close(image.ctx);
	assert_int_equal(file_of(fd, false).size, size);
	assert_consistent(fd, 0);
	close(fd);
}

static ssize_t full_pwritev(int fd, const struct iovec *iov, int nr, off_t off)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && off + (off_t)iov[0].iov_len > st.st_size) {
		errno = ENOSPC;
		return -1;
	}
	return pwritev(fd, iov, nr, off);
}

static void a_full_host_is_an_error_and_no_damage(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	uint8_t buf[4 * CLUSTER] = "x";
	struct disk_image image;
	struct disk_file file;
	struct qcow2 *q;
	struct qcow2_io full;
	const struct qcow2_io *usual;

	(void)state;
	image = open_image(&file, fd, (struct image_config){ 0 });
	q = image.ctx;
	usual = q->io;
	full = *usual;
	full.pwritev = full_pwritev;
	q->io = &full;
	for (unsigned int i = 0; i < 3; i++)
		assert_int_equal(request(&image, BLOCK_WRITE, 0, buf, sizeof(buf), false), -ENOSPC);
	assert_int_equal(flush(&image), -ENOSPC);
	q->io = usual;
	assert_int_equal(request(&image, BLOCK_WRITE, 0, buf, sizeof(buf), false), 0);
	image.ops->close(image.ctx);
	assert_consistent(fd, 0);
	close(fd);
}

static int failing_sync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static void a_sync_that_fails_is_the_last(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	struct disk_image image;
	struct disk_file file;
	struct qcow2_io failing;
	uint8_t buf[512] = "x";
	struct qcow2 *q;

	(void)state;
	image = open_image(&file, fd, (struct image_config){ 0 });
	q = image.ctx;
	failing = *q->io;
	failing.fdatasync = failing_sync;
	assert_int_equal(request(&image, BLOCK_WRITE, 0, buf, 512, false), 0);
	q->io = &failing;
	assert_int_equal(flush(&image), -EIO);
	failing.fdatasync = fdatasync;
	assert_int_equal(flush(&image), -EIO);
	assert_int_equal(request(&image, BLOCK_WRITE, 0, buf, 512, false), -EIO);
	assert_int_equal(request(&image, BLOCK_READ, 0, buf, 512, false), 0);
	image.ops->close(image.ctx);
	assert_int_equal(judge_image(fd).errors, 0);
	close(fd);
}

static void a_request_beyond_the_end_is_refused(void **state)
{
	struct shape shape = small;
	int fd = make_image(&shape);
	uint8_t buf[1024];
	struct disk_image image;
	struct disk_file file;

	(void)state;
	image = open_image(&file, fd, (struct image_config){ 0 });
	assert_int_equal(image.info.size, 64 * CLUSTER);
	assert_int_equal(request(&image, BLOCK_READ, 64 * CLUSTER - 512, buf, 1024, false),
			 -EINVAL);
	assert_int_equal(request(&image, BLOCK_READ, -512ULL, buf, 1024, false), -EINVAL);
	image.ops->close(image.ctx);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compressed_clusters_are_read_and_written_over),
		cmocka_unit_test(what_a_snapshot_shares_is_copied),
		cmocka_unit_test(what_lies_under_an_image_is_seen_through_its_holes),
		cmocka_unit_test(nothing_is_written_before_the_guest_writes),
		cmocka_unit_test(a_discarded_cluster_goes_back_to_the_host),
		cmocka_unit_test(what_was_freed_is_taken_again),
		cmocka_unit_test(zeroes_that_keep_their_place_are_written_in_it),
		cmocka_unit_test(a_full_host_is_an_error_and_no_damage),
		cmocka_unit_test(a_sync_that_fails_is_the_last),
		cmocka_unit_test(a_request_beyond_the_end_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
