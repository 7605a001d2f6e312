/* SPDX-License-Identifier: BSD-2-Clause */
/* The fake KVM's vCPUs before they run: features, registers, the PMU's attributes. */
#include <errno.h>
#include <string.h>
#include "fake_priv.h"

#define CORE_REG(name) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))
#define SCTLR_EL1  ARM64_SYS_REG(3, 0, 1, 0, 0)
#define MIDR_EL1   ARM64_SYS_REG(3, 0, 0, 0, 0)
#define MPIDR_EL1  ARM64_SYS_REG(3, 0, 0, 0, 5)
#define REVIDR_EL1 ARM64_SYS_REG(3, 0, 0, 0, 6)
#define AIDR_EL1   ARM64_SYS_REG(3, 1, 0, 0, 7)

#define PSCI_0_1 0x00001
#define PSCI_0_2 0x00002
#define PSCI_1_0 0x10000

static bool bit(const struct kvm_vcpu_init *init, unsigned int feature)
{
	return init->features[feature / 32] & 1u << (feature % 32);
}

bool fake_vcpu_has(const struct fake_vcpu *vcpu, unsigned int feature)
{
	return bit(&vcpu->init, feature);
}

/* The version that the register holds: what was set, or the host's best. */
uint32_t fake_psci_of(const struct fake_vm *vm)
{
	if (vm->psci_set)
		return vm->psci;
	if (!vm->nr_vcpus || !fake_vcpu_has(vm->vcpu[0], KVM_ARM_VCPU_PSCI_0_2))
		return PSCI_0_1;
	return fake_host()->psci_max ? fake_host()->psci_max : PSCI_0_2;
}

static bool same_but_power(struct kvm_vcpu_init a, struct kvm_vcpu_init b)
{
	a.features[0] &= ~(1u << KVM_ARM_VCPU_POWER_OFF);
	b.features[0] &= ~(1u << KVM_ARM_VCPU_POWER_OFF);
	return memcmp(&a, &b, sizeof(a)) == 0;
}

int fake_vcpu_init(struct fake_vcpu *vcpu, const struct kvm_vcpu_init *arg)
{
	const struct fake_host *host = fake_host();

	if (arg->target != KVM_ARM_TARGET_GENERIC_V8)
		return -EINVAL;
	for (unsigned int i = 0; i < 32 * 7; i++) {
		if (i > KVM_ARM_VCPU_PTRAUTH_GENERIC && bit(arg, i))
			return -ENOENT;
	}
	if (bit(arg, KVM_ARM_VCPU_EL1_32BIT) || (bit(arg, KVM_ARM_VCPU_PMU_V3) && !host->pmu) ||
	    (bit(arg, KVM_ARM_VCPU_SVE) && !host->sve) ||
	    (bit(arg, KVM_ARM_VCPU_PTRAUTH_ADDRESS) && !host->ptrauth) ||
	    bit(arg, KVM_ARM_VCPU_PTRAUTH_ADDRESS) != bit(arg, KVM_ARM_VCPU_PTRAUTH_GENERIC))
		return -EINVAL;
	if (vcpu->initialised && !same_but_power(*arg, vcpu->init))
		return -EINVAL;
	for (unsigned int i = 0; i < vcpu->vm->nr_vcpus; i++) {
		const struct fake_vcpu *other = vcpu->vm->vcpu[i];

		if (other->initialised && !same_but_power(*arg, other->init))
			return -EINVAL;
	}
	vcpu->init = *arg;
	vcpu->mp_state =
		bit(arg, KVM_ARM_VCPU_POWER_OFF) ? KVM_MP_STATE_STOPPED : KVM_MP_STATE_RUNNABLE;
	vcpu->initialised = true;
	vcpu->finalised = !bit(arg, KVM_ARM_VCPU_SVE);
	return 0;
}

int fake_vcpu_finalise(struct fake_vcpu *vcpu, int feature)
{
	if (!vcpu->initialised)
		return -ENOEXEC;
	if (feature != KVM_ARM_VCPU_SVE || !fake_vcpu_has(vcpu, KVM_ARM_VCPU_SVE))
		return -EINVAL;
	if (vcpu->finalised)
		return -EPERM;
	vcpu->finalised = true;
	return 0;
}

static bool psci_known(const struct fake_vcpu *vcpu, uint64_t version)
{
	uint64_t max = fake_host()->psci_max;

	if (!fake_vcpu_has(vcpu, KVM_ARM_VCPU_PSCI_0_2))
		return version == PSCI_0_1;
	return version == PSCI_0_2 || (version >= PSCI_1_0 && version <= max);
}

static int set_psci(struct fake_vcpu *vcpu, uint64_t version)
{
	if (!psci_known(vcpu, version))
		return -EINVAL;
	vcpu->vm->psci = (uint32_t)version;
	vcpu->vm->psci_set = !fake_forgets_psci();
	return 0;
}

/* As KVM numbers vCPUs: 16 to a cluster; bit 31 is RES1. */
static uint64_t mpidr(unsigned int id)
{
	return 1ULL << 31 | (id & 0xf) | (id >> 4 & 0xff) << 8 | (uint64_t)(id >> 12 & 0xff) << 16;
}

