/* SPDX-License-Identifier: BSD-2-Clause */
/* A VM as a whole: made of parts, ended by the first reason, taken apart at any stage. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/board.h"
#include "fake/play.h"
#include "kvm/kvm.h"

#define OFF FAKE_EVENT(KVM_SYSTEM_EVENT_SHUTDOWN)

static struct machine_config cpus(unsigned int nr)
{
	struct machine_config cfg = play_config();

	cfg.nr_cpus = nr;
	return cfg;
}

static void creating_a_vm_survives_a_signal(void **state)
{
	struct loop loop = LOOP_NONE;
	struct vm vm = VM_NONE;
	struct err e = { 0 };
	int kvm;

	(void)state;
	fake_start(&fake_6_1);
	kvm = kvm_open(FAKE_DEV, &e);
	fake_fail(1, EINTR);
	assert_int_equal(vm_create(&vm, kvm, 0, &loop, &e), 0);
	assert_int_equal(fake_nr_vms(), 1);
	vm_destroy(&vm);
	close(kvm);
	fake_end();
}

static void each_part_that_cannot_be_made_is_named(void **state)
{
	static const struct {
		unsigned long request;
		const char *text;
	} rows[] = {
		{ KVM_CREATE_VM, "KVM cannot create a VM: Cannot allocate memory" },
		{ KVM_SET_USER_MEMORY_REGION,
		  "KVM refuses 64 MiB of guest memory: Cannot allocate memory" },
		{ KVM_GET_VCPU_MMAP_SIZE, "KVM tells no usable vCPU size (-12)" },
		{ KVM_CREATE_VCPU, "KVM cannot create vCPU 0: Cannot allocate memory" },
	};
	unsigned int fds = fake_open_fds();

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct loop loop = LOOP_NONE;
		struct vm vm = VM_NONE;
		struct err e = { 0 };
		int kvm, ret;

		fake_start(&fake_6_1);
		fake_refuse(rows[i].request, FAKE_ANY, ENOMEM);
		kvm = kvm_open(FAKE_DEV, &e);
		ret = vm_create(&vm, kvm, 0, &loop, &e);
		if (ret == 0)
			ret = vm_add_ram(&vm, MAP_RAM, 64 * MiB, NULL, false, &e);
		if (ret == 0)
			ret = vm_add_vcpus(&vm, kvm, 2, &e);
		assert_true(ret < 0);
		assert_string_equal(e.text, rows[i].text);
		vm_destroy(&vm);
		close(kvm);
		assert_int_equal(fake_open_fds(), fds);
		assert_int_equal(fake_mapped_vcpus(), 0);
		fake_end();
	}
}

static void destroying_nothing_is_fine(void **state)
{
	struct vm vm = VM_NONE;

	(void)state;
	vm_destroy(&vm);
	vm_destroy(&vm);
	assert_int_equal(vm.fd, -1);
}

static void the_first_reason_is_the_one_that_counts(void **state)
{
	struct machine_config cfg = cpus(1);
	struct err e = { 0 };
	struct board b;

	(void)state;
	board_build(&b, &fake_6_1, &cfg);
	vm_stop(&b.m.vm, VM_CRASHED);
	vm_stop(&b.m.vm, VM_OFF);
	vm_fail(&b.m.vm, "too late");
	assert_int_equal(vm_run(&b.m.vm, &e), VM_CRASHED);
	assert_string_equal(e.text, "");
	board_close(&b);
}

static void a_failure_keeps_its_text(void **state)
{
	struct machine_config cfg = cpus(1);
	struct err e = { 0 };
	struct board b;

	(void)state;
	board_build(&b, &fake_6_1, &cfg);
	vm_fail(&b.m.vm, "the %s broke", "first");
	vm_fail(&b.m.vm, "the second broke");
	vm_stop(&b.m.vm, VM_OFF);
	assert_int_equal(vm_run(&b.m.vm, &e), VM_FAILED);
	assert_string_equal(e.text, "the first broke");
	board_close(&b);
}

/* Ended from outside when nothing is started, being started, or asleep: a kick must reach all. */
static void a_kick_reaches_every_cpu_wherever_it_is(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		struct machine_config cfg = cpus(4);
		struct err e = { 0 };
		struct board b;

		board_build(&b, &fake_6_1, &cfg);
		if (i % 2)
			fake_guest(FAKE_EVERY_BOOT, 0, OFF);
		else
			fake_guest(FAKE_EVERY_BOOT, 3, OFF);
		fake_guest(FAKE_EVERY_BOOT, 1, FAKE_SPIN);
		alarm(10);
		assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
		alarm(0);
		board_close(&b);
	}
}

