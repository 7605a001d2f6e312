/* SPDX-License-Identifier: BSD-2-Clause */
/* gdb's remote protocol: packets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "../../ipc/gdb_packet.h"
#include "util/log.h"

/* What the reader makes of @len bytes: the events but GDB_NOTHING, a letter each. */
static const char *events(struct gdb_reader *r, const char *bytes, size_t len)
{
	static char text[64];
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		enum gdb_event event = gdb_read(r, (uint8_t)bytes[i]);

		if (event != GDB_NOTHING && n < sizeof(text) - 1)
			text[n++] = " PDIA"[event];
	}
	text[n] = '\0';
	return text;
}

#define EVENTS(r, literal) events(r, literal, sizeof(literal) - 1)

static void packets_are_told_from_what_is_around_them(void **state)
{
	struct gdb_reader r = { 0 };

	(void)state;
	assert_string_equal(EVENTS(&r, "++$g#67"), "P");
	assert_string_equal(r.payload, "g");
	assert_string_equal(EVENTS(&r, "\x03-xyz$#00"), "IAP");
	assert_int_equal(r.len, 0);
	assert_string_equal(EVENTS(&r, "$lost$?#3F"), "P");
	assert_string_equal(r.payload, "?");
}

static void another_checksum_is_damage(void **state)
{
	struct gdb_reader r = { 0 };

	(void)state;
	assert_string_equal(EVENTS(&r, "$g#68"), "D");
	assert_string_equal(EVENTS(&r, "$g#6x"), "D");
	assert_string_equal(EVENTS(&r, "$g#x7"), "D");
	assert_string_equal(EVENTS(&r, "$g#67"), "P");
}

static void an_escaped_byte_is_another(void **state)
{
	struct gdb_reader r = { 0 };

	(void)state;
	/* "}" and what '#' becomes. */
	assert_string_equal(EVENTS(&r, "$X}\x03#d8"), "P");
	assert_string_equal(r.payload, "X#");
}

static void a_packet_that_is_too_long_is_damage_and_the_next_is_read(void **state)
{
	static struct gdb_reader r;
	char bytes[GDB_PAYLOAD_MAX + 8];

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		size_t len = GDB_PAYLOAD_MAX + more;

		memset(bytes, 0, sizeof(bytes));
		bytes[0] = '$';
		memset(bytes + 1, '@', len); /* 64 each: a multiple of 256 with 4 more or less */
		sprintf(bytes + 1 + len, "#%02x", (unsigned int)(len * '@') & 0xff);
		assert_string_equal(events(&r, bytes, len + 4), more ? "D" : "P");
		assert_string_equal(EVENTS(&r, "$g#67"), "P");
	}
}

static void what_is_written_is_read(void **state)
{
	static struct gdb_reader r;
	static struct gdb_writer w;
	const char binary[] = "a#b$c}d*\0e";

	(void)state;
	gdb_begin(&w);
	gdb_put(&w, "l%x", 0xabc);
	gdb_put_hex(&w, "\x12\xff", 2);
	gdb_put_binary(&w, binary, sizeof(binary) - 1);
	gdb_end(&w);
	assert_string_equal(events(&r, w.packet, w.len), "P");
	assert_int_equal(r.len, 8 + sizeof(binary) - 1);
	assert_memory_equal(r.payload, "labc12ff", 8);
	assert_memory_equal(r.payload + 8, binary, sizeof(binary) - 1);
}

static void what_does_not_fit_is_left_out(void **state)
{
	static struct gdb_writer w;
	uint8_t bytes[100] = { 0 };

	(void)state;
	gdb_begin(&w);
	for (unsigned int i = 0; i < 100; i++) {
		gdb_put_hex(&w, bytes, sizeof(bytes));
		gdb_put_binary(&w, "####", 4);
		gdb_put(&w, "%099d", 0);
	}
	gdb_end(&w);
	assert_true(w.cut);
	assert_true(w.len <= GDB_PACKET_MAX);
	assert_int_equal(w.packet[w.len - 3], '#');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_told_from_what_is_around_them),
		cmocka_unit_test(another_checksum_is_damage),
		cmocka_unit_test(an_escaped_byte_is_another),
		cmocka_unit_test(a_packet_that_is_too_long_is_damage_and_the_next_is_read),
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(what_does_not_fit_is_left_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
