/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's power: what KVM reports of the guest's PSCI calls, and --psci=user. */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>
#include "machine_check.h"
#include "arm/psci.h"
#include "fake/board.h"
#include "util/bits.h"

#define ENTRY      0x40080000
#define CONTEXT    0x1234567890
#define CPU_ON     0xc4000003
#define CPU_OFF    0x84000002
#define STANDBY    0x84000001
#define SUSPEND    0xc400000e
#define INFO       0xc4000004
#define SYSTEM_OFF 0x84000008
#define RESET2     0xc4000012
#define OFF2       0xc4000015
#define IMPL_CPUS  0xc6000041
#define SCTLR_EE   (1ULL << 25)

#define SLEEP_EVENT FAKE_EVENT_FLAGS(KVM_SYSTEM_EVENT_SUSPEND, 0, ENTRY, CONTEXT)

static struct machine_config user_config(void)
{
	struct machine_config cfg = play_config();

	cfg.psci_user = true;
	cfg.name = "vm";
	return cfg;
}

/* A run that ends with @status and says @text, of @cfg on @host with the scripts set. */
static void check_says(const struct machine_config *cfg, enum machine_status status,
		       const char *text)
{
	struct play p = { 0 };

	check(&p, cfg, status, NULL);
	if (!strstr(p.log, text))
		assert_string_equal(p.log, text);
	play_free(&p);
	fake_end();
}

static void each_kind_of_end_is_told_apart(void **state)
{
	static const struct {
		struct fake_step step;
		enum machine_status status;
		const char *text;
	} rows[] = {
		{ FAKE_EVENT(KVM_SYSTEM_EVENT_SHUTDOWN), MACHINE_OFF, "" },
		{ FAKE_EVENT_FLAGS(KVM_SYSTEM_EVENT_SHUTDOWN, 1, 0, 0), MACHINE_OFF,
		  "Info: VM vm: SYSTEM_OFF2: off, hibernated\n" },
		{ FAKE_EVENT(KVM_SYSTEM_EVENT_RESET), MACHINE_RESET,
		  "Info: VM vm: SYSTEM_RESET\n" },
		{ FAKE_EVENT_FLAGS(KVM_SYSTEM_EVENT_RESET, 1, 0, 5), MACHINE_RESET,
		  "Info: VM vm: SYSTEM_RESET2, warm reset, cookie 0x5\n" },
		{ FAKE_EVENT_FLAGS(KVM_SYSTEM_EVENT_RESET, 1, 0x80000001, 5), MACHINE_RESET,
		  "Info: VM vm: SYSTEM_RESET2, vendor type 0x80000001, cookie 0x5\n" },
		{ FAKE_EVENT(KVM_SYSTEM_EVENT_CRASH), MACHINE_CRASHED,
		  "Info: VM vm: the guest crashed\n" },
	};
	struct machine_config cfg = play_config();

	(void)state;
	cfg.name = "vm";
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fake_start(&fake_7_3);
		fake_script(FAKE_EVERY_BOOT, 0, &rows[i].step, 1);
		check_says(&cfg, rows[i].status, rows[i].text);
	}
}

static void each_kind_of_reset_starts_again_with_reboot(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	cfg.reboot = true;
	cfg.name = "vm";
	fake_start(&fake_7_3);
	fake_guest(0, 0, FAKE_EVENT(KVM_SYSTEM_EVENT_RESET));
	fake_guest(1, 0, FAKE_EVENT_FLAGS(KVM_SYSTEM_EVENT_RESET, 1, 0, 0));
	fake_guest(2, 0, FAKE_EVENT_FLAGS(KVM_SYSTEM_EVENT_RESET, 1, 0x80000000, 0));
	fake_guest(3, 0, OFF);
	check_end(&cfg, MACHINE_OFF, NULL);
	assert_int_equal(fake_nr_vms(), 4);
	fake_end();
}

static void a_guest_that_resets_for_ever_does_not_fill_the_log(void **state)
{
	struct machine_config cfg = play_config();
	struct play p = { 0 };
	unsigned int lines = 0;

	(void)state;
	cfg.reboot = true;
	fake_start(&fake_7_3);
	for (uint32_t boot = 0; boot < 30; boot++)
		fake_guest(boot, 0, FAKE_EVENT(KVM_SYSTEM_EVENT_RESET));
	fake_guest(30, 0, OFF);
	check(&p, &cfg, MACHINE_OFF, NULL);
	for (const char *at = p.log; (at = strstr(at, "SYSTEM_RESET")); at++)
		lines++;
	assert_in_range(lines, 1, LOG_LIMIT_BURST);
	play_free(&p);
	fake_end();
}