static void take_a_moment(void *ctx)
{
	(void)ctx;
	usleep(20000);
}

/* The signal alone would be lost between the last look at the VM and the guest. */
static void a_cpu_that_is_kicked_on_its_way_into_the_guest_turns_back(void **state)
{
	struct machine_config cfg = cpus(2);
	struct err e = { 0 };
	struct board b;

	(void)state;
	board_build(&b, &fake_6_1, &cfg);
	fake_slow_entry(1, 60);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_CALL(take_a_moment, NULL), OFF);
	alarm(10);
	assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
	alarm(0);
	board_close(&b);
}

static void every_cpu_fails_at_once_and_one_says_why(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		struct machine_config cfg = cpus(4);
		struct err e = { 0 };
		struct board b;

		board_build(&b, &fake_6_1, &cfg);
		for (unsigned int id = 0; id < 4; id++)
			fake_guest(FAKE_EVERY_BOOT, id, FAKE_ERROR(EFAULT));
		assert_int_equal(vm_run(&b.m.vm, &e), VM_FAILED);
		assert_non_null(strstr(e.text, ": KVM cannot run it: Bad address"));
		board_close(&b);
	}
}

static void what_a_guest_does_to_nowhere_does_not_flood_the_log(void **state)
{
	struct machine_config cfg = cpus(1);
	unsigned int lines = 0;
	struct err e = { 0 };
	struct capture c;
	struct board b;
	char *log;

	(void)state;
	board_build(&b, &fake_6_1, &cfg);
	{
		static const struct fake_step access = FAKE_READ(0x9000000, 4, NULL);
		struct fake_step steps[1001];

		for (int i = 0; i < 1000; i++)
			steps[i] = access;
		steps[1000] = (struct fake_step)OFF;
		fake_script(FAKE_EVERY_BOOT, 0, steps, ARRAY_SIZE(steps));
		log_set_level(LOG_DEBUG);
		capture_start(&c, STDERR_FILENO);
		assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
		log = capture_end(&c, NULL);
		log_set_level(LOG_INFO);
	}
	for (const char *p = log; (p = strstr(p, "nothing is there")); p++)
		lines++;
	assert_true(lines >= 1 && lines <= 2 * LOG_LIMIT_BURST);
	free(log);
	board_close(&b);
}

/* A device whose writes take until somebody says that they are done. */
struct slow {
	pthread_mutex_t lock;
	struct vm *vm;
	atomic_bool busy, written, went_on, too_early;
	unsigned int delay_us;
};

#define SLOW_BASE 0x20000000ULL

static uint64_t slow_read(void *dev, uint64_t off, unsigned int len)
{
	(void)dev, (void)off, (void)len;
	return 0;
}

static void slow_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct slow *slow = dev;

	(void)off, (void)value, (void)len;
	slow->busy = true;
	slow->written = true;
}

static bool slow_busy(void *dev)
{
	return ((struct slow *)dev)->busy;
}

static const struct mmio_ops slow_ops = { .read = slow_read,
					  .write = slow_write,
					  .busy = slow_busy };

static void go_on(void *ctx)
{
	((struct slow *)ctx)->went_on = true;
}

/* On another vCPU's thread, with the device's lock held. */
static void release(void *ctx)
{
	struct slow *slow = ctx;

	while (!slow->written)
		;
	usleep(slow->delay_us);
	slow->too_early = slow->went_on;
	pthread_mutex_lock(&slow->lock);
	slow->busy = false;
	vm_release(slow->vm);
	pthread_mutex_unlock(&slow->lock);
}

