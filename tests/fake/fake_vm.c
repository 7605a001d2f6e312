/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake KVM's hosts and VMs: what they have, and what is judged when one is put
 * together; and the newest as its guest finds it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "arm/psci.h"
#include "fake_priv.h"

#define IPA_DEFAULT 40
#define IPA_MIN     32

const struct fake_host fake_ancient = {
	.api_version = 12,
	.arm = true,
	.max_vcpus = 512,
	.gicv3 = true,
};
const struct fake_host fake_5_10 = {
	.api_version = 12,
	.arm = true,
	.psci_max = PSCI_VERSION(1, 0),
	.max_vcpus = 512,
	.ipa_bits = 44,
	.gicv3 = true,
	.nisv = true,
};
const struct fake_host fake_6_1 = {
	.api_version = 12,
	.arm = true,
	.psci_max = PSCI_VERSION(1, 1),
	.max_vcpus = 512,
	.ipa_bits = 44,
	.gicv3 = true,
	.nisv = true,
	.system_suspend = true,
	.services = { 1, 1, 3 },
};
const struct fake_host fake_7_3 = {
	.api_version = 12,
	.arm = true,
	.psci_max = PSCI_VERSION(1, 3),
	.max_vcpus = 512,
	.ipa_bits = 44,
	.gicv3 = true,
	.nisv = true,
	.system_suspend = true,
	.smccc_filter = true,
	.services = { 1, 1, 3, 3 },
};

int fake_check_extension(const struct fake_vm *vm, uint64_t cap)
{
	const struct fake_host *host = fake_host();

	if (!host->arm)
		return 0;
	switch (cap) {
	case KVM_CAP_ARM_PSCI_0_2:
	case KVM_CAP_DEVICE_CTRL:
	case KVM_CAP_IMMEDIATE_EXIT:
		return 1;
	case KVM_CAP_ARM_VM_IPA_SIZE:
		return host->ipa_bits;
	case KVM_CAP_MAX_VCPUS:
		return vm && vm->gic.type == KVM_DEV_TYPE_ARM_VGIC_V2 ? 8 : host->max_vcpus;
	case KVM_CAP_ARM_PMU_V3:
		return host->pmu;
	case KVM_CAP_ARM_SVE:
		return host->sve;
	case KVM_CAP_ARM_PTRAUTH_ADDRESS:
	case KVM_CAP_ARM_PTRAUTH_GENERIC:
		return host->ptrauth;
	case KVM_CAP_ARM_NISV_TO_USER:
	case KVM_CAP_ARM_INJECT_EXT_DABT:
		return host->nisv;
	default:
		return 0;
	}
}

int fake_create_vm(uint64_t type)
{
	uint64_t bits = type ? type : IPA_DEFAULT;

	if (type & ~0xffULL || (type && !fake_host()->ipa_bits))
		return -EINVAL;
	if (bits < IPA_MIN || (fake_host()->ipa_bits && bits > (unsigned int)fake_host()->ipa_bits))
		return -EINVAL;
	return fake_new_fd((struct fake_object){ .kind = FAKE_VM,
						 .vm = fake_new_vm((unsigned int)bits) },
			   0);
}

int fake_create_vcpu(struct fake_vm *vm, uint64_t id)
{
	struct fake_vcpu *vcpu;
	int fd;

	if (id >= (uint64_t)fake_check_extension(vm, KVM_CAP_MAX_VCPUS) || id >= FAKE_VCPUS)
		return -EINVAL;
	if (vm->gic.initialised)
		return -EBUSY;
	if (vm->vcpu[id])
		return -EEXIST;
	vcpu = calloc(1, sizeof(*vcpu));
	if (!vcpu)
		abort();
	*vcpu = (struct fake_vcpu){ .vm = vm, .id = (unsigned int)id };
	fd = fake_new_fd((struct fake_object){ .kind = FAKE_VCPU, .vm = vm, .vcpu = vcpu },
			 FAKE_RUN_SIZE);
	if (fd >= 0)
		vcpu->run = mmap(NULL, FAKE_RUN_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || vcpu->run == MAP_FAILED) {
		free(vcpu);
		return fd < 0 ? fd : -ENOMEM;
	}
	vm->vcpu[id] = vcpu;
	vm->nr_vcpus++;
	return fd;
}

int fake_set_memory(struct fake_vm *vm, const struct kvm_userspace_memory_region *arg)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t limit = 1ULL << vm->ipa_bits;

	if (!arg->memory_size || arg->memory_size % page || arg->guest_phys_addr % page ||
	    arg->userspace_addr % page || arg->flags & ~KVM_MEM_LOG_DIRTY_PAGES)
		return -EINVAL;
	if (arg->guest_phys_addr > limit || arg->memory_size > limit - arg->guest_phys_addr)
		return -EFAULT;
	for (unsigned int i = 0; i < vm->nr_slots; i++) {
		struct fake_slot *slot = &vm->slot[i];

		if (slot->slot == arg->slot && slot->gpa == arg->guest_phys_addr &&
		    slot->size == arg->memory_size && slot->host == arg->userspace_addr) {
			slot->flags = arg->flags;
			return 0;
		}
		if (slot->slot == arg->slot ||
		    (slot->gpa < arg->guest_phys_addr + arg->memory_size &&
		     arg->guest_phys_addr < slot->gpa + slot->size))
			return -EEXIST;
	}
	if (vm->nr_slots == FAKE_SLOTS)
		return -EINVAL;
	vm->slot[vm->nr_slots++] = (struct fake_slot){ .slot = arg->slot,
						       .gpa = arg->guest_phys_addr,
						       .size = arg->memory_size,
						       .host = arg->userspace_addr,
						       .flags = arg->flags };
	return 0;
}