static void an_event_of_a_newer_kernel_is_a_warning(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	fake_start(&fake_7_3);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_EVENT(77), OFF);
	check_says(&cfg, MACHINE_OFF, "Warning: vCPU 0: KVM reports system event 77");
}

static void system_suspend_is_for_versions_that_have_it(void **state)
{
	static const struct {
		const struct fake_host *host;
		uint32_t version;
		unsigned int enabled;
	} rows[] = {
		{ &fake_7_3, PSCI_VERSION(0, 1), 0 }, { &fake_7_3, PSCI_VERSION(0, 2), 0 },
		{ &fake_7_3, PSCI_VERSION(1, 0), 1 }, { &fake_6_1, PSCI_AUTO, 1 },
		{ &fake_5_10, PSCI_AUTO, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct machine_config cfg = play_config();

		cfg.psci = rows[i].version;
		fake_start(rows[i].host);
		fake_guest(FAKE_EVERY_BOOT, 0, OFF);
		check_end(&cfg, MACHINE_OFF, NULL);
		assert_int_equal(fake_count(KVM_ENABLE_CAP, KVM_CAP_ARM_SYSTEM_SUSPEND),
				 rows[i].enabled);
		fake_end();
	}
}

struct seen {
	uint64_t pc, x0, sctlr;
	uint32_t mp_state;
};

static void look(void *ctx)
{
	struct seen *seen = ctx;

	*seen = (struct seen){ fake_vcpu_pc(0), fake_vcpu_x(0, 0), fake_vcpu_sctlr(0),
			       fake_mp_state(0) };
}

static void look_at_1(void *ctx)
{
	struct seen *seen = ctx;

	*seen = (struct seen){ fake_vcpu_pc(1), fake_vcpu_x(1, 0), fake_vcpu_sctlr(1),
			       fake_mp_state(1) };
}

static void look_at_results(void *ctx)
{
	uint64_t *x = ctx;

	for (unsigned int n = 0; n < 4; n++)
		x[n] = fake_vcpu_x(0, n);
}

static void a_sleeping_machine_wakes_at_its_entry_point(void **state)
{
	struct machine_config cfg = play_config();
	struct seen seen = { 0 };

	(void)state;
	cfg.nr_cpus = 3;
	cfg.name = "vm";
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, SLEEP_EVENT, FAKE_WAKE, FAKE_CALL(look, &seen), OFF);
	check_says(&cfg, MACHINE_OFF,
		   "Info: VM vm: SYSTEM_SUSPEND: asleep until an interrupt\nInfo: VM vm: awake\n");
	assert_int_equal(seen.pc, ENTRY);
	assert_int_equal(seen.x0, CONTEXT);
	assert_int_equal(seen.sctlr, 0xc50078);
	assert_int_equal(seen.mp_state, KVM_MP_STATE_RUNNABLE);
}

/* The other CPU says that it is on, as it is while it runs a script. */
static void turn_on(void *ctx)
{
	(void)ctx;
	fake_set_mp_state(1, KVM_MP_STATE_RUNNABLE);
}

static void system_suspend_beside_another_cpu_is_denied(void **state)
{
	struct machine_config cfg = play_config();
	struct seen seen = { 0 };

	(void)state;
	cfg.nr_cpus = 2;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_CALL(turn_on, NULL), SLEEP_EVENT,
		   FAKE_CALL(look, &seen), OFF);
	fake_guest(FAKE_EVERY_BOOT, 1, FAKE_SPIN);
	check_end(&cfg, MACHINE_OFF, NULL);
	assert_int_equal((int64_t)seen.x0, -3);
	assert_int_equal(fake_count(KVM_SET_MP_STATE, FAKE_ANY), 0);
	fake_end();
}

static void a_sleeping_machine_is_stopped_at_once(void **state)
{
	struct machine_config cfg = play_config();
	struct play p = { .keys = "\001x" };

	(void)state;
	cfg.nr_cpus = 2;
	fake_start(&fake_6_1);
	fake_guest(FAKE_EVERY_BOOT, 0, SLEEP_EVENT);
	check(&p, &cfg, MACHINE_OFF, NULL);
	assert_true(p.seconds < 1);
	play_free(&p);
	fake_end();
}

/* Somebody outside, who waits until the machine sleeps. */
static void *waker(void *arg)
{
	while (fake_mp_state(0) != KVM_MP_STATE_SUSPENDED)
		usleep(1000);
	power_wake(arg);
	return NULL;
}