/* A kick is no release. */
static void kick(void *ctx)
{
	struct slow *slow = ctx;

	while (!slow->written)
		;
	usleep(slow->delay_us);
	vcpu_kick(&slow->vm->vcpu[0]);
}

static void slow_board(struct board *b, struct slow *slow, const struct machine_config *cfg)
{
	*slow = (struct slow){ .lock = PTHREAD_MUTEX_INITIALIZER, .vm = &b->m.vm };
	board_build(b, &fake_6_1, cfg);
	assert_int_equal(bus_add(&b->m.vm.bus,
				 &(struct mmio_region){ .name = "slow",
							.base = SLOW_BASE,
							.size = 16,
							.ops = &slow_ops,
							.dev = slow,
							.lock = &slow->lock },
				 NULL),
			 0);
}

static void a_cpu_waits_for_what_its_write_asked_of_a_device(void **state)
{
	struct machine_config cfg = cpus(2);
	struct err e = { 0 };
	struct slow slow;
	struct board b;

	(void)state;
	slow_board(&b, &slow, &cfg);
	slow.delay_us = 20000;
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(SLOW_BASE, 4, 0), FAKE_CALL(go_on, &slow), OFF);
	fake_guest(FAKE_EVERY_BOOT, 1, FAKE_CALL(kick, &slow), FAKE_CALL(release, &slow));
	alarm(10);
	assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
	alarm(0);
	assert_false(slow.too_early);
	assert_true(slow.went_on);
	board_close(&b);
}

/* A device that counts what is done to it, and wakes the loop. */
struct counter {
	pthread_mutex_t lock;
	struct vm *vm;
	struct loop_source source; /* an eventfd */
	atomic_uint nr;
	unsigned int rounds;
	uint64_t result, x1;
	bool moved, unread, failed;
};

static void ring_loop(struct counter *c)
{
	assert_int_equal(eventfd_write(c->source.fd, 1), 0);
}

static uint64_t counter_read(void *dev, uint64_t off, unsigned int len)
{
	struct counter *c = dev;

	(void)off, (void)len;
	c->nr++;
	ring_loop(c);
	return 7;
}

static void counter_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct counter *c = dev;

	(void)off, (void)value, (void)len;
	if (c->nr++ % 64 == 0)
		ring_loop(c);
}

static const struct mmio_ops counter_ops = { .read = counter_read, .write = counter_write };

static void counter_board(struct board *b, struct counter *c, const struct machine_config *cfg,
			  void (*ready)(void *ctx, uint32_t events))
{
	*c = (struct counter){ .lock = PTHREAD_MUTEX_INITIALIZER,
			       .vm = &b->m.vm,
			       .source = {
				       .fd = eventfd(0, EFD_NONBLOCK), .ready = ready, .ctx = c } };
	board_build(b, &fake_6_1, cfg);
	assert_int_equal(loop_add(&b->loop, &c->source, EPOLLIN), 0);
	assert_int_equal(bus_add(&b->m.vm.bus,
				 &(struct mmio_region){ .name = "counter",
							.base = SLOW_BASE,
							.size = 16,
							.ops = &counter_ops,
							.dev = c,
							.lock = &c->lock },
				 NULL),
			 0);
}

static void counter_close(struct board *b, struct counter *c)
{
	loop_remove(&b->loop, &c->source);
	close(c->source.fd);
	board_close(b);
}

/* In the loop: nothing moves between pause and continue, and much afterwards. */
static void pause_for_a_moment(void *ctx, uint32_t events)
{
	struct counter *c = ctx;
	eventfd_t value;
	unsigned int nr;

	(void)events;
	eventfd_read(c->source.fd, &value);
	vm_pause(c->vm);
	vm_pause(c->vm);
	nr = c->nr;
	usleep(1000);
	vm_continue(c->vm);
	usleep(1000);
	c->moved |= c->nr != nr;
	c->failed |= kvm_get_reg(c->vm->vcpu[0].fd, KVM_REG_ARM_PSCI_VERSION, &c->x1) < 0;
	vm_continue(c->vm);
	if (++c->rounds == 50)
		vm_stop(c->vm, VM_OFF);
}

