/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The probe of `lkvm host`. What can only be learnt by writing is written to VMs that are thrown
 * away: PSCI versions, bits of firmware bitmaps, levels of mitigations, and, where KVM does not tell
 * them, the bits of ID registers that may be changed.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#include "arm/map.h"
#include "arm/probe.h"
#include "arm/psci.h"
#include "arm/registers.h"
#include "kvm/kvm.h"
#include "util/cleanup.h"

#define PSCI_0_2 (1u << KVM_ARM_VCPU_PSCI_0_2)
#define PTRAUTH  (1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1u << KVM_ARM_VCPU_PTRAUTH_GENERIC)

/* What a vCPU that lkvm starts may have beside PSCI; each is tried alone. */
static const uint32_t optional[] = { 1u << KVM_ARM_VCPU_PMU_V3, 1u << KVM_ARM_VCPU_SVE, PTRAUTH };
/* What changes the kind of the vCPU: told, but not part of the full dump. */
static const uint32_t other_kinds[] = { 1u << KVM_ARM_VCPU_EL1_32BIT, 1u << KVM_ARM_VCPU_HAS_EL2 };

/* Levels of a mitigation are small, and WORKAROUND_2 has a flag in bit 4. */
#define LEVEL_VALUES 32

/* PSCI versions are tried by number, so that those of the future are found. */
#define PSCI_MAJOR_MAX 2
#define PSCI_MINOR_MAX 15

#define CCSIDR_LINE_SIZE 7ULL

struct scratch {
	int vm, vcpu;
	uint32_t features;
};

#define SCRATCH_NONE ((struct scratch){ .vm = -1, .vcpu = -1 })

static void scratch_close(struct scratch *s)
{
	close_fd(&s->vcpu);
	close_fd(&s->vm);
}

#define autoscratch __attribute__((cleanup(scratch_close)))

/* A VM as lkvm makes it: with as few address bits as its memory needs. */
static int create_vm(int kvm)
{
	int limit = kvm_check_extension(kvm, KVM_CAP_ARM_VM_IPA_SIZE);
	int vm;

	do {
		vm = kvm_create_vm(kvm, limit > 0 ? KVM_VM_TYPE_ARM_IPA_SIZE(32ul) : 0);
	} while (vm == -EINTR);
	return vm;
}

/*
 * A VM with one vCPU that has exactly @features. Returns 0 or -errno; scratch_close() also after a
 * failure.
 */
static int scratch_open(struct scratch *s, int kvm, uint32_t features)
{
	struct kvm_vcpu_init init;
	int ret;

	*s = SCRATCH_NONE;
	s->features = features;
	ret = s->vm = create_vm(kvm);
	memset(&init, 0, sizeof(init));
	if (ret >= 0)
		ret = kvm_preferred_target(s->vm, &init);
	if (ret >= 0)
		ret = s->vcpu = kvm_create_vcpu(s->vm, 0);
	init.features[0] = features;
	if (ret >= 0)
		ret = kvm_vcpu_init(s->vcpu, &init);
	if (ret >= 0 && features & 1u << KVM_ARM_VCPU_SVE)
		ret = kvm_vcpu_finalize(s->vcpu, KVM_ARM_VCPU_SVE);
	return ret < 0 ? ret : 0;
}

static bool takes_features(int kvm, uint32_t features)
{
	autoscratch struct scratch s = SCRATCH_NONE;

	return scratch_open(&s, kvm, features) == 0;
}

/* Sets p->vcpu_features, and the features of the two dumps. */
static int probe_features(int kvm, struct host_profile *p, struct err *e)
{
	autoscratch struct scratch s = SCRATCH_NONE;
	int ret = scratch_open(&s, kvm, PSCI_0_2);

	if (ret < 0)
		return err_set(e, -ret, "KVM cannot make a VM with one vCPU to ask it: %s",
			       strerror(-ret));
	p->base.features = p->full.features = PSCI_0_2;
	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++) {
		if (takes_features(kvm, PSCI_0_2 | optional[i]))
			p->full.features |= optional[i];
	}
	/* Each alone and not all together: no KVM is known to do so. Less is then told. */
	if (!takes_features(kvm, p->full.features))
		p->full.features = PSCI_0_2;
	p->vcpu_features = p->full.features;
	for (size_t i = 0; i < sizeof(other_kinds) / sizeof(other_kinds[0]); i++) {
		if (takes_features(kvm, PSCI_0_2 | other_kinds[i]))
			p->vcpu_features |= other_kinds[i];
	}
	return 0;
}

