/* SPDX-License-Identifier: BSD-2-Clause */
/* A saved machine judged against a host: trees as machine_save() writes them, hosts from tests/facts. */
#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "arm/compare.h"
#include "arm/psci.h"
#include "arm/registers.h"
#include "arm/save.h"
#include "facts.h"
#include "kvm/kvm.h"

#define FEATURES (1u << KVM_ARM_VCPU_PSCI_0_2)

/* What one saved machine is: as a host of @kernel gives it, with one register as the test wants it on one of its two vCPUs. */
struct saved_vm {
	const char *kernel;
	uint64_t id, value; /* 0: none */
	unsigned int cpu;
};

static void put_register(struct dt *dt, uint64_t id, uint64_t value)
{
	uint8_t be[REGISTER_BYTES_MAX] = { 0 };
	char name[REGISTER_NAME_SIZE];
	size_t size = register_size(id);

	for (size_t i = 0; i < size && i < sizeof(value); i++)
		be[size - 1 - i] = (uint8_t)(value >> 8 * i);
	dt_bytes(dt, register_name(id, name), be, size);
}

static void put_cpu(struct dt *dt, const struct saved_vm *vm, unsigned int cpu,
		    const struct host_profile *host)
{
	uint64_t value;
	bool put = cpu != vm->cpu;

	dt_begin(dt, "cpu@%x", cpu);
	dt_string(dt, "compatible", "lkvm,cpu-1");
	dt_begin(dt, "registers");
	for (size_t i = 0; i < host->base.nr; i++) {
		uint64_t id = host->base.reg[i].id;

		if (!profile_value(host, FEATURES, id, &value))
			continue;
		if (id == vm->id && cpu == vm->cpu)
			value = vm->value;
		put |= id == vm->id;
		put_register(dt, id, value);
	}
	if (vm->id && !put)
		put_register(dt, vm->id, vm->value);
	dt_end(dt);
	dt_end(dt);
}

static void make(struct dt *dt, const struct saved_vm *vm)
{
	struct host_profile host;
	struct err e = { 0 };

	facts_profile(&host, "max", vm->kernel);
	assert_int_equal(dt_start(dt, &e), 0);
	dt_begin(dt, "machine");
	dt_end(dt);
	dt_begin(dt, "interrupt-controller");
	dt_cells(dt, "GICD_IIDR", host.gicv3_iidr);
	dt_end(dt);
	for (unsigned int cpu = 0; cpu < 2; cpu++)
		put_cpu(dt, vm, cpu, &host);
	assert_int_equal(dt_finish(dt, &e), 0);
	profile_free(&host);
}

/* Judges @vm, of @memory bytes, against @to. */
static void judge(const struct saved_vm *vm, uint64_t memory, const struct host_profile *to,
		  struct comparison *c)
{
	struct machine_config cfg = { .nr_cpus = 2, .ram_size = memory, .irqchip = IRQCHIP_GICV3 };
	struct dt dt = { 0 };
	struct saved_machine saved = { .name = "snapshot x", .features = FEATURES };
	struct host_profile from;
	struct err e = { 0 };

	make(&dt, vm);
	saved.fdt = dt.blob;
	assert_int_equal(saved_profile(&saved, &cfg, &from, &e), 0);
	assert_int_equal(compare_saved(&from, to, FEATURES, c, &e), 0);
	profile_free(&from);
	dt_free(&dt);
}

static const struct finding *find(const struct comparison *c, const char *name)
{
	for (size_t i = 0; i < c->nr; i++) {
		if (!strcmp(c->finding[i].name, name))
			return &c->finding[i];
	}
	return NULL;
}

/* The class of what is found about @name when @vm goes to the host of @kernel. */
static enum compare_class class_of(const struct saved_vm *vm, const char *kernel, const char *name)
{
	struct comparison c;
	struct host_profile to;
	enum compare_class class;