/* Its guests' writes are a script's, and not seen: those of devices are all that a test can look for. */
int fake_get_dirty_log(const struct fake_vm *vm, const struct kvm_dirty_log *arg)
{
	for (unsigned int i = 0; i < vm->nr_slots; i++) {
		const struct fake_slot *slot = &vm->slot[i];
		uint64_t pages = slot->size / (uint64_t)sysconf(_SC_PAGESIZE);

		if (slot->slot != arg->slot)
			continue;
		if (!(slot->flags & KVM_MEM_LOG_DIRTY_PAGES))
			return -ENOENT;
		memset(arg->dirty_bitmap, 0, (pages + 63) / 64 * sizeof(uint64_t));
		return 0;
	}
	return -ENOENT;
}

int fake_enable_cap(struct fake_vm *vm, const struct kvm_enable_cap *arg)
{
	if (arg->flags)
		return -EINVAL;
	if (arg->cap == KVM_CAP_ARM_NISV_TO_USER && fake_host()->nisv)
		vm->nisv = true;
	else if (arg->cap == KVM_CAP_ARM_SYSTEM_SUSPEND && fake_host()->system_suspend)
		vm->suspend = true;
	else
		return -EINVAL;
	return 0;
}

/* The one attribute that VMs have here: KVM_ARM_VM_SMCCC_FILTER. Ranges may not overlap. */
int fake_vm_set_attr(struct fake_vm *vm, const struct kvm_device_attr *arg)
{
	const struct kvm_smccc_filter *filter = (const void *)(uintptr_t)arg->addr;

	if (!fake_host()->smccc_filter || arg->group != KVM_ARM_VM_SMCCC_CTRL ||
	    arg->attr != KVM_ARM_VM_SMCCC_FILTER)
		return -ENXIO;
	if (vm->has_run)
		return -EBUSY;
	if (!filter->nr_functions || filter->action > KVM_SMCCC_FILTER_FWD_TO_USER)
		return -EINVAL;
	for (unsigned int i = 0; i < vm->nr_filters; i++) {
		const struct kvm_smccc_filter *other = &vm->filter[i];

		if (filter->base < other->base + other->nr_functions &&
		    other->base < filter->base + filter->nr_functions)
			return -EEXIST;
	}
	if (vm->nr_filters == FAKE_FILTERS)
		return -ENOMEM;
	vm->filter[vm->nr_filters++] = *filter;
	return 0;
}

bool fake_is_filtered(const struct fake_vm *vm, uint32_t function)
{
	for (unsigned int i = 0; i < vm->nr_filters; i++) {
		if (function - vm->filter[i].base < vm->filter[i].nr_functions)
			return vm->filter[i].action == KVM_SMCCC_FILTER_FWD_TO_USER;
	}
	return false;
}

void *fake_ram_host(void)
{
	if (!fake_newest()->nr_slots)
		return NULL;
	return (void *)(uintptr_t)fake_newest()->slot[0].host;
}

void *fake_ram(uint64_t gpa, uint64_t len)
{
	const struct fake_vm *vm = fake_newest();

	for (unsigned int i = 0; i < vm->nr_slots; i++) {
		const struct fake_slot *slot = &vm->slot[i];
		uint64_t off = gpa - slot->gpa;

		if (gpa >= slot->gpa && off <= slot->size && len <= slot->size - off)
			return (void *)(uintptr_t)(slot->host + off);
	}
	return NULL;
}

uint64_t fake_ram_size(void)
{
	return fake_newest()->slot[0].size;
}

uint64_t fake_pc(void)
{
	return fake_newest()->vcpu[0]->pc;
}

uint64_t fake_x0(void)
{
	return fake_newest()->vcpu[0]->x[0];
}

uint64_t fake_vcpu_pc(unsigned int vcpu)
{
	return fake_newest()->vcpu[vcpu]->pc;
}

uint64_t fake_vcpu_x(unsigned int vcpu, unsigned int n)
{
	return fake_newest()->vcpu[vcpu]->x[n];
}

uint64_t fake_vcpu_sctlr(unsigned int vcpu)
{
	return fake_newest()->vcpu[vcpu]->sctlr;
}

void fake_set_sctlr(unsigned int vcpu, uint64_t value)
{
	fake_newest()->vcpu[vcpu]->sctlr = value;
}

uint32_t fake_mp_state(unsigned int vcpu)
{
	uint32_t state;

	fake_lock();
	state = fake_newest()->vcpu[vcpu]->mp_state;
	fake_unlock();
	return state;
}

void fake_set_mp_state(unsigned int vcpu, uint32_t state)
{
	fake_lock();
	fake_newest()->vcpu[vcpu]->mp_state = state;
	fake_unlock();
}

uint64_t fake_services(unsigned int bitmap)
{
	return fake_newest()->services[bitmap];
}

uint64_t fake_psci(void)
{
	return fake_psci_of(fake_newest());
}

bool fake_has_feature(unsigned int vcpu, unsigned int feature)
{
	return fake_vcpu_has(fake_newest()->vcpu[vcpu], feature);
}

bool fake_powered_off(unsigned int vcpu)
{
	return fake_has_feature(vcpu, KVM_ARM_VCPU_POWER_OFF);
}

bool fake_spi_level(unsigned int spi)
{
	bool level;

	fake_lock();
	level = fake_newest()->gic.level[32 + spi];
	fake_unlock();
	return level;
}
