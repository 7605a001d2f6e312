/* SPDX-License-Identifier: BSD-2-Clause */
/* What --network takes, what it refuses and in which words; addresses made from names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "arm/networks.h"
#include "util/bits.h"

static void refuse(const char *value, const char *text)
{
	struct network_options all = { 0 };
	struct err e = { 0 };

	assert_true(network_parse(&all, value, &e) < 0);
	assert_string_equal(e.text, text);
	assert_int_equal(all.nr, 0);
	network_options_free(&all);
}

static struct network_option *accept(struct network_options *all, const char *value)
{
	struct err e = { 0 };

	if (network_parse(all, value, &e) < 0)
		fail_msg("%s", e.text);
	return &all->nic[all->nr - 1];
}

static void modes_are_with_and_without_their_word(void **state)
{
	struct network_options all = { 0 };

	(void)state;
	assert_int_equal(accept(&all, "user")->mode, NETWORK_USER);
	assert_int_equal(accept(&all, "mode=tap")->mode, NETWORK_TAP);
	assert_int_equal(all.nr, 2);
	assert_int_equal(network_parse(&all, "mode=none", NULL), 0);
	assert_int_equal(all.nr, 0);
	refuse("mode=none,mac=02:00:00:00:00:01",
	       "'mode=none,mac=02:00:00:00:00:01': there is nothing to say of no network");
	refuse("bridge", "'bridge': 'bridge' is none of mode=none, mode=user, mode=tap");
	refuse("", "'': '' is none of mode=none, mode=user, mode=tap");
}

static void a_tap_has_a_name_a_script_and_queues(void **state)
{
	struct network_options all = { 0 };
	struct network_option *nic = accept(
		&all,
		"mode=tap,tapif=tap7,script=/etc/a,,b,queues=4,transport=pci,mac=02:ab:CD:00:01:ff");

	(void)state;
	assert_string_equal(nic->tap.name, "tap7");
	assert_string_equal(nic->tap.script, "/etc/a,b");
	assert_int_equal(nic->tap.nr_pairs, 4);
	assert_int_equal(nic->bus, VIRTIO_BUS_PCI);
	assert_true(nic->has_mac);
	assert_memory_equal(nic->mac, "\x02\xab\xcd\x00\x01\xff", 6);
	nic = accept(&all, "tap,fd=3:4");
	assert_true(nic->tap.by_fd);
	assert_int_equal(nic->tap.nr_pairs, 2);
	assert_int_equal(nic->tap.fd[1], 4);
	network_options_free(&all);
	refuse("tap,tapif=",
	       "'tap,tapif=': tapif: '' is not an interface's name: 1 to 15 characters, without '/'");
	refuse("tap,tapif=sixteen-letters0",
	       "'tap,tapif=sixteen-letters0': tapif: 'sixteen-letters0' is not an interface's name: 1 to 15 characters, without '/'");
	refuse("tap,tapif=tap%d",
	       "'tap,tapif=tap%d': tapif: 'tap%d' is not an interface's name: 1 to 15 characters, without '/'");
	refuse("tap,queues=0",
	       "'tap,queues=0': queues: '0' is out of range: 1 to 8 pairs of queues");
	refuse("tap,queues=9",
	       "'tap,queues=9': queues: '9' is out of range: 1 to 8 pairs of queues");
	refuse("tap,fd=3:x", "'tap,fd=3:x': fd: '3:x' is not a list of descriptors such as 3:4");
	refuse("tap,fd=", "'tap,fd=': fd: '' is not a list of descriptors such as 3:4");
	refuse("tap,fd=1:2:3:4:5:6:7:8:9",
	       "'tap,fd=1:2:3:4:5:6:7:8:9': fd: '1:2:3:4:5:6:7:8:9' is too long: up to 8 descriptors");
	refuse("tap,queues=3,fd=3:4",
	       "'tap,queues=3,fd=3:4': fd: '3:4' has 2 descriptors: one a pair of queues=3");
	refuse("tap,fd=3:4,queues=3",
	       "'tap,fd=3:4,queues=3': queues: fd= has 2 descriptors: one a pair");
	refuse("tap,fd=3,tapif=x",
	       "'tap,fd=3,tapif=x': fd= stands for an interface that is there: no tapif=, no script=");
	refuse("tap,hostfwd=tcp:1-:1", "'tap,hostfwd=tcp:1-:1': 'hostfwd' is for mode=user");
	refuse("user,tapif=tap0", "'user,tapif=tap0': 'tapif' is for mode=tap");
}

static void forwards_become_passts_words(void **state)
{
	struct network_options all = { 0 };
	struct network_option *nic = accept(
		&all,
		"user,hostfwd=tcp:8080-:80,hostfwd=udp:127.0.0.1:5353-:53,hostfwd=tcp:[::1]:1-:65535,hostfwd=tcp::9-:9");
	static const char *const want[] = { "-t", "8080:80",     "-u", "127.0.0.1/5353:53",
					    "-t", "::1/1:65535", "-t", "9:9" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(want); i++)
		assert_string_equal(nic->port[i], want[i]);
	assert_null(nic->port[ARRAY_SIZE(want)]);
	network_options_free(&all);
}

static void forwards_that_cannot_be_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   "tcp",
					   "tcp:",
					   "tcp:80",
					   "tcp:80-",
					   "tcp:80-80",
					   "tcp:80-:",
					   "tcp:0-:80",
					   "tcp:65536-:80",
					   "tcp:80-:65536",
					   "sctp:80-:80",
					   "tcp:host:80-:80",
					   "tcp:1.2.3:80-:80",
					   "tcp:::1:80-:80",
					   "tcp:[1.2.3.4]:80-:80",
					   "tcp:80-:80 -x",
					   "tcp:-1-:80",
					   "tcp:[]:80-:80",
					   "tcp: 80-:80" };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct network_options all = { 0 };
		struct err e = { 0 };
		char value[100] = "user,hostfwd=";

		strcat(value, bad[i]);
		if (!network_parse(&all, value, &e))
			fail_msg("'%s' is accepted", value);
		network_options_free(&all);
	}
	refuse("user,hostfwd=tcp:80-10.0.2.15:80",
	       "'user,hostfwd=tcp:80-10.0.2.15:80': hostfwd: 'tcp:80-10.0.2.15:80': the guest has one address, leave out what stands before its port");
	refuse("user,hostfwd=80",
	       "'user,hostfwd=80': hostfwd: '80' is not a forward such as tcp:8080-:80 or udp:127.0.0.1:53-:53");
}

static void bad_addresses_and_words_are_refused(void **state)
{
	(void)state;
	refuse("user,mac=02:00:00:00:00",
	       "'user,mac=02:00:00:00:00': mac: '02:00:00:00:00' is not a MAC address such as 02:00:00:12:34:56");
	refuse("user,mac=02:00:00:00:00:0",
	       "'user,mac=02:00:00:00:00:0': mac: '02:00:00:00:00:0' is not a MAC address such as 02:00:00:12:34:56");
	refuse("user,mac=02:00:00:00:00:01:02",
	       "'user,mac=02:00:00:00:00:01:02': mac: '02:00:00:00:00:01:02' is not a MAC address such as 02:00:00:12:34:56");
	refuse("user,mac=01:00:5e:00:00:01",
	       "'user,mac=01:00:5e:00:00:01': mac: '01:00:5e:00:00:01' cannot be the MAC address of a single device");
	refuse("user,mac=00:00:00:00:00:00",
	       "'user,mac=00:00:00:00:00:00': mac: '00:00:00:00:00:00' cannot be the MAC address of a single device");
	refuse("user,", "'user,': nothing follows a comma");
	refuse("user,mac", "'user,mac': 'mac' needs a value: mac=...");
	refuse("user,speed=9",
	       "'user,speed=9': 'speed' is none of mac=, transport=, bps=, hostfwd=, tapif=, script=, vhost=, queues=, fd=");
}

static void there_is_an_end_to_devices(void **state)
{
	struct network_options all = { 0 };
	struct err e = { 0 };

	(void)state;
	for (int i = 0; i < NETWORKS_MAX; i++)
		accept(&all, "user");
	assert_true(network_parse(&all, "user", &e) < 0);
	assert_string_equal(e.text, "'user' is one too many: a VM has up to 8 network devices");
	network_options_free(&all);
}

static void a_name_gives_the_same_address_each_time(void **state)
{
	uint8_t a[6], b[6], c[6], d[6];

	(void)state;
	network_mac("web", 0, a);
	network_mac("web", 0, b);
	network_mac("web", 1, c);
	network_mac("wed", 0, d);
	assert_memory_equal(a, b, 6);
	assert_memory_not_equal(a, c, 6);
	assert_memory_not_equal(a, d, 6);
	assert_int_equal(a[0] & 3, 2);
	assert_int_equal(c[0] & 3, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_are_with_and_without_their_word),
		cmocka_unit_test(a_tap_has_a_name_a_script_and_queues),
		cmocka_unit_test(forwards_become_passts_words),
		cmocka_unit_test(forwards_that_cannot_be_are_refused),
		cmocka_unit_test(bad_addresses_and_words_are_refused),
		cmocka_unit_test(there_is_an_end_to_devices),
		cmocka_unit_test(a_name_gives_the_same_address_each_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