	facts_profile(&to, "max", kernel);
	judge(vm, 64 * MiB, &to, &c);
	assert_non_null(find(&c, name));
	class = find(&c, name)->class;
	comparison_free(&c);
	profile_free(&to);
	return class;
}

static void a_machine_can_go_on_where_it_was(void **state)
{
	static const char *const kernels[] = { "5.10", "6.1", "7.3" };

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct comparison c;
		struct host_profile to;

		facts_profile(&to, "max", kernels[i]);
		judge(&(struct saved_vm){ .kernel = kernels[i] }, 64 * MiB, &to, &c);
		assert_true(c.nr > 100);
		assert_true(comparison_worst(&c) <= COMPARE_CARRIED);
		comparison_free(&c);
		profile_free(&to);
	}
}

static void a_newer_version_of_psci_stays_behind_and_says_what_helps(void **state)
{
	struct comparison c;
	struct host_profile to;
	const struct finding *f;

	(void)state;
	facts_profile(&to, "max", "6.1");
	judge(&(struct saved_vm){ "7.3", KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(1, 3), 0 },
	      64 * MiB, &to, &c);
	f = find(&c, "PSCI_VERSION");
	assert_non_null(f);
	assert_int_equal(f->class, COMPARE_IMPOSSIBLE);
	assert_string_equal(f->remedy, "--psci-version=1.1");
	comparison_free(&c);
	profile_free(&to);
}

static void what_is_in_a_register_that_is_not_there_decides(void **state)
{
	struct saved_vm vm = { "7.3", KVM_REG_ARM_PTIMER_CTL, 0, 0 };

	(void)state;
	assert_int_equal(class_of(&vm, "6.1", "CNTP_CTL_EL0"), COMPARE_HARMLESS);
	vm.value = 1;
	assert_int_equal(class_of(&vm, "6.1", "CNTP_CTL_EL0"), COMPARE_UNSAFE);
	assert_true(class_of(&vm, "7.3", "CNTP_CTL_EL0") <= COMPARE_CARRIED);
}

static void an_os_lock_is_left_out_when_it_is_open(void **state)
{
	struct saved_vm vm = { "6.1", ARM64_SYS_REG(2, 0, 1, 1, 4), 8, 0 };

	(void)state;
	assert_int_equal(class_of(&vm, "5.10", "OSLSR_EL1"), COMPARE_HARMLESS);
	vm.value = 0xa;
	assert_int_equal(class_of(&vm, "5.10", "OSLSR_EL1"), COMPARE_UNSAFE);
}

static void any_vcpu_s_value_counts(void **state)
{
	const struct saved_vm vm = { "7.3", KVM_REG_ARM_PTIMER_CTL, 1, 1 };

	(void)state;
	assert_int_equal(class_of(&vm, "6.1", "CNTP_CTL_EL0"), COMPARE_UNSAFE);
}

static void a_timer_s_time_is_lost_without_harm_and_so_is_the_counter(void **state)
{
	(void)state;
	assert_int_equal(class_of(&(struct saved_vm){ "7.3", KVM_REG_ARM_PTIMER_CVAL, 12345, 0 },
				  "6.1", "CNTP_CVAL_EL0"),
			 COMPARE_HARMLESS);
	assert_int_equal(class_of(&(struct saved_vm){ "7.3", KVM_REG_ARM_PTIMER_CNT, 12345, 0 },
				  "6.1", "CNTPCT_EL0"),
			 COMPARE_HARMLESS);
}

