/* SPDX-License-Identifier: BSD-2-Clause */
/* The table of capabilities. */
#include <string.h>
#include "arm/capability.h"
#include "kvm/kvm.h"
#include "util/bits.h"

#define CAP(name_, since_, help_)                      \
	{                                              \
		KVM_CAP_##name_, #name_, since_, help_ \
	}

const struct capability capabilities[] = {
	CAP(ARM_EL1_32BIT, "3.11", "32-bit guests"),
	CAP(ARM_PMU_V3, "4.6", "performance counters for guests (--pmu)"),
	CAP(ARM_VM_IPA_SIZE, "4.20", "guest-physical addresses of other sizes than 40 bits"),
	CAP(ARM_SVE, "5.2", "Scalable Vector Extension for guests"),
	CAP(ARM_PTRAUTH_ADDRESS, "5.2", "pointer authentication for guests, addresses"),
	CAP(ARM_PTRAUTH_GENERIC, "5.2", "pointer authentication for guests, data"),
	CAP(ARM_NISV_TO_USER, "5.5", "accesses KVM cannot decode come to lkvm"),
	CAP(ARM_INJECT_EXT_DABT, "5.5", "lkvm can abort such an access in the guest"),
	CAP(STEAL_TIME, "5.10", "stolen time (--firmware pvtime)"),
	CAP(PTP_KVM, "5.13", "the host's clock for guests (--firmware ptp)"),
	CAP(ARM_MTE, "5.14", "memory tagging for guests"),
	CAP(SYSTEM_EVENT_DATA, "5.19", "arguments of SYSTEM_RESET2 and its like"),
	CAP(ARM_SYSTEM_SUSPEND, "5.19", "PSCI SYSTEM_SUSPEND comes to lkvm"),
	CAP(DIRTY_LOG_RING_ACQ_REL, "6.2", "written pages by ring instead of bitmap"),
	CAP(COUNTER_OFFSET, "6.4", "one counter offset for the whole VM"),
	CAP(ARM_EAGER_SPLIT_CHUNK_SIZE, "6.5", "huge pages split ahead of migration"),
	CAP(ARM_SUPPORTED_REG_MASK_RANGES, "6.7", "ID registers that may be written (--compat)"),
	CAP(ARM_WRITABLE_IMP_ID_REGS, "6.15", "MIDR, REVIDR and AIDR that may be written"),
	CAP(ARM_EL2, "6.16", "guests that are hypervisors"),
	CAP(ARM_EL2_E2H0, "6.16", "the same for hypervisors without VHE"),
	CAP(ARM_CACHEABLE_PFNMAP_SUPPORTED, "6.17", "device memory that guests may cache"),
	CAP(ARM_SEA_TO_USER, "6.19", "memory errors in guest RAM come to lkvm"),
};

const size_t nr_capabilities = ARRAY_SIZE(capabilities);

const struct capability *capability_by_number(uint32_t cap)
{
	for (size_t i = 0; i < nr_capabilities; i++) {
		if (capabilities[i].cap == cap)
			return &capabilities[i];
	}
	return NULL;
}

const struct capability *capability_by_name(const char *name)
{
	for (size_t i = 0; i < nr_capabilities; i++) {
		if (!strcmp(capabilities[i].name, name))
			return &capabilities[i];
	}
	return NULL;
}
