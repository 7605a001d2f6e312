/* SPDX-License-Identifier: BSD-2-Clause */
/* The probe: on a KVM that is a profile, it finds that profile, and leaves nothing behind. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "arm/probe.h"
#include "paper_kvm.h"

/* Any file that can be opened: its ioctls are answered here. */
#define DEV "/dev/null"

static unsigned int open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

/* What is not KVM's to say, but this machine's. */
static void forget_machine(struct host_profile *p)
{
	p->kernel[0] = '\0';
	p->page_size = 0;
	p->counter_hz = 0;
}

static void found_again(struct host_profile *p)
{
	struct host_profile q;
	struct err e = { 0 };
	void *want, *got;
	size_t want_size, got_size;
	unsigned int fds = open_fds();

	p->cap[KVM_CAP_ARM_VM_IPA_SIZE] = (int32_t)p->ipa_bits;
	p->cap[KVM_CAP_MAX_VCPUS] = (int32_t)p->max_vcpus;
	p->cap[KVM_CAP_ARM_PSCI_0_2] = 1;
	p->cap[KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES] = p->masks_told;
	paper_start(p, 0);
	assert_int_equal(host_probe(DEV, &q, &e), 0);
	assert_int_equal(open_fds(), fds);
	assert_true(q.kernel[0]);
	assert_int_equal(q.page_size, sysconf(_SC_PAGESIZE));
	forget_machine(p);
	forget_machine(&q);
	assert_int_equal(profile_encode(p, &want, &want_size, &e), 0);
	assert_int_equal(profile_encode(&q, &got, &got_size, &e), 0);
	assert_int_equal(got_size, want_size);
	assert_memory_equal(got, want, want_size);
	free(want);
	free(got);
	profile_free(&q);
}

static void every_real_host_is_found_as_it_is(void **state)
{
	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(facts_cpus); c++) {
		for (size_t k = 0; k < ARRAY_SIZE(facts_kernels); k++) {
			struct host_profile p;

			facts_profile(&p, facts_cpus[c], facts_kernels[k]);
			found_again(&p);
			profile_free(&p);
		}
	}
}

static void sve_is_found_with_its_lengths(void **state)
{
	struct profile_register *reg;
	struct host_profile p;
	struct err e = { 0 };

	(void)state;
	facts_profile(&p, "max", "6.1");
	p.vcpu_features |= 1u << KVM_ARM_VCPU_SVE | 1u << KVM_ARM_VCPU_EL1_32BIT;
	p.full.features |= 1u << KVM_ARM_VCPU_SVE;
	reg = &p.full.reg[p.full.nr++];
	*reg = (struct profile_register){ .id = KVM_REG_ARM64_SVE_VLS, .value = 0xb };
	reg->wide = calloc(1, 64);
	reg->wide[0] = 0xb;
	assert_int_equal(profile_sort(&p, &e), 0);
	found_again(&p);
	profile_free(&p);
}

/* Registers, bits and versions that this lkvm has no name for. */
static void what_is_unknown_is_kept(void **state)
{
	struct profile_register *reg;
	struct host_profile p;
	struct err e = { 0 };

	(void)state;
	facts_profile(&p, "cortex-a72", "7.3");
	p.psci[p.nr_psci++] = 0x10004;
	p.psci[p.nr_psci++] = 0x20000;
	for (int i = 0; i < 2; i++) {
		struct profile_dump *dump = i ? &p.full : &p.base;

		reg = &dump->reg[dump->nr++];
		reg->id = KVM_REG_ARM_FW_FEAT_BMAP_REG(9);
		reg->value = 0x8;
		reg = &dump->reg[dump->nr++];
		reg->id = KVM_REG_ARM_FW_REG(9);
		reg->value = 1;
		reg = &dump->reg[dump->nr++];
		reg->id = 0x603000000013ffffULL;
		reg->value = 5;
	}
	p.firmware[p.nr_firmware++] = (struct profile_firmware){
		.id = KVM_REG_ARM_FW_FEAT_BMAP_REG(9), .value = 8, .takes = 0x8000000000000018ULL
	};
	p.firmware[p.nr_firmware++] =
		(struct profile_firmware){ .id = KVM_REG_ARM_FW_REG(9), .value = 1, .takes = 3 };
	assert_int_equal(profile_sort(&p, &e), 0);
	found_again(&p);
	profile_free(&p);
}

static void a_gicv2_host_is_found(void **state)
{
	struct host_profile p;

	(void)state;
	facts_profile(&p, "cortex-a72", "5.10");
	p.gicv2_iidr = 0x4b00243b;
	p.gicv3_iidr = 0;
	p.its = false;
	p.pvtime = false;
	p.max_vcpus = 8;
	found_again(&p);
	profile_free(&p);
}

/* Each request fails once: an error that says so or a smaller profile, and nothing stays open. */
static void a_request_that_fails_leaves_nothing_behind(void **state)
{
	struct host_profile p, q;
	unsigned int nr, fds, errors = 0;
	struct err e = { 0 };

	(void)state;
	facts_profile(&p, "cortex-a72", "6.1");
	paper_start(&p, 0);
	assert_int_equal(host_probe(DEV, &q, &e), 0);
	profile_free(&q);
	nr = paper.nr_requests;
	fds = open_fds();
	for (unsigned int i = 1; i <= nr; i += i < 40 ? 1 : 13) {
		paper_start(&p, i);
		e.text[0] = '\0';
		if (host_probe(DEV, &q, &e) < 0) {
			assert_true(strlen(e.text) > 10);
			assert_null(q.base.reg);
			errors++;
		} else {
			profile_free(&q);
		}
		assert_int_equal(open_fds(), fds);
	}
	assert_true(errors > 5);
	profile_free(&p);
}

static void no_kvm_is_told(void **state)
{
	struct host_profile p = PROFILE_NONE;
	struct err e = { 0 };

	(void)state;
	paper_start(&p, 0);
	assert_true(host_probe("/nowhere/kvm", &p, &e) < 0);
	assert_non_null(strstr(e.text, "cannot open /nowhere/kvm"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_real_host_is_found_as_it_is),
		cmocka_unit_test(sve_is_found_with_its_lengths),
		cmocka_unit_test(what_is_unknown_is_kept),
		cmocka_unit_test(a_gicv2_host_is_found),
		cmocka_unit_test(a_request_that_fails_leaves_nothing_behind),
		cmocka_unit_test(no_kvm_is_told),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