static void a_paused_vm_does_nothing(void **state)
{
	struct machine_config cfg = cpus(4);
	struct err e = { 0 };
	struct counter c;
	struct board b;

	(void)state;
	counter_board(&b, &c, &cfg, pause_for_a_moment);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(SLOW_BASE, 4, 0), FAKE_REPEAT);
	fake_guest(FAKE_EVERY_BOOT, 1, FAKE_SPIN);
	fake_guest(FAKE_EVERY_BOOT, 2, FAKE_WRITE(SLOW_BASE, 4, 0), FAKE_REPEAT);
	alarm(20);
	assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
	alarm(0);
	assert_true(c.rounds >= 50);
	assert_false(c.moved);
	assert_false(c.failed);
	assert_true(c.nr > 50 * 64);
	counter_close(&b, &c);
}

static void pause_at_a_read(void *ctx, uint32_t events)
{
	struct counter *c = ctx;
	eventfd_t value;

	(void)events;
	eventfd_read(c->source.fd, &value);
	vm_pause(c->vm);
	c->unread |= c->result != 7;
	vm_stop(c->vm, VM_OFF);
}

/* Registers are looked at in a pause: what was read must be in one. */
static void in_a_pause_no_access_is_half_done(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		struct machine_config cfg = cpus(1);
		struct err e = { 0 };
		struct counter c;
		struct board b;

		counter_board(&b, &c, &cfg, pause_at_a_read);
		fake_guest(FAKE_EVERY_BOOT, 0, FAKE_READ(SLOW_BASE, 4, &c.result));
		alarm(10);
		assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
		alarm(0);
		assert_false(c.unread);
		counter_close(&b, &c);
	}
}

static void begin(void *ctx, uint32_t events)
{
	struct counter *c = ctx;
	eventfd_t value;

	(void)events;
	eventfd_read(c->source.fd, &value);
	if (c->rounds++) {
		vm_stop(c->vm, VM_OFF);
		return;
	}
	usleep(5000);
	c->moved = c->nr;
	vm_continue(c->vm);
}

static void a_vm_paused_before_it_runs_waits(void **state)
{
	struct machine_config cfg = cpus(2);
	struct err e = { 0 };
	struct counter c;
	struct board b;

	(void)state;
	counter_board(&b, &c, &cfg, begin);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(SLOW_BASE, 4, 0));
	vm_pause(&b.m.vm);
	ring_loop(&c);
	alarm(10);
	assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
	alarm(0);
	assert_false(c.moved);
	assert_int_equal(c.nr, 1);
	counter_close(&b, &c);
}

static void a_paused_vm_ends(void **state)
{
	struct machine_config cfg = cpus(2);
	struct err e = { 0 };
	struct board b;

	(void)state;
	board_build(&b, &fake_6_1, &cfg);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_SPIN);
	vm_pause(&b.m.vm);
	vm_stop(&b.m.vm, VM_STOPPED);
	alarm(10);
	assert_int_equal(vm_run(&b.m.vm, &e), VM_STOPPED);
	alarm(0);
	board_close(&b);
}

/* The device is done by the loop, which waits for the pause. */
static void pause_and_release(void *ctx, uint32_t events)
{
	struct slow *slow = ctx;

	(void)events;
	if (!slow->written || !slow->busy)
		return;
	vm_pause(slow->vm);
	slow->busy = false;
	vm_release(slow->vm);
	usleep(1000);
	slow->too_early = slow->went_on;
	vm_continue(slow->vm);
}

static void a_cpu_that_waits_for_a_device_can_be_paused(void **state)
{
	struct machine_config cfg = cpus(2);
	struct loop_source source = { .fd = eventfd(1, 0), .ready = pause_and_release };
	struct err e = { 0 };
	struct slow slow;
	struct board b;

	(void)state;
	slow_board(&b, &slow, &cfg);
	source.ctx = &slow;
	loop_add(&b.loop, &source, EPOLLIN);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(SLOW_BASE, 4, 0), FAKE_CALL(go_on, &slow), OFF);
	alarm(10);
	assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
	alarm(0);
	assert_false(slow.too_early);
	assert_true(slow.went_on);
	loop_remove(&b.loop, &source);
	close(source.fd);
	board_close(&b);
}