static void probe_system(int kvm, int vm, struct host_profile *p)
{
	struct utsname name;
	int ret = kvm_check_extension(kvm, KVM_CAP_ARM_VM_IPA_SIZE);

	if (uname(&name) == 0)
		snprintf(p->kernel, sizeof(p->kernel), "%.60s %.64s", name.sysname, name.release);
	p->page_size = (uint32_t)sysconf(_SC_PAGESIZE);
	p->counter_hz = counter_frequency();
	p->ipa_bits = ret > 0 ? (uint32_t)ret : 40;
	ret = kvm_check_extension(kvm, KVM_CAP_MAX_VCPUS);
	p->max_vcpus = ret > 0 ? (uint32_t)ret : 0;
	for (int cap = 0; cap < CAPABILITY_NR; cap++) {
		ret = kvm_check_extension(vm, cap);
		p->cap[cap] = ret > 0 ? ret : 0;
	}
	p->smccc_filter = kvm_device_has(vm, KVM_ARM_VM_SMCCC_CTRL, KVM_ARM_VM_SMCCC_FILTER) == 0;
}

/* Every register of @s, wide ones included. One that is listed and cannot be read is left out. */
static int probe_dump(const struct scratch *s, struct profile_dump *dump, struct err *e)
{
	autofree uint64_t *ids = NULL;
	ssize_t nr = kvm_list_regs(s->vcpu, &ids);

	if (nr < 0)
		return err_set(e, (int)-nr, "KVM does not list a vCPU's registers: %s",
			       strerror((int)-nr));
	dump->reg = calloc((size_t)nr + 1, sizeof(*dump->reg));
	if (!dump->reg)
		return err_sys(e, "cannot keep a vCPU's registers");
	for (ssize_t i = 0; i < nr; i++) {
		struct profile_register *reg = &dump->reg[dump->nr];
		uint8_t bytes[REGISTER_BYTES_MAX] = { 0 };
		size_t size = register_size(ids[i]);

		if (!size || kvm_get_reg_bytes(s->vcpu, ids[i], bytes) < 0)
			continue;
		*reg = (struct profile_register){ .id = ids[i] };
		memcpy(&reg->value, bytes, sizeof(reg->value));
		if (size > sizeof(reg->value)) {
			reg->wide = malloc(size);
			if (!reg->wide)
				return err_sys(e, "cannot keep a vCPU's registers");
			memcpy(reg->wide, bytes, size);
		}
		dump->nr++;
	}
	return 0;
}

/* Whether the register takes @value and gives it back. */
static bool takes(int vcpu, uint64_t id, uint64_t value)
{
	uint64_t got = 0;

	return kvm_set_reg_bytes(vcpu, id, &value) >= 0 && kvm_get_reg_bytes(vcpu, id, &got) >= 0 &&
	       got == value;
}

/* Without the feature there is 0.1 and nothing else; with it, what the register takes. */
static int probe_psci(int kvm, struct host_profile *p, struct err *e)
{
	autoscratch struct scratch s = SCRATCH_NONE;
	uint64_t best;

	if (takes_features(kvm, 0))
		p->psci[p->nr_psci++] = PSCI_VERSION(0, 1);
	if (scratch_open(&s, kvm, PSCI_0_2) < 0)
		return err_set(e, EIO, "KVM makes no second VM to ask");
	if (kvm_get_reg(s.vcpu, KVM_REG_ARM_PSCI_VERSION, &best) < 0) {
		p->psci[p->nr_psci++] = PSCI_VERSION(0, 2);
		return 0;
	}
	for (uint32_t major = 0; major <= PSCI_MAJOR_MAX; major++) {
		for (uint32_t minor = 0; minor <= PSCI_MINOR_MAX; minor++) {
			uint32_t version = PSCI_VERSION(major, minor);

			if (version > PSCI_VERSION(0, 1) && p->nr_psci < PROFILE_PSCI_MAX &&
			    takes(s.vcpu, KVM_REG_ARM_PSCI_VERSION, version))
				p->psci[p->nr_psci++] = version;
		}
	}
	return 0;
}

