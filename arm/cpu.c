/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vCPUs: the same features on each, taken from the host and the configuration. Secondary CPUs
 * start powered off and come up by PSCI CPU_ON, which KVM serves.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "arm/firmware.h"
#include "arm/psci.h"
#include "kvm/kvm.h"
#include "parts.h"

#define MPIDR_EL1 ARM64_SYS_REG(3, 0, 0, 0, 5)

#define CORE_REG(name) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))

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

	if (m->cfg->psci == PSCI_AUTO || psci_needs_feature(m->cfg->psci))
		set_feature(init, KVM_ARM_VCPU_PSCI_0_2);
	if (m->cfg->pmu) {
		if (kvm_check_extension(vm, KVM_CAP_ARM_PMU_V3) <= 0)
			return err_set(e, ENODEV, "--pmu: this host's KVM has no virtual PMU");
		set_feature(init, KVM_ARM_VCPU_PMU_V3);
	}
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
	int vcpu = m->vm.vcpu[id].fd;
	int ret;

	if (id > 0)
		set_feature(&init, KVM_ARM_VCPU_POWER_OFF);
	ret = kvm_vcpu_init(vcpu, &init);
	if (ret >= 0 && has_feature(&init, KVM_ARM_VCPU_SVE))
		ret = kvm_vcpu_finalize(vcpu, KVM_ARM_VCPU_SVE);
	if (ret >= 0)
		ret = kvm_get_reg(vcpu, MPIDR_EL1, &m->mpidr[id]);
	if (ret < 0)
		return err_set(e, -ret, "KVM cannot initialise vCPU %u: %s", id, strerror(-ret));
	return 0;
}

int cpus_init(struct machine *m, struct err *e)
{
	struct kvm_vcpu_init init;
	int ret = choose_features(m, &init, e);

	if (ret < 0)
		return ret;
	m->mpidr = calloc(m->vm.nr_vcpus, sizeof(*m->mpidr));
	if (!m->mpidr)
		return err_sys(e, "cannot create %u vCPUs", m->vm.nr_vcpus);
	for (unsigned int id = 0; id < m->vm.nr_vcpus; id++) {
		ret = cpu_init(m, id, init, e);
		if (ret < 0)
			return ret;
	}
	/* Both are the whole VM's, whichever vCPU they are written through. */
	ret = psci_apply(m->vm.vcpu[0].fd, m->cfg->psci, &m->psci, e);
	return ret < 0 ? ret : firmware_apply(m->vm.vcpu[0].fd, &m->cfg->firmware, e);
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
	int ret = kvm_set_reg(vcpu, CORE_REG(regs.pc), m->entry);

	if (ret >= 0)
		ret = kvm_set_reg(vcpu, CORE_REG(regs.regs[0]), m->dtb);
	if (ret < 0)
		return err_set(e, -ret, "KVM cannot set the boot CPU's registers: %s",
			       strerror(-ret));
	return 0;
}
