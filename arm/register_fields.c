/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fields of ID registers (Arm ARM, DDI 0487, chapters D and G) and how values compare. Most are
 * four bits wide and unsigned: a row a register, names from bit 0 up, NULL where nothing is
 * allocated. What is otherwise has a row in `special`.
 */
#include <stddef.h>
#include <stdio.h>
#include "arm/registers.h"
#include "kvm/kvm.h"
#include "util/bits.h"

#define PMU     (1u << KVM_ARM_VCPU_PMU_V3)
#define SVE     (1u << KVM_ARM_VCPU_SVE)
#define PTRAUTH (1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1u << KVM_ARM_VCPU_PTRAUTH_GENERIC)

#define PFR0_32    ARM64_SYS_REG(3, 0, 0, 1, 0)
#define PFR1_32    ARM64_SYS_REG(3, 0, 0, 1, 1)
#define DFR0_32    ARM64_SYS_REG(3, 0, 0, 1, 2)
#define AFR0_32    ARM64_SYS_REG(3, 0, 0, 1, 3)
#define MMFR_32(n) ARM64_SYS_REG(3, 0, 0, 1, 4 + (n)) /* 0 to 3 */
#define ISAR_32(n) ARM64_SYS_REG(3, 0, 0, 2, n)       /* 0 to 5 */
#define MMFR4_32   ARM64_SYS_REG(3, 0, 0, 2, 6)
#define ISAR6_32   ARM64_SYS_REG(3, 0, 0, 2, 7)
#define MVFR(n)    ARM64_SYS_REG(3, 0, 0, 3, n)
#define PFR2_32    ARM64_SYS_REG(3, 0, 0, 3, 4)
#define DFR1_32    ARM64_SYS_REG(3, 0, 0, 3, 5)
#define MMFR5_32   ARM64_SYS_REG(3, 0, 0, 3, 6)
#define PFR(n)     ARM64_SYS_REG(3, 0, 0, 4, n)
#define ZFR0       ARM64_SYS_REG(3, 0, 0, 4, 4)
#define SMFR0      ARM64_SYS_REG(3, 0, 0, 4, 5)
#define DFR(n)     ARM64_SYS_REG(3, 0, 0, 5, n)
#define ISAR(n)    ARM64_SYS_REG(3, 0, 0, 6, n)
#define MMFR(n)    ARM64_SYS_REG(3, 0, 0, 7, n)
#define MIDR       ARM64_SYS_REG(3, 0, 0, 0, 0)
#define REVIDR     ARM64_SYS_REG(3, 0, 0, 0, 6)
#define CLIDR      ARM64_SYS_REG(3, 1, 0, 0, 1)
#define AIDR       ARM64_SYS_REG(3, 1, 0, 0, 7)
#define CTR        ARM64_SYS_REG(3, 3, 0, 0, 1)
#define DCZID      ARM64_SYS_REG(3, 3, 0, 0, 7)

