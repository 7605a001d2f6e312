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

int kvm_filter_smccc(int vm, uint32_t base, uint32_t nr, uint8_t action)
{
	struct kvm_smccc_filter arg = { .base = base, .nr_functions = nr, .action = action };

	return kvm_device_set(vm, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER, &arg);
}

int kvm_set_memory(int vm, uint32_t slot, uint64_t gpa, uint64_t size, void *host, uint32_t flags)
{
	struct kvm_userspace_memory_region arg = {
		.slot = slot,
		.flags = flags,
		.guest_phys_addr = gpa,
		.memory_size = size,
		.userspace_addr = (uintptr_t)host,
	};

	return kvm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &arg);
}

int kvm_get_dirty_log(int vm, uint32_t slot, uint64_t *bitmap)
{
	struct kvm_dirty_log arg = { .slot = slot, .dirty_bitmap = bitmap };

	return kvm_ioctl(vm, KVM_GET_DIRTY_LOG, &arg);
}

int kvm_irq_line(int vm, uint32_t irq, bool level)
{
	struct kvm_irq_level arg = { .irq = irq, .level = level };

	return kvm_ioctl(vm, KVM_IRQ_LINE, &arg);
}

int kvm_ioeventfd(int vm, int fd, const struct kvm_bell *bell, bool assign)
{
	struct kvm_ioeventfd arg = {
		.datamatch = bell->value,
		.addr = bell->gpa,
		.len = bell->len,
		.fd = fd,
		.flags = (bell->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0) |
			 (assign ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
	};

	return kvm_ioctl(vm, KVM_IOEVENTFD, &arg);
}

int kvm_signal_msi(int vm, uint32_t device, uint64_t addr, uint32_t data)
{
	struct kvm_msi arg = {
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = data,
		.flags = KVM_MSI_VALID_DEVID,
		.devid = device,
	};

	return kvm_ioctl(vm, KVM_SIGNAL_MSI, &arg);
}

int kvm_preferred_target(int vm, struct kvm_vcpu_init *init)
{
	return kvm_ioctl(vm, KVM_ARM_PREFERRED_TARGET, init);
}

int kvm_writable_masks(int vm, uint64_t masks[KVM_ARM_FEATURE_ID_RANGE_SIZE])
{
	struct reg_mask_range arg = { .addr = (uintptr_t)masks, .range = KVM_ARM_FEATURE_ID_RANGE };

	return kvm_ioctl(vm, KVM_ARM_GET_REG_WRITABLE_MASKS, &arg);
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

int kvm_device_get(int fd, uint32_t group, uint64_t attr, void *value)
{
	return device_attr(fd, KVM_GET_DEVICE_ATTR, group, attr, value);
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

int kvm_get_mp_state(int vcpu, uint32_t *state)
{
	struct kvm_mp_state arg = { 0 };
	int ret = kvm_ioctl(vcpu, KVM_GET_MP_STATE, &arg);

	if (ret == 0)
		*state = arg.mp_state;
	return ret;
}

int kvm_set_mp_state(int vcpu, uint32_t state)
{
	struct kvm_mp_state arg = { .mp_state = state };

	return kvm_ioctl(vcpu, KVM_SET_MP_STATE, &arg);
}

int kvm_get_reg_bytes(int vcpu, uint64_t id, void *value)
{
	struct kvm_one_reg arg = { .id = id, .addr = (uintptr_t)value };

	return kvm_ioctl(vcpu, KVM_GET_ONE_REG, &arg);
}

int kvm_set_reg_bytes(int vcpu, uint64_t id, const void *value)
{
	struct kvm_one_reg arg = { .id = id, .addr = (uintptr_t)value };

	return kvm_ioctl(vcpu, KVM_SET_ONE_REG, &arg);
}

/* The kernel writes how many there are into a list that is too short. */
ssize_t kvm_list_regs(int vcpu, uint64_t **ids)
{
	struct kvm_reg_list probe = { .n = 0 };
	autofree struct kvm_reg_list *list = NULL;
	int ret = kvm_ioctl(vcpu, KVM_GET_REG_LIST, &probe);

	*ids = NULL;
	if (ret < 0 && ret != -E2BIG)
		return ret;
	list = calloc(1, sizeof(*list) + probe.n * sizeof(list->reg[0]));
	*ids = calloc(probe.n ? probe.n : 1, sizeof(**ids));
	if (!list || !*ids)
		ret = -ENOMEM;
	else {
		list->n = probe.n;
		ret = kvm_ioctl(vcpu, KVM_GET_REG_LIST, list);
	}
	if (ret < 0) {
		free(*ids);
		*ids = NULL;
		return ret;
	}
	memcpy(*ids, list->reg, list->n * sizeof(**ids));
	return (ssize_t)list->n;
}

int kvm_get_events(int vcpu, struct kvm_vcpu_events *events)
{
	memset(events, 0, sizeof(*events));
	return kvm_ioctl(vcpu, KVM_GET_VCPU_EVENTS, events);
}

int kvm_set_events(int vcpu, const struct kvm_vcpu_events *events)
{
	struct kvm_vcpu_events arg = *events;

	return kvm_ioctl(vcpu, KVM_SET_VCPU_EVENTS, &arg);
}

int kvm_set_guest_debug(int vcpu, const struct kvm_guest_debug *debug)
{
	struct kvm_guest_debug arg = *debug;

	return kvm_ioctl(vcpu, KVM_SET_GUEST_DEBUG, &arg);
}

int kvm_inject_external_abort(int vcpu)
{
	struct kvm_vcpu_events events;

	memset(&events, 0, sizeof(events));
	events.exception.ext_dabt_pending = 1;
	return kvm_set_events(vcpu, &events);
}

int kvm_run(int vcpu)
{
	return kvm_ioctl(vcpu, KVM_RUN, NULL);
}
