/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fake KVM's interrupt controllers: the rules of arm-vgic.rst and arm-vgic-v3.rst. Stricter in
 * two things that KVM finds out at the first KVM_RUN or not at all: CTRL_INIT wants all addresses,
 * and none of them may lie in a memory slot.
 */
#include <errno.h>
#include "fake_priv.h"

#define DIST_SIZE_V2 0x1000ULL
#define CPU_SIZE     0x2000ULL
#define DIST_SIZE_V3 0x10000ULL
#define REDIST_SIZE  0x20000ULL

#define PRIVATE_IRQS 32
#define IRQS_MAX     1024

int fake_gic_create(struct fake_vm *vm, struct kvm_create_device *arg)
{
	const struct fake_host *host = fake_host();
	bool v2 = arg->type == KVM_DEV_TYPE_ARM_VGIC_V2 && host->gicv2;
	bool v3 = arg->type == KVM_DEV_TYPE_ARM_VGIC_V3 && host->gicv3;
	int fd;

	if (!v2 && !v3)
		return -ENODEV;
	if (arg->flags & KVM_CREATE_DEVICE_TEST)
		return 0;
	if (vm->gic.type)
		return -EEXIST;
	if (vm->has_run)
		return -EBUSY;
	if (v2 && vm->nr_vcpus > 8)
		return -E2BIG;
	fd = fake_new_fd((struct fake_object){ .kind = FAKE_DEVICE, .vm = vm }, 0);
	if (fd < 0)
		return fd;
	vm->gic.type = arg->type;
	arg->fd = (uint32_t)fd;
	return 0;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a < b + b_size && b < a + a_size;
}

static int check_range(const struct fake_vm *vm, uint64_t addr, uint64_t align, uint64_t size)
{
	if (addr & (align - 1))
		return -EINVAL;
	if (addr >> vm->ipa_bits || (addr + size - 1) >> vm->ipa_bits)
		return -E2BIG;
	return 0;
}

static int place(const struct fake_vm *vm, uint64_t *field, bool *has, uint64_t addr,
		 uint64_t align, uint64_t size)
{
	int ret = *has ? -EEXIST : check_range(vm, addr, align, size);

	if (ret == 0) {
		*field = addr;
		*has = true;
	}
	return ret;
}

static int add_region(struct fake_vm *vm, uint64_t index, uint64_t base, uint64_t nr)
{
	struct fake_gic *gic = &vm->gic;
	int ret = check_range(vm, base, 0x10000, nr * REDIST_SIZE);

	if (ret < 0)
		return ret;
	if (index != gic->nr_regions || index >= FAKE_REGIONS)
		return -EINVAL;
	if (gic->has_dist && overlap(base, nr * REDIST_SIZE, gic->dist, DIST_SIZE_V3))
		return -EINVAL;
	for (unsigned int i = 0; i < gic->nr_regions; i++) {
		if (overlap(base, nr * REDIST_SIZE, gic->region[i].base,
			    gic->region[i].nr * REDIST_SIZE))
			return -EINVAL;
	}
	gic->region[gic->nr_regions++] = (struct fake_region){ .base = base, .nr = nr };
	return 0;
}

static int set_addr(struct fake_vm *vm, uint64_t type, uint64_t addr)
{
	struct fake_gic *gic = &vm->gic;
	bool v3 = gic->type == KVM_DEV_TYPE_ARM_VGIC_V3;
	int ret;

	if (!v3 && type == KVM_VGIC_V2_ADDR_TYPE_DIST)
		return place(vm, &gic->dist, &gic->has_dist, addr, 0x1000, DIST_SIZE_V2);
	if (!v3 && type == KVM_VGIC_V2_ADDR_TYPE_CPU)
		return place(vm, &gic->cpu, &gic->has_cpu, addr, 0x1000, CPU_SIZE);
	if (v3 && type == KVM_VGIC_V3_ADDR_TYPE_DIST)
		return place(vm, &gic->dist, &gic->has_dist, addr, 0x10000, DIST_SIZE_V3);
	if (v3 && type == KVM_VGIC_V3_ADDR_TYPE_REDIST) {
		if (gic->nr_regions)
			return gic->legacy ? -EEXIST : -EINVAL;
		/* One region without a length: as many as there are vCPUs. */
		ret = add_region(vm, 0, addr, vm->nr_vcpus ? vm->nr_vcpus : 1);
		gic->legacy = ret == 0;
		return ret;
	}
	if (v3 && type == KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION) {
		uint64_t nr = addr >> 52, flags = addr >> 12 & 0xf, index = addr & 0xfff;

		if (gic->legacy || !nr || flags)
			return -EINVAL;
		return add_region(vm, index, addr & 0xfffffffff0000ULL, nr);
	}
	return -ENODEV;
}

