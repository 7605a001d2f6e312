/* SPDX-License-Identifier: BSD-2-Clause */
/* Host profiles as data: kept in order, asked, written as a device tree. */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include "arm/profile.h"
#include "arm/registers.h"
#include "kvm/kvm.h"
#include "profile_names.h"
#include "util/bits.h"
#include "util/file.h"
#include "vm/dt.h"

/* By bit of struct kvm_vcpu_init. */
static const char *const feature_names[] = {
	[KVM_ARM_VCPU_EL1_32BIT] = "el1-32bit",
	[KVM_ARM_VCPU_PSCI_0_2] = "psci-0.2",
	[KVM_ARM_VCPU_PMU_V3] = "pmu",
	[KVM_ARM_VCPU_SVE] = "sve",
	[KVM_ARM_VCPU_PTRAUTH_ADDRESS] = "ptrauth-address",
	[KVM_ARM_VCPU_PTRAUTH_GENERIC] = "ptrauth-generic",
	[KVM_ARM_VCPU_HAS_EL2] = "el2",
};

const char *profile_feature_name(unsigned int bit)
{
	return bit < ARRAY_SIZE(feature_names) ? feature_names[bit] : NULL;
}

static void dump_free(struct profile_dump *dump)
{
	for (size_t i = 0; i < dump->nr; i++)
		free(dump->reg[i].wide);
	free(dump->reg);
}

void profile_free(struct host_profile *p)
{
	dump_free(&p->base);
	dump_free(&p->full);
	free(p->firmware);
	free(p->mask);
	*p = PROFILE_NONE;
}

/* Every kind of entry begins with its id. */
static int by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static const void *find(uint64_t id, const void *list, size_t nr, size_t size)
{
	return nr ? bsearch(&id, list, nr, size, by_id) : NULL;
}

static int sort(void *list, size_t nr, size_t size, struct err *e)
{
	char name[REGISTER_NAME_SIZE];

	if (nr)
		qsort(list, nr, size, by_id);
	for (size_t i = 1; i < nr; i++) {
		const uint64_t *id = (const uint64_t *)((const char *)list + i * size);

		if (!by_id(id, (const char *)id - size))
			return err_set(e, EINVAL, "%s is there twice", register_name(*id, name));
	}
	return 0;
}

int profile_sort(struct host_profile *p, struct err *e)
{
	int ret = sort(p->base.reg, p->base.nr, sizeof(*p->base.reg), e);

	if (ret == 0)
		ret = sort(p->full.reg, p->full.nr, sizeof(*p->full.reg), e);
	if (ret == 0)
		ret = sort(p->firmware, p->nr_firmware, sizeof(*p->firmware), e);
	if (ret == 0)
		ret = sort(p->mask, p->nr_masks, sizeof(*p->mask), e);
	return ret;
}

const struct profile_firmware *profile_firmware(const struct host_profile *p, uint64_t id)
{
	return find(id, p->firmware, p->nr_firmware, sizeof(*p->firmware));
}

bool profile_has_psci(const struct host_profile *p, uint32_t version)
{
	for (size_t i = 0; i < p->nr_psci; i++) {
		if (p->psci[i] == version)
			return true;
	}
	return false;
}

uint64_t profile_writable(const struct host_profile *p, uint64_t id)
{
	const struct profile_mask *mask = find(id, p->mask, p->nr_masks, sizeof(*p->mask));

	return mask ? mask->mask : 0;
}

static const struct profile_register *dump_find(const struct profile_dump *dump, uint64_t id)
{
	return find(id, dump->reg, dump->nr, sizeof(*dump->reg));
}

/* The bits of ID register @id that tell of vCPU features the vCPU does not have. */
static uint64_t absent_features(uint64_t id, uint32_t features)
{
	uint64_t bits = 0;

	for (unsigned int bit = 0; bit < 64;) {
		struct register_field field = register_field_at(id, bit);

		if (field.features & ~features)
			bits |= register_field_mask(field);
		bit = field.lsb + field.width;
	}
	return bits;
}

bool profile_value(const struct host_profile *p, uint32_t features, uint64_t id, uint64_t *value)
{
	const struct profile_register *base = dump_find(&p->base, id);
	const struct profile_register *full = dump_find(&p->full, id);
	const struct profile_register *reg = full;
	uint64_t absent = 0;

	if (features == p->base.features || (register_features(id) & ~features))
		reg = base;
	if (!reg)
		return false;
	if (reg == full && register_kind(id) == REGISTER_ID)
		absent = absent_features(id, features);
	*value = (reg->value & ~absent) | ((base ? base->value : 0) & absent);
	return true;
}

uint32_t profile_default_features(const struct host_profile *p)
{
	uint32_t given = 1u << KVM_ARM_VCPU_PSCI_0_2 | 1u << KVM_ARM_VCPU_SVE |
			 1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1u << KVM_ARM_VCPU_PTRAUTH_GENERIC;

	return p->full.features & given;
}

void profile_sve_lengths(const struct host_profile *p, uint64_t vls[8])
{
	const struct profile_register *reg = dump_find(&p->full, KVM_REG_ARM64_SVE_VLS);

	for (unsigned int i = 0; i < 8; i++)
		vls[i] = reg ? get_le64(reg->wide + 8 * i) : 0;
}

static void put_flag(struct dt *dt, const char *name, bool set)
{
	if (set)
		dt_empty(dt, name);
}

