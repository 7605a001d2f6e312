/* SPDX-License-Identifier: BSD-2-Clause */
/* What --gdb takes. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/un.h>
#include <cmocka.h>
#include "ipc/gdb.h"
#include "util/err.h"
#include "util/log.h"

static void places_are_read(void **state)
{
	struct gdb_options gdb = { 0 };

	(void)state;
	assert_int_equal(gdb_parse(&gdb, "unix:/tmp/a,,b,wait", NULL), 0);
	assert_string_equal(((struct sockaddr_un *)&gdb.address.address)->sun_path, "/tmp/a,b");
	assert_true(gdb.wait);
	assert_int_equal(gdb_parse(&gdb, "tcp::1234", NULL), 0);
	assert_false(gdb.wait);
	assert_int_equal(gdb.address.address.ss_family, AF_INET);
	assert_memory_equal((uint8_t *)&gdb.address.address + 2, "\x04\xd2\x7f\0\0\1", 6);
	assert_int_equal(gdb_parse(&gdb, "tcp:[::1]:80,wait", NULL), 0);
	assert_int_equal(gdb.address.address.ss_family, AF_INET6);
	assert_int_equal(gdb_parse(&gdb, "tcp:10.0.0.1:0", NULL), 0);
	assert_memory_equal((uint8_t *)&gdb.address.address + 4, "\x0a\0\0\1", 4);
}

static void mistakes_are_named(void **state)
{
	static const char *const rows[][2] = {
		{ "1234", "'1234' is none of unix:PATH" },
		{ "tcp:1234", "names no port" },
		{ "tcp:", "names no port" },
		{ "tcp::", "names no port" },
		{ "tcp::65536", "names no port" },
		{ "tcp:host:1", "'host' is no address" },
		{ "unix:", "needs the path" },
		{ "tcp::1,halt", "'halt' is not wait" },
	};
	char path[200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct gdb_options gdb = { 0 };
		struct err e = { 0 };

		assert_true(gdb_parse(&gdb, rows[i][0], &e) < 0);
		if (!strstr(e.text, rows[i][1]))
			assert_string_equal(e.text, rows[i][1]);
		assert_int_equal(gdb.address.len, 0);
	}
	memset(path, 'a', sizeof(path));
	memcpy(path, "unix:", 5);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(gdb_parse(&(struct gdb_options){ 0 }, path, NULL), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(places_are_read),
		cmocka_unit_test(mistakes_are_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