/* A KVM from before the register. */
static void version_0_2_is_what_no_register_means(void **state)
{
	struct saved_vm vm = { "6.1", KVM_REG_ARM_PSCI_VERSION, PSCI_VERSION(0, 2), 0 };
	struct comparison c;
	struct host_profile to;

	(void)state;
	facts_profile(&to, "max", "6.1");
	for (size_t i = 0; i < to.nr_firmware; i++) {
		if (to.firmware[i].id == KVM_REG_ARM_PSCI_VERSION)
			to.firmware[i] = to.firmware[--to.nr_firmware];
	}
	judge(&vm, 64 * MiB, &to, &c);
	assert_int_equal(find(&c, "PSCI_VERSION")->class, COMPARE_HARMLESS);
	comparison_free(&c);
	vm.value = PSCI_VERSION(1, 0);
	judge(&vm, 64 * MiB, &to, &c);
	assert_int_equal(find(&c, "PSCI_VERSION")->class, COMPARE_IMPOSSIBLE);
	comparison_free(&c);
	profile_free(&to);
}

static void memory_and_cpus_have_to_fit(void **state)
{
	struct comparison c;
	struct host_profile to;

	(void)state;
	facts_profile(&to, "max", "6.1");
	to.ipa_bits = 32;
	to.max_vcpus = 1;
	judge(&(struct saved_vm){ .kernel = "6.1" }, 4 * GiB, &to, &c);
	assert_int_equal(find(&c, "guest addresses")->class, COMPARE_IMPOSSIBLE);
	assert_int_equal(find(&c, "number of vCPUs")->class, COMPARE_IMPOSSIBLE);
	comparison_free(&c);
	profile_free(&to);
}

/* @name in a vCPU's registers, of @size bytes. */
static int read_one(const char *name, size_t size, unsigned int nr)
{
	struct machine_config cfg = { .nr_cpus = 1, .ram_size = 64 * MiB };
	struct saved_machine saved = { .name = "snapshot x", .features = FEATURES };
	static const uint8_t value[64];
	struct host_profile from;
	struct dt dt = { 0 };
	struct err e = { 0 };
	int ret;

	assert_int_equal(dt_start(&dt, &e), 0);
	dt_begin(&dt, "machine");
	dt_end(&dt);
	dt_begin(&dt, "interrupt-controller");
	dt_cells(&dt, "GICD_IIDR", 0);
	dt_end(&dt);
	dt_begin(&dt, "cpu@0");
	dt_string(&dt, "compatible", "lkvm,cpu-1");
	dt_begin(&dt, "registers");
	for (unsigned int i = 0; i < nr; i++) {
		char text[40];

		snprintf(text, sizeof(text), "%s%08x", name, i);
		dt_bytes(&dt, nr > 1 ? text : name, value, size);
	}
	dt_end(&dt);
	dt_end(&dt);
	assert_int_equal(dt_finish(&dt, &e), 0);
	saved.fdt = dt.blob;
	ret = saved_profile(&saved, &cfg, &from, &e);
	if (ret < 0)
		assert_non_null(strstr(e.text, "snapshot x"));
	profile_free(&from);
	dt_free(&dt);
	return ret;
}

static void registers_that_are_none_are_refused(void **state)
{
	(void)state;
	assert_int_equal(read_one("SCTLR_EL1", 8, 1), 0);
	assert_int_equal(read_one("SCTLR_EL1", 4, 1), -EINVAL);
	assert_int_equal(read_one("NO_SUCH", 8, 1), -EINVAL);
	/* More than any KVM has: each is looked up among all. */
	assert_int_equal(read_one("reg-60300000", 8, 4000), 0);
	assert_int_equal(read_one("reg-60300000", 8, 5000), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_can_go_on_where_it_was),
		cmocka_unit_test(a_newer_version_of_psci_stays_behind_and_says_what_helps),
		cmocka_unit_test(what_is_in_a_register_that_is_not_there_decides),
		cmocka_unit_test(an_os_lock_is_left_out_when_it_is_open),
		cmocka_unit_test(any_vcpu_s_value_counts),
		cmocka_unit_test(a_timer_s_time_is_lost_without_harm_and_so_is_the_counter),
		cmocka_unit_test(version_0_2_is_what_no_register_means),
		cmocka_unit_test(memory_and_cpus_have_to_fit),
		cmocka_unit_test(registers_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
