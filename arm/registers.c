/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers by name. Rows with a count stand for numbered families, whose name has a %u. The system
 * registers are those of the Arm ARM (DDI 0487); a register without a row goes by its id.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arm/registers.h"
#include "kvm/kvm.h"
#include "util/bits.h"

#define PMU     (1u << KVM_ARM_VCPU_PMU_V3)
#define SVE     (1u << KVM_ARM_VCPU_SVE)
#define PTRAUTH (1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1u << KVM_ARM_VCPU_PTRAUTH_GENERIC)

#define CORE(field, size) \
	(KVM_REG_ARM64 | KVM_REG_SIZE_##size | KVM_REG_ARM_CORE | KVM_REG_ARM_CORE_REG(field))
#define CCSIDR                                                            \
	(KVM_REG_ARM64 | KVM_REG_SIZE_U32 | (uint64_t)KVM_REG_ARM_DEMUX | \
	 KVM_REG_ARM_DEMUX_ID_CCSIDR)
#define SYS ARM64_SYS_REG

struct row {
	const char *name;
	uint64_t id;
	uint32_t features;
	uint16_t nr, step; /* a family; 0: one register */
};

#define REG(name_, id_)                      \
	{                                    \
		.name = (name_), .id = (id_) \
	}
#define OF(features_, name_, id_)                                     \
	{                                                             \
		.name = (name_), .id = (id_), .features = (features_) \
	}
#define FAMILY(name_, id_, features_, nr_, step_)                                   \
	{                                                                           \
		.name = (name_), .id = (id_), .features = (features_), .nr = (nr_), \
		.step = (step_)                                                     \
	}

static const struct row rows[] = {
	FAMILY("X%u", CORE(regs.regs[0], U64), 0, 31, 2),
	REG("SP_EL0", CORE(regs.sp, U64)),
	REG("PC", CORE(regs.pc, U64)),
	REG("PSTATE", CORE(regs.pstate, U64)),
	REG("SP_EL1", CORE(sp_el1, U64)),
	REG("ELR_EL1", CORE(elr_el1, U64)),
	REG("SPSR_EL1", CORE(spsr[KVM_SPSR_EL1], U64)),
	REG("SPSR_abt", CORE(spsr[KVM_SPSR_ABT], U64)),
	REG("SPSR_und", CORE(spsr[KVM_SPSR_UND], U64)),
	REG("SPSR_irq", CORE(spsr[KVM_SPSR_IRQ], U64)),
	REG("SPSR_fiq", CORE(spsr[KVM_SPSR_FIQ], U64)),
	FAMILY("V%u", CORE(fp_regs.vregs[0], U128), 0, 32, 4),
	REG("FPSR", CORE(fp_regs.fpsr, U32)),
	REG("FPCR", CORE(fp_regs.fpcr, U32)),

	FAMILY("CCSIDR%u_EL1", CCSIDR, 0, 14, 1),

	REG("PSCI_VERSION", KVM_REG_ARM_PSCI_VERSION),
	REG("SMCCC_ARCH_WORKAROUND_1", KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_1),
	REG("SMCCC_ARCH_WORKAROUND_2", KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2),
	REG("SMCCC_ARCH_WORKAROUND_3", KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_3),
	REG("STD_BMAP", KVM_REG_ARM_STD_BMAP),
	REG("STD_HYP_BMAP", KVM_REG_ARM_STD_HYP_BMAP),
	REG("VENDOR_HYP_BMAP", KVM_REG_ARM_VENDOR_HYP_BMAP),
	REG("VENDOR_HYP_BMAP_2", KVM_REG_ARM_VENDOR_HYP_BMAP_2),

	FAMILY("Z%u", KVM_REG_ARM64_SVE_ZREG(0, 0), SVE, 32, 32),
	FAMILY("P%u", KVM_REG_ARM64_SVE_PREG(0, 0), SVE, 16, 32),
	OF(SVE, "FFR", KVM_REG_ARM64_SVE_FFR(0)),
	OF(SVE, "SVE_VLS", KVM_REG_ARM64_SVE_VLS),

	FAMILY("DBGBVR%u_EL1", SYS(2, 0, 0, 0, 4), 0, 16, 8),
	FAMILY("DBGBCR%u_EL1", SYS(2, 0, 0, 0, 5), 0, 16, 8),
	FAMILY("DBGWVR%u_EL1", SYS(2, 0, 0, 0, 6), 0, 16, 8),
	FAMILY("DBGWCR%u_EL1", SYS(2, 0, 0, 0, 7), 0, 16, 8),
	REG("MDCCINT_EL1", SYS(2, 0, 0, 2, 0)),
	REG("MDSCR_EL1", SYS(2, 0, 0, 2, 2)),
	REG("OSLSR_EL1", SYS(2, 0, 1, 1, 4)),
	REG("DBGVCR32_EL2", SYS(2, 4, 0, 7, 0)),

	REG("MIDR_EL1", SYS(3, 0, 0, 0, 0)),
	REG("MPIDR_EL1", SYS(3, 0, 0, 0, 5)),
	REG("REVIDR_EL1", SYS(3, 0, 0, 0, 6)),
	REG("ID_PFR0_EL1", SYS(3, 0, 0, 1, 0)),
	REG("ID_PFR1_EL1", SYS(3, 0, 0, 1, 1)),
	REG("ID_DFR0_EL1", SYS(3, 0, 0, 1, 2)),
	REG("ID_AFR0_EL1", SYS(3, 0, 0, 1, 3)),
	FAMILY("ID_MMFR%u_EL1", SYS(3, 0, 0, 1, 4), 0, 4, 1),
	FAMILY("ID_ISAR%u_EL1", SYS(3, 0, 0, 2, 0), 0, 6, 1),
	REG("ID_MMFR4_EL1", SYS(3, 0, 0, 2, 6)),
	REG("ID_ISAR6_EL1", SYS(3, 0, 0, 2, 7)),
	FAMILY("MVFR%u_EL1", SYS(3, 0, 0, 3, 0), 0, 3, 1),
	REG("ID_PFR2_EL1", SYS(3, 0, 0, 3, 4)),
	REG("ID_DFR1_EL1", SYS(3, 0, 0, 3, 5)),
	REG("ID_MMFR5_EL1", SYS(3, 0, 0, 3, 6)),
	FAMILY("ID_AA64PFR%u_EL1", SYS(3, 0, 0, 4, 0), 0, 3, 1),
	REG("ID_AA64ZFR0_EL1", SYS(3, 0, 0, 4, 4)),
	REG("ID_AA64SMFR0_EL1", SYS(3, 0, 0, 4, 5)),
	REG("ID_AA64FPFR0_EL1", SYS(3, 0, 0, 4, 7)),
	FAMILY("ID_AA64DFR%u_EL1", SYS(3, 0, 0, 5, 0), 0, 3, 1),
	FAMILY("ID_AA64AFR%u_EL1", SYS(3, 0, 0, 5, 4), 0, 2, 1),
	FAMILY("ID_AA64ISAR%u_EL1", SYS(3, 0, 0, 6, 0), 0, 4, 1),
	FAMILY("ID_AA64MMFR%u_EL1", SYS(3, 0, 0, 7, 0), 0, 5, 1),
	REG("CCSIDR_EL1", SYS(3, 1, 0, 0, 0)),
	REG("CLIDR_EL1", SYS(3, 1, 0, 0, 1)),
	REG("CCSIDR2_EL1", SYS(3, 1, 0, 0, 2)),
	REG("GMID_EL1", SYS(3, 1, 0, 0, 4)),
	REG("SMIDR_EL1", SYS(3, 1, 0, 0, 6)),
	REG("AIDR_EL1", SYS(3, 1, 0, 0, 7)),
	REG("CSSELR_EL1", SYS(3, 2, 0, 0, 0)),
	REG("CTR_EL0", SYS(3, 3, 0, 0, 1)),
	REG("DCZID_EL0", SYS(3, 3, 0, 0, 7)),

	REG("SCTLR_EL1", SYS(3, 0, 1, 0, 0)),
	REG("ACTLR_EL1", SYS(3, 0, 1, 0, 1)),
	REG("CPACR_EL1", SYS(3, 0, 1, 0, 2)),
	REG("SCTLR2_EL1", SYS(3, 0, 1, 0, 3)),
	REG("RGSR_EL1", SYS(3, 0, 1, 0, 5)),
	REG("GCR_EL1", SYS(3, 0, 1, 0, 6)),
	OF(SVE, "ZCR_EL1", SYS(3, 0, 1, 2, 0)),
	REG("TTBR0_EL1", SYS(3, 0, 2, 0, 0)),
	REG("TTBR1_EL1", SYS(3, 0, 2, 0, 1)),
	REG("TCR_EL1", SYS(3, 0, 2, 0, 2)),
	REG("TCR2_EL1", SYS(3, 0, 2, 0, 3)),
	OF(PTRAUTH, "APIAKeyLo_EL1", SYS(3, 0, 2, 1, 0)),
	OF(PTRAUTH, "APIAKeyHi_EL1", SYS(3, 0, 2, 1, 1)),
	OF(PTRAUTH, "APIBKeyLo_EL1", SYS(3, 0, 2, 1, 2)),
	OF(PTRAUTH, "APIBKeyHi_EL1", SYS(3, 0, 2, 1, 3)),
	OF(PTRAUTH, "APDAKeyLo_EL1", SYS(3, 0, 2, 2, 0)),
	OF(PTRAUTH, "APDAKeyHi_EL1", SYS(3, 0, 2, 2, 1)),
	OF(PTRAUTH, "APDBKeyLo_EL1", SYS(3, 0, 2, 2, 2)),
	OF(PTRAUTH, "APDBKeyHi_EL1", SYS(3, 0, 2, 2, 3)),
	OF(PTRAUTH, "APGAKeyLo_EL1", SYS(3, 0, 2, 3, 0)),
	OF(PTRAUTH, "APGAKeyHi_EL1", SYS(3, 0, 2, 3, 1)),
	REG("AFSR0_EL1", SYS(3, 0, 5, 1, 0)),
	REG("AFSR1_EL1", SYS(3, 0, 5, 1, 1)),
	REG("ESR_EL1", SYS(3, 0, 5, 2, 0)),
	REG("TFSR_EL1", SYS(3, 0, 5, 6, 0)),
	REG("TFSRE0_EL1", SYS(3, 0, 5, 6, 1)),
	REG("FAR_EL1", SYS(3, 0, 6, 0, 0)),
	REG("PAR_EL1", SYS(3, 0, 7, 4, 0)),
	OF(PMU, "PMINTENSET_EL1", SYS(3, 0, 9, 14, 1)),
	OF(PMU, "PMINTENCLR_EL1", SYS(3, 0, 9, 14, 2)),
	OF(PMU, "PMMIR_EL1", SYS(3, 0, 9, 14, 6)),
	REG("MAIR_EL1", SYS(3, 0, 10, 2, 0)),
	REG("PIRE0_EL1", SYS(3, 0, 10, 2, 2)),
	REG("PIR_EL1", SYS(3, 0, 10, 2, 3)),
	REG("POR_EL1", SYS(3, 0, 10, 2, 4)),
	REG("AMAIR_EL1", SYS(3, 0, 10, 3, 0)),
	REG("VBAR_EL1", SYS(3, 0, 12, 0, 0)),
	REG("DISR_EL1", SYS(3, 0, 12, 1, 1)),
	REG("CONTEXTIDR_EL1", SYS(3, 0, 13, 0, 1)),
	REG("TPIDR_EL1", SYS(3, 0, 13, 0, 4)),
	REG("CNTKCTL_EL1", SYS(3, 0, 14, 1, 0)),
	OF(PMU, "PMCR_EL0", SYS(3, 3, 9, 12, 0)),
	OF(PMU, "PMCNTENSET_EL0", SYS(3, 3, 9, 12, 1)),
	OF(PMU, "PMCNTENCLR_EL0", SYS(3, 3, 9, 12, 2)),
	OF(PMU, "PMOVSCLR_EL0", SYS(3, 3, 9, 12, 3)),
	OF(PMU, "PMSWINC_EL0", SYS(3, 3, 9, 12, 4)),
	OF(PMU, "PMSELR_EL0", SYS(3, 3, 9, 12, 5)),
	OF(PMU, "PMCCNTR_EL0", SYS(3, 3, 9, 13, 0)),
	OF(PMU, "PMUSERENR_EL0", SYS(3, 3, 9, 14, 0)),
	OF(PMU, "PMOVSSET_EL0", SYS(3, 3, 9, 14, 3)),
	REG("POR_EL0", SYS(3, 3, 10, 2, 4)),
	REG("TPIDR_EL0", SYS(3, 3, 13, 0, 2)),
	REG("TPIDRRO_EL0", SYS(3, 3, 13, 0, 3)),
	REG("CNTPCT_EL0", KVM_REG_ARM_PTIMER_CNT),
	REG("CNTP_CTL_EL0", KVM_REG_ARM_PTIMER_CTL),
	REG("CNTP_CVAL_EL0", KVM_REG_ARM_PTIMER_CVAL),
	/* The ids of these two have each other's encodings; what they hold is as named here. */
	REG("CNTV_CVAL_EL0", KVM_REG_ARM_TIMER_CVAL),
	REG("CNTVCT_EL0", KVM_REG_ARM_TIMER_CNT),
	REG("CNTV_CTL_EL0", KVM_REG_ARM_TIMER_CTL),
	FAMILY("PMEVCNTR%u_EL0", SYS(3, 3, 14, 8, 0), PMU, 31, 1),
	FAMILY("PMEVTYPER%u_EL0", SYS(3, 3, 14, 12, 0), PMU, 31, 1),
	OF(PMU, "PMCCFILTR_EL0", SYS(3, 3, 14, 15, 7)),
	REG("DACR32_EL2", SYS(3, 4, 3, 0, 0)),
	REG("IFSR32_EL2", SYS(3, 4, 5, 0, 1)),
	REG("FPEXC32_EL2", SYS(3, 4, 5, 3, 0)),
};

/* What tells a system register's op0, op1, CRn from its id. */
#define SYS_GROUP_MASK                                                                             \
	(KVM_REG_ARM_COPROC_MASK | KVM_REG_ARM64_SYSREG_OP0_MASK | KVM_REG_ARM64_SYSREG_OP1_MASK | \
	 KVM_REG_ARM64_SYSREG_CRN_MASK)

enum register_kind register_kind(uint64_t id)
{
	uint64_t op1 = (id & KVM_REG_ARM64_SYSREG_OP1_MASK) >> KVM_REG_ARM64_SYSREG_OP1_SHIFT;

	switch (id & KVM_REG_ARM_COPROC_MASK) {
	case KVM_REG_ARM_DEMUX:
		return REGISTER_CACHE;
	case KVM_REG_ARM_FW:
		return id == KVM_REG_ARM_PSCI_VERSION ? REGISTER_PSCI : REGISTER_LEVEL;
	case KVM_REG_ARM_FW_FEAT_BMAP:
		return REGISTER_SERVICES;
	case KVM_REG_ARM64_SYSREG:
		if ((op1 == 0 || op1 == 1 || op1 == 3) && id != SYS(3, 0, 0, 0, 5) &&
		    (id & SYS_GROUP_MASK) == (SYS(3, op1, 0, 0, 0) & SYS_GROUP_MASK))
			return REGISTER_ID;
		return REGISTER_STATE;
	default:
		return REGISTER_STATE;
	}
}

size_t register_size(uint64_t id)
{
	unsigned int log = (id & KVM_REG_SIZE_MASK) >> KVM_REG_SIZE_SHIFT;

	return log <= 8 ? (size_t)1 << log : 0;
}

static const struct row *find_row(uint64_t id, unsigned int *nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i];
		uint64_t off = id - row->id;

		*nr = row->nr ? (unsigned int)(off / row->step) : 0;
		if (off == 0 ||
		    (row->nr && off < (uint64_t)row->nr * row->step && off % row->step == 0))
			return row;
	}
	return NULL;
}

