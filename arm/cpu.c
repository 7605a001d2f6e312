/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs: the same features on each, taken from the host and the configuration. Secondary CPUs
 * start powered off and come up by PSCI CPU_ON, which KVM serves, or lkvm with --psci=user.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "arm/firmware.h"
#include "arm/psci.h"
#include "arm/save.h"
#include "kvm/kvm.h"
#include "parts.h"
#include "regs.h"
#include "util/bits.h"

static void set_feature(struct kvm_vcpu_init *init, unsigned int feature)
{
	init->features[feature / 32] |= 1u << (feature % 32);
}

static bool has_feature(const struct kvm_vcpu_init *init, unsigned int feature)
{
	return init->features[feature / 32] & 1u << (feature % 32);
}

/* What every vCPU of this machine is initialised with, but for POWER_OFF. */
static int choose_features(const struct machine *m, struct kvm_vcpu_init *init, struct err *e)
{
	int vm = m->vm.fd;
	int ret;

	memset(init, 0, sizeof(*init));
	ret = kvm_preferred_target(vm, init);
	if (ret < 0)
		return err_set(e, -ret, "KVM supports no guest on this CPU: %s", strerror(-ret));

	if (m->cfg->saved) {
		init->features[0] = m->cfg->saved->features;
		return 0;
	}
	/* Which PSCI is another choice. */
	if (m->compat)
		init->features[0] = m->compat->features & ~(1u << KVM_ARM_VCPU_PSCI_0_2);
	if (m->cfg->psci == PSCI_AUTO || psci_needs_feature(m->cfg->psci))
		set_feature(init, KVM_ARM_VCPU_PSCI_0_2);
	if (m->cfg->pmu) {
		if (kvm_check_extension(vm, KVM_CAP_ARM_PMU_V3) <= 0)
			return err_set(e, ENODEV, "--pmu: this host's KVM has no virtual PMU");
		set_feature(init, KVM_ARM_VCPU_PMU_V3);
	}
	if (m->compat) /* it has the rest, too */
		return 0;
	/* Both kinds of pointer authentication or none: KVM wants it so. */
	if (kvm_check_extension(vm, KVM_CAP_ARM_PTRAUTH_ADDRESS) > 0 &&
	    kvm_check_extension(vm, KVM_CAP_ARM_PTRAUTH_GENERIC) > 0) {
		set_feature(init, KVM_ARM_VCPU_PTRAUTH_ADDRESS);
		set_feature(init, KVM_ARM_VCPU_PTRAUTH_GENERIC);
	}
	if (kvm_check_extension(vm, KVM_CAP_ARM_SVE) > 0)
		set_feature(init, KVM_ARM_VCPU_SVE);
	return 0;
}

static int cpu_init(struct machine *m, unsigned int id, struct kvm_vcpu_init init, struct err *e)
{
	const uint64_t *lengths = m->compat ? m->compat->sve : NULL;
	int vcpu = m->vm.vcpu[id].fd;
	int ret;

	if (m->cfg->saved)
		lengths = m->cfg->saved->sve;
	if (id > 0)
		set_feature(&init, KVM_ARM_VCPU_POWER_OFF);
	ret = kvm_vcpu_init(vcpu, &init);
	/* The vector lengths can be chosen until the feature is final. */
	if (ret >= 0 && has_feature(&init, KVM_ARM_VCPU_SVE) && lengths)
		ret = kvm_set_reg_bytes(vcpu, KVM_REG_ARM64_SVE_VLS, lengths);
	if (ret >= 0 && has_feature(&init, KVM_ARM_VCPU_SVE))
		ret = kvm_vcpu_finalize(vcpu, KVM_ARM_VCPU_SVE);
	if (ret >= 0)
		ret = kvm_get_reg(vcpu, REG_MPIDR, &m->mpidr[id]);
	if (ret < 0 && m->cfg->saved)
		return err_set(
			e, -ret,
			"%s cannot be restored: this host's KVM has not all that its vCPUs have: %s",
			m->cfg->saved->name, strerror(-ret));
	if (ret < 0)
		return err_set(e, -ret, "KVM cannot initialise vCPU %u: %s", id, strerror(-ret));
	return m->compat ? compat_apply(m->compat, vcpu, e) : 0;
}

/* Who answers the guest's PSCI calls, and which version it finds. */
static int apply_psci(struct machine *m, struct err *e)
{
	int vcpu = m->vm.vcpu[0].fd;
	int ret;

	if (m->cfg->psci_user)
		return psci_apply_user(m->vm.fd, vcpu, m->cfg->psci, &m->psci, e);
	ret = psci_apply(vcpu, m->cfg->psci, &m->psci, e);
	/* Before 1.0 there is no call for them, and no PSCI_FEATURES to ask. */
	if (ret == 0 && m->psci >= PSCI_VERSION(1, 0))
		ret = firmware_enable(m->vm.fd, &m->cfg->firmware, e);
	return ret;
}

