/* SPDX-License-Identifier: BSD-2-Clause */
/* The typed calls. One line each where the kernel's interface allows it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include "kvm/kvm.h"
#include "util/cleanup.h"

/* KVM's API version has been 12 since 2.6.22 and will stay so; the kernel says to insist on it. */
#define KVM_STABLE_API 12

/* For requests whose argument is a number, not a pointer. */
static void *number(unsigned long n)
{
	return (void *)n;
}

int kvm_open(const char *path, struct err *e)
{
	autofd int fd = open(path, O_RDWR | O_CLOEXEC);
	int version;

	if (fd < 0 && (errno == ENOENT || errno == ENXIO || errno == ENODEV))
		return err_sys(e,
			       "cannot open %s (is KVM enabled in this host's kernel, and was it "
			       "booted at EL2?)",
			       path);
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return err_sys(e,
			       "no permission to use %s (join the group that owns it, usually "
			       "kvm, or run as root)",
			       path);
	if (fd < 0)
		return err_sys(e, "cannot open %s", path);

	version = kvm_ioctl(fd, KVM_GET_API_VERSION, NULL);
	if (version < 0)
		return err_set(e, ENODEV, "%s is not a KVM device", path);
	if (version != KVM_STABLE_API)
		return err_set(e, ENODEV, "%s speaks KVM API version %d; lkvm needs %d", path,
			       version, KVM_STABLE_API);
	if (kvm_check_extension(fd, KVM_CAP_ARM_PSCI_0_2) <= 0)
		return err_set(e, ENODEV, "the KVM behind %s is not that of a 64-bit Arm host",
			       path);
	return take_fd(&fd);
}

int kvm_check_extension(int fd, int cap)
{
	return kvm_ioctl(fd, KVM_CHECK_EXTENSION, number((unsigned long)cap));
}

int kvm_vcpu_mmap_size(int kvm)
{
	return kvm_ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, NULL);
}

int kvm_create_vm(int kvm, unsigned long type)
{
	return kvm_ioctl(kvm, KVM_CREATE_VM, number(type));
}

int kvm_enable_cap(int vm, uint32_t cap)
{
	struct kvm_enable_cap arg = { .cap = cap };

	return kvm_ioctl(vm, KVM_ENABLE_CAP, &arg);
}

int kvm_set_memory(int vm, uint32_t slot, uint64_t gpa, uint64_t size, void *host)
{
	struct kvm_userspace_memory_region arg = {
		.slot = slot,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	return kvm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &arg);
}

int kvm_irq_line(int vm, uint32_t irq, bool level)
{
	struct kvm_irq_level arg = { .irq = irq, .level = level };

	return kvm_ioctl(vm, KVM_IRQ_LINE, &arg);
}

int kvm_preferred_target(int vm, struct kvm_vcpu_init *init)
{
	return kvm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, init);
}

int kvm_create_device(int vm, uint32_t type)
{
	struct kvm_create_device arg = { .type = type };
	int ret = kvm_ioctl(vm, KVM_CREATE_DEVICE, &arg);

	return ret < 0 ? ret : (int)arg.fd;
}

int kvm_has_device(int vm, uint32_t type)
{
	struct kvm_create_device arg = { .type = type, .flags = KVM_CREATE_DEVICE_TEST };

	return kvm_ioctl(vm, KVM_CREATE_DEVICE, &arg);
}

static int device_attr(int fd, unsigned long request, uint32_t group, uint64_t attr,
		       const void *value)
{
	struct kvm_device_attr arg = { .group = group, .attr = attr, .addr = (uintptr_t)value };

	return kvm_ioctl(fd, request, &arg);
}

int kvm_device_set(int fd, uint32_t group, uint64_t attr, const void *value)
{
	return device_attr(fd, KVM_SET_DEVICE_ATTR, group, attr, value);
}

int kvm_device_has(int fd, uint32_t group, uint64_t attr)
{
	return device_attr(fd, KVM_HAS_DEVICE_ATTR, group, attr, NULL);
}

int kvm_create_vcpu(int vm, unsigned long id)
{
	return kvm_ioctl(vm, KVM_CREATE_VCPU, number(id));
}

int kvm_vcpu_init(int vcpu, const struct kvm_vcpu_init *init)
{
	struct kvm_vcpu_init arg = *init;

	return kvm_ioctl(vcpu, KVM_ARM_VCPU_INIT, &arg);
}

int kvm_vcpu_finalize(int vcpu, int feature)
{
	return kvm_ioctl(vcpu, KVM_ARM_VCPU_FINALIZE, &feature);
}

int kvm_get_reg(int vcpu, uint64_t id, uint64_t *value)
{
	struct kvm_one_reg arg = { .id = id, .addr = (uintptr_t)value };

	return kvm_ioctl(vcpu, KVM_GET_ONE_REG, &arg);
}

int kvm_set_reg(int vcpu, uint64_t id, uint64_t value)
{
	struct kvm_one_reg arg = { .id = id, .addr = (uintptr_t)&value };

	return kvm_ioctl(vcpu, KVM_SET_ONE_REG, &arg);
}

int kvm_inject_external_abort(int vcpu)
{
	struct kvm_vcpu_events events;

	memset(&events, 0, sizeof(events));
	events.exception.ext_dabt_pending = 1;
	return kvm_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &events);
}

int kvm_run(int vcpu)
{
	return kvm_ioctl(vcpu, KVM_RUN, NULL);
}
