/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Power calls on the vCPUs' threads. A vCPU is in one of these states:
 *
 *	off --CPU_ON--> starting --own thread: cpu_start()--> on --CPU_OFF--> off	(--psci=user)
 *	on --CPU_SUSPEND--> standby --interrupt--> on, behind the call			(--psci=user)
 *	on --SYSTEM_SUSPEND--> (asks the others) --> asleep --interrupt--> on, at the entry point
 *
 * A vCPU that is off sleeps outside of KVM; standby and sleep are KVM_MP_STATE_SUSPENDED, in which
 * KVM_RUN waits for an interrupt and reports it as KVM_SYSTEM_EVENT_WAKEUP.
 *
 * SYSTEM_SUSPEND is only for the last CPU that is on (DEN 0022). Where KVM serves CPU_ON and CPU_OFF
 * it alone knows, and tells a vCPU's state only while that vCPU is not running: the caller kicks
 * the others, each asks KVM about itself in power_ready(), and the last to answer kicks the caller.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "arm/psci.h"
#include "kvm/kvm.h"
#include "parts.h"
#include "regs.h"

enum power_sleep { POWER_AWAKE, POWER_STANDBY, POWER_ASLEEP };

struct power_cpu {
	bool starting; /* CPU_ON was accepted; its thread is to start it */
	bool asked;    /* its thread is to say whether it is on */
	bool wake;     /* power_wake() was called */
	enum power_sleep sleep;
	struct cpu_entry entry; /* where it starts, or wakes up */
};

