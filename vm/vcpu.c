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
#include <time.h>
#include "kvm/kvm.h"
#include "util/bits.h"
#include "util/sandbox.h"
#include "util/tally.h"
#include "util/timeline.h"
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

uint64_t vcpu_cpu_time(const struct vcpu *vcpu)
{
	struct timespec ts = { 0 };
	clockid_t clock;

	if (vcpu->started && pthread_getcpuclockid(vcpu->thread, &clock) == 0)
		clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
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

/* The thread's share in a pause, which ends with it, or with the VM. */
static void park(struct vcpu *vcpu)
{
	struct vm *vm = vcpu->vm;

	pthread_mutex_lock(&vm->pause_lock);
	vm->nr_parked++;
	pthread_cond_signal(&vm->pause_changed);
	pthread_mutex_unlock(&vm->pause_lock);
	while (atomic_load(&vm->pauses) && atomic_load(&vm->end) == VM_RUNNING) {
		wait_for_kick(vcpu);
		take_kick(vcpu);
	}
	vcpu->ready = false; /* one of the kicks may have been about that */
	pthread_mutex_lock(&vm->pause_lock);
	vm->nr_parked--;
	pthread_mutex_unlock(&vm->pause_lock);
}

/* What KVM does about the last exit, it does at the next entry: one that does not reach the guest. */
static void complete_exit(struct vcpu *vcpu)
{
	uint32_t why = vcpu->run->exit_reason;

	if (!vcpu->entered || (why != KVM_EXIT_MMIO && why != KVM_EXIT_ARM_NISV))
		return;
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	kvm_run(vcpu->fd);
	take_kick(vcpu);
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
		if (atomic_load(&vm->pauses))
			park(vcpu);
		else
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

const char *vcpu_exit_name(enum vcpu_exit exit)
{
	static const char *const names[] = {
		[VCPU_EXIT_MMIO] = "mmio",           [VCPU_EXIT_SYSTEM_EVENT] = "system event",
		[VCPU_EXIT_HYPERCALL] = "hypercall", [VCPU_EXIT_UNDECODABLE] = "undecodable access",
		[VCPU_EXIT_DEBUG] = "debug",         [VCPU_EXIT_SIGNAL] = "signal",
		[VCPU_EXIT_OTHER] = "other",
	};

	return names[exit];
}

static enum vcpu_exit kind_of(uint32_t reason)
{
	switch (reason) {
	case KVM_EXIT_MMIO:
		return VCPU_EXIT_MMIO;
	case KVM_EXIT_SYSTEM_EVENT:
		return VCPU_EXIT_SYSTEM_EVENT;
	case KVM_EXIT_HYPERCALL:
		return VCPU_EXIT_HYPERCALL;
	case KVM_EXIT_ARM_NISV:
		return VCPU_EXIT_UNDECODABLE;
	case KVM_EXIT_DEBUG:
		return VCPU_EXIT_DEBUG;
	case KVM_EXIT_INTR:
		return VCPU_EXIT_SIGNAL;
	default:
		return VCPU_EXIT_OTHER;
	}
}

/* One writer: no locked instruction. */
static void count(struct vcpu *vcpu, enum vcpu_exit kind)
{
	uint64_t nr = atomic_load_explicit(&vcpu->exits[kind], memory_order_relaxed);

	atomic_store_explicit(&vcpu->exits[kind], nr + 1, memory_order_relaxed);
	if (vcpu->vm->tally)
		tally_add(&vcpu->vm->tally[vcpu->id], kind);
}

static void vcpu_exit(struct vcpu *vcpu)
{
	const struct vcpu_ops *ops = vcpu->vm->ops;
	struct kvm_run *run = vcpu->run;

	count(vcpu, kind_of(run->exit_reason));
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
	case KVM_EXIT_DEBUG:
		ops->debug(vcpu->vm->ops_ctx, vcpu);
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
	int ret;

	if (!vcpu->entered && vcpu->id == 0)
		timeline_mark(vcpu->vm->timeline, "first instruction");
	vcpu->entered = true;
	ret = kvm_run(vcpu->fd);
	if (ret == 0)
		vcpu_exit(vcpu);
	else if (ret == -EINTR)
		count(vcpu, VCPU_EXIT_SIGNAL);
	else if (ret != -EAGAIN)
		vm_fail(vcpu->vm, "vCPU %u: KVM cannot run it: %s", vcpu->id, strerror(-ret));
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vm *vm = vcpu->vm;
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->id);
	pthread_setname_np(pthread_self(), name);
	sandbox_enter(vm->sandbox);
	set_alive(vcpu, true);
	for (;;) {
		if (take_kick(vcpu))
			vcpu->ready = false;
		if (atomic_load(&vm->end) != VM_RUNNING)
			break;
		if (atomic_load(&vm->pauses)) {
			complete_exit(vcpu);
			park(vcpu);
			continue;
		}
		if (!vcpu->ready)
			vcpu->ready = vm->ops->ready(vm->ops_ctx, vcpu);
		if (vcpu->ready)
			enter_guest(vcpu);
		else
			wait_for_kick(vcpu);
	}
	set_alive(vcpu, false);
	pthread_mutex_lock(&vm->pause_lock);
	vm->nr_threads--;
	pthread_cond_signal(&vm->pause_changed);
	pthread_mutex_unlock(&vm->pause_lock);
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
	pthread_mutex_lock(&vcpu->vm->pause_lock);
	vcpu->vm->nr_threads++;
	pthread_mutex_unlock(&vcpu->vm->pause_lock);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&vcpu->thread, &attr, vcpu_thread, vcpu);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);

	if (ret) {
		pthread_mutex_lock(&vcpu->vm->pause_lock);
		vcpu->vm->nr_threads--;
		pthread_mutex_unlock(&vcpu->vm->pause_lock);
	}
	if (ret == EINVAL && vcpu->vm->affinity)
		return err_set(e, ret, "--vcpu-affinity names no CPU that lkvm may run on");
	if (ret)
		return err_set(e, ret, "cannot start the thread of vCPU %u: %s", vcpu->id,
			       strerror(ret));
	vcpu->started = true;
	return 0;
}
