/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A KVM made from a host profile: it answers every request of a probe as the host of that profile
 * would, and is linked in place of kvm/ioctl.c. So what is probed must be the profile again.
 */
#ifndef LKVM_UNIT_PAPER_KVM_H
#define LKVM_UNIT_PAPER_KVM_H

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>
#include "arm/compare.h"
#include "arm/psci.h"
#include "facts.h"

#define PAPER_FDS  64
#define PAPER_REGS 1200

struct paper_object {
	enum { PAPER_NONE, PAPER_VM, PAPER_VCPU, PAPER_GIC } kind;
	uint32_t features, gic;
	bool initialised, finalised, ready;
	struct {
		uint64_t id, value;
	} set[PAPER_REGS]; /* registers written */
	unsigned int nr_set;
};

static struct {
	const struct host_profile *host;
	struct paper_object object[PAPER_FDS]; /* by descriptor */
	unsigned int nr_requests, fail_at;     /* 0: none fails */
	unsigned long failed;                  /* the request that did */
} paper;

static int paper_fd(int kind)
{
	int fd = memfd_create("paper", MFD_CLOEXEC);

	if (fd < 0 || fd >= PAPER_FDS)
		abort();
	memset(&paper.object[fd], 0, sizeof(paper.object[fd]));
	paper.object[fd].kind = kind;
	return fd;
}

static int paper_extension(uint64_t cap)
{
	switch (cap) {
	case KVM_CAP_ARM_PSCI_0_2:
		return 1;
	case KVM_CAP_ARM_VM_IPA_SIZE:
		return (int)paper.host->ipa_bits;
	case KVM_CAP_MAX_VCPUS:
		return (int)paper.host->max_vcpus;
	case KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES:
		return paper.host->masks_told;
	default:
		return cap < CAPABILITY_NR ? paper.host->cap[cap] : 0;
	}
}

static int paper_init(struct paper_object *o, const struct kvm_vcpu_init *arg)
{
	uint32_t features = arg->features[0];

	if (features & ~paper.host->vcpu_features ||
	    (features & FACTS_PTRAUTH && (features & FACTS_PTRAUTH) != FACTS_PTRAUTH))
		return -EINVAL;
	o->features = features;
	o->initialised = true;
	o->finalised = !(features & 1u << KVM_ARM_VCPU_SVE);
	return 0;
}

static const struct profile_dump *paper_dump(const struct paper_object *o)
{
	return o->features == paper.host->full.features ? &paper.host->full : &paper.host->base;
}

static int paper_list(const struct paper_object *o, struct kvm_reg_list *list)
{
	const struct profile_dump *dump = paper_dump(o);

	if (list->n < dump->nr) {
		list->n = dump->nr;
		return -E2BIG;
	}
	list->n = dump->nr;
	/* From the last to the first: a probe must not count on any order. */
	for (size_t i = 0; i < dump->nr; i++)
		list->reg[i] = dump->reg[dump->nr - 1 - i].id;
	return 0;
}

static int paper_get(const struct paper_object *o, const struct kvm_one_reg *arg)
{
	const struct profile_dump *dump = paper_dump(o);
	void *to = (void *)(uintptr_t)arg->addr;
	size_t size = register_size(arg->id);

	if (!o->initialised || !o->finalised)
		return -EPERM;
	for (unsigned int i = o->nr_set; i-- > 0;) {
		if (o->set[i].id == arg->id) {
			memcpy(to, &o->set[i].value, size);
			return 0;
		}
	}
	for (size_t i = 0; i < dump->nr; i++) {
		const struct profile_register *reg = &dump->reg[i];

		if (reg->id == arg->id) {
			memcpy(to, reg->wide ? (const void *)reg->wide : &reg->value, size);
			return 0;
		}
	}
	return -ENOENT;
}

static int paper_set(struct paper_object *o, const struct kvm_one_reg *arg)
{
	uint64_t value = 0;
	unsigned int i;
	int ret;

	if (register_size(arg->id) > sizeof(value))
		return -EINVAL;
	memcpy(&value, (const void *)(uintptr_t)arg->addr, register_size(arg->id));
	ret = compare_write(paper.host, o->features, arg->id, value);
	if (ret || register_kind(arg->id) == REGISTER_LEVEL)
		return -ret;
	for (i = 0; i < o->nr_set && o->set[i].id != arg->id; i++)
		;
	o->set[i].id = arg->id;
	o->set[i].value = value;
	if (i == o->nr_set)
		o->nr_set++;
	return 0;
}