static void a_sleeping_machine_can_be_woken_from_outside(void **state)
{
	struct machine_config cfg = user_config();
	struct seen seen = { 0 };
	struct err e = { 0 };
	pthread_t thread;
	struct board b;

	(void)state;
	board_build(&b, &fake_7_3, &cfg);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_HVC(SUSPEND, ENTRY, CONTEXT, 0, NULL),
		   FAKE_CALL(look, &seen), OFF);
	pthread_create(&thread, NULL, waker, &b.m);
	assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
	pthread_join(thread, NULL);
	assert_int_equal(seen.pc, ENTRY);
	assert_int_equal(seen.x0, CONTEXT);
	board_close(&b);
}

static void user_takes_all_of_psci_and_pins_the_register(void **state)
{
	struct machine_config cfg = user_config();

	(void)state;
	fake_start(&fake_7_3);
	fake_guest(FAKE_EVERY_BOOT, 0, OFF);
	check_end(&cfg, MACHINE_OFF, NULL);
	assert_int_equal(fake_count(KVM_SET_DEVICE_ATTR, FAKE_ATTR(0, 0)), 2);
	assert_int_equal(fake_last_value(KVM_SET_ONE_REG, KVM_REG_ARM_PSCI_VERSION),
			 PSCI_VERSION(0, 2));
	fake_end();
}

static void user_on_a_host_without_the_filter_says_what_it_takes(void **state)
{
	struct machine_config cfg = user_config();

	(void)state;
	fake_start(&fake_6_1);
	check_end(&cfg, MACHINE_FAILED, "--psci=user takes Linux 6.4");
	fake_start(&fake_7_3);
	cfg.psci = PSCI_VERSION(0, 1);
	check_end(&cfg, MACHINE_FAILED, "take --psci=kernel");
	fake_end();
}

static void user_has_every_version_on_any_host_with_the_filter(void **state)
{
	static const uint32_t versions[] = { PSCI_VERSION(0, 2), PSCI_VERSION(1, 0),
					     PSCI_VERSION(1, 3), PSCI_AUTO };
	struct fake_host host = fake_7_3;

	(void)state;
	host.psci_max = PSCI_VERSION(1, 1);
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		struct machine_config cfg = user_config();
		uint64_t got = 0;

		cfg.psci = versions[i];
		fake_start(&host);
		fake_guest(FAKE_EVERY_BOOT, 0, FAKE_HVC(0x84000000, 0, 0, 0, &got), OFF);
		check_end(&cfg, MACHINE_OFF, NULL);
		assert_int_equal(got, versions[i] ? versions[i] : PSCI_VERSION(1, 3));
		fake_end();
	}
}

static void discovery_is_answered_whoever_answers_psci(void **state)
{
	(void)state;
	for (int user = 0; user < 2; user++) {
		struct machine_config cfg = user ? user_config() : play_config();
		uint64_t version = 9, x[4] = { 9 }, beyond = 9;

		cfg.firmware.pinned[FIRMWARE_IMPL_VERSION] = true;
		cfg.firmware.value[FIRMWARE_IMPL_VERSION] = 1;
		fake_start(&fake_7_3);
		fake_guest(FAKE_EVERY_BOOT, 0, FAKE_HVC(IMPL_CPUS, 0, 1, 2, &version),
			   FAKE_CALL(look_at_results, x), FAKE_HVC(IMPL_CPUS, 1, 0, 0, &beyond),
			   OFF);
		check_end(&cfg, MACHINE_OFF, NULL);
		assert_int_equal(version, 0);
		assert_int_equal(x[1], FAKE_MIDR);
		assert_int_equal(x[2], FAKE_REVIDR);
		assert_int_equal(x[3], FAKE_AIDR);
		assert_int_equal((int64_t)beyond, -3);
		fake_end();
	}
}

static void discovery_on_a_host_without_the_filter_says_what_it_takes(void **state)
{
	struct machine_config cfg = play_config();
	struct fake_host host = fake_7_3;

	(void)state;
	host.smccc_filter = false;
	cfg.firmware.pinned[FIRMWARE_IMPL_CPUS] = true;
	cfg.firmware.value[FIRMWARE_IMPL_CPUS] = 1;
	fake_start(&host);
	check_end(&cfg, MACHINE_FAILED, "does not hand calls to user space (that takes Linux 6.4)");
	fake_end();
}

