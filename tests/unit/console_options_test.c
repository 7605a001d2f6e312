/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of --console, --port and --rng-rate. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include "arm/consoles.h"
#include "arm/rng.h"

static int refuse(int (*parse)(void *, const char *, struct err *), const char *value,
		  const char *text)
{
	struct console_options options = { 0 };
	struct err e = { 0 };
	int ret = parse(&options, value, &e);

	if (ret >= 0 || !strstr(e.text, text))
		fail_msg("'%s' gives %d, '%s'", value, ret, e.text);
	console_options_free(&options);
	return ret;
}

static struct console_options console(const char *value)
{
	struct console_options options = { 0 };
	struct err e = { 0 };

	if (console_parse(&options, value, &e) < 0)
		fail_msg("'%s': %s", value, e.text);
	return options;
}

static void the_kinds_of_console(void **state)
{
	struct console_options o = console("serial");

	(void)state;
	assert_false(o.virtio);
	assert_int_equal(o.line.end, LINE_STDIO);
	o = console("virtio");
	assert_true(o.virtio);
	o = console("virtio,transport=mmio");
	assert_int_equal(o.bus, VIRTIO_BUS_MMIO);
	o = console("transport=pci,virtio");
	assert_int_equal(o.bus, VIRTIO_BUS_PCI);
}

static void what_is_at_the_other_end(void **state)
{
	struct console_options o = console("virtio,pty");

	(void)state;
	assert_int_equal(o.line.end, LINE_PTY);
	o = console("pty"); /* serial goes without saying */
	assert_false(o.virtio);
	assert_int_equal(o.line.end, LINE_PTY);
	o = console("serial,file=/tmp/out,log=/tmp/copy");
	assert_int_equal(o.line.end, LINE_FILE);
	assert_string_equal(o.line.file, "/tmp/out");
	assert_string_equal(o.line.log, "/tmp/copy");
	console_options_free(&o);
	assert_null(o.line.log);
	o = console("log=/tmp/copy,max=64K,keep=9");
	assert_int_equal(o.line.limit.max, 65536);
	assert_int_equal(o.line.limit.keep, 9);
	console_options_free(&o);
}

static void a_comma_in_a_files_name_is_written_twice(void **state)
{
	struct console_options o = console("virtio,log=a,,b,,,file=c,,");

	(void)state;
	assert_string_equal(o.line.log, "a,b,");
	assert_string_equal(o.line.file, "c,");
	console_options_free(&o);
}

static void the_last_console_counts(void **state)
{
	struct console_options o = console("virtio,pty,log=a,transport=mmio");
	struct err e = { 0 };

	(void)state;
	assert_int_equal(console_parse_port(&o, "p", &e), 0);
	assert_int_equal(console_parse(&o, "serial,log=b", &e), 0);
	assert_false(o.virtio);
	assert_int_equal(o.bus, VIRTIO_BUS_DEFAULT);
	assert_int_equal(o.line.end, LINE_STDIO);
	assert_string_equal(o.line.log, "b");
	assert_int_equal(o.nr_ports, 1);
	console_options_free(&o);
}

static void nonsense_is_named(void **state)
{
	(void)state;
	refuse(console_parse, "", "''");
	refuse(console_parse, "hvc0", "'hvc0' is none of");
	refuse(console_parse, "max=1M", "go with file= or log=");
	refuse(console_parse, "log=a,keep=3", "goes with max=");
	refuse(console_parse_port, "a,pty,max=1M", "go with file= or log=");
	refuse(console_parse, "virtio,", "''");
	refuse(console_parse, "virtio,log", "'log'");
	refuse(console_parse, "virtio,log=", "'log='");
	refuse(console_parse, "virtio,log=a,log=b", "'log=b'");
	refuse(console_parse, "pty,file=a", "not both");
	refuse(console_parse, "file=a,pty", "not both");
	refuse(console_parse, "virtio,transport=isa", "'isa'");
	refuse(console_parse, "serial,transport=pci", "no transport");
	refuse(console_parse, "virtio,ptyy", "'ptyy'");
}

static void ports_have_names_and_ends(void **state)
{
	struct console_options o = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(console_parse_port(&o, "org.example.agent-0", &e), 0);
	assert_int_equal(console_parse_port(&o, "log_2,file=/tmp/x", &e), 0);
	assert_int_equal(console_parse_port(&o, "third,pty,log=y", &e), 0);
	assert_int_equal(o.nr_ports, 3);
	assert_string_equal(o.port[0].name, "org.example.agent-0");
	assert_int_equal(o.port[0].line.end, LINE_PTY);
	assert_int_equal(o.port[1].line.end, LINE_FILE);
	assert_string_equal(o.port[1].line.file, "/tmp/x");
	assert_string_equal(o.port[2].line.log, "y");
	assert_int_equal(console_parse_port(&o, "third", &e), -EEXIST);
	assert_int_equal(o.nr_ports, 3);
	console_options_free(&o);
	assert_int_equal(o.nr_ports, 0);
}

static void bad_ports_are_named(void **state)
{
	char longest[65];

	(void)state;
	memset(longest, 'a', 64);
	longest[64] = '\0';
	refuse(console_parse_port, "", "''");
	refuse(console_parse_port, ",pty", "''");
	refuse(console_parse_port, "a b", "'a b'");
	refuse(console_parse_port, "a/b", "'a/b'");
	refuse(console_parse_port, longest, longest);
	refuse(console_parse_port, "a,stdio", "'stdio'");
	refuse(console_parse_port, "a,file=", "'file='");
	refuse(console_parse_port, "a,log=x,file=y,pty", "not both");
}

static void there_is_an_end_to_ports(void **state)
{
	struct console_options o = { 0 };
	struct err e = { 0 };
	char name[16];

	(void)state;
	for (int i = 0; i < CONSOLE_PORTS_MAX; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		assert_int_equal(console_parse_port(&o, name, &e), 0);
	}
	assert_int_equal(console_parse_port(&o, "more", &e), -ENOSPC);
	assert_non_null(strstr(e.text, "'more'"));
	console_options_free(&o);
}

static void a_rate_asks_for_the_device(void **state)
{
	struct rng_options rng = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_int_equal(rng_parse_rate(&rng, "512B", &e), 0);
	assert_true(rng.present);
	assert_int_equal(rng.rate, 512);
	assert_int_equal(rng_parse_rate(&rng, "1K", &e), 0);
	assert_int_equal(rng.rate, 1024);
	assert_int_equal(rng_parse_rate(&rng, "0", &e), -EINVAL);
	assert_non_null(strstr(e.text, "'0'"));
	assert_int_equal(rng_parse_rate(&rng, "fast", &e), -EINVAL);
	assert_int_equal(rng.rate, 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_kinds_of_console),
		cmocka_unit_test(what_is_at_the_other_end),
		cmocka_unit_test(a_comma_in_a_files_name_is_written_twice),
		cmocka_unit_test(the_last_console_counts),
		cmocka_unit_test(nonsense_is_named),
		cmocka_unit_test(ports_have_names_and_ends),
		cmocka_unit_test(bad_ports_are_named),
		cmocka_unit_test(there_is_an_end_to_ports),
		cmocka_unit_test(a_rate_asks_for_the_device),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
