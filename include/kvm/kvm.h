/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's ioctls as typed calls: the only code that knows request numbers
 * (Documentation/virt/kvm/api.rst). Each returns a value >= 0 or -errno and says nothing: the caller
 * knows what it was trying to do. Descriptors belong to the caller and are close-on-exec.
 */
#ifndef LKVM_KVM_KVM_H
#define LKVM_KVM_KVM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/kvm.h>
#include "kvm/newer.h"
#include "util/err.h"

/*
 * The one door to the kernel: ioctl(2), or what a test puts in its place.
 * Returns the ioctl's value, or -errno.
 */
int kvm_ioctl(int fd, unsigned long request, void *arg);

/*
 * Opens the KVM device at @path and makes sure that it is an arm64 KVM with the stable API.
 * Returns the descriptor, or -errno with @e set: no device, no permission, not KVM, not arm64.
 */
int kvm_open(const char *path, struct err *e);

/* System and VM. */
int kvm_check_extension(int fd, int cap); /* 0: not there; its number otherwise */
int kvm_vcpu_mmap_size(int kvm);
int kvm_create_vm(int kvm, unsigned long type);
int kvm_enable_cap(int vm, uint32_t cap);
/* What becomes of @nr function ids from @base on: KVM_SMCCC_FILTER_*. Before any vCPU runs. */
int kvm_filter_smccc(int vm, uint32_t base, uint32_t nr, uint8_t action);
/* @flags: KVM_MEM_LOG_DIRTY_PAGES, or 0. For a slot that there is, all else being as it was, they change. */
int kvm_set_memory(int vm, uint32_t slot, uint64_t gpa, uint64_t size, void *host, uint32_t flags);
/*
 * Which of the slot's pages (the host's) the guest has written to since this was last asked: a bit each in @bitmap, words of
 * 64 as many as it takes. If the slot's writes are logged.
 */
int kvm_get_dirty_log(int vm, uint32_t slot, uint64_t *bitmap);
int kvm_irq_line(int vm, uint32_t irq, bool level);
/*
 * Signals eventfd @fd in place of leaving the guest when it writes @len bytes (1, 2, 4, 8; 0: any number) at
 * @gpa, with @match only if it writes @value; @match wants a @len. @assign false ends what the same
 * arguments began.
 */
struct kvm_bell {
	uint64_t gpa, value;
	uint32_t len;
	bool match;
};
int kvm_ioeventfd(int vm, int fd, const struct kvm_bell *bell, bool assign);
/* @device, as the interrupt controller knows it, writes @data to @addr. 1: delivered; 0: the guest blocks it. */
int kvm_signal_msi(int vm, uint32_t device, uint64_t addr, uint32_t data);
int kvm_preferred_target(int vm, struct kvm_vcpu_init *init);
/* The writable bits of each feature ID register, at KVM_ARM_FEATURE_ID_RANGE's index for it. */
int kvm_writable_masks(int vm, uint64_t masks[KVM_ARM_FEATURE_ID_RANGE_SIZE]);

/* Devices (the GIC). */
int kvm_create_device(int vm, uint32_t type);
int kvm_has_device(int vm, uint32_t type); /* 0: it can be created */
int kvm_device_set(int fd, uint32_t group, uint64_t attr, const void *value);
int kvm_device_has(int fd, uint32_t group, uint64_t attr); /* 0: it has */
int kvm_device_get(int fd, uint32_t group, uint64_t attr, void *value);

/* vCPUs. KVM_SET_DEVICE_ATTR works on a vCPU too: kvm_device_set(). */
int kvm_create_vcpu(int vm, unsigned long id);
int kvm_vcpu_init(int vcpu, const struct kvm_vcpu_init *init);
int kvm_vcpu_finalize(int vcpu, int feature);
int kvm_get_reg(int vcpu, uint64_t id, uint64_t *value); /* 64-bit registers */
int kvm_set_reg(int vcpu, uint64_t id, uint64_t value);
/* KVM_MP_STATE_*. On the vCPU's own thread: another would wait until it leaves KVM_RUN. */
int kvm_get_mp_state(int vcpu, uint32_t *state);
int kvm_set_mp_state(int vcpu, uint32_t state);
/* Any size: @value has KVM_REG_SIZE(id) bytes, as the kernel lays them out. */
int kvm_get_reg_bytes(int vcpu, uint64_t id, void *value);
int kvm_set_reg_bytes(int vcpu, uint64_t id, const void *value);
/*
 * The ids of all registers, malloc()ed into *ids, the caller's to free. Returns how many, or -errno
 * with *ids NULL.
 */
ssize_t kvm_list_regs(int vcpu, uint64_t **ids);
/* Exceptions that wait to be taken: SErrors (KVM_GET_VCPU_EVENTS). */
int kvm_get_events(int vcpu, struct kvm_vcpu_events *events);
int kvm_set_events(int vcpu, const struct kvm_vcpu_events *events);
/* Breakpoints, watchpoints and steps of whoever debugs the guest; from when the vCPU next runs. */
int kvm_set_guest_debug(int vcpu, const struct kvm_guest_debug *debug);
int kvm_inject_external_abort(int vcpu); /* synchronous, for the access that just exited */
int kvm_run(int vcpu);

#endif