int cpus_init(struct machine *m, struct err *e)
{
	struct kvm_vcpu_init init;
	int ret = choose_features(m, &init, e);

	if (ret < 0)
		return ret;
	m->features = init.features[0];
	m->mpidr = calloc(m->vm.nr_vcpus, sizeof(*m->mpidr));
	if (!m->mpidr)
		return err_sys(e, "cannot create %u vCPUs", m->vm.nr_vcpus);
	for (unsigned int id = 0; id < m->vm.nr_vcpus; id++) {
		ret = cpu_init(m, id, init, e);
		if (ret < 0)
			return ret;
	}
	/* All is the whole VM's, whichever vCPU it is written through. */
	ret = apply_psci(m, e);
	return ret < 0 ? ret : firmware_apply(m->vm.vcpu[0].fd, &m->cfg->firmware, e);
}

/*
 * What a CPU finds when PSCI starts it: EL1, everything masked, MMU and caches off (DEN 0022, initial
 * core configuration). The rest is UNKNOWN to it, but what would act on its own is off as well, for a
 * guest that does not know how: another may have used this CPU before.
 */
static const struct {
	uint64_t reg, value;
} initial[] = {
	{ REG_PSTATE, PSR_MODE_EL1h | PSR_D_BIT | PSR_A_BIT | PSR_I_BIT | PSR_F_BIT },
	{ REG_SCTLR, SCTLR_RESET },
	{ REG_SCTLR2, 0 },
	{ REG_TCR, 0 },
	{ REG_TCR2, 0 },
	{ REG_CPACR, 0 },
	{ REG_VBAR, 0 },
	{ REG_MDSCR, 0 },
	{ REG_CNTKCTL, 0 },
	{ KVM_REG_ARM_TIMER_CTL, 0 },
	{ KVM_REG_ARM_PTIMER_CTL, 0 },
	{ REG_PMCNTENSET, 0 },
	{ REG_PMINTENSET, 0 },
	{ REG_PMUSERENR, 0 },
};

int cpu_start(struct machine *m, unsigned int id, const struct cpu_entry *entry)
{
	int vcpu = m->vm.vcpu[id].fd;
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(initial) && ret >= 0; i++) {
		ret = kvm_set_reg(vcpu, initial[i].reg, initial[i].value);
		if (ret == -ENOENT) /* this KVM or this CPU has none */
			ret = 0;
	}
	if (ret >= 0 && entry->big_endian)
		ret = kvm_set_reg(vcpu, REG_SCTLR, SCTLR_RESET | SCTLR_EE);
	if (ret >= 0)
		ret = kvm_set_reg(vcpu, REG_PC, entry->pc);
	if (ret >= 0)
		ret = kvm_set_reg(vcpu, REG_X(0), entry->x0);
	if (ret >= 0)
		ret = kvm_set_mp_state(vcpu, KVM_MP_STATE_RUNNABLE);
	return ret;
}

int cpus_init_pmu(struct machine *m, struct err *e)
{
	int intid = 16 + MAP_PPI_PMU;

	if (!m->cfg->pmu)
		return 0;
	for (unsigned int id = 0; id < m->vm.nr_vcpus; id++) {
		int vcpu = m->vm.vcpu[id].fd;
		int ret = kvm_device_set(vcpu, KVM_ARM_VCPU_PMU_V3_CTRL, KVM_ARM_VCPU_PMU_V3_IRQ,
					 &intid);

		if (ret >= 0)
			ret = kvm_device_set(vcpu, KVM_ARM_VCPU_PMU_V3_CTRL,
					     KVM_ARM_VCPU_PMU_V3_INIT, NULL);
		if (ret < 0)
			return err_set(e, -ret, "--pmu: KVM cannot set up the PMU of vCPU %u: %s",
				       id, strerror(-ret));
	}
	return 0;
}

int cpu_set_boot_regs(struct machine *m, struct err *e)
{
	int vcpu = m->vm.vcpu[0].fd;
	int ret = kvm_set_reg(vcpu, REG_PC, m->entry);

	if (ret >= 0)
		ret = kvm_set_reg(vcpu, REG_X(0), m->dtb);
	if (ret < 0)
		return err_set(e, -ret, "KVM cannot set the boot CPU's registers: %s",
			       strerror(-ret));
	return 0;
}
