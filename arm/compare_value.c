/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One register of two hosts: what KVM says to a value written there, and which value suits both. The
 * arithmetic below arm/compare.c and arm/compat.c.
 */
#include <errno.h>
#include "arm/compare.h"
#include "arm/firmware.h"
#include "arm/psci.h"
#include "arm/registers.h"
#include "compare_value.h"
#include "kvm/kvm.h"
#include "regs.h"

/* Whether a host with @limit of the field, of which @mask may be written, takes @value's. */
static bool field_taken(struct register_field field, uint64_t limit, uint64_t mask, uint64_t value)
{
	uint64_t bits = register_field_mask(field);

	if (!((limit ^ value) & bits))
		return true;
	if ((limit ^ value) & bits & ~mask)
		return false;
	return register_field_covers(field, register_field_get(field, limit),
				     register_field_get(field, value));
}

uint64_t compare_refused_bits(uint64_t id, uint64_t limit, uint64_t mask, uint64_t value)
{
	uint64_t refused = 0, differing = limit ^ value;

	while (differing) {
		struct register_field field =
			register_field_at(id, (unsigned int)__builtin_ctzll(differing));
		uint64_t bits = register_field_mask(field);

		if (!field_taken(field, limit, mask, value))
			refused |= bits;
		differing &= ~bits;
	}
	return refused;
}

int compare_write(const struct host_profile *host, uint32_t features, uint64_t id, uint64_t value)
{
	const struct profile_firmware *fw = profile_firmware(host, id);
	uint64_t limit;

	switch (register_kind(id)) {
	case REGISTER_PSCI:
		if (!fw)
			return ENOENT;
		return value <= UINT32_MAX && profile_has_psci(host, (uint32_t)value) ? 0 : EINVAL;
	case REGISTER_SERVICES:
		if (!fw)
			return ENOENT;
		return value & ~fw->takes ? EINVAL : 0;
	case REGISTER_LEVEL:
		if (!fw)
			return ENOENT;
		return value < 64 && fw->takes >> value & 1 ? 0 : EINVAL;
	case REGISTER_ID:
	case REGISTER_CACHE:
		if (!profile_value(host, features, id, &limit))
			return ENOENT;
		return compare_refused_bits(id, limit, profile_writable(host, id), value) ? EINVAL
											  : 0;
	default:
		return profile_value(host, features, id, &limit) ? 0 : ENOENT;
	}
}

uint64_t compare_foreign_bits(uint64_t id, uint64_t among, uint32_t features)
{
	uint64_t foreign = 0;

	while (among) {
		struct register_field field =
			register_field_at(id, (unsigned int)__builtin_ctzll(among));

		if (field.features & ~features)
			foreign |= register_field_mask(field);
		among &= ~register_field_mask(field);
	}
	return foreign;
}

uint64_t compare_unlisted_services(uint64_t id, bool steal_time)
{
	return id == KVM_REG_ARM_STD_HYP_BMAP && steal_time
		       ? 1ULL << KVM_REG_ARM_STD_HYP_BIT_PV_TIME
		       : 0;
}

bool compare_is_dispensable(uint64_t id, uint64_t value, bool steal_time)
{
	switch (register_kind(id)) {
	case REGISTER_PSCI:
		return value == PSCI_VERSION(0, 2); /* what KVM had before it let it be chosen */
	case REGISTER_CACHE:
		return true;
	case REGISTER_SERVICES:
		return !(value & ~compare_unlisted_services(id, steal_time));
	default:
		/* A KVM that does not keep it shows guests this value (before Linux 5.18). */
		if (id == REG_OSLSR)
			return value == OSLSR_UNLOCKED;
		/* Of a timer that is off the time does not matter. Judged by its control register. */
		return id == KVM_REG_ARM_PTIMER_CVAL || value == 0;
	}
}

bool compare_names_cpu(uint64_t id)
{
	return id == REG_MIDR || id == REG_REVIDR || id == REG_AIDR;
}

bool compare_tells_cpus(const struct host_profile *host)
{
	const struct profile_firmware *fw = profile_firmware(host, KVM_REG_ARM_VENDOR_HYP_BMAP_2);
	uint64_t both = 1ULL << firmware_rows[FIRMWARE_IMPL_VERSION].bit |
			1ULL << firmware_rows[FIRMWARE_IMPL_CPUS].bit;

	return fw && (fw->takes & both) == both;
}

bool compare_common(const struct host_profile *here, const struct host_profile *there,
		    uint32_t features, uint64_t id, uint64_t *value, uint64_t *blocked,
		    uint64_t *harmless)
{
	uint64_t here_mask = profile_writable(here, id), there_mask = profile_writable(there, id);
	uint64_t own, limit, differing;

	if (!profile_value(here, features, id, &own) || !profile_value(there, features, id, &limit))
		return false;
	*value = own;
	*blocked = 0;
	differing = own ^ limit;
	while (differing) {
		struct register_field field =
			register_field_at(id, (unsigned int)__builtin_ctzll(differing));
		uint64_t bits = register_field_mask(field);

		if (!field_taken(field, limit, there_mask, own)) {
			if (!compare_names_cpu(id) && field_taken(field, own, here_mask, limit))
				*value = (*value & ~bits) | (limit & bits);
			else
				*blocked |= bits;
		}
		differing &= ~bits;
	}
	*harmless = compare_foreign_bits(id, *blocked, features);
	return true;
}

uint32_t compare_common_psci(const struct host_profile *a, const struct host_profile *b)
{
	for (size_t i = a->nr_psci; i-- > 0;) {
		if (profile_has_psci(b, a->psci[i]))
			return a->psci[i];
	}
	return 0;
}
