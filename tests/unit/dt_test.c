/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing device trees: what is read back, and the error that sticks. */
#include <errno.h>
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "vm/dt_in.h"

static void what_is_written_is_read_back(void **state)
{
	struct err e = { 0 };
	struct dt dt;
	const void *value;
	int node, len;

	(void)state;
	assert_int_equal(dt_start(&dt, &e), 0);
	dt_string(&dt, "model", "x");
	dt_begin(&dt, "node@%x", 0x10);
	dt_empty(&dt, "flag");
	dt_u64(&dt, "long", 0x123456789abcdef0ULL);
	dt_cells(&dt, "cells", 1, DT_U64(0x200000003ULL));
	dt_bytes(&dt, "list", "a\0b", 4);
	dt_begin(&dt, "inner");
	dt_end(&dt);
	dt_end(&dt);
	assert_int_equal(dt_finish(&dt, &e), 0);

	assert_int_equal(fdt_check_full(dt.blob, fdt_totalsize(dt.blob)), 0);
	node = fdt_path_offset(dt.blob, "/node@10");
	assert_true(node > 0);
	assert_string_equal(fdt_getprop(dt.blob, 0, "model", NULL), "x");
	assert_non_null(fdt_getprop(dt.blob, node, "flag", &len));
	assert_int_equal(len, 0);
	value = fdt_getprop(dt.blob, node, "long", &len);
	assert_int_equal(len, 8);
	assert_memory_equal(value, "\x12\x34\x56\x78\x9a\xbc\xde\xf0", 8);
	value = fdt_getprop(dt.blob, node, "cells", &len);
	assert_int_equal(len, 12);
	assert_memory_equal(value, "\0\0\0\1\0\0\0\2\0\0\0\3", 12);
	assert_int_equal(fdt_stringlist_count(dt.blob, node, "list"), 2);
	assert_true(fdt_path_offset(dt.blob, "/node@10/inner") > 0);
	dt_free(&dt);
}

static void a_tree_has_no_byte_to_spare(void **state)
{
	struct dt dt;

	(void)state;
	assert_int_equal(dt_start(&dt, NULL), 0);
	assert_int_equal(dt_finish(&dt, NULL), 0);
	assert_true(fdt_totalsize(dt.blob) < 100);
	dt_free(&dt);
}

static void a_tree_that_is_too_large_is_an_error_at_its_end(void **state)
{
	static char big[DT_SIZE_MAX + 1];
	struct err e = { 0 };
	struct dt dt;

	(void)state;
	assert_int_equal(dt_start(&dt, &e), 0);
	for (int i = 0; i < 100; i++) {
		dt_begin(&dt, "node%d", i);
		dt_bytes(&dt, "big", big, DT_SIZE_MAX / 50);
		dt_end(&dt);
	}
	assert_int_equal(dt_finish(&dt, &e), -ENOSPC);
	assert_non_null(strstr(e.text, "FDT_ERR_NOSPACE"));
	dt_free(&dt);

	assert_int_equal(dt_start(&dt, &e), 0);
	dt_bytes(&dt, "big", big, sizeof(big));
	dt_cells(&dt, "after", 1);
	assert_int_equal(dt_finish(&dt, &e), -ENOSPC);
	dt_free(&dt);

	/* Not cut to what an int holds. */
	assert_int_equal(dt_start(&dt, &e), 0);
	dt_bytes(&dt, "huge", big, (1ULL << 32) + 4);
	assert_int_equal(dt_finish(&dt, &e), -ENOSPC);
	dt_free(&dt);
}

static void freeing_nothing_is_fine(void **state)
{
	struct dt dt = { 0 };

	(void)state;
	dt_free(&dt);
	assert_int_equal(dt_start(&dt, NULL), 0);
	dt_free(&dt);
	dt_free(&dt);
}

static void a_tree_from_before_2005_is_refused(void **state)
{
	struct dt dt;

	(void)state;
	assert_int_equal(dt_start(&dt, NULL), 0);
	assert_int_equal(dt_finish(&dt, NULL), 0);
	assert_int_equal(dt_check(dt.blob, fdt_totalsize(dt.blob)), 0);
	fdt_set_version(dt.blob, 3);
	fdt_set_last_comp_version(dt.blob, 2);
	/* libfdt 1.6.1 follows a null pointer here: the root has no path. */
	assert_int_equal(dt_check(dt.blob, fdt_totalsize(dt.blob)), -FDT_ERR_BADVERSION);
	dt_free(&dt);
}

static void less_than_a_header_is_no_tree(void **state)
{
	(void)state;
	assert_int_equal(dt_check("\xd0\x0d\xfe\xed", 4), -FDT_ERR_TRUNCATED);
}

static void a_property_longer_than_its_reader_has_room_for_is_refused(void **state)
{
	uint8_t buf[8] = "abcdefg";
	size_t len = 77;
	struct err e = { 0 };
	struct dt_in in = { .name = "x", .e = &e };
	struct dt dt;

	(void)state;
	assert_int_equal(dt_start(&dt, &e), 0);
	dt_bytes(&dt, "bytes", "12345", 5);
	dt_cells(&dt, "cells", 1, 2);
	assert_int_equal(dt_finish(&dt, &e), 0);
	in.fdt = dt.blob;
	dt_in_bytes(&in, 0, "bytes", buf, 4, &len);
	assert_int_equal(in.ret, -EINVAL);
	assert_string_equal((char *)buf, "abcdefg");
	assert_int_equal(len, 77);
	in.ret = 0;
	dt_in_cells(&in, 0, "cells", (uint32_t *)(void *)buf, 1);
	assert_int_equal(in.ret, -EINVAL);
	assert_string_equal((char *)buf, "abcdefg");
	in.ret = 0;
	dt_in_bytes(&in, 0, "bytes", buf, 5, &len);
	assert_int_equal(in.ret, 0);
	assert_int_equal(len, 5);
	assert_memory_equal(buf, "12345fg", 8);
	dt_free(&dt);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_from_before_2005_is_refused),
		cmocka_unit_test(less_than_a_header_is_no_tree),
		cmocka_unit_test(what_is_written_is_read_back),
		cmocka_unit_test(a_tree_has_no_byte_to_spare),
		cmocka_unit_test(a_tree_that_is_too_large_is_an_error_at_its_end),
		cmocka_unit_test(a_property_longer_than_its_reader_has_room_for_is_refused),
		cmocka_unit_test(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests_name("dt", tests, NULL, NULL);
}