static void without_discovery_kvm_keeps_its_calls(void **state)
{
	struct machine_config cfg = play_config();

	(void)state;
	fake_start(&fake_7_3);
	fake_guest(FAKE_EVERY_BOOT, 0, OFF);
	check_end(&cfg, MACHINE_OFF, NULL);
	assert_int_equal(fake_count(KVM_SET_DEVICE_ATTR, FAKE_ATTR(0, 0)), 0);
	fake_end();
}

static void go_big(void *ctx)
{
	(void)ctx;
	fake_set_sctlr(0, SCTLR_EE);
}

static void a_cpu_comes_up_where_and_how_its_starter_says(void **state)
{
	for (int big = 0; big < 2; big++) {
		struct machine_config cfg = user_config();
		struct seen seen = { 0 };
		uint64_t ret = 1;

		(void)state;
		cfg.nr_cpus = 2;
		fake_start(&fake_7_3);
		if (big)
			fake_guest(FAKE_EVERY_BOOT, 0, FAKE_CALL(go_big, NULL),
				   FAKE_HVC(CPU_ON, 1, ENTRY, CONTEXT, &ret), FAKE_SPIN);
		else
			fake_guest(FAKE_EVERY_BOOT, 0, FAKE_HVC(CPU_ON, 1, ENTRY, CONTEXT, &ret),
				   FAKE_SPIN);
		fake_guest(FAKE_EVERY_BOOT, 1, FAKE_CALL(look_at_1, &seen),
			   FAKE_HVC(SYSTEM_OFF, 0, 0, 0, NULL));
		check_end(&cfg, MACHINE_OFF, NULL);
		assert_int_equal(seen.pc, ENTRY);
		assert_int_equal(seen.x0, CONTEXT);
		assert_int_equal(seen.sctlr, 0xc50078 | (big ? SCTLR_EE : 0));
		assert_int_equal(seen.mp_state, KVM_MP_STATE_RUNNABLE);
		fake_end();
	}
}

/* CPU 1 was there: what comes after it is its going off, not its being off yet. */
static void arrive(void *ctx)
{
	atomic_store((atomic_int *)ctx, 1);
}

static void until_there(void *ctx)
{
	while (!atomic_load((atomic_int *)ctx))
		sched_yield();
}

static void until_off_again(void *ctx)
{
	while (!atomic_load((atomic_int *)ctx) || fake_mp_state(1) != KVM_MP_STATE_STOPPED)
		sched_yield();
}

static void a_cpu_goes_off_and_comes_back(void **state)
{
	struct machine_config cfg = user_config();
	uint64_t state_then = 9, on = 9, again = 9;
	struct seen seen = { 0 };
	atomic_int there = 0, back = 0;

	(void)state;
	cfg.nr_cpus = 2;
	fake_start(&fake_7_3);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_HVC(CPU_ON, 1, ENTRY, 0, &on),
		   FAKE_CALL(until_off_again, &there), FAKE_HVC(INFO, 1, 0, 0, &state_then),
		   FAKE_HVC(CPU_ON, 1, ENTRY + 4, 5, &again), FAKE_CALL(until_there, &back), OFF);
	fake_guest(FAKE_EVERY_BOOT, 1, FAKE_CALL(arrive, &there), FAKE_HVC(CPU_OFF, 0, 0, 0, NULL),
		   FAKE_CALL(look_at_1, &seen), FAKE_CALL(arrive, &back));
	check_end(&cfg, MACHINE_OFF, NULL);
	assert_int_equal(on, 0);
	assert_int_equal(state_then, 1);
	assert_int_equal(again, 0);
	assert_int_equal(seen.pc, ENTRY + 4);
	assert_int_equal(seen.x0, 5);
	fake_end();
}

static void a_cpu_in_standby_goes_on_behind_the_call(void **state)
{
	struct machine_config cfg = user_config();
	struct seen seen = { 0 };
	uint64_t ret = 1;

	(void)state;
	fake_start(&fake_7_3);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_HVC(STANDBY, 1, 2, 3, &ret), FAKE_WAKE,
		   FAKE_CALL(look, &seen), OFF);
	check_end(&cfg, MACHINE_OFF, NULL);
	assert_int_equal(seen.mp_state, KVM_MP_STATE_RUNNABLE);
	assert_int_equal(seen.x0, 0);
	assert_int_equal(fake_count(KVM_SET_MP_STATE, KVM_MP_STATE_SUSPENDED), 1);
	fake_end();
}

