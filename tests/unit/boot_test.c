/* SPDX-License-Identifier: BSD-2-Clause */
/* Where kernel, initrd and device tree go in guest memory, and what does not fit. */
#include <endian.h>
#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/board.h"
#include "fake/play.h"
#include "vm/dt.h"

/* An arm64 Image of a few bytes that asks for @image_size of them at @text_offset. */
static char *kernel_file(uint64_t text_offset, uint64_t image_size)
{
	uint8_t image[128];
	uint64_t le;

	memset(image, 0x5a, sizeof(image));
	le = htole64(text_offset);
	memcpy(image + 8, &le, 8);
	le = htole64(image_size);
	memcpy(image + 16, &le, 8);
	memset(image + 24, 0, 32);
	memcpy(image + 56, "ARM\x64", 4);
	return temp_file(image, sizeof(image));
}

static char *sparse_file(uint64_t size)
{
	char *path = temp_file("", 0);

	assert_int_equal(truncate(path, (off_t)size), 0);
	return path;
}

/* One boot_open() and boot_load() on a board of its own. */
struct boot {
	struct board b;
	struct boot_files files;
	struct err e;
	int ret;
};

static void boot(struct boot *t, const struct machine_config *cfg)
{
	*t = (struct boot){ .files = BOOT_FILES_NONE };
	board_build(&t->b, &fake_6_1, cfg);
	t->ret = boot_open(&t->files, cfg, &t->e);
	if (t->ret == 0)
		t->ret = boot_load(&t->b.m, &t->files, &t->e);
}

static void boot_end(struct boot *t)
{
	boot_close(&t->files);
	board_close(&t->b);
}

static bool apart(gpa_t a, gpa_t a_end, gpa_t b, gpa_t b_end)
{
	return a_end <= b || b_end <= a;
}

/* What holds whenever a boot succeeds; the kernel ends at @kernel_end. */
static void check_places(const struct boot *t, gpa_t kernel_end)
{
	const struct machine *m = &t->b.m;
	const struct ram *ram = &m->vm.ram;
	const void *blob = ram_slice(ram, m->dtb, sizeof(struct fdt_header));
	gpa_t dtb_end;

	assert_non_null(blob);
	assert_int_equal(m->dtb % 8, 0);
	assert_int_equal(fdt_check_header(blob), 0);
	dtb_end = m->dtb + fdt_totalsize(blob);
	assert_non_null(ram_slice(ram, m->dtb, fdt_totalsize(blob)));
	assert_int_equal(fdt_check_full(blob, fdt_totalsize(blob)), 0);
	/* Kernels map it by 2 MiB blocks, and old ones by one. */
	assert_int_equal(m->dtb / (2 * MiB), (dtb_end - 1) / (2 * MiB));
	assert_true(apart(ram->base, kernel_end, m->dtb, dtb_end));
	if (t->files.initrd >= 0) {
		assert_int_equal(m->initrd_end - m->initrd, t->files.initrd_size);
		assert_non_null(ram_slice(ram, m->initrd, t->files.initrd_size));
		assert_true(apart(ram->base, kernel_end, m->initrd, m->initrd_end));
		assert_true(apart(m->dtb, dtb_end, m->initrd, m->initrd_end));
	} else {
		assert_int_equal(m->initrd, m->initrd_end);
	}
	assert_int_equal(fake_pc(), m->entry);
	assert_int_equal(fake_x0(), m->dtb);
}

static void the_embedded_guest_fits_in_two_mebibytes(void **state)
{
	struct machine_config cfg = play_config();
	struct boot t;

	(void)state;
	cfg.ram_size = 2 * MiB;
	boot(&t, &cfg);
	assert_string_equal(t.e.text, "");
	assert_int_equal(t.ret, 0);
	check_places(&t, t.b.m.entry + 1);
	boot_end(&t);
}

static void bytes_are_where_the_guest_is_told(void **state)
{
	struct machine_config cfg = play_config();
	char *kernel = kernel_file(0x80000, 0x100000), *initrd = temp_file("initial", 7);
	const char *bytes;
	struct boot t;

	(void)state;
	cfg.kernel = kernel;
	cfg.initrd = initrd;
	boot(&t, &cfg);
	assert_int_equal(t.ret, 0);
	assert_int_equal(t.b.m.entry, MAP_RAM + 0x80000);
	bytes = fake_ram(t.b.m.entry, 128);
	assert_int_equal(bytes[0], 0x5a);
	assert_memory_equal(bytes + 56, "ARM\x64", 4);
	bytes = fake_ram(t.b.m.initrd, 8);
	assert_memory_equal(bytes, "initial\0", 8);
	assert_int_equal(t.b.m.initrd % 4096, 0);
	check_places(&t, MAP_RAM + 0x180000);
	boot_end(&t);
	temp_remove(kernel);
	temp_remove(initrd);
}

