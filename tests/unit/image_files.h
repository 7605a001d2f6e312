/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernel files made to order, for the tests of arm/image.c: what is common to them. */
#ifndef TESTS_UNIT_IMAGE_FILES_H
#define TESTS_UNIT_IMAGE_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include <zlib.h>
#include "arm/image.h"
#include "util/bits.h"

#define BASE     0x40000000ULL
#define RAM_SIZE (2 * MiB)
#define BIG      (1 * MiB)

static char dir[] = "/tmp/image_test.XXXXXX";
static char path[sizeof(dir) + sizeof("/kernel")];
static uint8_t file[4 * MiB], plain[4 * MiB];
static struct ram ram;
static struct image image;
static struct err err;
static gpa_t entry, end;

static inline void put_le(uint8_t *to, uint64_t value, int bytes)
{
	for (; bytes; bytes--, value >>= 8)
		*to++ = value;
}

static inline void write_file(const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	close(fd);
}

/* Bytes that no compressor shortens and that begin with an instruction. */
static inline void fill_code(uint8_t *to, size_t len)
{
	uint32_t x = 0xd503201f;

	for (size_t i = 0; i < len; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		to[i] = x;
	}
}

/* An Image of @len bytes at @to. */
static inline void make_image(uint8_t *to, size_t len, uint64_t text_offset, uint64_t image_size)
{
	fill_code(to, len);
	put_le(to + 8, text_offset, 8);
	put_le(to + 16, image_size, 8);
	memcpy(to + 56, "ARM\x64", 4);
	put_le(to + 60, 0, 4);
}

/*
 * Gives the Image at @to a PE header at 64 with two sections: @size bytes at @pointer, and one byte
 * right behind the Image header.
 */
static inline void add_pe(uint8_t *to, uint32_t pointer, uint32_t size)
{
	memcpy(to, "MZ", 2);
	put_le(to + 60, 64, 4);
	memset(to + 64, 0, 24 + 16 + 80);
	memcpy(to + 64, "PE\0\0\x64\xaa", 6);
	put_le(to + 64 + 6, 2, 2);               /* NumberOfSections */
	put_le(to + 64 + 20, 16, 2);             /* SizeOfOptionalHeader */
	put_le(to + 64 + 24 + 16 + 16, size, 4); /* SizeOfRawData */
	put_le(to + 64 + 24 + 16 + 20, pointer, 4);
	put_le(to + 64 + 24 + 56 + 16, 1, 4);
	put_le(to + 64 + 24 + 56 + 20, 64, 4);
}

/* Compresses @len bytes at @from to @to; returns how many there are then. */
static inline size_t gzip(uint8_t *to, const uint8_t *from, size_t len)
{
	z_stream z = { .next_in = (uint8_t *)from, .avail_in = len, .next_out = to };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	z.avail_out = sizeof(file) - 4096;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return z.total_out;
}

/* A zboot file in file[] around @len bytes at @payload; returns its size. */
static inline size_t make_zboot(const void *payload, size_t len, const char *type)
{
	memmove(file + 256, payload, len);
	memset(file, 0, 256);
	memcpy(file, "MZ\0\0zimg", 8);
	put_le(file + 8, 256, 4);
	put_le(file + 12, len, 4);
	memcpy(file + 24, type, strlen(type));
	return 256 + len;
}

static inline int open_bytes(const void *bytes, size_t len)
{
	write_file(bytes, len);
	return image_open(&image, path, &err);
}

static inline int load(void)
{
	return image_load(&image, &ram, &entry, &end, &err);
}

static inline void assert_says(const char *words)
{
	if (!strstr(err.text, words))
		fail_msg("'%s' does not say '%s'", err.text, words);
	assert_null(strchr(err.text, '\n'));
}

static inline void refused(const void *bytes, size_t len, const char *words)
{
	assert_true(open_bytes(bytes, len) < 0);
	assert_int_equal(image.fd, -1);
	assert_says(path);
	assert_says(words);
}

static inline void opens(const void *bytes, size_t len)
{
	if (open_bytes(bytes, len))
		fail_msg("%s", err.text);
}

static inline void loads(const void *bytes, size_t len)
{
	opens(bytes, len);
	if (load())
		fail_msg("%s", err.text);
}

static inline void does_not_load(const void *bytes, size_t len, const char *words)
{
	opens(bytes, len);
	assert_true(load() < 0);
	assert_says(path);
	assert_says(words);
}

static inline void assert_loaded(uint64_t text_offset, const void *bytes, size_t len)
{
	assert_int_equal(entry, BASE + text_offset);
	assert_memory_equal(ram.host + text_offset, bytes, len);
}

static inline int setup(void **state)
{
	(void)state;
	memset(&err, 0, sizeof(err));
	image = IMAGE_NONE;
	return ram_create(&ram, BASE, RAM_SIZE, NULL, false, &err);
}

static inline int teardown(void **state)
{
	(void)state;
	image_close(&image);
	ram_destroy(&ram);
	unlink(path);
	rmdir(path);
	return 0;
}

/* The directory of the whole group. */
static inline int make_dir(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/kernel", dir);
	return 0;
}

static inline int remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
