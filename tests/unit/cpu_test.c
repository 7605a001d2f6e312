/* SPDX-License-Identifier: BSD-2-Clause */
/* vCPUs as the guest finds them: features, power, numbers, the first instruction. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "arm/psci.h"
#include "fake/board.h"
#include "fake/play.h"
#include "kvm/kvm.h"

#define PMU_IRQ  FAKE_ATTR(KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ)
#define PMU_INIT FAKE_ATTR(KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_INIT)

static struct machine_config cpus(unsigned int nr)
{
	struct machine_config cfg = play_config();

	cfg.nr_cpus = nr;
	return cfg;
}

static void the_first_cpu_runs_and_the_others_wait(void **state)
{
	struct machine_config cfg = cpus(4);
	struct board b;

	(void)state;
	board_build(&b, &fake_6_1, &cfg);
	assert_false(fake_powered_off(0));
	for (unsigned int id = 1; id < 4; id++)
		assert_true(fake_powered_off(id));
	board_close(&b);
}

static void numbers_are_those_that_kvm_gives(void **state)
{
	struct machine_config cfg = cpus(18);
	struct board b;

	(void)state;
	board_build(&b, &fake_6_1, &cfg);
	assert_int_equal(b.m.mpidr[0] & 0xffffff, 0);
	assert_int_equal(b.m.mpidr[15] & 0xffffff, 0xf);
	assert_int_equal(b.m.mpidr[16] & 0xffffff, 0x100);
	assert_int_equal(b.m.mpidr[17] & 0xffffff, 0x101);
	board_close(&b);
}

static void psci_0_1_is_the_absence_of_a_feature(void **state)
{
	static const uint32_t wants[] = { PSCI_AUTO, PSCI_VERSION(0, 1), PSCI_VERSION(0, 2),
					  PSCI_VERSION(1, 1) };

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct machine_config cfg = cpus(2);
		struct board b;

		cfg.psci = wants[i];
		board_build(&b, &fake_6_1, &cfg);
		for (unsigned int id = 0; id < 2; id++)
			assert_int_equal(fake_has_feature(id, KVM_ARM_VCPU_PSCI_0_2),
					 wants[i] != PSCI_VERSION(0, 1));
		assert_int_equal(b.m.psci, wants[i] ? wants[i] : PSCI_VERSION(1, 1));
		assert_int_equal(machine_has_syscon(&b.m), wants[i] == PSCI_VERSION(0, 1));
		board_close(&b);
	}
}

/* It is VM-wide: one write is enough, after the last vCPU is initialised. */
static void the_version_is_set_once_for_all_cpus(void **state)
{
	struct machine_config cfg = cpus(8);
	struct board b;

	(void)state;
	board_build(&b, &fake_6_1, &cfg);
	assert_int_equal(fake_count(KVM_SET_ONE_REG, KVM_REG_ARM_PSCI_VERSION), 1);
	assert_int_equal(fake_count(KVM_ARM_VCPU_INIT, FAKE_ANY), 8);
	board_close(&b);
}

static void optional_features_are_those_of_the_host(void **state)
{
	(void)state;
	for (unsigned int bits = 0; bits < 4; bits++) {
		struct machine_config cfg = cpus(2);
		struct fake_host host = fake_6_1;
		struct board b;

		host.sve = bits & 1;
		host.ptrauth = bits & 2;
		board_build(&b, &host, &cfg);
		for (unsigned int id = 0; id < 2; id++) {
			assert_int_equal(fake_has_feature(id, KVM_ARM_VCPU_SVE), host.sve);
			assert_int_equal(fake_has_feature(id, KVM_ARM_VCPU_PTRAUTH_ADDRESS),
					 host.ptrauth);
			assert_int_equal(fake_has_feature(id, KVM_ARM_VCPU_PTRAUTH_GENERIC),
					 host.ptrauth);
		}
		assert_int_equal(fake_count(KVM_ARM_VCPU_FINALIZE, FAKE_ANY), host.sve ? 2 : 0);
		board_close(&b);
	}
}

