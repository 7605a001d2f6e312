/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine from start to end, on a scripted guest: how it is built, how it ends. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "arm/map.h"
#include "arm/psci.h"
#include "fake/fake_kvm.h"
#include "hw/syscon.h"
#include "machine_check.h"
#include "util/bits.h"
#include "util/log.h"

#define RESET FAKE_EVENT(KVM_SYSTEM_EVENT_RESET)
#define CRASH FAKE_EVENT(KVM_SYSTEM_EVENT_CRASH)

/* The UART's registers as a guest polls them. */
#define RBR    MAP_UART
#define LSR    (MAP_UART + 5)
#define LSR_DR 1

static void what_the_guest_types_arrives_on_stdout_byte_by_byte(void **state)
{
	struct machine_config cfg = play_config();
	struct play p = { 0 };

	(void)state;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_TYPE("hello\r\n\0\xff\x01x"), OFF);
	check(&p, &cfg, MACHINE_OFF, NULL);
	assert_int_equal(p.out_len, 11);
	assert_memory_equal(p.out, "hello\r\n\0\xff\x01x", 11);
	play_free(&p);
	fake_end();
}

static void more_than_any_buffer_arrives_whole(void **state)
{
	struct machine_config cfg = play_config();
	static char text[200000];
	struct play p = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)(i * 7 + i / 251);
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0,
		   { .what = FAKE_STEP_TYPE, .addr = RBR, .text = text, .text_len = 20000 }, OFF);
	check(&p, &cfg, MACHINE_OFF, NULL);
	assert_int_equal(p.out_len, 20000);
	assert_memory_equal(p.out, text, 20000);
	play_free(&p);
	fake_end();
}

static void input_reaches_the_guest(void **state)
{
	struct machine_config cfg = play_config();
	struct play p = { .input = "a\x01x", .input_len = 3 };
	uint64_t got[3];

	(void)state;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_UNTIL(LSR, LSR_DR, LSR_DR), FAKE_READ(RBR, 1, &got[0]),
		   FAKE_UNTIL(LSR, LSR_DR, LSR_DR), FAKE_READ(RBR, 1, &got[1]),
		   FAKE_UNTIL(LSR, LSR_DR, LSR_DR), FAKE_READ(RBR, 1, &got[2]), OFF);
	check(&p, &cfg, MACHINE_OFF, NULL);
	assert_int_equal(got[0], 'a');
	assert_int_equal(got[1], 1);
	assert_int_equal(got[2], 'x');
	play_free(&p);
	fake_end();
}

static void ctrl_a_x_ends_a_busy_guest(void **state)
{
	struct machine_config cfg = play_config();
	struct play p = { .keys = "\x01x" };

	(void)state;
	cfg.nr_cpus = 2;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_SPIN);
	fake_guest(FAKE_EVERY_BOOT, 1, FAKE_SPIN);
	check(&p, &cfg, MACHINE_OFF, NULL);
	assert_true(p.seconds < 1);
	play_free(&p);
	fake_end();
}

static void each_end_has_its_status(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, OFF);
	check_end(&cfg, 0, NULL);
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, RESET);
	check_end(&cfg, 120, NULL);
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, CRASH);
	check_end(&cfg, 121, NULL);
	fake_end();
}

static void any_cpu_may_end_it(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	cfg.nr_cpus = 3;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_SPIN);
	fake_guest(FAKE_EVERY_BOOT, 2, CRASH);
	check_end(&cfg, MACHINE_CRASHED, NULL);
	fake_end();
}

static void an_end_that_kvm_has_no_name_for_is_a_failure(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_EXIT(4711, 0));
	check_end(&cfg, MACHINE_FAILED, "unknown reason (4711)");
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_EXIT(KVM_EXIT_INTERNAL_ERROR, 3));
	check_end(&cfg, MACHINE_FAILED, "internal error (3)");
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_EXIT(KVM_EXIT_FAIL_ENTRY, 0xabc));
	check_end(&cfg, MACHINE_FAILED, "cannot enter the guest (reason 0xabc)");
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_ERROR(EFAULT));
	check_end(&cfg, MACHINE_FAILED, "vCPU 0: KVM cannot run it: Bad address");
	fake_end();
}