static uint32_t next(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)*seed * below) >> 32);
}

struct sizes {
	uint64_t ram, text, image, initrd;
	unsigned int cpus;
};

static struct sizes random_sizes(uint32_t *seed)
{
	static const uint64_t limits[] = { 2 * MiB, 8 * MiB, 64 * MiB, 600 * MiB, 1536 * MiB };
	static const uint64_t texts[] = { 0, 0x80000, 0x1000, 0x1ff000 };
	uint64_t ram = limits[next(seed, 5)];
	struct sizes s = { .text = texts[next(seed, 4)], .cpus = 1 };

	s.ram = MiB + next(seed, (uint32_t)(ram / 4096)) * 4096ULL;
	s.image = 128 + next(seed, (uint32_t)ram);
	s.initrd = next(seed, 2) ? 0 : 1 + next(seed, 3 * MiB);
	if (next(seed, 20) == 0)
		s.cpus = 2 + next(seed, 510);
	return s;
}

static void check_random(const struct sizes *s)
{
	char *kernel = kernel_file(s->text, s->image);
	char *initrd = s->initrd ? sparse_file(s->initrd) : NULL;
	struct machine_config cfg = play_config();
	struct boot t;

	cfg.kernel = kernel;
	cfg.initrd = initrd;
	cfg.ram_size = s->ram;
	cfg.nr_cpus = s->cpus;
	boot(&t, &cfg);
	if (t.ret == 0) {
		check_places(&t, MAP_RAM + s->text + s->image);
	} else {
		/* Refused with advice, and only if it is tight. */
		assert_non_null(strstr(t.e.text, "--mem"));
		assert_true(s->text + s->image + s->initrd + 2 * MiB + 128 * KiB > s->ram);
	}
	boot_end(&t);
	temp_remove(kernel);
	temp_remove(initrd);
}

static void nothing_ever_overlaps_and_what_fits_is_taken(void **state)
{
	uint32_t seed = 2024;

	(void)state;
	for (int i = 0; i < 200; i++) {
		struct sizes s = random_sizes(&seed);

		check_random(&s);
	}
}

static void what_is_booted_from_lies_low_where_old_kernels_look(void **state)
{
	struct machine_config cfg = play_config();
	char *kernel = kernel_file(0x80000, 20 * MiB), *initrd = sparse_file(MiB);
	struct boot t;

	(void)state;
	cfg.kernel = kernel;
	cfg.initrd = initrd;
	cfg.ram_size = 100 * GiB;
	boot(&t, &cfg);
	assert_int_equal(t.ret, 0);
	assert_true(t.b.m.initrd_end <= MAP_RAM + 512 * MiB);
	assert_true(t.b.m.dtb < MAP_RAM + 512 * MiB);
	check_places(&t, MAP_RAM + 0x80000 + 20 * MiB);
	boot_end(&t);
	temp_remove(kernel);
	temp_remove(initrd);
}

static void a_kernel_that_fills_the_low_window_sends_the_rest_up(void **state)
{
	static const uint64_t images[] = { 511 * MiB, 512 * MiB, 600 * MiB, 2 * GiB };
	char *initrd = sparse_file(3 * MiB);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		struct machine_config cfg = play_config();
		char *kernel = kernel_file(0, images[i]);
		struct boot t;

		cfg.kernel = kernel;
		cfg.initrd = initrd;
		cfg.ram_size = 3 * GiB;
		boot(&t, &cfg);
		assert_int_equal(t.ret, 0);
		check_places(&t, MAP_RAM + images[i]);
		assert_true(t.b.m.initrd_end - MAP_RAM <= 31 * GiB);
		boot_end(&t);
		temp_remove(kernel);
	}
	temp_remove(initrd);
}

