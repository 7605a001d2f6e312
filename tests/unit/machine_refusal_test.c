/* SPDX-License-Identifier: BSD-2-Clause */
/* Machines that cannot be: what the host lacks, and every request and descriptor that can fail. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "arm/map.h"
#include "arm/psci.h"
#include "fake/fake_kvm.h"
#include "machine_check.h"
#include "util/bits.h"

/* A host that refuses to build @cfg, with @word in the reason. */
static void check_refused(const struct fake_host *host, const struct machine_config *cfg,
			  const char *word)
{
	fake_start(host);
	fake_guest(FAKE_EVERY_BOOT, 0, OFF);
	check_end(cfg, MACHINE_FAILED, word);
	assert_int_equal(fake_count(KVM_RUN, FAKE_ANY), 0);
	fake_end();
}

static void check_accepted(const struct fake_host *host, const struct machine_config *cfg)
{
	fake_start(host);
	fake_guest(FAKE_EVERY_BOOT, 0, OFF);
	check_end(cfg, MACHINE_OFF, NULL);
	fake_end();
}

static void memory_beyond_the_address_bits_is_refused_with_the_limit(void **state)
{
	struct machine_config cfg = play_config();
	struct fake_host host = fake_6_1;

	(void)state;
	/* Without the capability: 40 bits, less the gigabyte below RAM. */
	host.ipa_bits = 0;
	cfg.ram_size = 1023 * GiB;
	check_accepted(&host, &cfg);
	cfg.ram_size = 1024 * GiB;
	check_refused(&host, &cfg,
		      "1048576 MiB of memory are more than this host's KVM can give a VM (its 40 "
		      "address bits leave 1047552 MiB)");
	host.ipa_bits = 44;
	check_accepted(&host, &cfg);
	host.ipa_bits = 36;
	cfg.ram_size = 63 * GiB;
	check_accepted(&host, &cfg);
	cfg.ram_size = 63 * GiB + 4096;
	check_refused(&host, &cfg, "36 address bits leave 64512 MiB");
	/* Room for memory, but none for the redistributors above it. */
	cfg.ram_size = 63 * GiB;
	cfg.nr_cpus = 124;
	check_refused(&host, &cfg, "36 address bits");
}

static void the_address_space_is_as_small_as_it_can_be(void **state)
{
	static const struct {
		uint64_t ram_size;
		unsigned int nr_cpus, bits;
	} rows[] = {
		{ 64 * MiB, 1, 32 },  { 3 * GiB, 1, 32 },  { 3 * GiB + 4096, 1, 33 },
		{ 3 * GiB, 124, 33 }, { 15 * GiB, 1, 34 }, { 256 * GiB, 1, 39 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct machine_config cfg = play_config();

		cfg.ram_size = rows[i].ram_size;
		cfg.nr_cpus = rows[i].nr_cpus;
		fake_start(&fake_6_1);
		fake_guest(FAKE_EVERY_BOOT, 0, OFF);
		check_end(&cfg, MACHINE_OFF, NULL);
		assert_int_equal(fake_call((size_t)fake_first(KVM_CREATE_VM, FAKE_ANY))->id,
				 rows[i].bits);
		fake_end();
	}
}

static void more_cpus_than_the_host_gives_are_refused_with_the_limit(void **state)
{
	struct machine_config cfg = play_config();
	struct fake_host host = fake_6_1;

	(void)state;
	host.max_vcpus = 4;
	cfg.nr_cpus = 4;
	check_accepted(&host, &cfg);
	cfg.nr_cpus = 5;
	check_refused(&host, &cfg, "5 CPUs are more than this host's KVM gives a VM (at most 4)");
}

static void five_hundred_and_twelve_cpus_start_and_end(void **state)
{
	struct machine_config cfg = play_config();
	struct play p = { 0 };

	(void)state;
	cfg.nr_cpus = 512;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 511, FAKE_TYPE("last"), OFF);
	check(&p, &cfg, MACHINE_OFF, NULL);
	assert_string_equal(p.out, "last");
	play_free(&p);
	fake_end();
}