/* Firmware registers among those of the base dump, and what each takes: tried on a VM of their own. */
static int probe_firmware(int kvm, struct host_profile *p, struct err *e)
{
	autoscratch struct scratch s = SCRATCH_NONE;

	if (scratch_open(&s, kvm, p->base.features) < 0)
		return err_set(e, EIO, "KVM makes no further VM to ask");
	p->firmware = calloc(p->base.nr + 1, sizeof(*p->firmware));
	if (!p->firmware)
		return err_sys(e, "cannot keep the firmware registers");
	for (size_t i = 0; i < p->base.nr; i++) {
		uint64_t id = p->base.reg[i].id;
		enum register_kind kind = register_kind(id);
		struct profile_firmware fw = { .id = id, .value = p->base.reg[i].value };

		if (kind != REGISTER_PSCI && kind != REGISTER_LEVEL && kind != REGISTER_SERVICES)
			continue;
		for (unsigned int bit = 0; kind == REGISTER_SERVICES && bit < 64; bit++) {
			if (takes(s.vcpu, id, 1ULL << bit))
				fw.takes |= 1ULL << bit;
		}
		/* A level that is taken is not stored: nothing to read back. */
		for (uint64_t value = 0; kind == REGISTER_LEVEL && value < LEVEL_VALUES; value++) {
			if (kvm_set_reg(s.vcpu, id, value) >= 0)
				fw.takes |= 1ULL << value;
		}
		p->firmware[p->nr_firmware++] = fw;
	}
	return 0;
}

static void add_mask(struct host_profile *p, uint64_t id, uint64_t mask)
{
	if (mask)
		p->mask[p->nr_masks++] = (struct profile_mask){ .id = id, .mask = mask };
}

/*
 * The fields of an ID register that may be lowered by one, on a KVM that does not tell. (From 5.12
 * on a few may, long before KVM could be asked.)
 */
static uint64_t try_fields(int vcpu, uint64_t id, uint64_t value)
{
	uint64_t mask = 0, rest = value;

	while (rest) {
		struct register_field field =
			register_field_at(id, (unsigned int)__builtin_ctzll(rest));
		uint64_t bits = register_field_mask(field);

		if (takes(vcpu, id, value - (1ULL << field.lsb)))
			mask |= bits;
		rest &= ~bits;
	}
	kvm_set_reg(vcpu, id, value);
	return mask;
}

/*
 * The bits of a cache's description that may be changed, one by one. A line must not become shorter
 * than the CPU's, so that its length is tried from the longest on too.
 */
static uint64_t try_bits(int vcpu, uint64_t id, uint64_t value)
{
	uint64_t mask = 0;

	for (unsigned int bit = 0; bit < 8 * register_size(id); bit++) {
		if (takes(vcpu, id, value ^ 1ULL << bit) ||
		    takes(vcpu, id, (value | CCSIDR_LINE_SIZE) ^ 1ULL << bit))
			mask |= 1ULL << bit;
	}
	kvm_set_reg_bytes(vcpu, id, &value);
	return mask;
}

/* Where KVM's list of masks has the ID register: op1 is 0, 1 or 3, CRm and op2 count on. */
static unsigned int mask_index(uint64_t id)
{
	unsigned int op1 = (id & KVM_REG_ARM64_SYSREG_OP1_MASK) >> KVM_REG_ARM64_SYSREG_OP1_SHIFT;

	return (op1 == 3 ? 2 : op1) << 6 | (id & 0x3f);
}