/* A list of strings, in one property. */
static void put_features(struct dt *dt, uint32_t features)
{
	char list[256];
	size_t len = 0;

	for (unsigned int bit = 0; bit < 32; bit++) {
		const char *name = profile_feature_name(bit);

		if (name && features & 1u << bit) {
			memcpy(list + len, name, strlen(name) + 1);
			len += strlen(name) + 1;
		}
	}
	dt_bytes(dt, PROFILE_FEATURES, list, len);
}

static void put_capabilities(const struct host_profile *p, struct dt *dt)
{
	dt_begin(dt, PROFILE_CAPABILITIES);
	for (uint32_t cap = 0; cap < CAPABILITY_NR; cap++) {
		const struct capability *row = capability_by_number(cap);
		char number[24];

		snprintf(number, sizeof(number), PROFILE_CAP_PREFIX "%" PRIu32, cap);
		if (p->cap[cap])
			dt_cells(dt, row ? row->name : number, (uint32_t)p->cap[cap]);
	}
	dt_end(dt);
}

static void put_firmware(const struct host_profile *p, struct dt *dt)
{
	char name[REGISTER_NAME_SIZE];

	dt_begin(dt, PROFILE_FIRMWARE);
	for (size_t i = 0; i < p->nr_firmware; i++)
		dt_cells(dt, register_name(p->firmware[i].id, name), DT_U64(p->firmware[i].value),
			 DT_U64(p->firmware[i].takes));
	dt_end(dt);
}

static void put_masks(const struct host_profile *p, struct dt *dt)
{
	char name[REGISTER_NAME_SIZE];

	dt_begin(dt, PROFILE_WRITABLE);
	put_flag(dt, PROFILE_TOLD, p->masks_told);
	dt_begin(dt, PROFILE_REGISTERS);
	for (size_t i = 0; i < p->nr_masks; i++)
		dt_u64(dt, register_name(p->mask[i].id, name), p->mask[i].mask);
	dt_end(dt);
	dt_end(dt);
}

/* A register is one big-endian number of its own size. */
static void put_register(const struct profile_register *reg, struct dt *dt)
{
	size_t size = register_size(reg->id);
	uint8_t bytes[REGISTER_BYTES_MAX];
	char name[REGISTER_NAME_SIZE];

	for (size_t i = 0; i < size; i++)
		bytes[size - 1 - i] = reg->wide ? reg->wide[i] : (uint8_t)(reg->value >> (8 * i));
	dt_bytes(dt, register_name(reg->id, name), bytes, size);
}

static void put_dump(const struct profile_dump *dump, const char *name, struct dt *dt)
{
	dt_begin(dt, "%s", name);
	put_features(dt, dump->features);
	dt_begin(dt, PROFILE_REGISTERS);
	for (size_t i = 0; i < dump->nr; i++)
		put_register(&dump->reg[i], dt);
	dt_end(dt);
	dt_end(dt);
}

int profile_encode(const struct host_profile *p, void **blob, size_t *size, struct err *e)
{
	struct dt dt;
	int ret = dt_start(&dt, e);

	if (ret < 0)
		return ret;
	dt_string(&dt, "compatible", PROFILE_COMPATIBLE);
	dt_cells(&dt, PROFILE_VERSION_NAME, PROFILE_VERSION);
	dt_string(&dt, PROFILE_KERNEL, p->kernel);
	put_features(&dt, p->vcpu_features);
	put_flag(&dt, PROFILE_SMCCC_FILTER, p->smccc_filter);
	put_flag(&dt, PROFILE_PVTIME, p->pvtime);

	dt_begin(&dt, PROFILE_LIMITS);
	dt_cells(&dt, PROFILE_PAGE_SIZE, p->page_size);
	dt_cells(&dt, PROFILE_IPA_BITS, p->ipa_bits);
	dt_cells(&dt, PROFILE_MAX_VCPUS, p->max_vcpus);
	dt_u64(&dt, PROFILE_COUNTER_HZ, p->counter_hz);
	dt_end(&dt);

	dt_begin(&dt, PROFILE_PSCI);
	dt_cells_array(&dt, PROFILE_VERSIONS, p->psci, p->nr_psci);
	dt_end(&dt);

	dt_begin(&dt, PROFILE_GIC);
	if (p->gicv2_iidr)
		dt_cells(&dt, PROFILE_GICV2, p->gicv2_iidr);
	if (p->gicv3_iidr)
		dt_cells(&dt, PROFILE_GICV3, p->gicv3_iidr);
	put_flag(&dt, PROFILE_ITS, p->its);
	dt_end(&dt);

	put_firmware(p, &dt);
	put_capabilities(p, &dt);
	put_masks(p, &dt);
	put_dump(&p->base, PROFILE_BASE, &dt);
	put_dump(&p->full, PROFILE_FULL, &dt);

	ret = dt_finish(&dt, e);
	if (ret < 0) {
		dt_free(&dt);
		return ret;
	}
	*size = fdt_totalsize(dt.blob);
	*blob = dt.blob;
	return 0;
}

int profile_write(const struct host_profile *p, const char *path, struct err *e)
{
	void *blob;
	size_t size;
	int ret = profile_encode(p, &blob, &size, e);

	if (ret < 0)
		return ret;
	ret = file_write(path, blob, size, e);
	free(blob);
	return ret;
}