static void user_calls_end_the_machine_as_kvms_do(void **state)
{
	static const struct {
		struct fake_step step;
		enum machine_status status;
		const char *text;
	} rows[] = {
		{ FAKE_HVC(SYSTEM_OFF, 0, 0, 0, NULL), MACHINE_OFF, "" },
		{ FAKE_HVC(OFF2, 0, 0, 0, NULL), MACHINE_OFF,
		  "Info: VM vm: SYSTEM_OFF2: off, hibernated\n" },
		{ FAKE_HVC(0x84000009, 0, 0, 0, NULL), MACHINE_RESET,
		  "Info: VM vm: SYSTEM_RESET\n" },
		{ FAKE_HVC(RESET2, 0, 5, 0, NULL), MACHINE_RESET,
		  "Info: VM vm: SYSTEM_RESET2, warm reset, cookie 0x5\n" },
		{ FAKE_HVC(RESET2, 0x80000001, 5, 0, NULL), MACHINE_RESET,
		  "Info: VM vm: SYSTEM_RESET2, vendor type 0x80000001, cookie 0x5\n" },
	};
	struct machine_config cfg = user_config();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		fake_start(&fake_7_3);
		fake_script(FAKE_EVERY_BOOT, 0, &rows[i].step, 1);
		check_says(&cfg, rows[i].status, rows[i].text);
	}
}

static void a_machine_whose_cpus_are_all_off_is_stopped_at_once(void **state)
{
	struct machine_config cfg = user_config();
	struct play p = { .keys = "\001x" };

	(void)state;
	cfg.nr_cpus = 4;
	fake_start(&fake_7_3);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_HVC(CPU_OFF, 0, 0, 0, NULL));
	check(&p, &cfg, MACHINE_OFF, NULL);
	assert_true(p.seconds < 1);
	play_free(&p);
	fake_end();
}

/* One more life of CPU 1, of @ctx; the last one's end is the machine's. */
static void count_down(void *ctx)
{
	if (atomic_fetch_sub((atomic_int *)ctx, 1) == 1)
		kill(getpid(), SIGTERM);
}

/* On and off as fast as it goes: no kick is lost. */
static void a_cpu_comes_and_goes_without_end(void **state)
{
	struct machine_config cfg = user_config();
	atomic_int lives = 5000;

	(void)state;
	cfg.nr_cpus = 2;
	fake_start(&fake_7_3);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_HVC(CPU_ON, 1, ENTRY, 0, NULL), FAKE_REPEAT);
	fake_guest(FAKE_EVERY_BOOT, 1, FAKE_CALL(count_down, &lives),
		   FAKE_HVC(CPU_OFF, 0, 0, 0, NULL), FAKE_REPEAT);
	check_end(&cfg, MACHINE_OFF, NULL);
	assert_true(atomic_load(&lives) <= 0);
	fake_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_of_end_is_told_apart),
		cmocka_unit_test(each_kind_of_reset_starts_again_with_reboot),
		cmocka_unit_test(a_guest_that_resets_for_ever_does_not_fill_the_log),
		cmocka_unit_test(an_event_of_a_newer_kernel_is_a_warning),
		cmocka_unit_test(system_suspend_is_for_versions_that_have_it),
		cmocka_unit_test(a_sleeping_machine_wakes_at_its_entry_point),
		cmocka_unit_test(system_suspend_beside_another_cpu_is_denied),
		cmocka_unit_test(a_sleeping_machine_is_stopped_at_once),
		cmocka_unit_test(a_sleeping_machine_can_be_woken_from_outside),
		cmocka_unit_test(user_takes_all_of_psci_and_pins_the_register),
		cmocka_unit_test(user_on_a_host_without_the_filter_says_what_it_takes),
		cmocka_unit_test(user_has_every_version_on_any_host_with_the_filter),
		cmocka_unit_test(discovery_is_answered_whoever_answers_psci),
		cmocka_unit_test(discovery_on_a_host_without_the_filter_says_what_it_takes),
		cmocka_unit_test(without_discovery_kvm_keeps_its_calls),
		cmocka_unit_test(a_cpu_comes_up_where_and_how_its_starter_says),
		cmocka_unit_test(a_cpu_goes_off_and_comes_back),
		cmocka_unit_test(a_cpu_in_standby_goes_on_behind_the_call),
		cmocka_unit_test(user_calls_end_the_machine_as_kvms_do),
		cmocka_unit_test(a_machine_whose_cpus_are_all_off_is_stopped_at_once),
		cmocka_unit_test(a_cpu_comes_and_goes_without_end),
	};

	return cmocka_run_group_tests_name("power", tests, NULL, NULL);
}