/* On a vCPU with all features, so that those of optional ones are tried too. */
static int probe_masks(int kvm, struct host_profile *p, struct err *e)
{
	autoscratch struct scratch s = SCRATCH_NONE;
	uint64_t told[KVM_ARM_FEATURE_ID_RANGE_SIZE] = { 0 };

	if (scratch_open(&s, kvm, p->full.features) < 0)
		return err_set(e, EIO, "KVM makes no further VM to ask");
	p->mask = calloc(p->full.nr + 1, sizeof(*p->mask));
	if (!p->mask)
		return err_sys(e, "cannot keep what may be written of ID registers");
	p->masks_told = kvm_check_extension(s.vm, KVM_CAP_ARM_SUPPORTED_REG_MASK_RANGES) > 0 &&
			kvm_writable_masks(s.vm, told) >= 0;
	for (size_t i = 0; i < p->full.nr; i++) {
		uint64_t id = p->full.reg[i].id, value = p->full.reg[i].value;

		if (register_kind(id) == REGISTER_CACHE)
			add_mask(p, id, try_bits(s.vcpu, id, value));
		else if (register_kind(id) == REGISTER_ID && p->masks_told)
			add_mask(p, id, told[mask_index(id)]);
		else if (register_kind(id) == REGISTER_ID)
			add_mask(p, id, try_fields(s.vcpu, id, value));
	}
	return 0;
}

/* A GICv3 must be placed and initialised before its distributor can be read. */
static int place_gicv3(int gic)
{
	uint64_t dist = MAP_GICD, redist = MAP_GICR;
	int ret = kvm_device_set(gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_DIST, &dist);

	if (ret >= 0)
		ret = kvm_device_set(gic, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_V3_ADDR_TYPE_REDIST,
				     &redist);
	return ret;
}

#define GICD_IIDR 8

/* GICD_IIDR of a GIC of that type; 0: this host has none. One that hides it is told as 1. */
static uint32_t probe_gic(int kvm, uint32_t type)
{
	autoscratch struct scratch s = SCRATCH_NONE;
	autofd int gic = -1;
	uint32_t nr_irqs = 64, iidr = 0;
	int ret;

	if (scratch_open(&s, kvm, PSCI_0_2) < 0)
		return 0;
	gic = kvm_create_device(s.vm, type);
	if (gic < 0)
		return 0;
	ret = kvm_device_set(gic, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &nr_irqs);
	if (ret >= 0 && type == KVM_DEV_TYPE_ARM_VGIC_V3)
		ret = place_gicv3(gic);
	if (ret >= 0)
		ret = kvm_device_set(gic, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
				     NULL);
	if (ret >= 0)
		kvm_device_get(gic, KVM_DEV_ARM_VGIC_GRP_DIST_REGS, GICD_IIDR, &iidr);
	return iidr ? iidr : 1;
}

static int probe(int kvm, struct host_profile *p, struct err *e)
{
	autoscratch struct scratch base = SCRATCH_NONE, full = SCRATCH_NONE;
	int ret = probe_features(kvm, p, e);

	if (ret < 0)
		return ret;
	ret = scratch_open(&base, kvm, p->base.features);
	if (ret == 0)
		ret = scratch_open(&full, kvm, p->full.features);
	if (ret < 0)
		return err_set(e, -ret, "KVM cannot make a VM with one vCPU to ask it: %s",
			       strerror(-ret));
	probe_system(kvm, base.vm, p);
	p->pvtime =
		kvm_device_has(base.vcpu, KVM_ARM_VCPU_PVTIME_CTRL, KVM_ARM_VCPU_PVTIME_IPA) == 0;
	p->its = kvm_has_device(base.vm, KVM_DEV_TYPE_ARM_VGIC_ITS) == 0;
	ret = probe_dump(&base, &p->base, e);
	if (ret == 0)
		ret = probe_dump(&full, &p->full, e);
	if (ret == 0)
		ret = probe_psci(kvm, p, e);
	if (ret == 0)
		ret = probe_firmware(kvm, p, e);
	if (ret == 0)
		ret = probe_masks(kvm, p, e);
	if (ret < 0)
		return ret;
	p->gicv2_iidr = probe_gic(kvm, KVM_DEV_TYPE_ARM_VGIC_V2);
	p->gicv3_iidr = probe_gic(kvm, KVM_DEV_TYPE_ARM_VGIC_V3);
	return profile_sort(p, e);
}

int host_probe(const char *dev, struct host_profile *p, struct err *e)
{
	autofd int kvm = kvm_open(dev, e);
	int ret;

	*p = PROFILE_NONE;
	if (kvm < 0)
		return kvm;
	ret = probe(kvm, p, e);
	if (ret < 0)
		profile_free(p);
	return ret;
}