/* clang-format off */
static const struct nibbles {
	uint64_t id;
	const char *name[16];
} nibbles[] = {
	{ PFR0_32, { "State0", "State1", "State2", "State3", "CSV2", "AMU", "DIT", "RAS" } },
	{ PFR1_32, { "ProgMod", "Security", "MProgMod", "Virtualization", "GenTimer", "Sec_frac",
		     "Virt_frac", "GIC" } },
	{ PFR2_32, { "CSV3", "SSBS", "RAS_frac" } },
	{ DFR0_32, { "CopDbg", "CopSDbg", "MMapDbg", "CopTrc", "MMapTrc", "MProfDbg", "PerfMon",
		     "TraceFilt" } },
	{ DFR1_32, { "MTPMU", "HPMN0" } },
	{ AFR0_32, { "IMPDEF0", "IMPDEF1", "IMPDEF2", "IMPDEF3" } },
	{ MMFR_32(0), { "VMSA", "PMSA", "OuterShr", "ShareLvl", "TCM", "AuxReg", "FCSE", "InnerShr" } },
	{ MMFR_32(1), { "L1HvdVA", "L1UniVA", "L1HvdSW", "L1UniSW", "L1Hvd", "L1Uni", "L1TstCln",
			"BPred" } },
	{ MMFR_32(2), { "L1HvdFG", "L1HvdBG", "L1HvdRng", "HvdTLB", "UniTLB", "MemBarr", "WFIStall",
			"HWAccFlg" } },
	{ MMFR_32(3), { "CMaintVA", "CMaintSW", "BPMaint", "MaintBcst", "PAN", "CohWalk", "CMemSz",
			"Supersec" } },
	{ MMFR4_32, { "SpecSEI", "AC2", "XNX", "CnP", "HPDS", "LSM", "CCIDX", "EVT" } },
	{ MMFR5_32, { "ETS", "nTLBPA" } },
	{ ISAR_32(0), { "Swap", "BitCount", "BitField", "CmpBranch", "Coproc", "Debug", "Divide" } },
	{ ISAR_32(1), { "Endian", "Except", "Except_AR", "Extend", "IfThen", "Immediate", "Interwork",
			"Jazelle" } },
	{ ISAR_32(2), { "LoadStore", "MemHint", "MultiAccessInt", "Mult", "MultS", "MultU", "PSR_AR",
			"Reversal" } },
	{ ISAR_32(3), { "Saturate", "SIMD", "SVC", "SynchPrim", "TabBranch", "T32Copy", "TrueNOP",
			"T32EE" } },
	{ ISAR_32(4), { "Unpriv", "WithShifts", "Writeback", "SMC", "Barrier", "SynchPrim_frac",
			"PSR_M", "SWP_frac" } },
	{ ISAR_32(5), { "SEVL", "AES", "SHA1", "SHA2", "CRC32", NULL, "RDM", "VCMA" } },
	{ ISAR6_32, { "JSCVT", "DP", "FHM", "SB", "SPECRES", "BF16", "I8MM", "CLRBHB" } },
	{ MVFR(0), { "SIMDReg", "FPSP", "FPDP", "FPTrap", "FPDivide", "FPSqrt", "FPShVec", "FPRound" } },
	{ MVFR(1), { "FPFtZ", "FPDNaN", "SIMDLS", "SIMDInt", "SIMDSP", "SIMDHP", "FPHP", "SIMDFMAC" } },
	{ MVFR(2), { "SIMDMisc", "FPMisc" } },
	{ PFR(0), { "EL0", "EL1", "EL2", "EL3", "FP", "AdvSIMD", "GIC", "RAS", "SVE", "SEL2", "MPAM",
		    "AMU", "DIT", "RME", "CSV2", "CSV3" } },
	{ PFR(1), { "BT", "SSBS", "MTE", "RAS_frac", "MPAM_frac", NULL, "SME", "RNDR_trap",
		    "CSV2_frac", "NMI", "MTE_frac", "GCS", "THE", "MTEX", "DF2", "PFAR" } },
	{ PFR(2), { "MTEPERM", "MTESTOREONLY", "MTEFAR", "GCIE", "UINJ", NULL, NULL, NULL, "FPMR" } },
	{ ZFR0, { "SVEver", "AES", NULL, NULL, "BitPerm", "BF16", "B16B16", NULL, "SHA3", NULL, "SM4",
		  "I8MM", NULL, "F32MM", "F64MM" } },
	{ SMFR0, { NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "I8I32", NULL, "I16I32", NULL,
		   "I16I64", "SMEver" } },
	{ DFR(0), { "DebugVer", "TraceVer", "PMUVer", "BRPs", "PMSS", "WRPs", "SEBEP", "CTX_CMPs",
		    "PMSVer", "DoubleLock", "TraceFilt", "TraceBuffer", "MTPMU", "BRBE", "ExtTrcBuff",
		    "HPMN0" } },
	{ DFR(1), { NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "SPMU", "PMICNTR", "ABLE", "ITE",
		    "EBEP", "DPFZS" } },
	{ DFR(2), { "STEP", "BWE" } },
	{ ISAR(0), { NULL, "AES", "SHA1", "SHA2", "CRC32", "Atomic", "TME", "RDM", "SHA3", "SM3", "SM4",
		     "DP", "FHM", "TS", "TLB", "RNDR" } },
	{ ISAR(1), { "DPB", "APA", "API", "JSCVT", "FCMA", "LRCPC", "GPA", "GPI", "FRINTTS", "SB",
		     "SPECRES", "BF16", "DGH", "I8MM", "XS", "LS64" } },
	{ ISAR(2), { "WFxT", "RPRES", "GPA3", "APA3", "MOPS", "BC", "PAC_frac", "CLRBHB", "SYSREG_128",
		     "SYSINSTR_128", "PRFMSLC", NULL, "RPRFM", "CSSC", "LUT", "ATS1A" } },
	{ ISAR(3), { "CPA", "FAMINMAX", "TLBIW", "PACM", "LSFE", "OCCMO", "LSUI", "FPRCVT" } },
	{ MMFR(0), { "PARange", "ASIDBits", "BigEnd", "SNSMem", "BigEndEL0", "TGran16", "TGran64",
		     "TGran4", "TGran16_2", "TGran64_2", "TGran4_2", "ExS", NULL, NULL, "FGT", "ECV" } },
	{ MMFR(1), { "HAFDBS", "VMIDBits", "VH", "HPDS", "LO", "PAN", "SpecSEI", "XNX", "TWED", "ETS",
		     "HCX", "AFP", "nTLBPA", "TIDCP1", "CMOW", "ECBHB" } },
	{ MMFR(2), { "CnP", "UAO", "LSM", "IESB", "VARange", "CCIDX", "NV", "ST", "AT", "IDS", "FWB",
		     NULL, "TTL", "BBM", "EVT", "E0PD" } },
	{ MMFR(3), { "TCRX", "SCTLRX", "S1PIE", "S2PIE", "S1POE", "S2POE", "AIE", "MEC", "D128", "D128_2",
		     "SNERR", "ANERR", NULL, "SDERR", "ADERR", "Spec_FPACC" } },
	{ MMFR(4), { NULL, "EIESB", "ASID2", "HACDBS", "FGWTE3", "NV_frac", "E2H0", NULL, NULL, "E3DSE" } },
};
/* clang-format on */

