/* SPDX-License-Identifier: BSD-2-Clause */
/* KVM's ids of the registers that lkvm itself reads or writes. */
#ifndef LKVM_ARM_REGS_H
#define LKVM_ARM_REGS_H

#include <linux/kvm.h>

#define CORE_REG(name) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))

#define REG_PC     CORE_REG(regs.pc)
#define REG_PSTATE CORE_REG(regs.pstate)
/* x0 to x30: core registers are counted in words of 32 bits. */
#define REG_X(n) (CORE_REG(regs.regs[0]) + 2 * (n))

#define REG_MDSCR      ARM64_SYS_REG(2, 0, 0, 2, 2)
#define REG_OSLSR      ARM64_SYS_REG(2, 0, 1, 1, 4)
#define REG_MIDR       ARM64_SYS_REG(3, 0, 0, 0, 0)
#define REG_MPIDR      ARM64_SYS_REG(3, 0, 0, 0, 5)
#define REG_REVIDR     ARM64_SYS_REG(3, 0, 0, 0, 6)
#define REG_SCTLR      ARM64_SYS_REG(3, 0, 1, 0, 0)
#define REG_CPACR      ARM64_SYS_REG(3, 0, 1, 0, 2)
#define REG_SCTLR2     ARM64_SYS_REG(3, 0, 1, 0, 3)
#define REG_TCR        ARM64_SYS_REG(3, 0, 2, 0, 2)
#define REG_TCR2       ARM64_SYS_REG(3, 0, 2, 0, 3)
#define REG_PMINTENSET ARM64_SYS_REG(3, 0, 9, 14, 1)
#define REG_AIDR       ARM64_SYS_REG(3, 1, 0, 0, 7)
#define REG_VBAR       ARM64_SYS_REG(3, 0, 12, 0, 0)
#define REG_CNTKCTL    ARM64_SYS_REG(3, 0, 14, 1, 0)
#define REG_PMCNTENSET ARM64_SYS_REG(3, 3, 9, 12, 1)
#define REG_PMUSERENR  ARM64_SYS_REG(3, 3, 9, 14, 0)

#define OSLSR_UNLOCKED (2ULL << 2) /* there is an OS lock, which is open */

#define SCTLR_EE    (1ULL << 25)  /* data accesses of EL1 are big-endian */
#define SCTLR_RESET 0x00c50078ULL /* MMU and caches off, the bits that are RES1 in Armv8.0 */

/* Aff3 to Aff0 of MPIDR_EL1: how PSCI names a CPU. */
#define MPIDR_AFFINITY 0xff00ffffffULL

#endif
