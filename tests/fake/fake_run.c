/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM_RUN on the fake: plays the vCPU's script up to the next exit. Waiting is done as KVM does it:
 * immediate_exit counts at the way in, from then on only a signal.
 */
#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include "fake_priv.h"

static bool any_unblocked_pending(const sigset_t *blocked)
{
	sigset_t pending;

	sigpending(&pending);
	for (int signal = 1; signal < NSIG; signal++) {
		if (sigismember(&pending, signal) == 1 && sigismember(blocked, signal) != 1)
			return true;
	}
	return false;
}

/* Until a signal that the thread does not block; @old is the mask it came with. */
static void wait_for_signal(const sigset_t *old, bool spin)
{
	if (!spin) {
		while (ppoll(NULL, 0, NULL, old) == 0 || errno != EINTR)
			;
		return;
	}
	while (!any_unblocked_pending(old))
		sched_yield();
}

/* Slices, since each signal ends one. */
static void dawdle(unsigned int ms)
{
	fake_unlock();
	for (unsigned int done = 0; done < ms; done += 10)
		poll(NULL, 0, 10);
	fake_lock();
}

static int out(struct kvm_run *run, uint32_t reason)
{
	run->exit_reason = reason;
	return 0;
}

static int interrupted(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_INTR;
	return -EINTR;
}

static int mmio(struct fake_vcpu *vcpu, uint64_t addr, unsigned int len, uint64_t data, bool write)
{
	struct kvm_run *run = vcpu->run;

	memset(&run->mmio, 0xee, sizeof(run->mmio)); /* nothing stale is right by accident */
	run->mmio.phys_addr = addr;
	run->mmio.len = len;
	run->mmio.is_write = write;
	data = htole64(data);
	if (write)
		memcpy(run->mmio.data, &data, sizeof(run->mmio.data));
	vcpu->reading = !write;
	return out(run, KVM_EXIT_MMIO);
}

/* What the last exit left to be done: a read gets its value. */
static void complete(struct fake_vcpu *vcpu)
{
	const struct fake_script *script = fake_script_of(vcpu);
	const struct fake_step *step;
	uint64_t value = 0;

	if (vcpu->calling) {
		vcpu->calling = false;
		step = &script->steps[vcpu->step++];
		if (step->result)
			*step->result = vcpu->x[0];
	}
	if (!vcpu->reading)
		return;
	vcpu->reading = false;
	step = &script->steps[vcpu->step];
	memcpy(&value, vcpu->run->mmio.data, step->len);
	value = le64toh(value);
	if (step->result)
		*step->result = value;
	if (step->what == FAKE_STEP_READ || (value & step->mask) == step->data)
		vcpu->step++;
	else
		sched_yield();
}

static void set_args(struct fake_vcpu *vcpu, uint64_t x0, const struct fake_step *step)
{
	vcpu->x[0] = x0;
	memcpy(&vcpu->x[1], step->x, sizeof(step->x));
}

/* An exit whose one interesting field stands first in its part of the union. */
static int plain_exit(struct fake_vcpu *vcpu, const struct fake_step *step)
{
	struct kvm_run *run = vcpu->run;
	uint32_t reason = (uint32_t)step->addr;
	uint64_t data = step->data;

	memset(&run->system_event, 0, sizeof(run->system_event));
	if (reason == KVM_EXIT_SYSTEM_EVENT) {
		run->system_event.type = (uint32_t)data;
		run->system_event.ndata = step->mask != 0; /* older kernels: not even the field */
		run->system_event.data[0] = step->mask;
		set_args(vcpu, (uint64_t)-6, step);
	} else if (reason == KVM_EXIT_INTERNAL_ERROR)
		run->internal.suberror = (uint32_t)data;
	else if (reason == KVM_EXIT_FAIL_ENTRY)
		run->fail_entry.hardware_entry_failure_reason = data;
	return out(run, reason);
}

static int type_next(struct fake_vcpu *vcpu, const struct fake_step *step)
{
	uint8_t byte = (uint8_t)step->text[vcpu->text_pos];

	if (++vcpu->text_pos == step->text_len) {
		vcpu->text_pos = 0;
		vcpu->step++;
	}
	return mmio(vcpu, step->addr, 1, byte, true);
}