/*
 * Fields that are not four unsigned bits of the CPU's own. A register that stands here with wider
 * fields has no row above.
 */
static const struct special {
	uint64_t id;
	struct register_field field;
} special[] = {
	{ PFR(0), { "FP", 16, 4, FIELD_SIGNED, 0 } },
	{ PFR(0), { "AdvSIMD", 20, 4, FIELD_SIGNED, 0 } },
	{ PFR(0), { "SVE", 32, 4, FIELD_UNSIGNED, SVE } },
	{ PFR(1), { "MTE_frac", 40, 4, FIELD_SIGNED, 0 } },
	{ DFR0_32, { "PerfMon", 24, 4, FIELD_PMU, PMU } },
	{ DFR1_32, { "MTPMU", 0, 4, FIELD_SIGNED, 0 } },
	{ MMFR_32(0), { "OuterShr", 8, 4, FIELD_SIGNED, 0 } },
	{ MMFR_32(0), { "InnerShr", 28, 4, FIELD_SIGNED, 0 } },
	{ MMFR_32(3), { "Supersec", 28, 4, FIELD_SIGNED, 0 } },
	{ DFR(0), { "PMUVer", 8, 4, FIELD_PMU, PMU } },
	{ DFR(0), { "DoubleLock", 36, 4, FIELD_SIGNED, 0 } },
	{ DFR(0), { "MTPMU", 48, 4, FIELD_SIGNED, 0 } },
	/* One algorithm or another: a pointer signed by one does not pass the other. */
	{ ISAR(1), { "APA", 4, 4, FIELD_EXACT, PTRAUTH } },
	{ ISAR(1), { "API", 8, 4, FIELD_EXACT, PTRAUTH } },
	{ ISAR(1), { "GPA", 24, 4, FIELD_EXACT, PTRAUTH } },
	{ ISAR(1), { "GPI", 28, 4, FIELD_EXACT, PTRAUTH } },
	{ ISAR(2), { "GPA3", 8, 4, FIELD_EXACT, PTRAUTH } },
	{ ISAR(2), { "APA3", 12, 4, FIELD_EXACT, PTRAUTH } },
	{ ISAR(2), { "PAC_frac", 24, 4, FIELD_EXACT, PTRAUTH } },
	{ MMFR(0), { "TGran64", 24, 4, FIELD_SIGNED, 0 } },
	{ MMFR(0), { "TGran4", 28, 4, FIELD_SIGNED, 0 } },
	/* Stage 2: 0 refers to stage 1, 1 is no, 2 and more are yes. */
	{ MMFR(0), { "TGran16_2", 32, 4, FIELD_EXACT, 0 } },
	{ MMFR(0), { "TGran64_2", 36, 4, FIELD_EXACT, 0 } },
	{ MMFR(0), { "TGran4_2", 40, 4, FIELD_EXACT, 0 } },
	{ MMFR(4), { "E2H0", 24, 4, FIELD_SIGNED, 0 } },
	{ SMFR0, { "FA64", 63, 1, FIELD_UNSIGNED, 0 } },

	{ MIDR, { "Revision", 0, 4, FIELD_FREE, 0 } },
	{ MIDR, { "PartNum", 4, 12, FIELD_FREE, 0 } },
	{ MIDR, { "Architecture", 16, 4, FIELD_FREE, 0 } },
	{ MIDR, { "Variant", 20, 4, FIELD_FREE, 0 } },
	{ MIDR, { "Implementer", 24, 8, FIELD_FREE, 0 } },
	{ REVIDR, { "REVIDR", 0, 64, FIELD_FREE, 0 } },
	{ AIDR, { "AIDR", 0, 64, FIELD_FREE, 0 } },
	{ CLIDR, { "Ctype1", 0, 3, FIELD_FREE, 0 } },
	{ CLIDR, { "Ctype2", 3, 3, FIELD_FREE, 0 } },
	{ CLIDR, { "Ctype3", 6, 3, FIELD_FREE, 0 } },
	{ CLIDR, { "Ctype4", 9, 3, FIELD_FREE, 0 } },
	{ CLIDR, { "Ctype5", 12, 3, FIELD_FREE, 0 } },
	{ CLIDR, { "Ctype6", 15, 3, FIELD_FREE, 0 } },
	{ CLIDR, { "Ctype7", 18, 3, FIELD_FREE, 0 } },
	{ CLIDR, { "LoUIS", 21, 3, FIELD_FREE, 0 } },
	{ CLIDR, { "LoC", 24, 3, FIELD_FREE, 0 } },
	{ CLIDR, { "LoUU", 27, 3, FIELD_FREE, 0 } },
	{ CLIDR, { "ICB", 30, 3, FIELD_FREE, 0 } },
	{ CLIDR, { "Ttype", 33, 14, FIELD_FREE, 0 } },
	/* Lines may be taken for shorter than they are, granules for longer. */
	{ CTR, { "IminLine", 0, 4, FIELD_UNSIGNED, 0 } },
	{ CTR, { "L1Ip", 14, 2, FIELD_EXACT, 0 } },
	{ CTR, { "DminLine", 16, 4, FIELD_UNSIGNED, 0 } },
	{ CTR, { "ERG", 20, 4, FIELD_HIGHER, 0 } },
	{ CTR, { "CWG", 24, 4, FIELD_HIGHER, 0 } },
	{ CTR, { "IDC", 28, 1, FIELD_UNSIGNED, 0 } },
	{ CTR, { "DIC", 29, 1, FIELD_UNSIGNED, 0 } },
	{ CTR, { "TminLine", 32, 6, FIELD_UNSIGNED, 0 } },
	{ DCZID, { "BS", 0, 4, FIELD_EXACT, 0 } },
	{ DCZID, { "DZP", 4, 1, FIELD_EXACT, 0 } },
};

