/* SPDX-License-Identifier: BSD-2-Clause */
/* The user's own device tree: what is changed in it, what is warned of, and damage of any kind. */
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
#include "arm/psci.h"
#include "fdt_tree.h"

/* A user's tree: an empty root, or one with a /psci and a /chosen. */
static void *user_tree(const char *psci, size_t psci_len, size_t *size)
{
	void *blob = malloc(4096);

	assert_non_null(blob);
	assert_int_equal(fdt_create_empty_tree(blob, 4096), 0);
	if (psci) {
		int off = fdt_add_subnode(blob, 0, "psci");

		assert_int_equal(fdt_setprop(blob, off, "compatible", psci, (int)psci_len), 0);
		off = fdt_add_subnode(blob, 0, "chosen");
		assert_int_equal(fdt_setprop_string(blob, off, "bootargs", "mine"), 0);
	}
	assert_int_equal(fdt_pack(blob), 0);
	*size = fdt_totalsize(blob);
	return blob;
}

/* fdt_fix_chosen() on a copy of @blob in a buffer as boot.c has it. */
static void *fixed(const struct machine *m, const void *blob, size_t size, int *ret, char **log)
{
	void *copy = malloc(DT_SIZE_MAX);
	struct err e = { 0 };
	struct capture c;

	assert_non_null(copy);
	memcpy(copy, blob, size);
	capture_start(&c, STDERR_FILENO);
	*ret = fdt_fix_chosen(m, copy, &e);
	*log = capture_end(&c, NULL);
	return copy;
}

