/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * For tests of host/qcow2*.c: images made by hand, requests in one line each, and a judge of an image's
 * consistency that shares no code with what it judges.
 */
#ifndef LKVM_TESTS_UNIT_QCOW2_WORLD_H
#define LKVM_TESTS_UNIT_QCOW2_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <cmocka.h>
#include "../../host/qcow2.h"

/* What an image is to be like. Zeroes: version 3, 64 KiB clusters, 16-bit counts, 1 MiB of disk. */
struct shape {
	uint32_t version, cluster_bits, refcount_order;
	uint64_t size;
	bool order_given; /* refcount_order may be 0 */
};

static inline struct shape shape_filled(struct shape s)
{
	s.version = s.version ? s.version : 3;
	s.cluster_bits = s.cluster_bits ? s.cluster_bits : 16;
	s.refcount_order = s.order_given || s.refcount_order ? s.refcount_order : 4;
	s.size = s.size ? s.size : 1 << 20;
	return s;
}

static inline void raw_write(int fd, uint64_t off, const void *buf, size_t len)
{
	assert_int_equal(pwrite(fd, buf, len, (off_t)off), len);
}

static inline void raw_be32(int fd, uint64_t off, uint32_t v)
{
	put_be32(&v, v);
	raw_write(fd, off, &v, 4);
}

static inline void raw_be64(int fd, uint64_t off, uint64_t v)
{
	put_be64(&v, v);
	raw_write(fd, off, &v, 8);
}

static inline uint64_t raw_read64(int fd, uint64_t off)
{
	uint64_t v = 0;

	assert_true(pread(fd, &v, 8, (off_t)off) >= 0);
	return get_be64(&v);
}

/* Where make_image() puts things, in clusters. */
enum { AT_HEADER, AT_REFTABLE, AT_BLOCK, AT_L1 };

static inline uint64_t cluster_at(const struct shape *s, uint64_t cluster)
{
	return cluster << (*s).cluster_bits;
}

/* The count of cluster @i in a block of @bytes, whatever the order, bit by bit. */
static inline uint64_t count_bits(const uint8_t *bytes, uint64_t i, uint32_t order)
{
	uint64_t width = 1ULL << order, v = 0;

	if (width >= 8) {
		for (uint64_t b = 0; b < width / 8; b++)
			v = v << 8 | bytes[i * width / 8 + b];
		return v;
	}
	return bytes[i * width / 8] >> (i * width % 8) & ((1U << width) - 1);
}

static inline void raw_count(int fd, const struct shape *s, uint64_t cluster, uint64_t count)
{
	uint64_t width = 1ULL << s->refcount_order, bit = cluster * width;
	uint64_t off = cluster_at(s, AT_BLOCK) + bit / 8;
	uint8_t bytes[8] = { 0 };

	if (width >= 8) {
		for (uint64_t b = 0; b < width / 8; b++)
			bytes[b] = (uint8_t)(count >> (8 * (width / 8 - 1 - b)));
		raw_write(fd, off, bytes, width / 8);
		return;
	}
	assert_true(pread(fd, bytes, 1, (off_t)off) >= 0);
	bytes[0] &= (uint8_t) ~(((1U << width) - 1) << bit % 8);
	bytes[0] |= (uint8_t)(count << bit % 8);
	raw_write(fd, off, bytes, 1);
}

/* An empty image in a file without a name. */
static inline int make_image(struct shape *shape)
{
	struct shape s = *shape = shape_filled(*shape);
	uint64_t cluster_size = 1ULL << s.cluster_bits;
	uint64_t per_entry = cluster_size * cluster_size / 8;
	uint32_t l1_size = (uint32_t)((s.size + per_entry - 1) / per_entry);
	uint64_t l1_clusters = (l1_size * 8ULL + cluster_size - 1) / cluster_size;
	int fd = memfd_create("image", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)((AT_L1 + l1_clusters) * cluster_size)), 0);
	raw_be32(fd, 0, QCOW2_MAGIC);
	raw_be32(fd, 4, s.version);
	raw_be32(fd, 20, s.cluster_bits);
	raw_be64(fd, 24, s.size);
	raw_be32(fd, 36, l1_size);
	raw_be64(fd, 40, AT_L1 * cluster_size);
	raw_be64(fd, 48, AT_REFTABLE * cluster_size);
	raw_be32(fd, 56, 1);
	if (s.version >= 3) {
		raw_be32(fd, 96, s.refcount_order);
		raw_be32(fd, 100, 104);
	}
	raw_be64(fd, AT_REFTABLE * cluster_size, AT_BLOCK * cluster_size);
	for (uint64_t i = 0; i < AT_L1 + l1_clusters; i++)
		raw_count(fd, &s, i, 1);
	return fd;
}

