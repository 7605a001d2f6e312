/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * floor FILE MIB: the least that a program can do to run a guest on KVM: one vCPU, RAM, a GICv3, the
 * flat binary FILE at the start of RAM, until the guest powers off. No options, no devices, no
 * device tree, no clean-up: the measure that lkvm's start is set beside. Accesses to devices read
 * as zero, and cost what leaving and entering the guest costs.
 *
 * Its status is 0 if the guest powered off, and otherwise the number of the step that failed.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM  0x40000000ULL
#define GICD 0x08000000ULL
#define GICR 0x080a0000ULL
#define PC   (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(regs.pc))

static int set_attr(int fd, uint32_t group, uint64_t attr, const void *value)
{
	struct kvm_device_attr arg = { .group = group, .attr = attr, .addr = (uintptr_t)value };

	return ioctl(fd, KVM_SET_DEVICE_ATTR, &arg);
}

int main(int argc, char **argv)
{
	uint64_t gicd = GICD, gicr = GICR, pc = RAM, size;
	struct kvm_userspace_memory_region region = { .guest_phys_addr = RAM };
	struct kvm_create_device gic = { .type = KVM_DEV_TYPE_ARM_VGIC_V3 };
	struct kvm_one_reg reg = { .id = PC, .addr = (uintptr_t)&pc };
	struct kvm_vcpu_init init;
	struct kvm_run *run;
	int kvm, vm, vcpu, file;
	void *ram;

	if (argc != 3)
		return 1;
	size = strtoull(argv[2], NULL, 10) << 20;

	kvm = open("/dev/kvm", O_RDWR);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return 2;
	ram = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		   -1, 0);
	file = open(argv[1], O_RDONLY);
	if (ram == MAP_FAILED || read(file, ram, size) <= 0)
		return 3;
	region.memory_size = size;
	region.userspace_addr = (uintptr_t)ram;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return 4;

	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0 || ioctl(vm, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		return 5;
	init.features[0] |= 1u << KVM_ARM_VCPU_PSCI_0_2;
	if (ioctl(vcpu, KVM_ARM_VCPU_INIT, &init) < 0 || ioctl(vcpu, KVM_SET_ONE_REG, &reg) < 0)
		return 6;
	run = mmap(NULL, (size_t)ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0), PROT_READ | PROT_WRITE,
		   MAP_SHARED, vcpu, 0);
	if (run == MAP_FAILED)
		return 7;

	if (ioctl(vm, KVM_CREATE_DEVICE, &gic) < 0 ||
	    set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &gicd) < 0 ||
	    set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST, &gicr) < 0 ||
	    set_attr(gic.fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT, NULL) < 0)
		return 8;

	do {
		if (ioctl(vcpu, KVM_RUN, 0) < 0)
			return 9;
		if (run->exit_reason == KVM_EXIT_MMIO)
			memset(run->mmio.data, 0, sizeof(run->mmio.data));
	} while (run->exit_reason == KVM_EXIT_MMIO);
	return run->exit_reason == KVM_EXIT_SYSTEM_EVENT &&
			       run->system_event.type == KVM_SYSTEM_EVENT_SHUTDOWN
		       ? 0
		       : 10;
}
