/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Steps and exceptions. While a guest is stepped, its timer goes on, and at nearly every step an interrupt
 * waits: taken, the next instruction would be the handler's first. So PSTATE.I and F are set for the step, and
 * put back behind it: where they were saved to, if the instruction caused an exception.
 */
#include "kvm/kvm.h"
#include "parts.h"
#include "regs.h"

#define PSTATE_MODE  0xfULL
#define PSTATE_EL0T  0x0
#define PSTATE_EL1T  0x4
#define PSTATE_EL1H  0x5
#define PSTATE_32BIT (1ULL << 4)
#define PSTATE_F     (1ULL << 6)
#define PSTATE_I     (1ULL << 7)
#define PSTATE_DAIF  (0xfULL << 6)
#define PSTATE_SSBS  (1ULL << 12)
#define PSTATE_PAN   (1ULL << 22)
#define PSTATE_DIT   (1ULL << 24)
#define PSTATE_NZCV  (0xfULL << 28)

#define SCTLR_SPAN  (1ULL << 23) /* an exception leaves PSTATE.PAN alone */
#define SCTLR_DSSBS (1ULL << 44)

#define REG_ELR  CORE_REG(elr_el1)
#define REG_SPSR CORE_REG(spsr[KVM_SPSR_EL1])
#define REG_ESR  ARM64_SYS_REG(3, 0, 5, 2, 0)

#define MASKED (PSTATE_I | PSTATE_F)

/* The vectors: four groups of four, 0x80 apart. */
#define VECTORS_SIZE  0x800
#define VECTOR_SIZE   0x80
#define VECTOR_EL1T   0x000
#define VECTOR_EL1H   0x200
#define VECTOR_EL0    0x400
#define VECTOR_EL0_32 0x600

/* Whether it reads or writes PSTATE.I itself: MSR and MRS of DAIF, and returns from exceptions. */
static bool knows_interrupts(uint32_t insn)
{
	static const struct {
		uint32_t mask, value;
	} rows[] = {
		{ 0xfffff0df, 0xd50340df }, /* MSR DAIFSet and DAIFClr, #imm */
		{ 0xffdfffe0, 0xd51b4220 }, /* MSR and MRS DAIF */
		{ 0xfffff3e0, 0xd69f03e0 }, /* ERET, ERETAA, ERETAB */
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(rows); i++) {
		if ((insn & rows[i].mask) == rows[i].value)
			return true;
	}
	return false;
}

void debug_mask_interrupts(struct machine *m, unsigned int cpu)
{
	struct debug_cpu *d = &m->debug.cpu[cpu];
	int vcpu = m->vm.vcpu[cpu].fd;
	uint64_t pc, pstate;
	uint8_t insn[4];

	if (kvm_get_reg(vcpu, REG_PC, &pc) < 0 || kvm_get_reg(vcpu, REG_PSTATE, &pstate) < 0 ||
	    (pstate & PSTATE_32BIT) || debug_read(m, cpu, pc, insn, sizeof(insn)) < 0 ||
	    knows_interrupts(get_le32(insn)))
		return;
	d->interrupts = pstate & MASKED;
	d->masked = d->interrupts != MASKED && kvm_set_reg(vcpu, REG_PSTATE, pstate | MASKED) >= 0;
}

static void put_back(int vcpu, uint64_t id, uint64_t interrupts)
{
	uint64_t pstate;

	if (kvm_get_reg(vcpu, id, &pstate) >= 0)
		kvm_set_reg(vcpu, id, (pstate & ~MASKED) | interrupts);
}

void debug_unmask_interrupts(struct machine *m, unsigned int cpu)
{
	struct debug_cpu *d = &m->debug.cpu[cpu];
	int vcpu = m->vm.vcpu[cpu].fd;
	uint64_t pc, vbar;

	if (!d->masked)
		return;
	d->masked = false;
	if (kvm_get_reg(vcpu, REG_PC, &pc) < 0 || kvm_get_reg(vcpu, REG_VBAR, &vbar) < 0)
		return;
	if (pc - vbar < VECTORS_SIZE && (pc - vbar) % VECTOR_SIZE == 0)
		put_back(vcpu, REG_SPSR, d->interrupts);
	else
		put_back(vcpu, REG_PSTATE, d->interrupts);
}

static uint64_t vector_from(uint64_t pstate)
{
	if (pstate & PSTATE_32BIT)
		return VECTOR_EL0_32;
	switch (pstate & PSTATE_MODE) {
	case PSTATE_EL0T:
		return VECTOR_EL0;
	case PSTATE_EL1T:
		return VECTOR_EL1T;
	default:
		return VECTOR_EL1H;
	}
}

/* As the CPU takes an exception to EL1: Arm ARM, AArch64.TakeException(). */
int debug_reflect(struct vcpu *vcpu, uint64_t esr)
{
	uint64_t pc = 0, pstate = 0, vbar = 0, sctlr = 0, new;
	int ret = kvm_get_reg(vcpu->fd, REG_PC, &pc);

	if (ret >= 0)
		ret = kvm_get_reg(vcpu->fd, REG_PSTATE, &pstate);
	if (ret >= 0)
		ret = kvm_get_reg(vcpu->fd, REG_VBAR, &vbar);
	if (ret >= 0)
		ret = kvm_get_reg(vcpu->fd, REG_SCTLR, &sctlr);
	if (ret < 0)
		return ret;
	new = (pstate & (PSTATE_NZCV | PSTATE_DIT | PSTATE_PAN)) | PSTATE_DAIF | PSTATE_EL1H;
	if (!(sctlr & SCTLR_SPAN))
		new |= PSTATE_PAN;
	if (sctlr & SCTLR_DSSBS)
		new |= PSTATE_SSBS;
	ret = kvm_set_reg(vcpu->fd, REG_ESR, esr);
	if (ret >= 0)
		ret = kvm_set_reg(vcpu->fd, REG_ELR, pc);
	if (ret >= 0)
		ret = kvm_set_reg(vcpu->fd, REG_SPSR, pstate);
	if (ret >= 0)
		ret = kvm_set_reg(vcpu->fd, REG_PSTATE, new);
	if (ret >= 0)
		ret = kvm_set_reg(vcpu->fd, REG_PC, vbar + vector_from(pstate));
	return ret;
}
