/* SPDX-License-Identifier: BSD-2-Clause */
/* PSCI versions: as text, and pinned in KVM's register on hosts of several ages. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <stdbool.h>
#include <unistd.h>
#include <cmocka.h>
#include "arm/psci.h"
#include "fake/fake_kvm.h"
#include "kvm/kvm.h"

#define V(major, minor) PSCI_VERSION(major, minor)

static void every_version_is_read(void **state)
{
	static const struct {
		const char *text;
		uint32_t version;
	} rows[] = {
		{ "0.1", 0x00001 }, { "0.2", 0x00002 }, { "1.0", 0x10000 },    { "1.1", 0x10001 },
		{ "1.2", 0x10002 }, { "1.3", 0x10003 }, { "auto", PSCI_AUTO },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = { 0 };
		uint32_t version = 0xdead;

		assert_int_equal(psci_parse(rows[i].text, &version, &e), 0);
		assert_int_equal(version, rows[i].version);
		assert_string_equal(e.text, "");
	}
}

static void what_is_no_version_is_named_with_those_there_are(void **state)
{
	static const char *const texts[] = {
		"",        "0.3",           "2.0",          "1",     "1.",    ".1",
		"1.1x",    "99999999999.0", " 1.0",         "1.0 ",  "1.10",  "01.0",
		"1.00",    "0.0",           "1.4",          "-1.0",  "+1.0",  "1,0",
		"AUTO",    "auto ",         "aut",          "0x1.0", "1.0\n", "1.1.1",
		"65537.0", "1.65536",       "4294967297.0", "\xff",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct err e = { 0 };
		uint32_t version = 0xdead;

		assert_int_equal(psci_parse(texts[i], &version, &e), -EINVAL);
		assert_int_equal(version, 0xdead);
		assert_non_null(strstr(e.text, texts[i]));
		assert_non_null(strstr(e.text, "0.1, 0.2, 1.0, 1.1, 1.2, 1.3"));
	}
}

static void a_version_is_written_as_people_write_it(void **state)
{
	char text[PSCI_TEXT_SIZE];

	(void)state;
	assert_string_equal(psci_format(V(0, 2), text), "0.2");
	assert_string_equal(psci_format(V(1, 3), text), "1.3");
	/* Whatever a register may hold has room. */
	assert_true(strlen(psci_format(UINT32_MAX, text)) < PSCI_TEXT_SIZE);
}

struct host {
	int kvm, vm, vcpu;
};

static struct host host_open(const struct fake_host *profile, bool feature)
{
	struct kvm_vcpu_init init;
	struct host host;

	fake_start(profile);
	host.kvm = kvm_open(FAKE_DEV, NULL);
	host.vm = kvm_create_vm(host.kvm, 0);
	host.vcpu = kvm_create_vcpu(host.vm, 0);
	assert_true(host.vcpu >= 0);
	assert_int_equal(kvm_preferred_target(host.vm, &init), 0);
	if (feature)
		init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	assert_int_equal(kvm_vcpu_init(host.vcpu, &init), 0);
	return host;
}

static void host_close(struct host *host)
{
	close(host->vcpu);
	close(host->vm);
	close(host->kvm);
	fake_end();
}

/* What a host makes of each version wanted: the effective one, or 0: refused with this list. */
static void check_host(const struct fake_host *profile, const uint32_t effective[7],
		       const char *list)
{
	static const uint32_t wants[7] = { PSCI_AUTO, V(0, 1), V(0, 2), V(1, 0),
					   V(1, 1),   V(1, 2), V(1, 3) };

	for (size_t i = 0; i < 7; i++) {
		struct host host = host_open(profile, psci_needs_feature(wants[i]));
		uint32_t got = 0xdead;
		struct err e = { 0 };
		int ret = psci_apply(host.vcpu, wants[i], &got, &e);

		if (effective[i]) {
			assert_string_equal(e.text, "");
			assert_int_equal(ret, 0);
			assert_int_equal(got, effective[i]);
			assert_int_equal(fake_psci(), effective[i]);
		} else {
			char text[PSCI_TEXT_SIZE];

			assert_int_equal(ret, -EINVAL);
			assert_int_equal(got, 0xdead);
			assert_non_null(strstr(e.text, psci_format(wants[i], text)));
			assert_non_null(strstr(e.text, list));
		}
		host_close(&host);
	}
}

static void linux_5_10_has_up_to_1_0(void **state)
{
	(void)state;
	check_host(&fake_5_10, (uint32_t[]){ V(1, 0), V(0, 1), V(0, 2), V(1, 0), 0, 0, 0 },
		   "(it offers 0.1, 0.2, 1.0)");
}

static void linux_6_1_has_up_to_1_1(void **state)
{
	(void)state;
	check_host(&fake_6_1, (uint32_t[]){ V(1, 1), V(0, 1), V(0, 2), V(1, 0), V(1, 1), 0, 0 },
		   "(it offers 0.1, 0.2, 1.0, 1.1)");
}

