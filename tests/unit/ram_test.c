/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest memory: how it is reserved, and that nothing reaches beyond it. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/play.h"
#include "util/bits.h"
#include "vm/ram.h"

#define BASE 0x40000000ULL

static struct ram ram_of(uint64_t size)
{
	struct ram ram = { 0 };
	struct err e = { 0 };

	assert_int_equal(ram_create(&ram, BASE, size, NULL, false, &e), 0);
	assert_string_equal(e.text, "");
	return ram;
}

static void memory_is_zero_and_aligned_for_large_mappings(void **state)
{
	struct ram ram = ram_of(4 * MiB);

	(void)state;
	assert_int_equal(ram.base, BASE);
	assert_int_equal(ram.size, 4 * MiB);
	assert_int_equal((uintptr_t)ram.host % (2 * MiB), 0);
	for (uint64_t off = 0; off < ram.size; off += 4096)
		assert_int_equal(ram.host[off], 0);
	assert_int_equal(ram.host[ram.size - 1], 0);
	ram_destroy(&ram);
}

static void private_memory_has_no_file(void **state)
{
	struct ram ram = ram_of(MiB);

	(void)state;
	assert_int_equal(ram.fd, -1);
	ram_destroy(&ram);
}

static void shared_memory_is_a_file_that_keeps_its_size(void **state)
{
	struct ram ram = { 0 };
	struct err e = { 0 };
	char byte = 0;

	(void)state;
	assert_int_equal(ram_create(&ram, BASE, 3 * MiB, NULL, true, &e), 0);
	assert_int_equal((uintptr_t)ram.host % (2 * MiB), 0);
	assert_int_equal(ram.size, 3 * MiB);
	ram.host[3 * MiB - 1] = 'x';
	assert_int_equal(pread(ram.fd, &byte, 1, 3 * MiB - 1), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(pwrite(ram.fd, "y", 1, 0), 1);
	assert_int_equal(ram.host[0], 'y');
	assert_int_equal(ftruncate(ram.fd, 0), -1);
	assert_int_equal(ftruncate(ram.fd, 4 * MiB), -1);
	ram_destroy(&ram);
	assert_null(ram.host);
}

static void a_size_is_rounded_up_to_pages(void **state)
{
	struct ram ram = ram_of(1);

	(void)state;
	assert_int_equal(ram.page_size, sysconf(_SC_PAGESIZE));
	assert_int_equal(ram.size, ram.page_size);
	ram.host[ram.size - 1] = 1;
	ram_destroy(&ram);
	ram = ram_of(MiB + 1);
	assert_int_equal(ram.size, MiB + ram.page_size);
	assert_int_equal(ram_end(&ram), BASE + MiB + ram.page_size);
	ram_destroy(&ram);
}

static void what_is_not_touched_costs_nothing(void **state)
{
	struct ram ram = ram_of(256 * GiB);

	(void)state;
	ram.host[ram.size - 1] = 1;
	ram_destroy(&ram);
}

/* Whether the host has memory behind a page. */
static bool is_there(const struct ram *ram, uint64_t off)
{
	unsigned char there = 0;

	assert_int_equal(mincore(ram->host + off, ram->page_size, &there), 0);
	return there & 1;
}

static void what_is_discarded_is_the_hosts_again_and_reads_as_zero(void **state)
{
	(void)state;
	for (int shared = 0; shared < 2; shared++) {
		struct ram ram = { 0 };
		struct err e = { 0 };
		uint64_t page;

		assert_int_equal(ram_create(&ram, BASE, 4 * MiB, NULL, shared, &e), 0);
		ram_use_huge_pages(&ram, false);
		page = ram.page_size;
		memset(ram.host, 'x', 8 * page);
		assert_int_equal(ram_discard(&ram, BASE + 2 * page, 3 * page), 0);
		for (uint64_t i = 0; i < 8; i++)
			assert_int_equal(is_there(&ram, i * page), i < 2 || i >= 5);
		assert_int_equal(ram.host[2 * page - 1], 'x');
		assert_int_equal(ram.host[2 * page], 0);
		assert_int_equal(ram.host[5 * page - 1], 0);
		assert_int_equal(ram.host[5 * page], 'x');
		assert_int_equal(ram_discard(&ram, ram_end(&ram) - page, 2 * page), -EFAULT);
		ram_destroy(&ram);
	}
}

static void memory_is_given_back_once(void **state)
{
	struct ram ram = ram_of(MiB);

	(void)state;
	ram_destroy(&ram);
	assert_null(ram.host);
	ram_destroy(&ram);
}

static void more_than_the_host_can_address_is_an_error(void **state)
{
	struct ram ram = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_true(ram_create(&ram, BASE, 1ULL << 48, NULL, false, &e) < 0);
	assert_non_null(strstr(e.text, "268435456 MiB"));
	assert_null(ram.host);
}

static void a_slice_is_within_or_nothing(void **state)
{
	struct ram ram = ram_of(MiB);
	gpa_t end = ram_end(&ram);

	(void)state;
	assert_ptr_equal(ram_slice(&ram, BASE, MiB), ram.host);
	assert_ptr_equal(ram_slice(&ram, end - 1, 1), ram.host + MiB - 1);
	assert_non_null(ram_slice(&ram, end, 0));
	assert_null(ram_slice(&ram, end, 1));
	assert_null(ram_slice(&ram, end + 1, 0));
	assert_null(ram_slice(&ram, end - 1, 2));
	assert_null(ram_slice(&ram, BASE, MiB + 1));
	assert_null(ram_slice(&ram, BASE - 1, 1));
	assert_null(ram_slice(&ram, BASE - 1, 2));
	assert_null(ram_slice(&ram, 0, 1));
	assert_null(ram_slice(&ram, BASE + 1, UINT64_MAX));
	assert_null(ram_slice(&ram, UINT64_MAX, 2));
	assert_null(ram_slice(&ram, BASE, UINT64_MAX - BASE + 1));
	ram_destroy(&ram);
}

static void a_copy_is_all_or_nothing(void **state)
{
	struct ram ram = ram_of(MiB);
	char buf[4] = "....";

	(void)state;
	assert_int_equal(ram_write(&ram, BASE + 10, "abc", 3), 0);
	assert_int_equal(ram_read(&ram, BASE + 10, buf, 3), 0);
	assert_memory_equal(buf, "abc.", 4);
	assert_int_equal(ram_write(&ram, ram_end(&ram) - 2, "abc", 3), -EFAULT);
	assert_int_equal(ram.host[MiB - 1], 0);
	assert_int_equal(ram.host[MiB - 2], 0);
	assert_int_equal(ram_read(&ram, ram_end(&ram) - 2, buf, 3), -EFAULT);
	assert_memory_equal(buf, "abc.", 4);
	ram_destroy(&ram);
}

static void a_place_that_is_no_hugetlbfs_is_refused_by_name(void **state)
{
	char *dir = temp_dir();
	struct ram ram = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(ram_create(&ram, BASE, MiB, dir, false, &e), -EINVAL);
	assert_non_null(strstr(e.text, dir));
	assert_non_null(strstr(e.text, "not a hugetlbfs mount"));
	assert_int_equal(dir_entries(dir), 0);
	assert_int_equal(ram_create(&ram, BASE, MiB, "/no/such/place", false, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/no/such/place"));
	temp_remove(dir);
}

#define SKIPPED 77

/* In a child with mounts of its own: memory from a real hugetlbfs, or why there is none. */
static int use_hugetlbfs(const char *dir)
{
	struct ram ram = { 0 };
	struct err e = { 0 };
	int ret;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", dir, "hugetlbfs", 0, NULL) < 0)
		return SKIPPED;
	ret = ram_create(&ram, BASE, 3 * MiB, dir, false, &e);
	if (ret < 0) /* no huge pages are set aside on this machine */
		return ret == -ENOMEM && strstr(e.text, dir) && !ram.host ? 0 : 1;
	if (ram.page_size < 64 * KiB || ram.size % ram.page_size || ram.size < 3 * MiB ||
	    (uintptr_t)ram.host % ram.page_size || dir_entries(dir))
		return 1;
	ram.host[ram.size - 1] = 1;
	ram_destroy(&ram);
	return 0;
}

static void a_hugetlbfs_gives_memory_or_says_that_it_has_none(void **state)
{
	char *dir = temp_dir();
	int status = 1;
	pid_t child;

	(void)state;
	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(use_hugetlbfs(dir));
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	temp_remove(dir);
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED)
		skip();
	assert_int_equal(status, 0);
}

static void what_is_written_by_others_than_the_guest_is_logged_by_pages(void **state)
{
	struct ram ram = ram_of(MiB);
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t bits[(MiB / 4096 + 63) / 64] = { 0 };

	(void)state;
	assert_int_equal(ram_write(&ram, BASE, "before", 6), 0);
	assert_int_equal(ram_log_start(&ram, NULL), 0);
	assert_int_equal(ram_write(&ram, BASE + 3 * page - 1, "ab", 2), 0);
	assert_int_equal(ram_write(&ram, ram_end(&ram) - 1, "z", 1), 0);
	ram_written(&ram, ram.host + 9 * page, 0);
	assert_int_equal(ram_discard(&ram, BASE + 5 * page, 2 * page), 0);
	bits[0] = 1;
	ram_log_take(&ram, bits);
	assert_int_equal(bits[0], 1 | 3 << 2 | 3 << 5);
	assert_int_equal(bits[ram_log_words(&ram) - 1], 1ULL << 63);
	memset(bits, 0, sizeof(bits));
	ram_log_take(&ram, bits);
	assert_int_equal(bits[0], 0);
	ram_destroy(&ram);
}

static void memory_is_replaced_as_a_whole(void **state)
{
	struct ram ram = ram_of(MiB);
	uint8_t *was = ram.host;
	uint8_t *pages =
		mmap(NULL, MiB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)state;
	memset(ram.host, 1, MiB);
	pages[MiB - 1] = 7;
	assert_int_equal(ram_take_pages(&ram, pages, NULL), 0);
	assert_ptr_equal(ram.host, was);
	assert_int_equal(ram.host[0], 0);
	assert_int_equal(ram.host[MiB - 1], 7);
	ram_destroy(&ram);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zero_and_aligned_for_large_mappings),
		cmocka_unit_test(private_memory_has_no_file),
		cmocka_unit_test(shared_memory_is_a_file_that_keeps_its_size),
		cmocka_unit_test(a_size_is_rounded_up_to_pages),
		cmocka_unit_test(what_is_not_touched_costs_nothing),
		cmocka_unit_test(what_is_discarded_is_the_hosts_again_and_reads_as_zero),
		cmocka_unit_test(memory_is_given_back_once),
		cmocka_unit_test(more_than_the_host_can_address_is_an_error),
		cmocka_unit_test(a_slice_is_within_or_nothing),
		cmocka_unit_test(a_copy_is_all_or_nothing),
		cmocka_unit_test(what_is_written_by_others_than_the_guest_is_logged_by_pages),
		cmocka_unit_test(memory_is_replaced_as_a_whole),
		cmocka_unit_test(a_hugetlbfs_gives_memory_or_says_that_it_has_none),
		cmocka_unit_test(a_place_that_is_no_hugetlbfs_is_refused_by_name),
	};

	return cmocka_run_group_tests_name("ram", tests, NULL, NULL);
}