/* The same, whose header names a backing file. */
static inline int name_a_backing_file(struct shape *shape, const char *name)
{
	int fd = make_image(shape);

	raw_be64(fd, 8, 200);
	raw_be32(fd, 16, (uint32_t)strlen(name));
	raw_write(fd, 200, name, strlen(name));
	return fd;
}

static inline struct disk_file file_of(int fd, bool readonly)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return (struct disk_file){ .path = "test.qcow2",
				   .fd = fd,
				   .readonly = readonly,
				   .size = (uint64_t)st.st_size,
				   .io_align = 1,
				   .memory_align = 1 };
}

static inline int request(struct disk_image *image, enum block_op op, uint64_t off, void *buf,
			  uint64_t len, bool unmap)
{
	/* Two pieces of odd length, as a guest may send. */
	struct iovec iov[2] = { { buf, len / 3 }, { (char *)buf + len / 3, len - len / 3 } };
	struct block_request req = { .op = op, .off = off, .len = len, .unmap = unmap };

	if (buf) {
		req.iov = iov;
		req.nr_iov = 2;
	}
	return image->ops->run(image->ctx, &req);
}

static inline int flush(struct disk_image *image)
{
	return request(image, BLOCK_FLUSH, 0, NULL, 0, false);
}

/* Opens @fd's image for writing, with what cfg gives besides; it must open. */
static inline struct disk_image open_image(struct disk_file *file, int fd, struct image_config cfg)
{
	struct disk_image image;
	struct err e = { 0 };

	*file = file_of(fd, false);
	cfg.file = file;
	if (qcow2_open(&image, &cfg, &e) < 0)
		fail_msg("%s", e.text);
	return image;
}

/* Puts a cluster of @len bytes of @bytes at the end of the file; its number, counted once. */
static inline uint64_t raw_append(int fd, const struct shape *s, const void *bytes, size_t len)
{
	struct stat st;
	uint64_t cluster;

	assert_int_equal(fstat(fd, &st), 0);
	cluster = ((uint64_t)st.st_size + (1U << s->cluster_bits) - 1) >> s->cluster_bits;
	assert_int_equal(ftruncate(fd, (off_t)cluster_at(s, cluster + 1)), 0);
	raw_write(fd, cluster_at(s, cluster), bytes, len);
	raw_count(fd, s, cluster, 1);
	return cluster;
}

/* Sets the L2 entry of guest cluster @guest, within the first table, which is made if it is not there. */
static inline void raw_map(int fd, const struct shape *s, uint64_t guest, uint64_t entry)
{
	uint64_t l1 = cluster_at(s, AT_L1), l2 = raw_read64(fd, l1) & QCOW2_OFFSET;

	if (!l2) {
		l2 = cluster_at(s, raw_append(fd, s, "", 1));
		raw_be64(fd, l1, l2 | QCOW2_COPIED);
	}
	raw_be64(fd, l2 + 8 * guest, entry);
}

/* Puts one cluster of @bytes at guest cluster @guest, compressed, into a cluster of its own. */
static inline void raw_pack(int fd, const struct shape *s, uint64_t guest, const uint8_t *bytes)
{
	uint8_t *out = calloc(1, 1U << s->cluster_bits);
	z_stream z = { .next_in = (uint8_t *)(uintptr_t)bytes, .avail_in = 1U << s->cluster_bits };
	uint64_t cluster, sectors, x = 62 - (s->cluster_bits - 8);

	z.next_out = out;
	z.avail_out = 1U << s->cluster_bits;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -12, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	sectors = (z.total_out + 511) / 512;
	cluster = raw_append(fd, s, out, z.total_out);
	raw_map(fd, s, guest, QCOW2_PACKED | (sectors - 1) << x | cluster_at(s, cluster));
	deflateEnd(&z);
	free(out);
}

/* The judge. */
struct verdict {
	unsigned int errors, leaks;
	char first[200]; /* error */
};

struct judge {
	int fd;
	uint32_t bits, order;
	uint64_t size, nr; /* clusters of the file and a few more */
	uint32_t *uses;
	uint64_t *counts;
	struct verdict *v;
};

static inline void judge_error(struct judge *j, const char *what, uint64_t where)
{
	if (j->v->errors++ == 0)
		snprintf(j->v->first, sizeof(j->v->first), "%s: %#llx", what,
			 (unsigned long long)where);
}

static inline void judge_use(struct judge *j, uint64_t off, const char *what)
{
	uint64_t cluster = off >> j->bits;

	if (cluster >= j->nr)
		judge_error(j, what, off);
	else
		j->uses[cluster]++;
}