static int paper_masks(const struct reg_mask_range *arg)
{
	uint64_t *masks = (uint64_t *)(uintptr_t)arg->addr;

	if (!paper.host->masks_told)
		return -ENOTTY;
	for (size_t i = 0; i < paper.host->nr_masks; i++) {
		uint64_t id = paper.host->mask[i].id;
		unsigned int op1 = id >> 11 & 7;

		if (register_kind(id) == REGISTER_ID)
			masks[(op1 == 3 ? 2 : op1) * 64 + (id & 0x3f)] = paper.host->mask[i].mask;
	}
	return 0;
}

static int paper_device(struct kvm_create_device *arg)
{
	bool test = arg->flags & KVM_CREATE_DEVICE_TEST;
	uint32_t iidr = arg->type == KVM_DEV_TYPE_ARM_VGIC_V2   ? paper.host->gicv2_iidr
			: arg->type == KVM_DEV_TYPE_ARM_VGIC_V3 ? paper.host->gicv3_iidr
								: (uint32_t)paper.host->its;

	if (!iidr)
		return -ENODEV;
	if (test)
		return 0;
	arg->fd = (uint32_t)paper_fd(PAPER_GIC);
	paper.object[arg->fd].gic = arg->type;
	return 0;
}

static int paper_gic(struct paper_object *o, unsigned long request,
		     const struct kvm_device_attr *arg)
{
	bool v3 = o->gic == KVM_DEV_TYPE_ARM_VGIC_V3;

	if (request == KVM_SET_DEVICE_ATTR) {
		o->ready |= arg->group == KVM_DEV_ARM_VGIC_GRP_CTRL;
		return 0;
	}
	if (request != KVM_GET_DEVICE_ATTR || arg->group != KVM_DEV_ARM_VGIC_GRP_DIST_REGS ||
	    arg->attr != 8)
		return -ENXIO;
	if (!o->ready)
		return -EBUSY;
	*(uint32_t *)(uintptr_t)arg->addr = v3 ? paper.host->gicv3_iidr : paper.host->gicv2_iidr;
	return 0;
}

static int paper_vm(unsigned long request, void *arg)
{
	const struct kvm_device_attr *attr = arg;

	switch (request) {
	case KVM_CHECK_EXTENSION:
		return paper_extension((uintptr_t)arg);
	case KVM_ARM_PREFERRED_TARGET:
		((struct kvm_vcpu_init *)arg)->target = KVM_ARM_TARGET_GENERIC_V8;
		return 0;
	case KVM_CREATE_VCPU:
		return paper_fd(PAPER_VCPU);
	case KVM_CREATE_DEVICE:
		return paper_device(arg);
	case KVM_HAS_DEVICE_ATTR:
		return paper.host->smccc_filter && attr->group == KVM_ARM_VM_SMCCC_CTRL &&
				       attr->attr == KVM_ARM_VM_SMCCC_FILTER
			       ? 0
			       : -ENXIO;
	case KVM_ARM_GET_REG_WRITABLE_MASKS:
		return paper_masks(arg);
	default:
		return -ENOTTY;
	}
}

static int paper_vcpu(struct paper_object *o, unsigned long request, void *arg)
{
	const struct kvm_device_attr *attr = arg;

	switch (request) {
	case KVM_ARM_VCPU_INIT:
		return paper_init(o, arg);
	case KVM_ARM_VCPU_FINALIZE:
		o->finalised = true;
		return 0;
	case KVM_GET_REG_LIST:
		return paper_list(o, arg);
	case KVM_GET_ONE_REG:
		return paper_get(o, arg);
	case KVM_SET_ONE_REG:
		return paper_set(o, arg);
	case KVM_HAS_DEVICE_ATTR:
		return paper.host->pvtime && attr->group == KVM_ARM_VCPU_PVTIME_CTRL ? 0 : -ENXIO;
	default:
		return -ENOTTY;
	}
}

int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	struct paper_object *o = &paper.object[fd];

	if (++paper.nr_requests == paper.fail_at) {
		paper.failed = request;
		return -EIO;
	}
	switch (request == KVM_GET_API_VERSION || request == KVM_CREATE_VM ? PAPER_NONE : o->kind) {
	case PAPER_VM:
		return paper_vm(request, arg);
	case PAPER_VCPU:
		return paper_vcpu(o, request, arg);
	case PAPER_GIC:
		return paper_gic(o, request, arg);
	default:
		break;
	}
	switch (request) {
	case KVM_GET_API_VERSION:
		return 12;
	case KVM_CHECK_EXTENSION:
		return paper_extension((uintptr_t)arg);
	case KVM_CREATE_VM:
		return paper_fd(PAPER_VM);
	default:
		return -ENOTTY;
	}
}

/* From here on KVM is that of @host, the caller's. Request @fail_at (from 1; 0: none) fails with EIO. */
static void paper_start(const struct host_profile *host, unsigned int fail_at)
{
	memset(&paper, 0, sizeof(paper));
	paper.host = host;
	paper.fail_at = fail_at;
}

#endif
