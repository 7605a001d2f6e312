/* SPDX-License-Identifier: BSD-2-Clause */
/* The initial RAM disk: read back by a small reader of the format. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "../../arm/initramfs.h"
#include "util/cleanup.h"
#include "util/file.h"

struct entry {
	uint64_t field[13]; /* as the header has them */
	const char *name;
	const uint8_t *data;
};

enum {
	INODE,
	MODE,
	UID,
	GID,
	NLINK,
	MTIME,
	FILESIZE,
	DEVMAJOR,
	DEVMINOR,
	RDEVMAJOR,
	RDEVMINOR,
	NAMESIZE,
	CHECK
};

/* The entry at @at; returns where the next one is. */
static size_t read_entry(const uint8_t *archive, size_t size, size_t at, struct entry *entry)
{
	assert_int_equal(at % 4, 0);
	assert_true(size - at >= 110);
	assert_memory_equal(archive + at, "070701", 6);
	for (int i = 0; i < 13; i++) {
		char digits[9] = "", *end;

		memcpy(digits, archive + at + 6 + 8 * i, 8);
		entry->field[i] = strtoul(digits, &end, 16);
		assert_true(end == digits + 8);
	}
	entry->name = (const char *)archive + at + 110;
	assert_int_equal(entry->name[entry->field[NAMESIZE] - 1], 0);
	at = (at + 110 + entry->field[NAMESIZE] + 3) & ~3UL;
	entry->data = archive + at;
	assert_true(entry->field[FILESIZE] <= size - at);
	return (at + entry->field[FILESIZE] + 3) & ~3UL;
}

static uint8_t *finish(struct initramfs *fs, uint64_t *size)
{
	struct err e = { 0 };
	autofd int fd = initramfs_finish(fs, size, &e);
	uint8_t *bytes = malloc(*size + 1);

	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), *size);
	assert_int_equal(file_read_at(fd, bytes, *size, 0), 0);
	return bytes;
}

static void files_of_any_size_come_back(void **state)
{
	struct initramfs fs;
	struct entry entry;
	uint64_t size;
	uint8_t *archive;
	size_t at = 0;

	(void)state;
	initramfs_begin(&fs);
	for (size_t i = 0; i < 9; i++) {
		char name[16] = "abcdefghi";

		name[i + 1] = '\0';
		initramfs_add(&fs, name, S_IFREG | 0700 | (unsigned int)i, "12345678", i);
	}
	archive = finish(&fs, &size);
	for (size_t i = 0; i < 9; i++) {
		at = read_entry(archive, size, at, &entry);
		assert_int_equal(strlen(entry.name), i + 1);
		assert_int_equal(entry.field[NAMESIZE], i + 2);
		assert_int_equal(entry.field[FILESIZE], i);
		assert_int_equal(entry.field[MODE], S_IFREG | 0700 | i);
		assert_int_equal(entry.field[INODE], i + 1);
		assert_int_equal(entry.field[NLINK], 1);
		assert_int_equal(entry.field[CHECK], 0);
		assert_memory_equal(entry.data, "12345678", i);
	}
	at = read_entry(archive, size, at, &entry);
	assert_string_equal(entry.name, "TRAILER!!!");
	assert_int_equal(at, size);
	free(archive);
}

static void an_empty_one_has_its_end(void **state)
{
	struct initramfs fs;
	struct entry entry;
	uint64_t size;
	uint8_t *archive;

	(void)state;
	initramfs_begin(&fs);
	archive = finish(&fs, &size);
	assert_int_equal(read_entry(archive, size, 0, &entry), size);
	assert_string_equal(entry.name, "TRAILER!!!");
	free(archive);
}

static void what_went_wrong_is_told_at_the_end(void **state)
{
	struct initramfs fs;
	struct err e = { 0 };
	uint64_t size = 1;

	(void)state;
	initramfs_begin(&fs);
	close(fs.fd);
	fs.fd = open("/dev/null", O_RDONLY);
	initramfs_add(&fs, "a", S_IFREG, "b", 1);
	assert_int_equal(initramfs_finish(&fs, &size, &e), -EBADF);
	assert_non_null(strstr(e.text, "initial RAM disk"));
	assert_int_equal(fs.fd, -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_of_any_size_come_back),
		cmocka_unit_test(an_empty_one_has_its_end),
		cmocka_unit_test(what_went_wrong_is_told_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
