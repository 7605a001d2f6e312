/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What wakes others on the fake KVM: KVM_IOEVENTFD, KVM_SIGNAL_MSI and the ITS (api.rst,
 * arm-vgic-its.rst).
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "fake_priv.h"

/* The register of an ITS that messages are written to: GITS_TRANSLATER. */
#define ITS_TRANSLATER 0x10040
#define ITS_SIZE       0x20000ULL

#define FLAGS_KNOWN (KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_DEASSIGN)

static bool same(const struct fake_bell *bell, const struct kvm_ioeventfd *arg)
{
	bool match = arg->flags & KVM_IOEVENTFD_FLAG_DATAMATCH;

	return bell->gpa == arg->addr && bell->len == arg->len && bell->fd == arg->fd &&
	       bell->match == match && (!match || bell->value == arg->datamatch);
}

/* As KVM's ioeventfd_check_collision(): a doorbell for everything stands in every other's way. */
static bool collides(const struct fake_bell *bell, const struct kvm_ioeventfd *arg)
{
	bool match = arg->flags & KVM_IOEVENTFD_FLAG_DATAMATCH;

	return bell->gpa == arg->addr &&
	       (!bell->len || !arg->len ||
		(bell->len == arg->len &&
		 (!bell->match || !match || bell->value == arg->datamatch)));
}

static int take_away(struct fake_vm *vm, const struct kvm_ioeventfd *arg)
{
	for (unsigned int i = 0; i < vm->nr_bells; i++) {
		if (same(&vm->bell[i], arg)) {
			vm->bell[i] = vm->bell[--vm->nr_bells];
			return 0;
		}
	}
	return -ENOENT;
}

int fake_ioeventfd(struct fake_vm *vm, const struct kvm_ioeventfd *arg)
{
	if ((arg->len && arg->len != 1 && arg->len != 2 && arg->len != 4 && arg->len != 8) ||
	    arg->addr + arg->len < arg->addr || arg->flags & ~FLAGS_KNOWN ||
	    (!arg->len && arg->flags & KVM_IOEVENTFD_FLAG_DATAMATCH))
		return -EINVAL;
	if (fcntl(arg->fd, F_GETFD) < 0)
		return -EBADF;
	if (arg->flags & KVM_IOEVENTFD_FLAG_DEASSIGN)
		return take_away(vm, arg);
	for (unsigned int i = 0; i < vm->nr_bells; i++) {
		if (collides(&vm->bell[i], arg))
			return -EEXIST;
	}
	if (vm->nr_bells == FAKE_BELLS)
		return -ENOSPC;
	vm->bell[vm->nr_bells++] = (struct fake_bell){
		.gpa = arg->addr,
		.value = arg->datamatch,
		.len = arg->len,
		.fd = arg->fd,
		.match = arg->flags & KVM_IOEVENTFD_FLAG_DATAMATCH,
	};
	return 0;
}

bool fake_ring(const struct fake_vm *vm, uint64_t gpa, unsigned int len, uint64_t value)
{
	for (unsigned int i = 0; i < vm->nr_bells; i++) {
		const struct fake_bell *bell = &vm->bell[i];

		if (bell->gpa == gpa && (!bell->len || bell->len == len) &&
		    (!bell->match || bell->value == value))
			return eventfd_write(bell->fd, 1) == 0;
	}
	return false;
}

unsigned int fake_nr_bells(void)
{
	unsigned int nr;

	fake_lock();
	nr = fake_newest()->nr_bells;
	fake_unlock();
	return nr;
}

int fake_its_create(struct fake_vm *vm, struct kvm_create_device *arg)
{
	int fd;

	if (vm->gic.type != KVM_DEV_TYPE_ARM_VGIC_V3)
		return -ENODEV;
	if (arg->flags & KVM_CREATE_DEVICE_TEST)
		return 0;
	fd = fake_new_fd((struct fake_object){ .kind = FAKE_ITS, .vm = vm }, 0);
	if (fd >= 0)
		arg->fd = (uint32_t)fd;
	return fd < 0 ? fd : 0;
}

int fake_its_set(struct fake_vm *vm, const struct kvm_device_attr *arg)
{
	if (arg->group == KVM_DEV_ARM_VGIC_GRP_ADDR && arg->attr == KVM_VGIC_ITS_ADDR_TYPE) {
		uint64_t addr = *(const uint64_t *)(uintptr_t)arg->addr;

		if (vm->its.placed)
			return -EBUSY;
		if (addr & 0xffff || addr >> vm->ipa_bits || (addr + ITS_SIZE - 1) >> vm->ipa_bits)
			return -EINVAL;
		vm->its.base = addr;
		vm->its.placed = true;
		return 0;
	}
	if (arg->group != KVM_DEV_ARM_VGIC_GRP_CTRL || arg->attr != KVM_DEV_ARM_VGIC_CTRL_INIT)
		return -ENXIO;
	/* The GIC comes first: what KVM would find out when the guest runs. */
	if (!vm->its.placed || !vm->gic.initialised)
		return -ENXIO;
	vm->its.initialised = true;
	return 0;
}

/* No table of a guest is looked into: any device and event is mapped. */
int fake_signal_msi(struct fake_vm *vm, const struct kvm_msi *arg)
{
	uint64_t addr = (uint64_t)arg->address_hi << 32 | arg->address_lo;

	if (!vm->its.initialised || !(arg->flags & KVM_MSI_VALID_DEVID))
		return -EINVAL;
	return addr == vm->its.base + ITS_TRANSLATER ? 1 : -EINVAL;
}
