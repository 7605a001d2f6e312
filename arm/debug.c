/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A debugger's hold: who may enter the guest, and who has stopped. Stopping all is vm_pause(); which of them go when
 * it ends, power_ready() asks debug_lets_go(). A vCPU that leaves the guest with KVM_EXIT_DEBUG is in one of
 * these states:
 *
 *	going --point of ours, step taken--> stopped --debug_take_stop()--> halted --debug_go()--> going, or held
 *	going --a BRK of the guest's own--> going, at its own exception vector
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "kvm/kvm.h"
#include "parts.h"
#include "regs.h"

/* Exception classes of ESR_ELx, from a lower exception level or the same. */
#define ESR_EC(esr)        ((esr) >> 26 & 0x3f)
#define ESR_EC_BREAKPOINT  0x30
#define ESR_EC_STEP        0x32
#define ESR_EC_WATCHPOINT  0x34
#define ESR_EC_BKPT32      0x38
#define ESR_EC_BRK64       0x3c
#define ESR_EC_SAME_EL(ec) ((ec) | 1)

#define IS_BRK(insn) (((insn)&0xffe0001f) == 0xd4200000)

int debug_init(struct machine *m, struct err *e)
{
	struct debug *d = &m->debug;

	d->cpu = calloc(m->vm.nr_vcpus, sizeof(*d->cpu));
	if (!d->cpu)
		return err_sys(e, "cannot create %u vCPUs", m->vm.nr_vcpus);
	pthread_mutex_init(&d->lock, NULL);
	return 0;
}

void debug_destroy(struct machine *m)
{
	if (!m->debug.cpu)
		return;
	pthread_mutex_destroy(&m->debug.lock);
	free(m->debug.cpu);
	m->debug.cpu = NULL;
}

/* How many the CPU has of @cap's kind, which is none where KVM does not say. */
static unsigned int nr_slots(struct machine *m, int cap)
{
	int nr = kvm_check_extension(m->vm.fd, cap);

	if (nr <= 0)
		return 0;
	return nr > DEBUG_SLOTS_MAX ? DEBUG_SLOTS_MAX : (unsigned int)nr;
}

int debug_attach(struct machine *m, void (*stopped)(void *ctx), void *ctx, struct err *e)
{
	struct debug *d = &m->debug;

	if (d->stopped)
		return err_set(e, EBUSY, "somebody debugs this VM already");
	if (kvm_check_extension(m->vm.fd, KVM_CAP_SET_GUEST_DEBUG) <= 0)
		return err_set(e, ENODEV, "this host's KVM does not let guests be debugged");
	d->nr_breaks = nr_slots(m, KVM_CAP_GUEST_DEBUG_HW_BPS);
	d->nr_watches = nr_slots(m, KVM_CAP_GUEST_DEBUG_HW_WPS);
	pthread_mutex_lock(&d->lock);
	d->stopped = stopped;
	d->ctx = ctx;
	pthread_mutex_unlock(&d->lock);
	return 0;
}

void debug_detach(struct machine *m)
{
	struct debug *d = &m->debug;

	if (!d->stopped)
		return;
	debug_halt(m);
	debug_remove_all(m);
	for (unsigned int i = 0; i < m->vm.nr_vcpus; i++) {
		debug_arm(m, i, false);
		d->cpu[i].action = DEBUG_GO;
		d->cpu[i].stopped = false;
	}
	pthread_mutex_lock(&d->lock);
	d->stopped = NULL;
	pthread_mutex_unlock(&d->lock);
	d->halted = false;
	vm_continue(&m->vm);
}

void debug_halt(struct machine *m)
{
	struct debug *d = &m->debug;

	if (d->halted)
		return;
	vm_pause(&m->vm);
	d->halted = true;
	for (unsigned int i = 0; i < m->vm.nr_vcpus; i++)
		debug_unmask_interrupts(m, i);
}

int debug_go(struct machine *m, const enum debug_action *action)
{
	struct debug *d = &m->debug;
	int ret = 0;

	for (unsigned int i = 0; i < m->vm.nr_vcpus && ret == 0; i++)
		ret = debug_arm(m, i, action[i] == DEBUG_STEP);
	if (ret < 0)
		return ret;
	for (unsigned int i = 0; i < m->vm.nr_vcpus; i++) {
		if (action[i] == DEBUG_STEP)
			debug_mask_interrupts(m, i);
		d->cpu[i].action = action[i];
		d->cpu[i].stopped = false;
	}
	d->halted = false;
	vm_continue(&m->vm); /* before which no vCPU asks debug_lets_go() */
	return 0;
}