static void an_interrupted_run_goes_on(void **state)
{
	struct machine_config cfg = play_config();
	struct play p = { 0 };

	(void)state;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_ERROR(EINTR), FAKE_ERROR(EAGAIN),
		   FAKE_EXIT(KVM_EXIT_INTR, 0), FAKE_TYPE("x"), OFF);
	check(&p, &cfg, MACHINE_OFF, NULL);
	assert_string_equal(p.out, "x");
	play_free(&p);
	fake_end();
}

static void nobody_at_an_address_reads_as_zero(void **state)
{
	struct machine_config cfg = play_config();
	uint64_t got[4] = { 1, 1, 1, 1 };

	(void)state;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(0x9000000, 4, 1),
		   FAKE_READ(0x9000000, 4, &got[0]), FAKE_READ(UINT64_MAX, 8, &got[1]),
		   FAKE_READ(0, 1, &got[2]),
		   /* Only with PSCI 0.1 is there a power register. */
		   FAKE_WRITE(MAP_SYSCON, 4, SYSCON_POWER_RESET), FAKE_READ(MAP_SYSCON, 4, &got[3]),
		   OFF);
	check_end(&cfg, MACHINE_OFF, NULL);
	for (int i = 0; i < 4; i++)
		assert_int_equal(got[i], 0);
	fake_end();
}

static void a_guest_with_psci_0_1_ends_itself_by_the_power_register(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	cfg.psci = PSCI_VERSION(0, 1);
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(MAP_SYSCON, 4, SYSCON_POWER_OFF), FAKE_SPIN);
	check_end(&cfg, MACHINE_OFF, NULL);
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(MAP_SYSCON, 4, SYSCON_POWER_RESET), FAKE_SPIN);
	check_end(&cfg, MACHINE_RESET, NULL);
	fake_end();
}

static void a_panic_is_told_and_the_guest_goes_on(void **state)
{
	struct machine_config cfg = play_config();
	struct play p = { 0 };
	uint64_t events = 0;

	(void)state;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_READ(MAP_PVPANIC, 1, &events),
		   FAKE_WRITE(MAP_PVPANIC, 1, 1), FAKE_WRITE(MAP_PVPANIC, 1, 2), FAKE_TYPE("on"),
		   OFF);
	check(&p, &cfg, MACHINE_OFF, NULL);
	assert_int_equal(events, 7);
	assert_non_null(strstr(p.log, "the guest's kernel panicked\n"));
	assert_non_null(strstr(p.log,
			       "the guest's kernel panicked; its crash kernel takes over\n"));
	assert_int_equal(p.out_len, 2);
	play_free(&p);
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(MAP_PVPANIC, 1, 4), FAKE_SPIN);
	check_end(&cfg, MACHINE_OFF, NULL);
	fake_end();
}

static void an_undecodable_access_aborts_in_the_guest(void **state)
{
	struct machine_config cfg = play_config();
	struct play p = { 0 };

	(void)state;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_NISV(0x9000000), FAKE_TYPE("on"), OFF);
	log_set_level(LOG_DEBUG);
	check(&p, &cfg, MACHINE_OFF, NULL);
	log_set_level(LOG_INFO);
	assert_string_equal(p.out, "on");
	assert_non_null(strstr(p.log, "Debug: vCPU 0: an access at 0x9000000"));
	assert_int_equal(fake_count(KVM_SET_VCPU_EVENTS, 1), 1);
	assert_int_equal(fake_count(KVM_ENABLE_CAP, KVM_CAP_ARM_NISV_TO_USER), 1);
	play_free(&p);
	fake_end();
}

static void an_abort_that_cannot_be_delivered_is_a_failure(void **state)
{
	struct machine_config cfg = play_config();
	struct fake_host old = fake_5_10;

	(void)state;
	fake_start(&fake_6_1);
	fake_refuse(KVM_SET_VCPU_EVENTS, FAKE_ANY, EINVAL);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_NISV(0x9000000), OFF);
	check_end(&cfg, MACHINE_FAILED, "cannot deliver an external abort");
	/* A KVM too old to ask user space. */
	old.nisv = false;
	fake_start(&old);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_NISV(0x9000000), OFF);
	check_end(&cfg, MACHINE_FAILED, "Function not implemented");
	fake_end();
}

