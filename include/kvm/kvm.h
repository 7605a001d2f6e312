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
int kvm_set_memory(int vm, uint32_t slot, uint64_t gpa, uint64_t size, void *host);
int kvm_irq_line(int vm, uint32_t irq, bool level);
int kvm_preferred_target(int vm, struct kvm_vcpu_init *init);

/* Devices (the GIC). */
int kvm_create_device(int vm, uint32_t type);
int kvm_has_device(int vm, uint32_t type); /* 0: it can be created */
int kvm_device_set(int fd, uint32_t group, uint64_t attr, const void *value);
int kvm_device_has(int fd, uint32_t group, uint64_t attr);

/* vCPUs. KVM_SET_DEVICE_ATTR works on a vCPU too: kvm_device_set(). */
int kvm_create_vcpu(int vm, unsigned long id);
int kvm_vcpu_init(int vcpu, const struct kvm_vcpu_init *init);
int kvm_vcpu_finalize(int vcpu, int feature);
int kvm_get_reg(int vcpu, uint64_t id, uint64_t *value); /* 64-bit registers */
int kvm_set_reg(int vcpu, uint64_t id, uint64_t value);
int kvm_inject_external_abort(int vcpu); /* synchronous, for the access that just exited */
int kvm_run(int vcpu);

#endif