/* An info line about @m, of which a guest may provoke only so many. With the lock held. */
#define power_say(m, fmt, ...)                                                  \
	do {                                                                    \
		if (log_enabled(LOG_INFO) && log_limit_ok(&(m)->events))        \
			log_info("VM %s: " fmt, (m)->cfg->name, ##__VA_ARGS__); \
	} while (0)

static void failed(struct vcpu *vcpu, const char *what, int ret)
{
	vm_fail(vcpu->vm, "vCPU %u: KVM cannot %s: %s", vcpu->id, what, strerror(-ret));
}

/* x0 to x3 as a call leaves them. */
static void give_results(struct vcpu *vcpu, const uint64_t x[4])
{
	int ret = 0;

	for (unsigned int i = 0; i < 4 && ret >= 0; i++)
		ret = kvm_set_reg(vcpu->fd, REG_X(i), x[i]);
	if (ret < 0)
		failed(vcpu, "set registers", ret);
}

/* A call's result, as KVM gives it back: x0, and nothing of what it may have left in x1 to x3. */
static void give_result(struct vcpu *vcpu, int64_t result)
{
	give_results(vcpu, (const uint64_t[4]){ (uint64_t)result });
}

static int get_args(struct vcpu *vcpu, uint64_t arg[3])
{
	int ret = 0;

	for (unsigned int i = 0; i < 3 && ret >= 0; i++)
		ret = kvm_get_reg(vcpu->fd, REG_X(1 + i), &arg[i]);
	if (ret < 0)
		failed(vcpu, "read registers", ret);
	return ret;
}

/* Where a CPU is to begin, with the data endianness of @caller, who says so. */
static struct cpu_entry entry_from(struct vcpu *caller, uint64_t pc, uint64_t x0)
{
	uint64_t sctlr = 0;
	int ret = kvm_get_reg(caller->fd, REG_SCTLR, &sctlr);

	if (ret < 0)
		failed(caller, "read registers", ret);
	return (struct cpu_entry){ .pc = pc, .x0 = x0, .big_endian = sctlr & SCTLR_EE };
}

/* Off and reset, whoever reports them. */

static void end_off(struct machine *m, bool hibernate)
{
	if (hibernate)
		power_say(m, "SYSTEM_OFF2: off, hibernated");
	else
		log_debug("VM %s: SYSTEM_OFF", m->cfg->name);
	vm_stop(&m->vm, VM_OFF);
}

static void end_reset(struct machine *m)
{
	power_say(m, "SYSTEM_RESET");
	vm_stop(&m->vm, VM_RESET);
}

static void end_reset2(struct machine *m, uint64_t type, uint64_t cookie)
{
	if (type)
		power_say(m, "SYSTEM_RESET2, vendor type 0x%x, cookie 0x%llx", (uint32_t)type,
			  (unsigned long long)cookie);
	else
		power_say(m, "SYSTEM_RESET2, warm reset, cookie 0x%llx",
			  (unsigned long long)cookie);
	vm_stop(&m->vm, VM_RESET);
}

/* Sleep and wake-up. */

static void fall_asleep(struct machine *m, struct vcpu *vcpu, enum power_sleep sleep)
{
	int ret = kvm_set_mp_state(vcpu->fd, KVM_MP_STATE_SUSPENDED);

	if (ret < 0) {
		failed(vcpu, "suspend it", ret);
		return;
	}
	m->power.cpu[vcpu->id].sleep = sleep;
	if (sleep == POWER_ASLEEP)
		power_say(m, "SYSTEM_SUSPEND: asleep until an interrupt");
}

static void wake_up(struct machine *m, struct vcpu *vcpu)
{
	struct power_cpu *cpu = &m->power.cpu[vcpu->id];
	int ret;

	if (cpu->sleep == POWER_ASLEEP) {
		power_say(m, "awake");
		ret = cpu_start(m, vcpu->id, &cpu->entry);
	} else {
		ret = kvm_set_mp_state(vcpu->fd, KVM_MP_STATE_RUNNABLE);
	}
	cpu->sleep = POWER_AWAKE;
	cpu->wake = false;
	if (ret < 0)
		failed(vcpu, "wake it up", ret);
}

/* SYSTEM_SUSPEND where KVM knows which CPUs are on. */

/* Everybody has answered. */
static void decide_suspend(struct machine *m, struct vcpu *vcpu)
{
	m->power.asker = -1;
	if (m->power.others_on)
		give_result(vcpu, PSCI_DENIED);
	else
		fall_asleep(m, vcpu, POWER_ASLEEP);
}

static void ask_for_suspend(struct machine *m, struct vcpu *vcpu)
{
	struct power *p = &m->power;
	uint64_t arg[3];

	if (get_args(vcpu, arg) < 0)
		return;
	if (p->asker >= 0) { /* another CPU is at it: so it is on */
		give_result(vcpu, PSCI_DENIED);
		return;
	}
	p->cpu[vcpu->id].entry = entry_from(vcpu, arg[0], arg[1]);
	p->asker = (int)vcpu->id;
	p->others_on = false;
	p->nr_asked = m->vm.nr_vcpus - 1;
	for (unsigned int i = 0; i < m->vm.nr_vcpus; i++) {
		p->cpu[i].asked = i != vcpu->id;
		if (p->cpu[i].asked)
			vcpu_kick(&m->vm.vcpu[i]);
	}
}

/* On the thread of a vCPU that was asked. */
static void answer(struct machine *m, struct vcpu *vcpu)
{
	struct power *p = &m->power;
	uint32_t state = KVM_MP_STATE_RUNNABLE;
	int ret = kvm_get_mp_state(vcpu->fd, &state);

	if (ret < 0)
		failed(vcpu, "tell its state", ret);
	p->cpu[vcpu->id].asked = false;
	p->others_on |= state != KVM_MP_STATE_STOPPED;
	if (--p->nr_asked == 0)
		vcpu_kick(&m->vm.vcpu[p->asker]);
}

/* What KVM reports. */

static void system_event(void *ctx, struct vcpu *vcpu)
{
	struct machine *m = ctx;
	const struct kvm_run *run = vcpu->run;
	uint64_t flags = run->system_event.ndata ? run->system_event.data[0] : 0;
	uint64_t arg[3];

	pthread_mutex_lock(&m->power.lock);
	switch (run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		end_off(m, flags & KVM_SYSTEM_EVENT_SHUTDOWN_FLAG_PSCI_OFF2);
		break;
	case KVM_SYSTEM_EVENT_RESET:
		if (!(flags & KVM_SYSTEM_EVENT_RESET_FLAG_PSCI_RESET2))
			end_reset(m);
		else if (get_args(vcpu, arg) == 0)
			end_reset2(m, arg[0], arg[1]);
		break;
	case KVM_SYSTEM_EVENT_CRASH:
		power_say(m, "the guest crashed");
		vm_stop(&m->vm, VM_CRASHED);
		break;
	case KVM_SYSTEM_EVENT_SUSPEND:
		ask_for_suspend(m, vcpu);
		break;
	case KVM_SYSTEM_EVENT_WAKEUP:
		if (m->power.cpu[vcpu->id].sleep != POWER_AWAKE)
			wake_up(m, vcpu);
		break;
	default: /* of a newer kernel; KVM has done what it does, and the guest runs on */
		if (log_limit_ok(&vcpu->limit))
			log_warning(
				"vCPU %u: KVM reports system event %u, which lkvm does not know",
				vcpu->id, run->system_event.type);
	}
	pthread_mutex_unlock(&m->power.lock);
}

/* power_ready() keeps it out of the guest; KVM is told so that it, too, says that the CPU is off. */
static void stop(struct vcpu *vcpu)
{
	int ret = kvm_set_mp_state(vcpu->fd, KVM_MP_STATE_STOPPED);

	if (ret < 0)
		failed(vcpu, "stop it", ret);
}

/* A call that KVM hands over: of PSCI with --psci=user, or for the CPUs that the VM may run on. */
static void hypercall(void *ctx, struct vcpu *vcpu)
{
	struct machine *m = ctx;
	struct power *p = &m->power;
	struct psci_call call = { .function = (uint32_t)vcpu->run->hypercall.nr };
	struct power_cpu *target;
	struct psci_reply reply;
	uint64_t x[4];

	if (get_args(vcpu, call.arg) < 0)
		return;
	if (impl_cpus_answer(&p->impl, &call, x)) {
		give_results(vcpu, x);
		return;
	}
	pthread_mutex_lock(&p->lock);
	psci_decide(&p->cpus, vcpu->id, &call, &reply);
	give_result(vcpu, reply.result);
	switch (reply.action) {
	case PSCI_ANSWER:
		break;
	case PSCI_STOP:
		stop(vcpu);
		break;
	case PSCI_START:
		target = &p->cpu[reply.cpu];
		target->entry = entry_from(vcpu, reply.entry, reply.context);
		target->starting = true;
		vcpu_kick(&m->vm.vcpu[reply.cpu]);
		break;
	case PSCI_STANDBY:
		fall_asleep(m, vcpu, POWER_STANDBY);
		break;
	case PSCI_SUSPEND:
		p->cpu[vcpu->id].entry = entry_from(vcpu, reply.entry, reply.context);
		fall_asleep(m, vcpu, POWER_ASLEEP);
		break;
	case PSCI_OFF:
	case PSCI_HIBERNATE:
		end_off(m, reply.action == PSCI_HIBERNATE);
		break;
	case PSCI_RESET:
		end_reset(m);
		break;
	case PSCI_RESET2:
		end_reset2(m, reply.entry, reply.context);
		break;
	}
	pthread_mutex_unlock(&p->lock);
}

static void debug(void *ctx, struct vcpu *vcpu)
{
	debug_exit(ctx, vcpu);
}

static void start(struct machine *m, struct vcpu *vcpu)
{
	struct power_cpu *cpu = &m->power.cpu[vcpu->id];
	int ret = cpu_start(m, vcpu->id, &cpu->entry);

	cpu->starting = false;
	if (ret < 0)
		failed(vcpu, "start it", ret);
}

static bool power_ready(void *ctx, struct vcpu *vcpu)
{
	struct machine *m = ctx;
	struct power *p = &m->power;
	struct power_cpu *cpu = &p->cpu[vcpu->id];
	bool ready;

	pthread_mutex_lock(&p->lock);
	if (cpu->starting)
		start(m, vcpu);
	if (cpu->asked)
		answer(m, vcpu);
	if (p->asker == (int)vcpu->id && p->nr_asked == 0)
		decide_suspend(m, vcpu);
	if (cpu->wake && cpu->sleep == POWER_ASLEEP)
		wake_up(m, vcpu);
	ready = p->asker != (int)vcpu->id && (!p->cpus.on || p->cpus.on[vcpu->id]);
	pthread_mutex_unlock(&p->lock);
	return ready && debug_lets_go(m, vcpu);
}

bool power_wake(struct machine *m)
{
	bool slept = false;

	pthread_mutex_lock(&m->power.lock);
	for (unsigned int i = 0; i < m->vm.nr_vcpus; i++) {
		m->power.cpu[i].wake = m->power.cpu[i].sleep == POWER_ASLEEP;
		if (m->power.cpu[i].wake)
			vcpu_kick(&m->vm.vcpu[i]);
		slept |= m->power.cpu[i].wake;
	}
	pthread_mutex_unlock(&m->power.lock);
	return slept;
}

bool power_sleeps(struct machine *m)
{
	bool sleeps = false;

	pthread_mutex_lock(&m->power.lock);
	for (unsigned int i = 0; i < m->vm.nr_vcpus; i++)
		sleeps |= m->power.cpu[i].sleep == POWER_ASLEEP;
	pthread_mutex_unlock(&m->power.lock);
	return sleeps;
}

/* Takes the discovery calls from KVM, which announces them and knows no answer. */
static int take_discovery(struct machine *m, struct err *e)
{
	int vcpu = m->vm.vcpu[0].fd;
	struct impl_cpu cpu = { 0 };
	int ret = kvm_filter_smccc(m->vm.fd, IMPL_CPUS_FN, IMPL_CPUS_FN_NR,
				   KVM_SMCCC_FILTER_FWD_TO_USER);

	if (ret < 0)
		return err_set(
			e, -ret,
			"impl-cpus=on cannot be: this host's KVM does not hand calls to user "
			"space (that takes Linux 6.4): %s",
			strerror(-ret));
	ret = kvm_get_reg(vcpu, REG_MIDR, &cpu.midr);
	if (ret >= 0)
		ret = kvm_get_reg(vcpu, REG_REVIDR, &cpu.revidr);
	if (ret >= 0)
		ret = kvm_get_reg(vcpu, REG_AIDR, &cpu.aidr);
	if (ret < 0)
		return err_set(e, -ret, "impl-cpus=on: KVM does not tell what CPU this is: %s",
			       strerror(-ret));
	impl_cpus_add(&m->power.impl, &cpu);
	if (m->compat)
		impl_cpus_add(&m->power.impl, &m->compat->cpu);
	return 0;
}

int power_init(struct machine *m, struct err *e)
{
	static const struct vcpu_ops ops = {
		.system_event = system_event,
		.hypercall = hypercall,
		.debug = debug,
		.ready = power_ready,
	};
	const struct firmware_pins *pins = &m->cfg->firmware;
	struct power *p = &m->power;
	unsigned int nr = m->vm.nr_vcpus;

	*p = (struct power){ .asker = -1 };
	pthread_mutex_init(&p->lock, NULL);
	p->cpu = calloc(nr, sizeof(*p->cpu));
	if (m->cfg->psci_user) {
		p->cpus = (struct psci_cpus){
			.version = m->psci,
			.no_suspend = pins->pinned[FIRMWARE_SYSTEM_SUSPEND] &&
				      !pins->value[FIRMWARE_SYSTEM_SUSPEND],
			.nr = nr,
			.mpidr = m->mpidr,
			.on = calloc(nr, sizeof(*p->cpus.on)),
		};
		if (p->cpus.on)
			p->cpus.on[0] = true;
	}
	if (!p->cpu || (m->cfg->psci_user && !p->cpus.on))
		return err_set(e, ENOMEM, "cannot create %u vCPUs: %s", nr, strerror(ENOMEM));
	vm_set_ops(&m->vm, &ops, m);
	return firmware_discovers_cpus(pins) ? take_discovery(m, e) : 0;
}

void power_destroy(struct machine *m)
{
	if (!m->power.cpu && !m->power.cpus.on)
		return;
	free(m->power.cpu);
	free(m->power.cpus.on);
	pthread_mutex_destroy(&m->power.lock);
	m->power = (struct power){ .asker = -1 };
}