struct new_life {
	unsigned int boots;
	bool zero;
};

/* What a guest finds at its start, and what it leaves behind for the next one to find. */
static void look_around(void *ctx)
{
	struct new_life *life = ctx;
	uint8_t *ram = fake_ram(MAP_RAM + fake_ram_size() - 4096, 16);

	life->boots++;
	for (int i = 0; i < 16; i++)
		life->zero = life->zero && !ram[i];
	memset(ram, 0xaa, 16);
}

static void a_reboot_builds_everything_anew(void **state)
{
	struct machine_config cfg = play_config();
	struct new_life life = { .zero = true };
	struct play p = { 0 };

	(void)state;
	/* Past the 512 MiB that hold what is booted from, so that RAM ends in memory of no use. */
	cfg.ram_size = 1 * GiB;
	cfg.reboot = true;
	cfg.psci = PSCI_VERSION(1, 0);
	fake_start(&fake_6_1);
	fake_guest(0, 0, FAKE_CALL(look_around, &life), FAKE_TYPE("a"), RESET);
	fake_guest(1, 0, FAKE_CALL(look_around, &life), FAKE_TYPE("b"), RESET);
	fake_guest(2, 0, FAKE_CALL(look_around, &life), FAKE_TYPE("c"), OFF);
	check(&p, &cfg, MACHINE_OFF, NULL);
	assert_string_equal(p.out, "abc");
	assert_int_equal(life.boots, 3);
	assert_true(life.zero);
	assert_int_equal(fake_nr_vms(), 3);
	assert_int_equal(fake_count(KVM_SET_ONE_REG, KVM_REG_ARM_PSCI_VERSION), 3);
	assert_int_equal(fake_psci(), PSCI_VERSION(1, 0));
	play_free(&p);
	fake_end();
}

static void a_reboot_is_for_resets_only(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	cfg.reboot = true;
	fake_start(&fake_6_1);
	fake_guest(0, 0, RESET);
	fake_guest(1, 0, CRASH);
	check_end(&cfg, MACHINE_CRASHED, NULL);
	assert_int_equal(fake_nr_vms(), 2);
	fake_end();
}

static void no_more_vms(void *ctx)
{
	(void)ctx;
	fake_refuse(KVM_CREATE_VM, FAKE_ANY, EIO);
}

static void a_reboot_that_fails_ends_it(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	cfg.reboot = true;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_CALL(no_more_vms, NULL), RESET);
	check_end(&cfg, MACHINE_FAILED, "KVM cannot create a VM: Input/output error");
	assert_int_equal(fake_nr_vms(), 1);
	fake_end();
}

static void send_signal(void *ctx)
{
	kill(getpid(), *(int *)ctx);
}

static void a_signal_ends_busy_cpus_within_a_second(void **state)
{
	static int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(signals); i++) {
		struct machine_config cfg = play_config();
		struct play p = { .terminal = true };

		cfg.nr_cpus = 4;
		fake_start(&fake_6_1);
		fake_guest(FAKE_EVERY_BOOT, 0, FAKE_CALL(send_signal, &signals[i]), FAKE_SPIN);
		fake_guest(FAKE_EVERY_BOOT, 1, FAKE_SPIN);
		fake_guest(FAKE_EVERY_BOOT, 2, FAKE_SLEEP);
		/* One that never stops exiting. */
		fake_guest(FAKE_EVERY_BOOT, 3, FAKE_READ(0x9000000, 4, NULL), FAKE_REPEAT);
		check(&p, &cfg, MACHINE_OFF, NULL);
		assert_true(p.seconds < 1);
		assert_non_null(strstr(p.log, strsignal(signals[i])));
		play_free(&p);
		fake_end();
	}
}

