/* SPDX-License-Identifier: BSD-2-Clause */
/* Firmware services pinned on hosts of several ages: what is written, and what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "arm/firmware.h"
#include "fake/fake_kvm.h"
#include "kvm/kvm.h"

#define VENDOR   2 /* the bitmaps by number */
#define VENDOR_2 3

/* Pins @list, "a=on b=off", on @host. Returns what firmware_apply() does; its text goes to @e. */
static int apply(const struct fake_host *host, const char *list, struct err *e)
{
	struct firmware_pins pins = { 0 };
	struct kvm_vcpu_init init;
	char words[200], *word, *rest = words;
	int kvm, vm, vcpu, ret;

	snprintf(words, sizeof(words), "%s", list);
	while ((word = strsep(&rest, " ")))
		assert_int_equal(firmware_parse(&pins, word, e), 0);
	fake_start(host);
	kvm = kvm_open(FAKE_DEV, NULL);
	vm = kvm_create_vm(kvm, 0);
	vcpu = kvm_create_vcpu(vm, 0);
	assert_int_equal(kvm_preferred_target(vm, &init), 0);
	assert_int_equal(kvm_vcpu_init(vcpu, &init), 0);
	ret = firmware_apply(vcpu, &pins, e);
	close(vcpu);
	close(vm);
	close(kvm);
	return ret;
}

static void refused(const struct fake_host *host, const char *list, int ret, const char *text)
{
	struct err e = { 0 };

	assert_int_equal(apply(host, list, &e), ret);
	if (!strstr(e.text, text))
		assert_string_equal(e.text, text);
	fake_end();
}

static void a_service_that_is_off_is_gone_from_its_bitmap(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(apply(&fake_6_1, "trng=off ptp=off", &e), 0);
	assert_int_equal(fake_services(0), 0);
	assert_int_equal(fake_services(1), 1);
	assert_int_equal(fake_services(VENDOR), 1);
	fake_end();
}

static void a_host_without_the_register_says_what_it_takes(void **state)
{
	(void)state;
	refused(&fake_5_10, "trng=off", -ENOENT, "trng=off cannot be promised");
	refused(&fake_6_1, "impl-cpus=on", -ENOENT, "that takes Linux 6.15");
	refused(&fake_6_1, "impl-version=on", -ENOENT, "that takes Linux 6.15");
}

static void a_bit_that_is_refused_is_named(void **state)
{
	struct fake_host host = fake_7_3;

	(void)state;
	host.services[VENDOR] = 1;
	refused(&host, "ptp=on", -EINVAL, "ptp=on is not offered by this host's KVM");
}

static void half_of_the_discovery_brings_the_other(void **state)
{
	static const char *const pins[] = { "impl-version=on", "impl-cpus=on",
					    "impl-version=on impl-cpus=on",
					    "impl-cpus=on kvm-features=on ptp=on" };

	(void)state;
	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
		struct err e = { 0 };

		assert_int_equal(apply(&fake_7_3, pins[i], &e), 0);
		assert_int_equal(fake_services(VENDOR), 3);
		assert_int_equal(fake_services(VENDOR_2), 3);
		fake_end();
	}
}

static void what_contradicts_the_discovery_is_refused(void **state)
{
	(void)state;
	refused(&fake_7_3, "impl-version=on impl-cpus=off", -EINVAL,
		"impl-version=on and impl-cpus=off: a guest finds the one only by the other");
	refused(&fake_7_3, "impl-cpus=on impl-version=off", -EINVAL,
		"impl-cpus=on and impl-version=off");
	refused(&fake_7_3, "kvm-features=off impl-cpus=on", -EINVAL,
		"impl-cpus=on and kvm-features=off");
}

static void what_is_off_leaves_the_discovery_off(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(apply(&fake_7_3, "impl-version=off impl-cpus=off kvm-features=off", &e),
			 0);
	assert_int_equal(fake_services(VENDOR), 2);
	assert_int_equal(fake_services(VENDOR_2), 0);
	fake_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_service_that_is_off_is_gone_from_its_bitmap),
		cmocka_unit_test(a_host_without_the_register_says_what_it_takes),
		cmocka_unit_test(a_bit_that_is_refused_is_named),
		cmocka_unit_test(half_of_the_discovery_brings_the_other),
		cmocka_unit_test(what_contradicts_the_discovery_is_refused),
		cmocka_unit_test(what_is_off_leaves_the_discovery_off),
	};

	return cmocka_run_group_tests_name("firmware", tests, NULL, NULL);
}
