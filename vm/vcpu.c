/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU thread: enter the guest, serve what made it leave, until the VM ends. It never blocks
 * anywhere but in KVM_RUN, so that a kick always reaches it.
 *
 * Kick: immediate_exit is set, then the signal sent. A vCPU inside KVM_RUN is thrown out by the
 * signal; one that was on its way in is turned back by immediate_exit.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include "kvm/kvm.h"
#include "util/bits.h"
#include "vcpu.h"

#define KICK_SIGNAL SIGUSR1

/* The deepest path (a bus access that logs a line) needs a few KiB; libc's own minimum is less. */
#define STACK_SIZE (256 * KiB)

static void kicked(int signal)
{
	(void)signal;
}

int vcpu_kick_setup(struct err *e)
{
	struct sigaction action = { .sa_handler = kicked }; /* no SA_RESTART: KVM_RUN must return */

	if (sigaction(KICK_SIGNAL, &action, NULL) < 0)
		return err_sys(e, "cannot install a signal handler");
	return 0;
}

void vcpu_kick(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_RELEASE);
	pthread_kill(vcpu->thread, KICK_SIGNAL);
}

static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned int len = run->mmio.len;

	/* The length is KVM's word, not the guest's; data[] has room for 8. */
	if (len > sizeof(run->mmio.data))
		len = sizeof(run->mmio.data);
	if (!bus_access(&vcpu->vm->bus, run->mmio.phys_addr, run->mmio.data, len,
			run->mmio.is_write) &&
	    log_enabled(LOG_DEBUG) && log_limit_ok(&vcpu->limit))
		log_debug("vCPU %u: %s of %u bytes at 0x%llx: nothing is there", vcpu->id,
			  run->mmio.is_write ? "write" : "read", len,
			  (unsigned long long)run->mmio.phys_addr);
}

static void exit_system_event(struct vcpu *vcpu)
{
	uint32_t type = vcpu->run->system_event.type;

	switch (type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_stop(vcpu->vm, VM_OFF);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		vm_stop(vcpu->vm, VM_RESET);
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		vm_stop(vcpu->vm, VM_CRASHED);
		break;
	default:
		/* lkvm enables no capability that brings others. */
		vm_fail(vcpu->vm, "vCPU %u: KVM reports an unknown system event %u", vcpu->id,
			type);
	}
}

/*
 * The guest used an instruction on a device's address that KVM cannot decode (LDP, post-index,
 * a cache operation). As on a bus that does not support it, the access aborts.
 */
static void exit_undecodable(struct vcpu *vcpu)
{
	int ret = kvm_inject_external_abort(vcpu->fd);

	if (ret < 0)
		vm_fail(vcpu->vm, "vCPU %u: KVM cannot deliver an external abort: %s", vcpu->id,
			strerror(-ret));
	else if (log_enabled(LOG_DEBUG) && log_limit_ok(&vcpu->limit))
		log_debug("vCPU %u: an access at 0x%llx by an instruction without syndrome aborts",
			  vcpu->id, (unsigned long long)vcpu->run->arm_nisv.fault_ipa);
}

static void vcpu_exit(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		exit_mmio(vcpu);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		exit_system_event(vcpu);
		break;
	case KVM_EXIT_ARM_NISV:
		exit_undecodable(vcpu);
		break;
	case KVM_EXIT_INTR:
		break;
	case KVM_EXIT_FAIL_ENTRY:
		vm_fail(vcpu->vm, "vCPU %u: KVM cannot enter the guest (reason 0x%llx)", vcpu->id,
			(unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		vm_fail(vcpu->vm, "vCPU %u: KVM reports an internal error (%u)", vcpu->id,
			run->internal.suberror);
		break;
	default:
		vm_fail(vcpu->vm, "vCPU %u: KVM returns for an unknown reason (%u)", vcpu->id,
			run->exit_reason);
	}
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->id);
	pthread_setname_np(pthread_self(), name);

	while (atomic_load_explicit(&vm->end, memory_order_relaxed) == VM_RUNNING) {
		int ret = kvm_run(vcpu->fd);

		if (ret == 0)
			vcpu_exit(vcpu);
		else if (ret != -EINTR && ret != -EAGAIN)
			vm_fail(vm, "vCPU %u: KVM cannot run it: %s", vcpu->id, strerror(-ret));
	}
	return NULL;
}

int vcpu_start(struct vcpu *vcpu, struct err *e)
{
	pthread_attr_t attr;
	sigset_t all, old;
	int ret;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	if (vcpu->vm->affinity)
		pthread_attr_setaffinity_np(&attr, sizeof(cpu_set_t), vcpu->vm->affinity);

	/* The thread inherits the mask: nothing but the kick (and faults) reaches a vCPU. */
	sigfillset(&all);
	sigdelset(&all, KICK_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&vcpu->thread, &attr, vcpu_thread, vcpu);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);

	if (ret == EINVAL && vcpu->vm->affinity)
		return err_set(e, ret, "--vcpu-affinity names no CPU that lkvm may run on");
	if (ret)
		return err_set(e, ret, "cannot start the thread of vCPU %u: %s", vcpu->id,
			       strerror(ret));
	vcpu->started = true;
	return 0;
}