/* A family's name has the number where its row has "%u". */
static void row_name(const struct row *row, unsigned int nr, char name[REGISTER_NAME_SIZE])
{
	const char *place = row->nr ? strstr(row->name, "%u") : NULL;

	if (place)
		snprintf(name, REGISTER_NAME_SIZE, "%.*s%u%s", (int)(place - row->name), row->name,
			 nr, place + 2);
	else
		snprintf(name, REGISTER_NAME_SIZE, "%s", row->name);
}

const char *register_name(uint64_t id, char name[REGISTER_NAME_SIZE])
{
	unsigned int nr;
	const struct row *row = find_row(id, &nr);

	if (row)
		row_name(row, nr, name);
	else
		snprintf(name, REGISTER_NAME_SIZE, "reg-%016" PRIx64, id);
	return name;
}

static bool parse_id(const char *digits, uint64_t *id)
{
	if (strlen(digits) != 16 || strspn(digits, "0123456789abcdef") != 16)
		return false;
	*id = strtoull(digits, NULL, 16);
	return true;
}

bool register_by_name(const char *name, uint64_t *id)
{
	char known[REGISTER_NAME_SIZE];

	if (!strncmp(name, "reg-", 4))
		return parse_id(name + 4, id);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		/* A profile has hundreds of names: no number is put into one that begins otherwise. */
		if (strncmp(name, rows[i].name, strcspn(rows[i].name, "%")))
			continue;
		for (unsigned int nr = 0; nr < (rows[i].nr ? rows[i].nr : 1); nr++) {
			row_name(&rows[i], nr, known);
			if (!strcmp(name, known)) {
				*id = rows[i].id + (uint64_t)nr * rows[i].step;
				return true;
			}
		}
	}
	return false;
}

bool register_follows(uint64_t id, uint64_t next)
{
	unsigned int nr, next_nr;
	const struct row *row = find_row(id, &nr);

	return row && row->nr && find_row(next, &next_nr) == row && next_nr == nr + 1;
}

uint32_t register_features(uint64_t id)
{
	unsigned int nr;
	const struct row *row = find_row(id, &nr);

	/* SVE's registers have slices, most of them without a name. */
	if ((id & KVM_REG_ARM_COPROC_MASK) == KVM_REG_ARM64_SVE)
		return SVE;
	return row ? row->features : 0;
}