static void an_interrupt_controller_the_host_lacks_is_refused(void **state)
{
	struct machine_config cfg = play_config();
	struct fake_host v2 = fake_6_1, none = fake_6_1;

	(void)state;
	v2.gicv2 = true;
	v2.gicv3 = none.gicv3 = false;
	cfg.irqchip = IRQCHIP_GICV3;
	check_refused(&v2, &cfg, "no gicv3 (it has gicv2)");
	cfg.irqchip = IRQCHIP_GICV2;
	check_refused(&fake_6_1, &cfg, "no gicv2 (it has gicv3)");
	check_accepted(&v2, &cfg);
	cfg.irqchip = IRQCHIP_AUTO;
	check_accepted(&v2, &cfg);
	check_refused(&none, &cfg, "it has none");
	cfg.nr_cpus = 9;
	check_refused(&v2, &cfg, "GICv2 has at most 8 CPUs (9 asked for)");
}

static void a_version_the_host_lacks_lists_those_it_has(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	cfg.psci = PSCI_VERSION(1, 3);
	check_refused(&fake_6_1, &cfg,
		      "PSCI 1.3 is not offered by this host's KVM (it offers 0.1, 0.2, 1.0, 1.1)");
	check_refused(&fake_ancient, &cfg, "(it offers 0.1, 0.2)");
	check_accepted(&fake_7_3, &cfg);
}

static void a_cpu_that_is_not_there_is_no_place_to_run(void **state)
{
	struct machine_config cfg = play_config();
	int here = sched_getcpu();

	(void)state;
	cfg.pin = true;
	CPU_ZERO(&cfg.affinity);
	CPU_SET(CPU_SETSIZE - 1, &cfg.affinity);
	check_refused(&fake_6_1, &cfg, "--vcpu-affinity names no CPU that lkvm may run on");
	CPU_SET(here, &cfg.affinity);
	check_accepted(&fake_6_1, &cfg);
}

static void note_affinity(void *ctx)
{
	sched_getaffinity(0, sizeof(cpu_set_t), ctx);
}

static void pinned_cpus_run_where_they_were_put(void **state)
{
	struct machine_config cfg = play_config();
	cpu_set_t seen[2];

	(void)state;
	cfg.pin = true;
	cfg.nr_cpus = 2;
	CPU_ZERO(&cfg.affinity);
	CPU_SET(sched_getcpu(), &cfg.affinity);
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_CALL(note_affinity, &seen[0]), OFF);
	fake_guest(FAKE_EVERY_BOOT, 1, FAKE_CALL(note_affinity, &seen[1]), FAKE_SLEEP);
	seen[1] = cfg.affinity; /* the first may end it before the second runs */
	check_end(&cfg, MACHINE_OFF, NULL);
	assert_true(CPU_EQUAL(&seen[0], &cfg.affinity));
	assert_true(CPU_EQUAL(&seen[1], &cfg.affinity));
	fake_end();
}

static void files_and_devices_that_are_not_there_are_named(void **state)
{
	struct machine_config cfg = play_config();
	char *dir = temp_dir();

	(void)state;
	cfg.kernel = "/no/such/kernel";
	check_refused(&fake_6_1, &cfg, "Unable to open kernel /no/such/kernel");
	cfg = play_config();
	cfg.initrd = "/no/such/initrd";
	check_refused(&fake_6_1, &cfg, "/no/such/initrd");
	cfg = play_config();
	cfg.dtb = "/no/such/dtb";
	check_refused(&fake_6_1, &cfg, "/no/such/dtb");
	cfg = play_config();
	cfg.dev = "/no/such/kvm";
	check_refused(&fake_6_1, &cfg, "/no/such/kvm");
	cfg.dev = "/dev/zero";
	check_refused(&fake_6_1, &cfg, "/dev/zero is not a KVM device");
	cfg = play_config();
	cfg.hugetlbfs = dir;
	check_refused(&fake_6_1, &cfg, "not a hugetlbfs mount");
	cfg = play_config();
	cfg.dump_dtb = "/no/such/place/for/a.dtb";
	check_refused(&fake_6_1, &cfg, "/no/such/place/for/a.dtb");
	temp_remove(dir);
}

/* Requests that lkvm can do without, or that race with the end. */
static bool is_optional(const struct fake_call *call)
{
	switch (call->request) {
	case KVM_CHECK_EXTENSION:
		return call->id != KVM_CAP_ARM_PSCI_0_2 && call->id != KVM_CAP_ARM_PMU_V3;
	case KVM_CREATE_DEVICE:
		return call->value & KVM_CREATE_DEVICE_TEST; /* the other GIC is taken */
	case KVM_ENABLE_CAP:
	case KVM_IRQ_LINE:
		return true;
	case KVM_RUN:
		return call->vcpu != 0;
	default:
		return false;
	}
}