static void exits_are_counted_by_kind(void **state)
{
	struct machine_config cfg = cpus(1);
	struct err e = { 0 };
	struct board b;

	(void)state;
	board_build(&b, &fake_6_1, &cfg);
	kvm_enable_cap(b.m.vm.fd, KVM_CAP_ARM_NISV_TO_USER);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_READ(0x9000000, 4, NULL), FAKE_READ(0x9000000, 4, NULL),
		   FAKE_NISV(0x9000000), OFF);
	assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
	assert_int_equal(b.m.vm.vcpu[0].exits[VCPU_EXIT_MMIO], 2);
	assert_int_equal(b.m.vm.vcpu[0].exits[VCPU_EXIT_UNDECODABLE], 1);
	assert_int_equal(b.m.vm.vcpu[0].exits[VCPU_EXIT_SYSTEM_EVENT], 1);
	assert_int_equal(b.m.vm.vcpu[0].exits[VCPU_EXIT_OTHER], 0);
	board_close(&b);
}

/* The device is through just as the vCPU looks, or goes to sleep. */
static void no_release_is_lost(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 200; i++) {
		struct machine_config cfg = cpus(2);
		struct err e = { 0 };
		struct slow slow;
		struct board b;

		slow_board(&b, &slow, &cfg);
		slow.delay_us = i % 8 * 5;
		fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(SLOW_BASE, 4, 0), OFF);
		fake_guest(FAKE_EVERY_BOOT, 1, FAKE_CALL(release, &slow));
		alarm(10);
		assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
		alarm(0);
		board_close(&b);
	}
}

static void a_vm_can_end_while_a_cpu_waits_for_a_device(void **state)
{
	struct machine_config cfg = cpus(2);
	struct err e = { 0 };
	struct slow slow;
	struct board b;

	(void)state;
	slow_board(&b, &slow, &cfg);
	fake_guest(FAKE_EVERY_BOOT, 0, FAKE_WRITE(SLOW_BASE, 4, 0), FAKE_CALL(go_on, &slow));
	fake_guest(FAKE_EVERY_BOOT, 1, FAKE_CALL(take_a_moment, NULL), OFF);
	alarm(10);
	assert_int_equal(vm_run(&b.m.vm, &e), VM_OFF);
	alarm(0);
	assert_false(slow.went_on);
	board_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(creating_a_vm_survives_a_signal),
		cmocka_unit_test(each_part_that_cannot_be_made_is_named),
		cmocka_unit_test(destroying_nothing_is_fine),
		cmocka_unit_test(the_first_reason_is_the_one_that_counts),
		cmocka_unit_test(a_failure_keeps_its_text),
		cmocka_unit_test(a_kick_reaches_every_cpu_wherever_it_is),
		cmocka_unit_test(a_cpu_that_is_kicked_on_its_way_into_the_guest_turns_back),
		cmocka_unit_test(every_cpu_fails_at_once_and_one_says_why),
		cmocka_unit_test(what_a_guest_does_to_nowhere_does_not_flood_the_log),
		cmocka_unit_test(a_cpu_waits_for_what_its_write_asked_of_a_device),
		cmocka_unit_test(no_release_is_lost),
		cmocka_unit_test(a_vm_can_end_while_a_cpu_waits_for_a_device),
		cmocka_unit_test(a_paused_vm_does_nothing),
		cmocka_unit_test(in_a_pause_no_access_is_half_done),
		cmocka_unit_test(a_vm_paused_before_it_runs_waits),
		cmocka_unit_test(a_paused_vm_ends),
		cmocka_unit_test(a_cpu_that_waits_for_a_device_can_be_paused),
		cmocka_unit_test(exits_are_counted_by_kind),
	};

	return cmocka_run_group_tests_name("vm", tests, NULL, NULL);
}