static inline void judge_copied(struct judge *j, uint64_t entry, uint64_t off, const char *what)
{
	uint64_t cluster = off >> j->bits;

	if (off & ((1ULL << j->bits) - 1))
		judge_error(j, "not on a cluster's border", off);
	if (cluster < j->nr && (entry >> 63 != 0) != (j->counts[cluster] == 1))
		judge_error(j, what, off);
}

static inline void judge_l2(struct judge *j, uint64_t l2)
{
	uint64_t entries = (1ULL << j->bits) / 8, mask = 0x00fffffffffffe00ULL;

	for (uint64_t i = 0; i < entries; i++) {
		uint64_t entry = raw_read64(j->fd, l2 + 8 * i);

		if (entry >> 62 & 1) {
			uint32_t x = 62 - (j->bits - 8);
			uint64_t off = entry & ((1ULL << x) - 1);
			uint64_t sectors = ((entry & ((1ULL << 62) - 1)) >> x) + 1;
			uint64_t last = (off & ~511ULL) + sectors * 512 - 1;

			for (uint64_t c = off >> j->bits; c <= last >> j->bits; c++)
				judge_use(j, c << j->bits, "compressed cluster");
			if (entry >> 63)
				judge_error(j, "compressed and copied", entry);
		} else if (entry & mask) {
			judge_use(j, entry & mask, "data cluster");
			judge_copied(j, entry, entry & mask, "data cluster's copied bit");
		} else if (entry >> 63) {
			judge_error(j, "copied and nowhere", entry);
		}
	}
}

/* Of an image without internal snapshots. */
static inline struct verdict judge_image(int fd)
{
	struct verdict v = { 0 };
	struct judge j = { .fd = fd, .v = &v, .order = 4 };
	uint64_t l1 = raw_read64(fd, 40), reftable = raw_read64(fd, 48);
	uint64_t l1_size = raw_read64(fd, 36) >> 32, reftable_clusters = raw_read64(fd, 56) >> 32;
	uint64_t per_block, mask = 0x00fffffffffffe00ULL;
	uint8_t *block;
	struct stat st;

	j.bits = (uint32_t)(raw_read64(fd, 20) >> 32);
	if (raw_read64(fd, 4) >> 32 == 3)
		j.order = (uint32_t)(raw_read64(fd, 96) >> 32);
	fstat(fd, &st);
	per_block = (8ULL << j.bits) >> j.order;
	j.nr = ((uint64_t)st.st_size >> j.bits) + 1;
	if (j.nr < reftable_clusters << (j.bits - 3) && j.nr % per_block)
		j.nr += per_block - j.nr % per_block;
	j.uses = calloc(j.nr, sizeof(*j.uses));
	j.counts = calloc(j.nr, sizeof(*j.counts));
	block = calloc(1, 1U << j.bits);
	assert_true(j.uses && j.counts && block);

	judge_use(&j, 0, "header");
	for (uint64_t i = 0; i < reftable_clusters; i++)
		judge_use(&j, reftable + (i << j.bits), "refcount table");
	for (uint64_t i = 0; i << j.bits < l1_size * 8; i++)
		judge_use(&j, l1 + (i << j.bits), "L1 table");
	for (uint64_t i = 0; i < reftable_clusters << (j.bits - 3); i++) {
		uint64_t off = raw_read64(fd, reftable + 8 * i);

		if (!off)
			continue;
		judge_use(&j, off, "refcount block");
		memset(block, 0, 1U << j.bits);
		assert_true(pread(fd, block, 1U << j.bits, (off_t)off) >= 0);
		for (uint64_t c = 0; c < per_block && i * per_block + c < j.nr; c++)
			j.counts[i * per_block + c] = count_bits(block, c, j.order);
	}
	for (uint64_t i = 0; i < l1_size; i++) {
		uint64_t entry = raw_read64(fd, l1 + 8 * i);

		if (!(entry & mask))
			continue;
		judge_use(&j, entry & mask, "L2 table");
		judge_copied(&j, entry, entry & mask, "L2 table's copied bit");
		judge_l2(&j, entry & mask);
	}
	for (uint64_t i = 0; i < j.nr; i++) {
		if (j.counts[i] < j.uses[i])
			judge_error(&j, "counted too little", i << j.bits);
		v.leaks += j.counts[i] > j.uses[i];
	}
	free(j.uses);
	free(j.counts);
	free(block);
	return v;
}

static inline void assert_consistent(int fd, unsigned int max_leaks)
{
	struct verdict v = judge_image(fd);

	if (v.errors)
		fail_msg("%u errors, the first: %s", v.errors, v.first);
	if (v.leaks > max_leaks)
		fail_msg("%u leaks", v.leaks);
}

/* Numbers without a pattern, the same in each run. */
static inline uint32_t dice(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(*seed >> 33);
}

#endif