static int set_nr_irqs(struct fake_gic *gic, uint32_t nr)
{
	if (nr < PRIVATE_IRQS + 32 || nr > IRQS_MAX || nr & 31)
		return -EINVAL;
	if (gic->nr_irqs || gic->initialised)
		return -EBUSY;
	gic->nr_irqs = nr;
	return 0;
}

static bool in_memory(const struct fake_vm *vm, uint64_t base, uint64_t size)
{
	for (unsigned int i = 0; i < vm->nr_slots; i++) {
		if (overlap(base, size, vm->slot[i].gpa, vm->slot[i].size))
			return true;
	}
	return false;
}

static int initialise(struct fake_vm *vm)
{
	struct fake_gic *gic = &vm->gic;
	uint64_t redistributors = 0;

	if (gic->initialised)
		return 0;
	if (!vm->nr_vcpus)
		return -ENODEV;
	if (!gic->has_dist || in_memory(vm, gic->dist, DIST_SIZE_V3))
		return -ENXIO;
	for (unsigned int i = 0; i < gic->nr_regions; i++) {
		if (in_memory(vm, gic->region[i].base, gic->region[i].nr * REDIST_SIZE))
			return -ENXIO;
		redistributors += gic->region[i].nr;
	}
	if (gic->type == KVM_DEV_TYPE_ARM_VGIC_V3 && redistributors < vm->nr_vcpus)
		return -ENXIO;
	if (gic->type == KVM_DEV_TYPE_ARM_VGIC_V2 &&
	    (!gic->has_cpu || overlap(gic->cpu, CPU_SIZE, gic->dist, DIST_SIZE_V2)))
		return -ENXIO;
	if (!gic->nr_irqs)
		gic->nr_irqs = 256;
	gic->initialised = true;
	return 0;
}

int fake_gic_set(struct fake_vm *vm, const struct kvm_device_attr *arg)
{
	const void *value = (const void *)(uintptr_t)arg->addr;

	switch (arg->group) {
	case KVM_DEV_ARM_VGIC_GRP_ADDR:
		return value ? set_addr(vm, arg->attr, *(const uint64_t *)value) : -EFAULT;
	case KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
		return value ? set_nr_irqs(&vm->gic, *(const uint32_t *)value) : -EFAULT;
	case KVM_DEV_ARM_VGIC_GRP_CTRL:
		return arg->attr == KVM_DEV_ARM_VGIC_CTRL_INIT ? initialise(vm) : -ENXIO;
	default:
		return -ENXIO;
	}
}

int fake_gic_has(const struct fake_vm *vm, const struct kvm_device_attr *arg)
{
	bool v3 = vm->gic.type == KVM_DEV_TYPE_ARM_VGIC_V3;

	switch (arg->group) {
	case KVM_DEV_ARM_VGIC_GRP_ADDR:
		if (v3)
			return arg->attr >= KVM_VGIC_V3_ADDR_TYPE_DIST &&
					       arg->attr <= KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION &&
					       arg->attr != KVM_VGIC_ITS_ADDR_TYPE
				       ? 0
				       : -ENXIO;
		return arg->attr <= KVM_VGIC_V2_ADDR_TYPE_CPU ? 0 : -ENXIO;
	case KVM_DEV_ARM_VGIC_GRP_NR_IRQS:
		return 0;
	case KVM_DEV_ARM_VGIC_GRP_CTRL:
		return arg->attr == KVM_DEV_ARM_VGIC_CTRL_INIT ? 0 : -ENXIO;
	default:
		return -ENXIO;
	}
}

int fake_gic_irq_line(struct fake_vm *vm, const struct kvm_irq_level *arg)
{
	uint32_t type = arg->irq >> KVM_ARM_IRQ_TYPE_SHIFT & KVM_ARM_IRQ_TYPE_MASK;
	uint32_t nr = arg->irq & KVM_ARM_IRQ_NUM_MASK;

	if (!vm->gic.type)
		return -ENXIO;
	if (!vm->gic.initialised)
		return -EBUSY;
	if (type != KVM_ARM_IRQ_TYPE_SPI || nr < PRIVATE_IRQS || nr >= vm->gic.nr_irqs)
		return -EINVAL;
	vm->gic.level[nr] = arg->level;
	return 0;
}