/* A bitmap of services: until a vCPU runs, and no bit beyond the host's. */
static int services_reg(struct fake_vm *vm, unsigned int bitmap, uint64_t *value, bool set)
{
	uint64_t takes = bitmap < FAKE_BITMAPS ? fake_host()->services[bitmap] : 0;

	if (!takes)
		return -ENOENT;
	if (!set) {
		*value = vm->services[bitmap];
		return 0;
	}
	if (vm->has_run)
		return -EBUSY;
	if (*value & ~takes)
		return -EINVAL;
	vm->services[bitmap] = *value;
	return 0;
}

/* What the host's CPU is, and which vCPU this is: not to be changed. */
static int identity_reg(uint64_t is, uint64_t *value, bool set)
{
	if (set)
		return *value == is ? 0 : -EINVAL;
	*value = is;
	return 0;
}

int fake_vcpu_reg(struct fake_vcpu *vcpu, const struct kvm_one_reg *arg, bool set)
{
	uint64_t *value = (uint64_t *)(uintptr_t)arg->addr;
	uint64_t *reg = NULL;

	if (!vcpu->initialised)
		return -ENOEXEC;
	if (!value)
		return -EFAULT;
	switch (arg->id) {
	case KVM_REG_ARM_PSCI_VERSION:
		if (!fake_host()->psci_max)
			return -ENOENT;
		if (set)
			return set_psci(vcpu, *value);
		*value = fake_psci_of(vcpu->vm);
		return 0;
	case KVM_REG_ARM_STD_BMAP:
	case KVM_REG_ARM_STD_HYP_BMAP:
	case KVM_REG_ARM_VENDOR_HYP_BMAP:
	case KVM_REG_ARM_VENDOR_HYP_BMAP_2:
		return services_reg(vcpu->vm, arg->id & 0xffff, value, set);
	case MIDR_EL1:
		return identity_reg(FAKE_MIDR, value, set);
	case REVIDR_EL1:
		return identity_reg(FAKE_REVIDR, value, set);
	case AIDR_EL1:
		return identity_reg(FAKE_AIDR, value, set);
	case MPIDR_EL1:
		return identity_reg(mpidr(vcpu->id), value, set);
	case CORE_REG(regs.pc):
		reg = &vcpu->pc;
		break;
	case CORE_REG(regs.pstate):
		reg = &vcpu->pstate;
		break;
	case CORE_REG(regs.regs[0]):
	case CORE_REG(regs.regs[1]):
	case CORE_REG(regs.regs[2]):
	case CORE_REG(regs.regs[3]):
		reg = &vcpu->x[(arg->id - CORE_REG(regs.regs[0])) / 2];
		break;
	case SCTLR_EL1:
		reg = &vcpu->sctlr;
		break;
	default:
		return -ENOENT;
	}
	if (set)
		*reg = *value;
	else
		*value = *reg;
	return 0;
}

/* The PMU: its interrupt first, and both after the interrupt controller. */
int fake_vcpu_set_attr(struct fake_vcpu *vcpu, const struct kvm_device_attr *arg)
{
	const int *irq = (const int *)(uintptr_t)arg->addr;

	if (arg->group != KVM_ARM_VCPU_PMU_V3_CTRL)
		return -ENXIO;
	if (!vcpu->initialised || !fake_vcpu_has(vcpu, KVM_ARM_VCPU_PMU_V3))
		return -ENODEV;
	if (vcpu->pmu_ready)
		return -EBUSY;
	switch (arg->attr) {
	case KVM_ARM_VCPU_PMU_V3_IRQ:
		if (!irq)
			return -EFAULT;
		if (!vcpu->vm->gic.type || *irq < 16 || *irq > 31)
			return -EINVAL;
		if (vcpu->pmu_irq)
			return -EBUSY;
		vcpu->pmu_irq = true;
		return 0;
	case KVM_ARM_VCPU_PMU_V3_INIT:
		if (!vcpu->vm->gic.initialised)
			return -ENODEV;
		if (!vcpu->pmu_irq)
			return -ENXIO;
		vcpu->pmu_ready = true;
		return 0;
	default:
		return -ENXIO;
	}
}

int fake_vcpu_set_events(const struct fake_vcpu *vcpu, const struct kvm_vcpu_events *arg)
{
	if (!vcpu->initialised)
		return -ENOEXEC;
	return arg->exception.ext_dabt_pending && !fake_host()->nisv ? -EINVAL : 0;
}

int fake_vcpu_get_mp_state(const struct fake_vcpu *vcpu, struct kvm_mp_state *arg)
{
	arg->mp_state = vcpu->mp_state;
	return 0;
}

int fake_vcpu_set_mp_state(struct fake_vcpu *vcpu, const struct kvm_mp_state *arg)
{
	if (arg->mp_state != KVM_MP_STATE_RUNNABLE && arg->mp_state != KVM_MP_STATE_STOPPED &&
	    (arg->mp_state != KVM_MP_STATE_SUSPENDED || !fake_host()->system_suspend))
		return -EINVAL;
	vcpu->mp_state = arg->mp_state;
	return 0;
}