/* One step. Returns 1 if the guest runs on, else what KVM_RUN returns. */
static int play(struct fake_vcpu *vcpu, const struct fake_step *step, const sigset_t *old)
{
	struct kvm_run *run = vcpu->run;

	switch (step->what) {
	case FAKE_STEP_WRITE:
		vcpu->step++;
		if (fake_ring(vcpu->vm, step->addr, step->len, step->data))
			return 1;
		return mmio(vcpu, step->addr, step->len, step->data, true);
	case FAKE_STEP_READ:
	case FAKE_STEP_UNTIL:
		return mmio(vcpu, step->addr, step->len, 0, false);
	case FAKE_STEP_TYPE:
		return type_next(vcpu, step);
	case FAKE_STEP_EXIT:
		vcpu->step++;
		return plain_exit(vcpu, step);
	case FAKE_STEP_HVC:
		if (!fake_is_filtered(vcpu->vm, (uint32_t)step->addr))
			return -ENOSYS; /* KVM's own calls are no part of this */
		vcpu->calling = true;
		set_args(vcpu, step->addr, step);
		memset(&run->hypercall, 0, sizeof(run->hypercall));
		run->hypercall.nr = step->addr;
		return out(run, KVM_EXIT_HYPERCALL);
	case FAKE_STEP_WAKE: /* awake already */
		vcpu->step++;
		return 1;
	case FAKE_STEP_ERROR:
		vcpu->step++;
		return -(int)step->data;
	case FAKE_STEP_NISV:
		vcpu->step++;
		if (!vcpu->vm->nisv)
			return -ENOSYS;
		run->arm_nisv.esr_iss = 0;
		run->arm_nisv.fault_ipa = step->addr;
		return out(run, KVM_EXIT_ARM_NISV);
	case FAKE_STEP_CALL:
		vcpu->step++;
		fake_unlock();
		step->call(step->ctx);
		fake_lock();
		return 1;
	case FAKE_STEP_REPEAT:
		vcpu->step = 0;
		return 1;
	default:
		fake_unlock();
		wait_for_signal(old, step->what == FAKE_STEP_SPIN);
		fake_lock();
		return interrupted(run);
	}
}

/* KVM_MP_STATE_SUSPENDED: until the script's interrupt, which is reported again and again. */
static int run_suspended(struct fake_vcpu *vcpu, const struct fake_step *step, const sigset_t *old)
{
	static const struct fake_step sleep = FAKE_SLEEP,
				      wake = { .addr = KVM_EXIT_SYSTEM_EVENT,
					       .data = KVM_SYSTEM_EVENT_WAKEUP };
	uint64_t x[4];

	if (!step || step->what != FAKE_STEP_WAKE)
		return play(vcpu, &sleep, old);
	memcpy(x, vcpu->x, sizeof(x));
	plain_exit(vcpu, &wake);
	memcpy(vcpu->x, x, sizeof(x));
	return 0;
}

static int run_script(struct fake_vcpu *vcpu, const sigset_t *old)
{
	static const struct fake_step sleep = FAKE_SLEEP;
	const struct fake_script *script = fake_script_of(vcpu);
	int ret;

	do {
		/* A script between its exits can run for long, too. */
		if (any_unblocked_pending(old))
			return interrupted(vcpu->run);
		if (vcpu->mp_state == KVM_MP_STATE_SUSPENDED)
			ret = run_suspended(vcpu,
					    script && vcpu->step < script->nr
						    ? &script->steps[vcpu->step]
						    : NULL,
					    old);
		else if (script && vcpu->step < script->nr)
			ret = play(vcpu, &script->steps[vcpu->step], old);
		else
			ret = play(vcpu, &sleep, old);
	} while (ret > 0);
	return ret;
}

int fake_vcpu_run(struct fake_vcpu *vcpu)
{
	sigset_t all, old;
	int ret;

	if (!vcpu->initialised)
		return -ENOEXEC;
	if (!vcpu->finalised)
		return -EPERM;
	if (vcpu->vm->gic.type == KVM_DEV_TYPE_ARM_VGIC_V3 && !vcpu->vm->gic.initialised)
		return -EBUSY;
	if (fake_vcpu_has(vcpu, KVM_ARM_VCPU_PMU_V3) && !vcpu->pmu_ready)
		return -EINVAL;
	vcpu->has_run = true;
	vcpu->vm->has_run = true;
	complete(vcpu);
	if (fake_entry_ms(vcpu->id))
		dawdle(fake_entry_ms(vcpu->id));

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (__atomic_load_n(&vcpu->run->immediate_exit, __ATOMIC_ACQUIRE))
		ret = interrupted(vcpu->run);
	else
		ret = run_script(vcpu, &old);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return ret;
}