static void a_users_tree_stays_as_it_is(void **state)
{
	static const char psci[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";
	struct machine_config cfg = config(1, PSCI_VERSION(1, 1), IRQCHIP_AUTO);
	struct fake_host all = host();
	void *blob, *copy;
	struct board b;
	size_t size;
	char *log;
	int ret;

	(void)state;
	cfg.dtb = "mine.dtb";
	board_build(&b, &all, &cfg);
	blob = user_tree(psci, sizeof(psci), &size);
	copy = fixed(&b.m, blob, size, &ret, &log);
	assert_int_equal(ret, 0);
	assert_memory_equal(copy, blob, size);
	assert_string_equal(log, "");
	free(copy);
	free(log);
	free(blob);
	board_close(&b);
}

static void initrd_and_params_go_into_a_users_tree(void **state)
{
	static const char psci[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";
	struct machine_config cfg = config(1, PSCI_VERSION(1, 1), IRQCHIP_AUTO);
	struct fake_host all = host();
	struct tree t;
	size_t size;
	void *blob;
	char *log;
	int ret;

	(void)state;
	cfg.dtb = "mine.dtb";
	cfg.params = "yours";
	board_build(&t.b, &all, &cfg);
	t.b.m.initrd = 0x50000000;
	t.b.m.initrd_end = 0x50001234;
	for (int with_chosen = 0; with_chosen < 2; with_chosen++) {
		blob = user_tree(with_chosen ? psci : NULL, sizeof(psci), &size);
		t.dt.blob = fixed(&t.b.m, blob, size, &ret, &log);
		t.blob = t.dt.blob;
		assert_int_equal(ret, 0);
		assert_int_equal(fdt_check_full(t.blob, DT_SIZE_MAX), 0);
		assert_true(fdt_totalsize(t.blob) < size + 256); /* no room left over */
		check_text(&t, "/chosen", "bootargs", "yours");
		check_prop(&t, "/chosen", "linux,initrd-start", 0, 0x50000000);
		check_prop(&t, "/chosen", "linux,initrd-end", 0, 0x50001234);
		free(t.dt.blob);
		free(log);
		free(blob);
	}
	board_close(&t.b);
}

static void a_users_tree_of_other_firmware_is_warned_of(void **state)
{
	static const struct {
		uint32_t psci;
		const char *compatible;
		size_t len;
		bool warned;
	} rows[] = {
		{ PSCI_VERSION(0, 2), "arm,psci-1.0\0arm,psci-0.2\0arm,psci", 35, true },
		{ PSCI_VERSION(0, 2), "arm,psci-0.2\0arm,psci", 22, false },
		{ PSCI_VERSION(1, 0), "arm,psci-0.2\0arm,psci", 22, true },
		{ PSCI_VERSION(0, 1), "arm,psci", 9, false },
		{ PSCI_VERSION(0, 1), "arm,psci-0.2", 13, true },
		{ PSCI_VERSION(1, 1), NULL, 0, true },
	};
	struct fake_host all = host();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct machine_config cfg = config(1, rows[i].psci, IRQCHIP_AUTO);
		struct board b;
		void *blob, *copy;
		size_t size;
		char *log;
		int ret;

		cfg.dtb = "mine.dtb";
		board_build(&b, &all, &cfg);
		blob = user_tree(rows[i].compatible, rows[i].len, &size);
		copy = fixed(&b.m, blob, size, &ret, &log);
		assert_int_equal(ret, 0);
		assert_int_equal(strstr(log, "Warning: the /psci node of mine.dtb") != NULL,
				 rows[i].warned);
		free(copy);
		free(log);
		free(blob);
		board_close(&b);
	}
}

/*
 * Loads @size damaged bytes and, if they are still a sound tree, changes it as a boot would:
 * AddressSanitizer is the judge. Returns whether it was refused.
 */
static bool try_damaged(const struct machine *m, const void *bytes, size_t size)
{
	char *path = temp_file(bytes, size), *log;
	struct err e = { 0 };
	size_t loaded_size;
	void *loaded, *copy;
	int ret = fdt_load(path, &loaded, &loaded_size, &e);

	if (ret < 0) {
		assert_non_null(strstr(e.text, path));
	} else {
		assert_int_equal(loaded_size, size);
		copy = fixed(m, loaded, loaded_size, &ret, &log);
		free(copy);
		free(log);
		free(loaded);
		ret = 0;
	}
	temp_remove(path);
	return ret < 0;
}

static void damaged_trees_are_refused_or_harmless(void **state)
{
	struct machine_config cfg = config(1, PSCI_VERSION(1, 1), IRQCHIP_AUTO);
	unsigned int refused = 0;
	uint32_t seed = 12345;
	struct tree t;
	uint8_t *bytes;
	size_t size;

	(void)state;
	cfg.dtb = "mine.dtb";
	cfg.params = "yours";
	tree_make(&t, &cfg);
	t.b.m.initrd_end = t.b.m.initrd + 1;
	size = fdt_totalsize(t.blob);
	bytes = malloc(size);
	assert_non_null(bytes);
	for (size_t bit = 0; bit < 8 * sizeof(struct fdt_header); bit++) {
		memcpy(bytes, t.blob, size);
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		refused += try_damaged(&t.b.m, bytes, size);
	}
	assert_true(refused > 150); /* the boot CPU's number alone is anyone's */
	for (size_t i = 0; i < sizeof(struct fdt_header); i++) {
		memcpy(bytes, t.blob, size);
		bytes[i] = 0xff;
		try_damaged(&t.b.m, bytes, size);
	}
	for (int i = 0; i < 1000; i++) {
		memcpy(bytes, t.blob, size);
		for (int j = 0; j < 1 + i % 4; j++) {
			seed = seed * 1664525 + 1013904223;
			bytes[seed / 256 % size] = (uint8_t)(seed >> 24);
		}
		try_damaged(&t.b.m, bytes, size);
	}
	memcpy(bytes, t.blob, size);
	for (size_t len = 1; len < size; len += 1 + len / 20)
		assert_true(try_damaged(&t.b.m, bytes, len));
	free(bytes);
	tree_free(&t);
}

static void a_tree_larger_than_a_guest_can_take_is_refused(void **state)
{
	char *path = temp_file("", 0);
	struct err e = { 0 };
	void *blob;
	size_t size;

	(void)state;
	assert_int_equal(truncate(path, DT_SIZE_MAX + 1), 0);
	assert_int_equal(fdt_load(path, &blob, &size, &e), -EFBIG);
	assert_non_null(strstr(e.text, path));
	temp_remove(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_users_tree_stays_as_it_is),
		cmocka_unit_test(initrd_and_params_go_into_a_users_tree),
		cmocka_unit_test(a_users_tree_of_other_firmware_is_warned_of),
		cmocka_unit_test(damaged_trees_are_refused_or_harmless),
		cmocka_unit_test(a_tree_larger_than_a_guest_can_take_is_refused),
	};

	return cmocka_run_group_tests_name("fdt_user", tests, NULL, NULL);
}
