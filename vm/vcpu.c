/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A vCPU thread: enter the guest, serve what made it leave, until the VM ends. It blocks nowhere but
 * in KVM_RUN and, while its architecture says that it is not ready or a device that it is busy, in
 * sigsuspend(): a kick ends both.
 *
 * Kick: immediate_exit is set, then the signal sent. A vCPU inside KVM_RUN is thrown out by the
 * signal; one that was on its way in is turned back by immediate_exit. The thread clears it before it
 * looks at what the kick may be about, so that none is lost.
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
	/* Pairs with take_kick(): whoever kicks has said before what it is about. */
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	pthread_mutex_lock(&vcpu->vm->kick_lock);
	if (vcpu->alive)
		pthread_kill(vcpu->self, KICK_SIGNAL);
	pthread_mutex_unlock(&vcpu->vm->kick_lock);
}

static bool take_kick(struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->run->immediate_exit, __ATOMIC_RELAXED) &&
	       __atomic_exchange_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
}

/* Sleeps until a kick. While the signal is blocked none can slip in between test and sleep. */
static void wait_for_kick(struct vcpu *vcpu)
{
	sigset_t kick, old;

	sigemptyset(&kick);
	sigaddset(&kick, KICK_SIGNAL);
	pthread_sigmask(SIG_BLOCK, &kick, &old);
	while (!__atomic_load_n(&vcpu->run->immediate_exit, __ATOMIC_SEQ_CST))
		sigsuspend(&old);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

/*
 * Sleeps until the device at @gpa is through with what the guest wrote there, or the VM has ended. @held is
 * set before the device is asked, under its lock: when it is through afterwards, vm_release() sees it and kicks.
 */
static void wait_for_device(struct vcpu *vcpu, gpa_t gpa, unsigned int len)
{
	struct vm *vm = vcpu->vm;

	atomic_store(&vcpu->held, true);
	for (;;) {
		if (take_kick(vcpu))
			vcpu->ready = false; /* it may have been about that, too */
		if (atomic_load(&vm->end) != VM_RUNNING || !bus_busy(&vm->bus, gpa, len))
			break;
		wait_for_kick(vcpu);
	}
	atomic_store(&vcpu->held, false);
}

static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	unsigned int len = run->mmio.len;
	enum bus_answer answer;

	/* The length is KVM's word, not the guest's; data[] has room for 8. */
	if (len > sizeof(run->mmio.data))
		len = sizeof(run->mmio.data);
	answer = bus_access(&vcpu->vm->bus, run->mmio.phys_addr, run->mmio.data, len,
			    run->mmio.is_write);
	if (answer == BUS_BUSY)
		wait_for_device(vcpu, run->mmio.phys_addr, len);
	if (answer == BUS_NOBODY && log_enabled(LOG_DEBUG) && log_limit_ok(&vcpu->limit))
		log_debug("vCPU %u: %s of %u bytes at 0x%llx: nothing is there", vcpu->id,
			  run->mmio.is_write ? "write" : "read", len,
			  (unsigned long long)run->mmio.phys_addr);
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
	const struct vcpu_ops *ops = vcpu->vm->ops;
	struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_MMIO:
		exit_mmio(vcpu);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		ops->system_event(vcpu->vm->ops_ctx, vcpu);
		vcpu->ready = false;
		break;
	case KVM_EXIT_HYPERCALL:
		ops->hypercall(vcpu->vm->ops_ctx, vcpu);
		vcpu->ready = false;
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

static void set_alive(struct vcpu *vcpu, bool alive)
{
	pthread_mutex_lock(&vcpu->vm->kick_lock);
	vcpu->self = pthread_self();
	vcpu->alive = alive;
	pthread_mutex_unlock(&vcpu->vm->kick_lock);
}

static void enter_guest(struct vcpu *vcpu)
{
	int ret = kvm_run(vcpu->fd);

	if (ret == 0)
		vcpu_exit(vcpu);
	else if (ret != -EINTR && ret != -EAGAIN)
		vm_fail(vcpu->vm, "vCPU %u: KVM cannot run it: %s", vcpu->id, strerror(-ret));
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->id);
	pthread_setname_np(pthread_self(), name);
	set_alive(vcpu, true);
	for (;;) {
		if (take_kick(vcpu))
			vcpu->ready = false;
		if (atomic_load(&vm->end) != VM_RUNNING)
			break;
		if (!vcpu->ready)
			vcpu->ready = vm->ops->ready(vm->ops_ctx, vcpu);
		if (vcpu->ready)
			enter_guest(vcpu);
		else
			wait_for_kick(vcpu);
	}
	set_alive(vcpu, false);
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