static void linux_7_3_has_up_to_1_3(void **state)
{
	(void)state;
	check_host(&fake_7_3,
		   (uint32_t[]){ V(1, 3), V(0, 1), V(0, 2), V(1, 0), V(1, 1), V(1, 2), V(1, 3) },
		   NULL);
}

static void a_host_without_the_register_gives_0_2_and_says_so(void **state)
{
	(void)state;
	check_host(&fake_ancient, (uint32_t[]){ V(0, 2), V(0, 1), V(0, 2), 0, 0, 0, 0 },
		   "no PSCI version register (it offers 0.1, 0.2)");
}

static void the_register_is_written_once_and_read_back(void **state)
{
	struct host host = host_open(&fake_6_1, true);
	struct err e = { 0 };
	uint32_t got;
	size_t last;

	(void)state;
	assert_int_equal(psci_apply(host.vcpu, V(0, 2), &got, &e), 0);
	assert_int_equal(fake_count(KVM_SET_ONE_REG, KVM_REG_ARM_PSCI_VERSION), 1);
	assert_int_equal(fake_last_value(KVM_SET_ONE_REG, KVM_REG_ARM_PSCI_VERSION), V(0, 2));
	last = fake_nr_calls() - 1;
	assert_int_equal(fake_call(last)->request, KVM_GET_ONE_REG);
	assert_int_equal(fake_call(last)->id, KVM_REG_ARM_PSCI_VERSION);
	host_close(&host);
}

/* A host of the future: its best is taken as it is, not cut to what lkvm has a name for. */
static void an_unknown_best_is_taken_when_none_is_asked_for(void **state)
{
	struct fake_host future = fake_7_3;
	struct err e = { 0 };
	struct host host;
	uint32_t got;

	(void)state;
	future.psci_max = V(1, 4);
	host = host_open(&future, true);
	assert_int_equal(psci_apply(host.vcpu, PSCI_AUTO, &got, &e), 0);
	assert_int_equal(got, V(1, 4));
	host_close(&host);
}

static void a_register_that_cannot_be_read_or_set_is_an_error(void **state)
{
	static const struct {
		unsigned long request;
		const char *text;
	} rows[] = {
		{ KVM_GET_ONE_REG, "cannot read KVM's PSCI version: Input/output error" },
		{ KVM_SET_ONE_REG, "cannot set KVM's PSCI version to 1.0: Input/output error" },
	};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct host host = host_open(&fake_6_1, true);
		struct err e = { 0 };
		uint32_t got = 0xdead;

		fake_refuse(rows[i].request, KVM_REG_ARM_PSCI_VERSION, EIO);
		assert_int_equal(psci_apply(host.vcpu, V(1, 0), &got, &e), -EIO);
		assert_string_equal(e.text, rows[i].text);
		assert_int_equal(got, 0xdead);
		host_close(&host);
	}
}

/* The third request fails: the read that checks what was set. */
static void a_read_back_that_fails_is_an_error(void **state)
{
	struct host host = host_open(&fake_6_1, true);
	struct err e = { 0 };
	uint32_t got = 0xdead;

	(void)state;
	fake_fail(3, EIO);
	assert_int_equal(psci_apply(host.vcpu, V(1, 0), &got, &e), -EIO);
	assert_non_null(strstr(e.text, "back"));
	assert_int_equal(got, 0xdead);
	host_close(&host);
}

static void a_host_that_takes_a_version_and_gives_another_is_caught(void **state)
{
	struct host host = host_open(&fake_6_1, true);
	struct err e = { 0 };
	uint32_t got = 0xdead;

	(void)state;
	fake_forget_psci();
	assert_int_equal(psci_apply(host.vcpu, V(0, 2), &got, &e), -EIO);
	assert_string_equal(e.text, "KVM was told PSCI 0.2 and gives 1.1");
	assert_int_equal(got, 0xdead);
	host_close(&host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_version_is_read),
		cmocka_unit_test(what_is_no_version_is_named_with_those_there_are),
		cmocka_unit_test(a_version_is_written_as_people_write_it),
		cmocka_unit_test(linux_5_10_has_up_to_1_0),
		cmocka_unit_test(linux_6_1_has_up_to_1_1),
		cmocka_unit_test(linux_7_3_has_up_to_1_3),
		cmocka_unit_test(a_host_without_the_register_gives_0_2_and_says_so),
		cmocka_unit_test(the_register_is_written_once_and_read_back),
		cmocka_unit_test(an_unknown_best_is_taken_when_none_is_asked_for),
		cmocka_unit_test(a_register_that_cannot_be_read_or_set_is_an_error),
		cmocka_unit_test(a_read_back_that_fails_is_an_error),
		cmocka_unit_test(a_host_that_takes_a_version_and_gives_another_is_caught),
	};

	return cmocka_run_group_tests_name("psci", tests, NULL, NULL);
}
