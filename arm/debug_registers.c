/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers as gdb numbers and names them: first those of its features for AArch64, in its order, then what helps
 * with a kernel.
 */
#include <errno.h>
#include <string.h>
#include "kvm/kvm.h"
#include "parts.h"
#include "regs.h"
#include "stage1.h"
#include "util/bits.h"

#define CORE_REG32(name) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(name))
/* Counted in words of 32 bits. */
#define REG_V(n)                                                 \
	((KVM_REG_ARM64 | KVM_REG_SIZE_U128 | KVM_REG_ARM_CORE | \
	  KVM_REG_ARM_CORE_REG(fp_regs.vregs[0])) +              \
	 4 * (n))

#define PSTATE_SP 1 /* SP_EL1 is in use, of what EL1 has */

#define LOWER_HALF 0
#define UPPER_HALF UINT64_MAX

#define X(n)                                                            \
	{                                                               \
		"x" #n, "int", 8, DEBUG_REG_KVM, CORE_REG(regs.regs[n]) \
	}
#define V(n)                                                \
	{                                                   \
		"v" #n, "aarch64v", 16, DEBUG_REG_VECTOR, n \
	}
#define SYS(name, type, id)                      \
	{                                        \
		name, type, 8, DEBUG_REG_KVM, id \
	}

static const struct debug_register core[] = {
	X(0),
	X(1),
	X(2),
	X(3),
	X(4),
	X(5),
	X(6),
	X(7),
	X(8),
	X(9),
	X(10),
	X(11),
	X(12),
	X(13),
	X(14),
	X(15),
	X(16),
	X(17),
	X(18),
	X(19),
	X(20),
	X(21),
	X(22),
	X(23),
	X(24),
	X(25),
	X(26),
	X(27),
	X(28),
	X(29),
	X(30),
	{ "sp", "data_ptr", 8, DEBUG_REG_STACK, 0 },
	{ "pc", "code_ptr", 8, DEBUG_REG_KVM, REG_PC },
	{ "cpsr", "int", 4, DEBUG_REG_KVM, REG_PSTATE },
};

static const struct debug_register fpu[] = {
	V(0),
	V(1),
	V(2),
	V(3),
	V(4),
	V(5),
	V(6),
	V(7),
	V(8),
	V(9),
	V(10),
	V(11),
	V(12),
	V(13),
	V(14),
	V(15),
	V(16),
	V(17),
	V(18),
	V(19),
	V(20),
	V(21),
	V(22),
	V(23),
	V(24),
	V(25),
	V(26),
	V(27),
	V(28),
	V(29),
	V(30),
	V(31),
	{ "fpsr", "int", 4, DEBUG_REG_KVM, CORE_REG32(fp_regs.fpsr) },
	{ "fpcr", "int", 4, DEBUG_REG_KVM, CORE_REG32(fp_regs.fpcr) },
};

/* The bits that signatures of pointers take, of data and code, which are the same here. */
static const struct debug_register pauth[] = {
	{ "pauth_dmask", "int", 8, DEBUG_REG_MASK, LOWER_HALF },
	{ "pauth_cmask", "int", 8, DEBUG_REG_MASK, LOWER_HALF },
	{ "pauth_dmask_high", "int", 8, DEBUG_REG_MASK, UPPER_HALF },
	{ "pauth_cmask_high", "int", 8, DEBUG_REG_MASK, UPPER_HALF },
};

static const struct debug_register system_regs[] = {
	SYS("SP_EL0", "data_ptr", CORE_REG(regs.sp)),
	SYS("SP_EL1", "data_ptr", CORE_REG(sp_el1)),
	SYS("ELR_EL1", "code_ptr", CORE_REG(elr_el1)),
	SYS("SPSR_EL1", "int", CORE_REG(spsr[KVM_SPSR_EL1])),
	SYS("ESR_EL1", "int", ARM64_SYS_REG(3, 0, 5, 2, 0)),
	SYS("FAR_EL1", "data_ptr", ARM64_SYS_REG(3, 0, 6, 0, 0)),
	SYS("VBAR_EL1", "code_ptr", REG_VBAR),
	SYS("SCTLR_EL1", "int", REG_SCTLR),
	SYS("TCR_EL1", "int", REG_TCR),
	SYS("TTBR0_EL1", "int", ARM64_SYS_REG(3, 0, 2, 0, 0)),
	SYS("TTBR1_EL1", "int", ARM64_SYS_REG(3, 0, 2, 0, 1)),
	SYS("MAIR_EL1", "int", ARM64_SYS_REG(3, 0, 10, 2, 0)),
	SYS("CONTEXTIDR_EL1", "int", ARM64_SYS_REG(3, 0, 13, 0, 1)),
	SYS("TPIDR_EL0", "data_ptr", ARM64_SYS_REG(3, 3, 13, 0, 2)),
	SYS("TPIDR_EL1", "data_ptr", ARM64_SYS_REG(3, 0, 13, 0, 4)),
	SYS("MPIDR_EL1", "int", REG_MPIDR),
};

