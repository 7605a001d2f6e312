/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls to firmware by the SMC Calling Convention (Arm DEN 0028). Function ids: bit 31 fast call,
 * bit 30 64-bit arguments, bits 29..24 the owner of the service.
 */
#ifndef GUEST_SMCCC_H
#define GUEST_SMCCC_H

#include <stdbool.h>
#include <stdint.h>

/* Arm architecture calls */
#define SMCCC_VERSION                   0x80000000u
#define SMCCC_ARCH_FEATURES             0x80000001u
#define SMCCC_ARCH_SOC_ID               0x80000002u /* 1.2 */
#define SMCCC_ARCH_SOC_ID_64            0xc0000002u
#define SMCCC_ARCH_FEATURE_AVAILABILITY 0xc0000003u /* 1.5 */
#define SMCCC_ARCH_WORKAROUND_1         0x80008000u
#define SMCCC_ARCH_WORKAROUND_2         0x80007fffu
#define SMCCC_ARCH_WORKAROUND_3         0x80003fffu
#define SMCCC_ARCH_WORKAROUND_4         0x80000004u

/* Standard secure services: the true random number generator (Arm DEN 0098) */
#define TRNG_VERSION  0x84000050u
#define TRNG_FEATURES 0x84000051u
#define TRNG_GET_UUID 0x84000052u
#define TRNG_RND32    0x84000053u
#define TRNG_RND64    0xc4000053u

/* Standard hypervisor services: paravirtualized time (Arm DEN 0057) */
#define PV_TIME_FEATURES 0xc5000020u
#define PV_TIME_ST       0xc5000021u

/* Vendor specific hypervisor services, as KVM has them */
#define VENDOR_HYP_CALL_UID               0x8600ff01u
#define VENDOR_HYP_KVM_FEATURES           0x86000000u
#define VENDOR_HYP_KVM_PTP                0x86000001u
#define VENDOR_HYP_KVM_HYP_MEMINFO        0xc6000002u
#define VENDOR_HYP_KVM_MEM_SHARE          0xc6000003u
#define VENDOR_HYP_KVM_MEM_UNSHARE        0xc6000004u
#define VENDOR_HYP_KVM_MMIO_GUARD         0xc6000007u
#define VENDOR_HYP_KVM_DISCOVER_IMPL_VER  0xc6000040u
#define VENDOR_HYP_KVM_DISCOVER_IMPL_CPUS 0xc6000041u

#define SMCCC_SUCCESS       0
#define SMCCC_NOT_SUPPORTED (-1)
#define SMCCC_NOT_REQUIRED  (-2)

enum smccc_conduit { SMCCC_HVC, SMCCC_SMC };

struct smccc_result {
	uint64_t x0, x1, x2, x3;
};

/* Calls function @fn with three arguments, the other argument registers zero. */
static inline struct smccc_result smccc_call(enum smccc_conduit conduit, uint32_t fn, uint64_t a1,
					     uint64_t a2, uint64_t a3)
{
	register uint64_t x0 __asm__("x0") = fn;
	register uint64_t x1 __asm__("x1") = a1;
	register uint64_t x2 __asm__("x2") = a2;
	register uint64_t x3 __asm__("x3") = a3;
	register uint64_t x4 __asm__("x4") = 0;
	register uint64_t x5 __asm__("x5") = 0;
	register uint64_t x6 __asm__("x6") = 0;
	register uint64_t x7 __asm__("x7") = 0;

#define SMCCC_REGISTERS \
	"+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5), "+r"(x6), "+r"(x7)
#define SMCCC_LOST \
	"x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "memory", "cc"
	/* What others read while or after we call (CPU_ON's slot, say) is in memory first. */
	if (conduit == SMCCC_HVC)
		__asm__ volatile("dsb sy\n\thvc #0" : SMCCC_REGISTERS ::SMCCC_LOST);
	else
		__asm__ volatile("dsb sy\n\t.inst 0xd4000003" : SMCCC_REGISTERS ::SMCCC_LOST);
#undef SMCCC_REGISTERS
#undef SMCCC_LOST
	return (struct smccc_result){ x0, x1, x2, x3 };
}

#endif