static void an_initrd_that_does_not_fit_is_named_with_the_numbers(void **state)
{
	struct machine_config cfg = play_config();
	char *kernel = kernel_file(0x80000, 16 * MiB), *initrd = sparse_file(50 * MiB);
	struct boot t;

	(void)state;
	cfg.kernel = kernel;
	cfg.initrd = initrd;
	boot(&t, &cfg);
	assert_int_equal(t.ret, -E2BIG);
	assert_non_null(strstr(t.e.text, initrd));
	assert_non_null(strstr(t.e.text, "51200 KiB"));
	assert_non_null(strstr(t.e.text, "64 MiB of memory"));
	assert_non_null(strstr(t.e.text, "--mem"));
	boot_end(&t);
	temp_remove(initrd);
	/* Larger than all memory, and than any. */
	initrd = sparse_file(1ULL << 42);
	cfg.initrd = initrd;
	boot(&t, &cfg);
	assert_int_equal(t.ret, -E2BIG);
	boot_end(&t);
	temp_remove(kernel);
	temp_remove(initrd);
}

static void an_initrd_that_misses_by_its_alignment_is_refused(void **state)
{
	struct machine_config cfg = play_config();
	char *kernel = kernel_file(0, 63 * MiB + 100), *initrd = sparse_file(MiB - 100);
	struct boot t;

	(void)state;
	cfg.kernel = kernel;
	cfg.initrd = initrd;
	boot(&t, &cfg);
	assert_int_equal(t.ret, -E2BIG);
	assert_non_null(strstr(t.e.text, initrd));
	assert_non_null(strstr(t.e.text, "--mem"));
	boot_end(&t);
	temp_remove(kernel);
	temp_remove(initrd);
}

static void a_kernel_that_leaves_no_room_for_the_tree_is_refused(void **state)
{
	struct machine_config cfg = play_config();
	char *kernel = kernel_file(0, 64 * MiB - 4096);
	struct boot t;

	(void)state;
	cfg.kernel = kernel;
	boot(&t, &cfg);
	assert_int_equal(t.ret, -E2BIG);
	assert_non_null(strstr(t.e.text, "the device tree"));
	assert_non_null(strstr(t.e.text, "--mem"));
	boot_end(&t);
	temp_remove(kernel);
}

/* A sound tree of the user's, with @padding bytes of a property in it. */
static char *tree_file(size_t padding, void **bytes, size_t *len)
{
	static const char psci[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";
	size_t room = padding + 4096;
	void *blob = malloc(room), *value;

	assert_non_null(blob);
	assert_int_equal(fdt_create_empty_tree(blob, (int)room), 0);
	assert_int_equal(fdt_setprop_placeholder(blob, 0, "padding", (int)padding, &value), 0);
	memset(value, 0x77, padding);
	assert_int_equal(fdt_setprop(blob, fdt_add_subnode(blob, 0, "psci"), "compatible", psci,
				     sizeof(psci)),
			 0);
	assert_int_equal(fdt_pack(blob), 0);
	*bytes = blob;
	*len = fdt_totalsize(blob);
	return temp_file(blob, *len);
}

static void a_users_tree_arrives_byte_by_byte(void **state)
{
	struct machine_config cfg = play_config();
	struct boot t;
	size_t len;
	void *bytes;
	char *path = tree_file(1000, &bytes, &len);

	(void)state;
	cfg.dtb = path;
	boot(&t, &cfg);
	assert_int_equal(t.ret, 0);
	assert_memory_equal(fake_ram(t.b.m.dtb, len), bytes, len);
	boot_end(&t);
	free(bytes);
	temp_remove(path);
}

static void params_that_find_no_room_in_a_users_tree_are_an_error(void **state)
{
	struct machine_config cfg = play_config();
	static char params[10000];
	struct boot t;
	size_t len;
	void *bytes;
	char *path = tree_file(DT_SIZE_MAX - 5000, &bytes, &len);

	(void)state;
	memset(params, 'x', sizeof(params) - 1);
	cfg.dtb = path;
	cfg.params = params;
	boot(&t, &cfg);
	assert_int_equal(t.ret, -EINVAL);
	assert_non_null(strstr(t.e.text, path));
	assert_non_null(strstr(t.e.text, "FDT_ERR_NOSPACE"));
	boot_end(&t);
	free(bytes);
	temp_remove(path);
}

static void a_large_tree_lies_within_one_block(void **state)
{
	static const size_t paddings[] = { 60 * KiB, 64 * KiB, 100 * KiB, 1 * MiB, 1900 * KiB };
	static const uint64_t rams[] = { 16 * MiB, 16 * MiB + 64 * KiB, 17 * MiB, 17 * MiB + 4096 };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paddings); i++) {
		void *bytes;
		size_t len;
		char *path = tree_file(paddings[i], &bytes, &len);

		for (size_t j = 0; j < ARRAY_SIZE(rams); j++) {
			struct machine_config cfg = play_config();
			struct boot t;

			cfg.dtb = path;
			cfg.ram_size = rams[j];
			boot(&t, &cfg);
			assert_string_equal(t.e.text, "");
			check_places(&t, t.b.m.entry + 1);
			assert_memory_equal(fake_ram(t.b.m.dtb, len), bytes, len);
			boot_end(&t);
		}
		free(bytes);
		temp_remove(path);
	}
}