const struct debug_registers debug_registers[] = {
	{ "org.gnu.gdb.aarch64.core", core, ARRAY_SIZE(core) },
	{ "org.gnu.gdb.aarch64.fpu", fpu, ARRAY_SIZE(fpu) },
	{ "org.gnu.gdb.aarch64.pauth_v2", pauth, ARRAY_SIZE(pauth) },
	{ "lkvm.system", system_regs, ARRAY_SIZE(system_regs) },
	{ NULL, NULL, 0 },
};

const struct debug_register *debug_register(unsigned int nr)
{
	for (const struct debug_registers *group = debug_registers; group->feature; group++) {
		if (nr < group->nr)
			return &group->reg[nr];
		nr -= group->nr;
	}
	return NULL;
}

/* The stack pointer in use. */
static uint64_t stack_pointer(int vcpu)
{
	uint64_t pstate = 0;

	kvm_get_reg(vcpu, REG_PSTATE, &pstate);
	return pstate & PSTATE_SP ? CORE_REG(sp_el1) : CORE_REG(regs.sp);
}

/*
 * V registers are the lower parts of SVE's, and KVM has only those where the vCPU has SVE. @set keeps the upper
 * parts.
 */
static int vector(int vcpu, unsigned int nr, void *value, bool set)
{
	uint8_t z[256];
	int ret;

	ret = set ? kvm_set_reg_bytes(vcpu, REG_V(nr), value)
		  : kvm_get_reg_bytes(vcpu, REG_V(nr), value);
	if (ret >= 0)
		return 0;
	ret = kvm_get_reg_bytes(vcpu, KVM_REG_ARM64_SVE_ZREG(nr, 0), z);
	if (ret < 0)
		return ret;
	if (!set) {
		memcpy(value, z, DEBUG_REGISTER_MAX);
		return 0;
	}
	memcpy(z, value, DEBUG_REGISTER_MAX);
	ret = kvm_set_reg_bytes(vcpu, KVM_REG_ARM64_SVE_ZREG(nr, 0), z);
	return ret < 0 ? ret : 0;
}

int debug_get_register(struct machine *m, unsigned int cpu, unsigned int nr, void *value)
{
	const struct debug_register *reg = debug_register(nr);
	int vcpu = m->vm.vcpu[cpu].fd;
	uint8_t bytes[8] = { 0 };
	struct stage1 s;
	int ret;

	if (!reg)
		return -ENOENT;
	switch (reg->kind) {
	case DEBUG_REG_VECTOR:
		return vector(vcpu, (unsigned int)reg->id, value, false);
	case DEBUG_REG_STACK:
		ret = kvm_get_reg_bytes(vcpu, stack_pointer(vcpu), bytes);
		break;
	case DEBUG_REG_MASK:
		ret = debug_stage1(m, cpu, &s);
		if (ret == 0)
			put_le64(bytes, stage1_unused_bits(&s, reg->id));
		break;
	default:
		ret = kvm_get_reg_bytes(vcpu, reg->id, bytes);
	}
	if (ret < 0)
		return ret;
	memcpy(value, bytes, reg->size);
	return 0;
}

int debug_set_register(struct machine *m, unsigned int cpu, unsigned int nr, const void *value)
{
	const struct debug_register *reg = debug_register(nr);
	int vcpu = m->vm.vcpu[cpu].fd;
	uint8_t bytes[DEBUG_REGISTER_MAX] = { 0 };
	int ret;

	if (!reg)
		return -ENOENT;
	memcpy(bytes, value, reg->size);
	switch (reg->kind) {
	case DEBUG_REG_VECTOR:
		return vector(vcpu, (unsigned int)reg->id, bytes, true);
	case DEBUG_REG_MASK:
		return -EPERM;
	case DEBUG_REG_STACK:
		ret = kvm_set_reg_bytes(vcpu, stack_pointer(vcpu), bytes);
		break;
	default:
		ret = kvm_set_reg_bytes(vcpu, reg->id, bytes);
	}
	return ret < 0 ? ret : 0;
}