/* The signal and the reset race for the loop; whoever wins, nobody asked for another life. */
static void a_signal_is_not_lost_in_a_reboot(void **state)
{
	static int signal = SIGTERM;

	(void)state;
	for (int i = 0; i < 30; i++) {
		struct machine_config cfg = play_config();

		cfg.reboot = true;
		cfg.ram_size = 16 * MiB;
		fake_start(&fake_6_1);
		fake_guest(FAKE_EVERY_BOOT, 0, FAKE_CALL(send_signal, &signal), RESET);
		check_end(&cfg, MACHINE_OFF, NULL);
		assert_int_equal(fake_nr_vms(), 1);
		fake_end();
	}
}

static void the_order_is_what_kvm_wants(void **state)
{
	struct machine_config cfg = play_config();
	static const uint64_t pc =
		KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc);
	const uint64_t init = FAKE_ATTR(KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT);
	ptrdiff_t order[8];

	(void)state;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, OFF);
	check_end(&cfg, MACHINE_OFF, NULL);
	order[0] = fake_first(KVM_CREATE_VM, FAKE_ANY);
	order[1] = fake_first(KVM_SET_USER_MEMORY_REGION, FAKE_ANY);
	order[2] = fake_first(KVM_CREATE_VCPU, FAKE_ANY);
	order[3] = fake_first(KVM_ARM_VCPU_INIT, FAKE_ANY);
	order[4] = fake_first(KVM_SET_ONE_REG, KVM_REG_ARM_PSCI_VERSION);
	order[5] = fake_first(KVM_SET_DEVICE_ATTR, init);
	order[6] = fake_first(KVM_SET_ONE_REG, pc);
	order[7] = fake_first(KVM_RUN, FAKE_ANY);
	assert_true(order[0] > 0);
	for (int i = 1; i < 8; i++)
		assert_true(order[i] > order[i - 1]);
	assert_int_equal(fake_count(KVM_CREATE_VM, FAKE_ANY), 1);
	assert_int_equal(fake_count(KVM_SET_ONE_REG, KVM_REG_ARM_PSCI_VERSION), 1);
	fake_end();
}

static void the_embedded_guest_is_announced_once(void **state)
{
	struct machine_config cfg = play_config();
	struct play p = { 0 };
	char *line;

	(void)state;
	cfg.reboot = true;
	fake_start(&fake_6_1);
	fake_guest(0, 0, RESET);
	fake_guest(1, 0, OFF);
	check(&p, &cfg, MACHINE_OFF, NULL);
	line = strstr(p.log, "Info: no kernel given");
	assert_non_null(line);
	assert_null(strstr(strchr(line, '\n'), "no kernel given"));
	play_free(&p);
	fake_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_guest_types_arrives_on_stdout_byte_by_byte),
		cmocka_unit_test(more_than_any_buffer_arrives_whole),
		cmocka_unit_test(input_reaches_the_guest),
		cmocka_unit_test(ctrl_a_x_ends_a_busy_guest),
		cmocka_unit_test(each_end_has_its_status),
		cmocka_unit_test(any_cpu_may_end_it),
		cmocka_unit_test(an_end_that_kvm_has_no_name_for_is_a_failure),
		cmocka_unit_test(an_interrupted_run_goes_on),
		cmocka_unit_test(nobody_at_an_address_reads_as_zero),
		cmocka_unit_test(a_guest_with_psci_0_1_ends_itself_by_the_power_register),
		cmocka_unit_test(a_panic_is_told_and_the_guest_goes_on),
		cmocka_unit_test(an_undecodable_access_aborts_in_the_guest),
		cmocka_unit_test(an_abort_that_cannot_be_delivered_is_a_failure),
		cmocka_unit_test(a_reboot_builds_everything_anew),
		cmocka_unit_test(a_reboot_is_for_resets_only),
		cmocka_unit_test(a_reboot_that_fails_ends_it),
		cmocka_unit_test(a_signal_ends_busy_cpus_within_a_second),
		cmocka_unit_test(a_signal_is_not_lost_in_a_reboot),
		cmocka_unit_test(the_order_is_what_kvm_wants),
		cmocka_unit_test(the_embedded_guest_is_announced_once),
	};

	return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