static void the_dumped_tree_is_what_the_guest_gets(void **state)
{
	char *dir = temp_dir(), path[256];
	void *user_bytes;
	size_t user_len;
	char *user = tree_file(10, &user_bytes, &user_len);

	(void)state;
	snprintf(path, sizeof(path), "%s/dumped.dtb", dir);
	for (int own = 0; own < 2; own++) {
		struct machine_config cfg = play_config();
		struct boot t;
		void *bytes;
		size_t len;

		cfg.dtb = own ? user : NULL;
		cfg.dump_dtb = path;
		boot(&t, &cfg);
		assert_int_equal(t.ret, 0);
		bytes = file_bytes(path, &len);
		assert_non_null(bytes);
		assert_int_equal(len, fdt_totalsize(bytes));
		assert_memory_equal(bytes, fake_ram(t.b.m.dtb, len), len);
		free(bytes);
		boot_end(&t);
		assert_int_equal(dir_entries(dir), 1);
		unlink(path);
	}
	free(user_bytes);
	temp_remove(user);
	temp_remove(dir);
}

static void a_tree_that_cannot_be_dumped_is_an_error(void **state)
{
	struct machine_config cfg = play_config();
	char *dir = temp_dir();
	struct boot t;

	(void)state;
	cfg.dump_dtb = dir;
	boot(&t, &cfg);
	assert_true(t.ret < 0);
	assert_non_null(strstr(t.e.text, dir));
	assert_int_equal(dir_entries(dir), 0);
	boot_end(&t);
	temp_remove(dir);
}

static void an_initrd_that_shrinks_under_way_is_an_error(void **state)
{
	struct machine_config cfg = play_config();
	char *initrd = sparse_file(2 * MiB);
	struct boot t = { .files = BOOT_FILES_NONE };

	(void)state;
	cfg.initrd = initrd;
	board_build(&t.b, &fake_6_1, &cfg);
	assert_int_equal(boot_open(&t.files, &cfg, &t.e), 0);
	assert_int_equal(truncate(initrd, MiB), 0);
	assert_int_equal(boot_load(&t.b.m, &t.files, &t.e), -ENODATA);
	assert_non_null(strstr(t.e.text, initrd));
	boot_end(&t);
	temp_remove(initrd);
}

static void closing_nothing_is_fine(void **state)
{
	struct boot_files files = BOOT_FILES_NONE;

	(void)state;
	boot_close(&files);
	boot_close(&files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_embedded_guest_fits_in_two_mebibytes),
		cmocka_unit_test(bytes_are_where_the_guest_is_told),
		cmocka_unit_test(nothing_ever_overlaps_and_what_fits_is_taken),
		cmocka_unit_test(what_is_booted_from_lies_low_where_old_kernels_look),
		cmocka_unit_test(a_kernel_that_fills_the_low_window_sends_the_rest_up),
		cmocka_unit_test(an_initrd_that_does_not_fit_is_named_with_the_numbers),
		cmocka_unit_test(an_initrd_that_misses_by_its_alignment_is_refused),
		cmocka_unit_test(a_kernel_that_leaves_no_room_for_the_tree_is_refused),
		cmocka_unit_test(a_users_tree_arrives_byte_by_byte),
		cmocka_unit_test(params_that_find_no_room_in_a_users_tree_are_an_error),
		cmocka_unit_test(a_large_tree_lies_within_one_block),
		cmocka_unit_test(the_dumped_tree_is_what_the_guest_gets),
		cmocka_unit_test(a_tree_that_cannot_be_dumped_is_an_error),
		cmocka_unit_test(an_initrd_that_shrinks_under_way_is_an_error),
		cmocka_unit_test(closing_nothing_is_fine),
	};

	return cmocka_run_group_tests_name("boot", tests, NULL, NULL);
}