static const char *nibble_name(uint64_t id, unsigned int nr)
{
	for (size_t i = 0; i < ARRAY_SIZE(nibbles); i++) {
		if (nibbles[i].id == id)
			return nibbles[i].name[nr];
	}
	return NULL;
}

struct register_field register_field_at(uint64_t id, unsigned int bit)
{
	struct register_field field = { NULL, (uint8_t)(bit & ~3u), 4, FIELD_UNSIGNED, 0 };

	for (size_t i = 0; i < ARRAY_SIZE(special); i++) {
		const struct register_field *f = &special[i].field;

		if (special[i].id == id && bit >= f->lsb && bit - f->lsb < f->width)
			return *f;
	}
	/* A cache's numbers describe it together. */
	if (bit < 32 && register_kind(id) == REGISTER_CACHE)
		return (struct register_field){ "CCSIDR", 0, 32, FIELD_FREE, 0 };
	field.name = nibble_name(id, bit / 4);
	/* The whole register tells of SVE. */
	if (id == ZFR0)
		field.features = SVE;
	return field;
}

const char *register_field_name(struct register_field field, char text[REGISTER_NAME_SIZE])
{
	if (field.name)
		snprintf(text, REGISTER_NAME_SIZE, "%s", field.name);
	else
		snprintf(text, REGISTER_NAME_SIZE, "[%d:%d]", field.lsb + field.width - 1,
			 field.lsb);
	return text;
}

uint64_t register_field_mask(struct register_field field)
{
	uint64_t ones = field.width >= 64 ? UINT64_MAX : (1ULL << field.width) - 1;

	return ones << field.lsb;
}

uint64_t register_field_get(struct register_field field, uint64_t value)
{
	return (value & register_field_mask(field)) >> field.lsb;
}

/* A field's value on the scale on which more is more. */
static int64_t rank(struct register_field field, uint64_t value)
{
	uint64_t top = register_field_mask(field) >> field.lsb;

	switch (field.rule) {
	case FIELD_SIGNED:
		return value > top / 2 ? (int64_t)(value - top) - 1 : (int64_t)value;
	case FIELD_PMU:
		return value == top ? 0 : (int64_t)value;
	case FIELD_HIGHER:
		return -(int64_t)value;
	default:
		return (int64_t)value;
	}
}

bool register_field_covers(struct register_field field, uint64_t have, uint64_t want)
{
	if (field.rule == FIELD_FREE)
		return true;
	if (field.rule == FIELD_EXACT)
		return have == want;
	return rank(field, have) >= rank(field, want);
}