static void a_pmu_is_there_only_when_asked_for(void **state)
{
	(void)state;
	for (unsigned int pmu = 0; pmu < 2; pmu++) {
		struct machine_config cfg = cpus(2);
		struct fake_host host = fake_6_1;
		struct board b;

		host.pmu = true;
		cfg.pmu = pmu;
		board_build(&b, &host, &cfg);
		assert_int_equal(fake_has_feature(1, KVM_ARM_VCPU_PMU_V3), pmu);
		assert_int_equal(fake_count(KVM_SET_DEVICE_ATTR, PMU_IRQ), pmu ? 2 : 0);
		assert_int_equal(fake_count(KVM_SET_DEVICE_ATTR, PMU_INIT), pmu ? 2 : 0);
		if (pmu)
			assert_int_equal(fake_last_value(KVM_SET_DEVICE_ATTR, PMU_IRQ), 23);
		board_close(&b);
	}
}

static void a_pmu_the_host_lacks_is_an_error_by_its_option(void **state)
{
	struct machine_config cfg = cpus(1);
	struct err e = { 0 };
	struct board b;

	(void)state;
	cfg.pmu = true;
	board_open(&b, &fake_6_1, &cfg);
	assert_int_equal(cpus_init(&b.m, &e), -ENODEV);
	assert_string_equal(e.text, "--pmu: this host's KVM has no virtual PMU");
	board_close(&b);
}

static void the_boot_cpu_starts_at_the_kernel_with_the_tree(void **state)
{
	struct machine_config cfg = cpus(2);
	struct err e = { 0 };
	struct board b;

	(void)state;
	board_build(&b, &fake_6_1, &cfg);
	b.m.entry = 0x40080000;
	b.m.dtb = 0x41230000;
	assert_int_equal(cpu_set_boot_regs(&b.m, &e), 0);
	assert_int_equal(fake_pc(), 0x40080000);
	assert_int_equal(fake_x0(), 0x41230000);
	board_close(&b);
}

static void each_request_that_fails_is_named(void **state)
{
	static const struct {
		unsigned long request;
		const char *text;
	} rows[] = {
		{ KVM_ARM_PREFERRED_TARGET, "KVM supports no guest on this CPU: Input/output" },
		{ KVM_ARM_VCPU_INIT, "KVM cannot initialise vCPU 0: Input/output" },
		{ KVM_ARM_VCPU_FINALIZE, "KVM cannot initialise vCPU 0: Input/output" },
		{ KVM_GET_ONE_REG, "KVM cannot initialise vCPU 0: Input/output" },
	};
	struct machine_config cfg = cpus(2);
	struct fake_host host = fake_6_1;

	(void)state;
	host.sve = true;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err e = { 0 };
		struct board b;

		board_open(&b, &host, &cfg);
		fake_refuse(rows[i].request, FAKE_ANY, EIO);
		assert_int_equal(cpus_init(&b.m, &e), -EIO);
		assert_non_null(strstr(e.text, rows[i].text));
		board_close(&b);
	}
}

/* A plan of --compat names the features of the hosts, among them the PSCI that a VM of 0.1 does without. */
static void psci_0_1_goes_with_compat(void **state)
{
	struct compat plan = { .features = 1u << KVM_ARM_VCPU_PSCI_0_2 };
	struct machine_config cfg = cpus(1);
	struct err e = { 0 };
	struct board b;

	(void)state;
	cfg.psci = PSCI_VERSION(0, 1);
	board_open(&b, &fake_7_3, &cfg);
	b.m.compat = &plan;
	assert_int_equal(cpus_init(&b.m, &e), 0);
	assert_false(fake_has_feature(0, KVM_ARM_VCPU_PSCI_0_2));
	assert_int_equal(b.m.psci, PSCI_VERSION(0, 1));
	board_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_cpu_runs_and_the_others_wait),
		cmocka_unit_test(numbers_are_those_that_kvm_gives),
		cmocka_unit_test(psci_0_1_is_the_absence_of_a_feature),
		cmocka_unit_test(psci_0_1_goes_with_compat),
		cmocka_unit_test(the_version_is_set_once_for_all_cpus),
		cmocka_unit_test(optional_features_are_those_of_the_host),
		cmocka_unit_test(a_pmu_is_there_only_when_asked_for),
		cmocka_unit_test(a_pmu_the_host_lacks_is_an_error_by_its_option),
		cmocka_unit_test(the_boot_cpu_starts_at_the_kernel_with_the_tree),
		cmocka_unit_test(each_request_that_fails_is_named),
	};

	return cmocka_run_group_tests_name("cpu", tests, NULL, NULL);
}