static void check_failure(unsigned int nth, int code, const struct machine_config *cfg, bool *more)
{
	struct fake_host host = fake_6_1;
	struct play p = { .terminal = true };
	const struct fake_call *failed;

	host.gicv2 = host.sve = host.pmu = host.ptrauth = true;
	fake_start(&host);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("x"), FAKE_NISV(0x9000000),
		   FAKE_WRITE(MAP_UART + 1, 1, 2), OFF); /* IER: THRE, a line is raised */
	fake_fail(nth, code);
	play(&p, cfg);
	failed = fake_failed();
	*more = failed;
	if (failed && !is_optional(failed) && p.status != MACHINE_FAILED)
		print_error("request %u, 0x%lx, id 0x%llx: status %d\n", nth, failed->request,
			    (unsigned long long)failed->id, p.status);
	if (!failed || !is_optional(failed))
		assert_int_equal(p.status, failed ? MACHINE_FAILED : MACHINE_OFF);
	assert_true(p.status == MACHINE_OFF || p.status == MACHINE_FAILED);
	assert_int_equal(p.e.text[0] != '\0', p.status == MACHINE_FAILED);
	assert_null(strchr(p.e.text, '\n'));
	assert_null(strstr(p.log, "Fatal"));
	assert_true(play_is_clean(&p));
	play_free(&p);
	fake_end();
}

static void whichever_request_fails_ends_cleanly_with_one_reason(void **state)
{
	static const int codes[] = { EIO, ENOMEM, EINVAL };
	char *initrd = temp_file("initrd", 6);

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(codes); i++) {
		struct machine_config cfg = play_config();
		unsigned int nth = 0;
		bool more = true;

		cfg.nr_cpus = 2;
		cfg.pmu = true;
		cfg.initrd = initrd;
		cfg.psci = PSCI_VERSION(1, 0);
		while (more)
			check_failure(++nth, codes[i], &cfg, &more);
		assert_true(nth > 30);
	}
	temp_remove(initrd);
}

/* From no descriptor to spare, one by one, to enough: no number of them makes it leak or crash. */
static void too_few_descriptors_end_it_cleanly(void **state)
{
	struct machine_config cfg = play_config();
	char *initrd = temp_file("initrd", 6);
	bool enough = false;

	(void)state;
	cfg.nr_cpus = 2;
	cfg.initrd = initrd;
	for (unsigned int limit = 3; !enough; limit++) {
		struct play p = { .terminal = true, .fd_limit = limit };

		assert_true(limit < 100);
		fake_start(&fake_6_1);
		fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("x"), OFF);
		play(&p, &cfg);
		enough = p.status == MACHINE_OFF;
		assert_true(enough || p.status == MACHINE_FAILED);
		assert_int_equal(p.e.text[0] != '\0', !enough);
		assert_true(play_is_clean(&p));
		if (enough)
			assert_string_equal(p.out, "x");
		play_free(&p);
		fake_end();
	}
	temp_remove(initrd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_beyond_the_address_bits_is_refused_with_the_limit),
		cmocka_unit_test(the_address_space_is_as_small_as_it_can_be),
		cmocka_unit_test(more_cpus_than_the_host_gives_are_refused_with_the_limit),
		cmocka_unit_test(five_hundred_and_twelve_cpus_start_and_end),
		cmocka_unit_test(an_interrupt_controller_the_host_lacks_is_refused),
		cmocka_unit_test(a_version_the_host_lacks_lists_those_it_has),
		cmocka_unit_test(a_cpu_that_is_not_there_is_no_place_to_run),
		cmocka_unit_test(pinned_cpus_run_where_they_were_put),
		cmocka_unit_test(files_and_devices_that_are_not_there_are_named),
		cmocka_unit_test(whichever_request_fails_ends_cleanly_with_one_reason),
		cmocka_unit_test(too_few_descriptors_end_it_cleanly),
	};

	return cmocka_run_group_tests_name("machine_refusal", tests, NULL, NULL);
}