/* A step that was asked for comes before the others. */
static bool find_stop(struct debug *d, unsigned int nr, struct debug_stop *stop)
{
	bool found = false;

	pthread_mutex_lock(&d->lock);
	for (unsigned int i = 0; i < nr; i++) {
		const struct debug_cpu *cpu = &d->cpu[i];

		if (!cpu->stopped || (found && cpu->action != DEBUG_STEP))
			continue;
		*stop = cpu->stop;
		found = true;
	}
	pthread_mutex_unlock(&d->lock);
	return found;
}

bool debug_take_stop(struct machine *m, struct debug_stop *stop)
{
	struct debug *d = &m->debug;

	if (!find_stop(d, m->vm.nr_vcpus, stop))
		return false;
	debug_halt(m);
	for (unsigned int i = 0; i < m->vm.nr_vcpus; i++)
		d->cpu[i].stopped = false;
	return true;
}

unsigned int debug_nr_cpus(const struct machine *m)
{
	return m->vm.nr_vcpus;
}

bool debug_cpu_is_on(struct machine *m, unsigned int cpu)
{
	uint32_t state = KVM_MP_STATE_RUNNABLE;

	return kvm_get_mp_state(m->vm.vcpu[cpu].fd, &state) < 0 || state != KVM_MP_STATE_STOPPED;
}

/* On the vCPU's thread. */

bool debug_lets_go(struct machine *m, const struct vcpu *vcpu)
{
	struct debug *d = &m->debug;
	const struct debug_cpu *cpu = &d->cpu[vcpu->id];
	bool lets;

	pthread_mutex_lock(&d->lock);
	lets = cpu->action != DEBUG_HOLD && !cpu->stopped;
	pthread_mutex_unlock(&d->lock);
	return lets;
}

static void stop_here(struct machine *m, struct debug_stop stop)
{
	struct debug *d = &m->debug;

	pthread_mutex_lock(&d->lock);
	if (d->stopped) {
		d->cpu[stop.cpu].stopped = true;
		d->cpu[stop.cpu].stop = stop;
		d->stopped(d->ctx);
	}
	pthread_mutex_unlock(&d->lock);
}

/* A BRK: of ours, of the guest's own, or one that was taken away while it was being executed. */
static void at_brk(struct machine *m, struct vcpu *vcpu, uint64_t pc, uint64_t esr)
{
	struct debug_stop stop = { .cpu = vcpu->id, .why = DEBUG_AT_POINT, .point = DEBUG_BREAK };
	uint8_t insn[4];
	gpa_t gpa;
	int ret;

	if (debug_translate(m, vcpu->id, pc, &gpa) == 0) {
		if (debug_find_patch(m, gpa)) {
			stop_here(m, stop);
			return;
		}
		if (ram_read(&m->vm.ram, gpa, insn, sizeof(insn)) == 0 &&
		    ESR_EC(esr) == ESR_EC_BRK64 && !IS_BRK(get_le32(insn)))
			return;
	}
	ret = debug_reflect(vcpu, esr);
	if (ret < 0)
		vm_fail(&m->vm, "vCPU %u: KVM cannot give the guest its breakpoint: %s", vcpu->id,
			strerror(-ret));
}

void debug_exit(struct machine *m, struct vcpu *vcpu)
{
	uint64_t esr = vcpu->run->debug.arch.hsr, far = vcpu->run->debug.arch.far, pc = 0;
	struct debug_stop stop = { .cpu = vcpu->id, .why = DEBUG_AT_POINT };
	const struct debug_slot *slot;

	kvm_get_reg(vcpu->fd, REG_PC, &pc);
	switch (ESR_EC(esr)) {
	case ESR_EC_STEP:
	case ESR_EC_SAME_EL(ESR_EC_STEP):
		stop.why = DEBUG_STEPPED;
		stop_here(m, stop);
		break;
	case ESR_EC_BREAKPOINT:
	case ESR_EC_SAME_EL(ESR_EC_BREAKPOINT):
		slot = debug_find_break(m, pc);
		stop.point = slot ? slot->point : DEBUG_BREAK_HW;
		stop_here(m, stop);
		break;
	case ESR_EC_WATCHPOINT:
	case ESR_EC_SAME_EL(ESR_EC_WATCHPOINT):
		slot = debug_find_watch(m, far);
		stop.point = slot ? slot->point : DEBUG_BREAK_HW;
		stop.addr = slot ? slot->va : far;
		stop_here(m, stop);
		break;
	case ESR_EC_BKPT32:
	case ESR_EC_BRK64:
		at_brk(m, vcpu, pc, esr);
		break;
	default:
		if (log_limit_ok(&vcpu->limit))
			log_warning("vCPU %u: KVM reports a debug exception of class 0x%x, which "
				    "lkvm does not know",
				    vcpu->id, (unsigned int)ESR_EC(esr));
	}
}
