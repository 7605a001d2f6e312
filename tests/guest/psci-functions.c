/* SPDX-License-Identifier: BSD-2-Clause */
/* The psci guest's questions about PSCI (DEN 0022) that one CPU can ask alone. */
#include "guest.h"
#include "psci-call.h"

#define FN32(nr) (0x84000000u | (nr))
#define FN64(nr) (0xc4000000u | (nr))

/* KVM's ids for PSCI 0.1, which has none of its own. */
#define V0_1(nr) (0x95c1ba5eu + (nr))

/* Bits of an MPIDR that belong to no affinity field, and must be 0 in arguments. */
#define MPIDR_RES1 0x80000000ul
#define MPIDR_MT   0x01000000ul

/* SYSTEM_RESET2 of a reserved architectural type; SYSTEM_OFF2's only type */
#define RESET2_RESERVED 0x7fffffff
#define HIBERNATE_OFF   1

/* All of DEN 0022, by number. */
static const struct {
	const char *name;
	bool both; /* callable in the 32-bit and the 64-bit convention; otherwise only 32-bit */
} functions[] = {
	{ "PSCI_VERSION", false },
	{ "CPU_SUSPEND", true },
	{ "CPU_OFF", false },
	{ "CPU_ON", true },
	{ "AFFINITY_INFO", true },
	{ "MIGRATE", true },
	{ "MIGRATE_INFO_TYPE", false },
	{ "MIGRATE_INFO_UP_CPU", true },
	{ "SYSTEM_OFF", false },
	{ "SYSTEM_RESET", false },
	{ "PSCI_FEATURES", false },
	{ "CPU_FREEZE", false },
	{ "CPU_DEFAULT_SUSPEND", true },
	{ "NODE_HW_STATE", true },
	{ "SYSTEM_SUSPEND", true },
	{ "PSCI_SET_SUSPEND_MODE", false },
	{ "PSCI_STAT_RESIDENCY", true },
	{ "PSCI_STAT_COUNT", true },
	{ "SYSTEM_RESET2", true },
	{ "MEM_PROTECT", false },
	{ "MEM_PROTECT_CHECK_RANGE", true },
	{ "SYSTEM_OFF2", true },
};

/* Has no flags set, or these. */
static void ask_feature(const char *name, const char *suffix, uint64_t fn)
{
	struct answer a = call(PSCI_FEATURES, fn, 0, 0);

	print("psci FEATURES(%s%s)", name, suffix);
	print_answer(READ_PSCI, &a);
}

void ask_features(void)
{
	unsigned int nr;

	for (nr = 0; nr < sizeof(functions) / sizeof(functions[0]); nr++) {
		ask_feature(functions[nr].name, functions[nr].both ? "_32" : "", FN32(nr));
		if (functions[nr].both)
			ask_feature(functions[nr].name, "_64", FN64(nr));
	}
	ask_feature("PSCI_VERSION as a 64-bit call", "", FN64(0));
	ask_feature("CPU_OFF as a 64-bit call", "", FN64(2));
	ask_feature("PSCI's last number", "_32", FN32(0x1f));
	ask_feature("PSCI's last number", "_64", FN64(0x1f));
	ask_feature("CPU_ON of 0.1", "", V0_1(2));
	ask_feature("SMCCC_VERSION", "", SMCCC_VERSION);
	ask_feature("SMCCC_ARCH_FEATURES", "", SMCCC_ARCH_FEATURES);
	ask_feature("TRNG_VERSION", "", TRNG_VERSION);
	ask_feature("0", "", 0);
	ask_feature("0xffffffff", "", 0xffffffff);
	/* An argument of a 32-bit call is a W register. */
	ask_feature("CPU_ON_64, bits 63 to 32 set", "", 0xffffffff00000000 | FN64(3));
}

static void ask_cpu_on(uint64_t self)
{
	uint64_t entry = (uint64_t)psci_secondary;

	ask("psci CPU_ON_32(self)", READ_PSCI, FN32(3), self, entry, 0);
	ask("psci CPU_ON_64(self)", READ_PSCI, FN64(3), self, entry, 0);
	ask("psci CPU_ON_32(missing CPU)", READ_PSCI, FN32(3), MISSING_CPU, entry, 0);
	ask("psci CPU_ON_64(missing CPU)", READ_PSCI, FN64(3), MISSING_CPU, entry, 0);
	ask("psci CPU_ON_64(missing CPU, Aff3 set)", READ_PSCI, FN64(3), self | 1ul << 32, entry,
	    0);
	ask("psci CPU_ON_32(self, bits 63 to 32 set)", READ_PSCI, FN32(3),
	    self | 0xffffffff00000000, entry, 0);
	ask("psci CPU_ON_64(self, bit 31 set)", READ_PSCI, FN64(3), self | MPIDR_RES1, entry, 0);
	ask("psci CPU_ON_64(self, bit 24 set)", READ_PSCI, FN64(3), self | MPIDR_MT, entry, 0);
	ask("psci CPU_ON_64(self, bit 63 set)", READ_PSCI, FN64(3), self | 1ul << 63, entry, 0);
	ask("psci CPU_ON of 0.1(self)", READ_PSCI, V0_1(2), self, entry, 0);
	ask("psci CPU_ON of 0.1(missing CPU)", READ_PSCI, V0_1(2), MISSING_CPU, entry, 0);
}

static void ask_affinity_info(uint64_t self)
{
	const uint64_t missing = MISSING_CPU; /* shares Aff3 with all CPUs, and no more */

	ask("psci AFFINITY_INFO_32(self, 0)", READ_AFFINITY, FN32(4), self, 0, 0);
	ask("psci AFFINITY_INFO_64(self, 0)", READ_AFFINITY, FN64(4), self, 0, 0);
	ask("psci AFFINITY_INFO_64(self, 1)", READ_AFFINITY, FN64(4), self, 1, 0);
	ask("psci AFFINITY_INFO_64(self, 2)", READ_AFFINITY, FN64(4), self, 2, 0);
	ask("psci AFFINITY_INFO_64(self, 3)", READ_AFFINITY, FN64(4), self, 3, 0);
	ask("psci AFFINITY_INFO_32(self, 4)", READ_AFFINITY, FN32(4), self, 4, 0);
	ask("psci AFFINITY_INFO_64(self, 4)", READ_AFFINITY, FN64(4), self, 4, 0);
	ask("psci AFFINITY_INFO_64(self, 1 << 32)", READ_AFFINITY, FN64(4), self, 1ul << 32, 0);
	ask("psci AFFINITY_INFO_32(self, 1 << 32)", READ_AFFINITY, FN32(4), self, 1ul << 32, 0);
	ask("psci AFFINITY_INFO_32(missing CPU, 0)", READ_AFFINITY, FN32(4), missing, 0, 0);
	ask("psci AFFINITY_INFO_64(missing CPU, 0)", READ_AFFINITY, FN64(4), missing, 0, 0);
	ask("psci AFFINITY_INFO_64(missing CPU, 1)", READ_AFFINITY, FN64(4), missing, 1, 0);
	ask("psci AFFINITY_INFO_64(missing CPU, 2)", READ_AFFINITY, FN64(4), missing, 2, 0);
	ask("psci AFFINITY_INFO_64(missing CPU, 3)", READ_AFFINITY, FN64(4), missing, 3, 0);
	ask("psci AFFINITY_INFO_64(missing CPU, 4)", READ_AFFINITY, FN64(4), missing, 4, 0);
	ask("psci AFFINITY_INFO_64(self, bit 31 set, 0)", READ_AFFINITY, FN64(4), self | MPIDR_RES1,
	    0, 0);
}

/* None of these may have an effect: what is optional, and what has arguments that do not exist. */
static void ask_optional(uint64_t self)
{
	ask("psci MIGRATE_32(self)", READ_PSCI, FN32(5), self, 0, 0);
	ask("psci MIGRATE_64(self)", READ_PSCI, FN64(5), self, 0, 0);
	ask("psci MIGRATE_INFO_TYPE()", READ_TRUSTED, FN32(6), 0, 0, 0);
	ask("psci MIGRATE_INFO_UP_CPU_32()", READ_PSCI, FN32(7), 0, 0, 0);
	ask("psci MIGRATE_INFO_UP_CPU_64()", READ_PSCI, FN64(7), 0, 0, 0);
	ask("psci PSCI_FEATURES as a 64-bit call", READ_PSCI, FN64(10), FN32(0), 0, 0);
	ask("psci NODE_HW_STATE_32(self, 0)", READ_PSCI, FN32(13), self, 0, 0);
	ask("psci NODE_HW_STATE_64(self, 0)", READ_PSCI, FN64(13), self, 0, 0);
	ask("psci PSCI_SET_SUSPEND_MODE(platform)", READ_PSCI, FN32(15), 0, 0, 0);
	ask("psci PSCI_SET_SUSPEND_MODE(OS)", READ_PSCI, FN32(15), 1, 0, 0);
	ask("psci PSCI_SET_SUSPEND_MODE(2)", READ_PSCI, FN32(15), 2, 0, 0);
	ask("psci PSCI_STAT_RESIDENCY_32(self, 0)", READ_PSCI, FN32(16), self, 0, 0);
	ask("psci PSCI_STAT_RESIDENCY_64(self, 0)", READ_PSCI, FN64(16), self, 0, 0);
	ask("psci PSCI_STAT_COUNT_32(self, 0)", READ_PSCI, FN32(17), self, 0, 0);
	ask("psci PSCI_STAT_COUNT_64(self, 0)", READ_PSCI, FN64(17), self, 0, 0);
	ask("psci SYSTEM_RESET2_32(reserved type)", READ_PSCI, FN32(18), RESET2_RESERVED, 0, 0);
	ask("psci SYSTEM_RESET2_64(reserved type)", READ_PSCI, FN64(18), RESET2_RESERVED, 0, 0);
	ask("psci SYSTEM_RESET2_64(type 1)", READ_PSCI, FN64(18), 1, 0, 0);
	ask("psci MEM_PROTECT(off)", READ_PSCI, FN32(19), 0, 0, 0);
	ask("psci MEM_PROTECT_CHECK_RANGE_32(0, 4096)", READ_PSCI, FN32(20), 0, 4096, 0);
	ask("psci MEM_PROTECT_CHECK_RANGE_64(0, 4096)", READ_PSCI, FN64(20), 0, 4096, 0);
	ask("psci SYSTEM_OFF2_32(type 2)", READ_PSCI, FN32(21), 2, 0, 0);
	ask("psci SYSTEM_OFF2_64(type 2)", READ_PSCI, FN64(21), 2, 0, 0);
	ask("psci SYSTEM_OFF2_32(hibernate, cookie 1)", READ_PSCI, FN32(21), HIBERNATE_OFF, 1, 0);
	ask("psci SYSTEM_OFF2_64(hibernate, cookie 1)", READ_PSCI, FN64(21), HIBERNATE_OFF, 1, 0);
	ask("psci PSCI's last number_32()", READ_PSCI, FN32(0x1f), 0, 0, 0);
	ask("psci PSCI's last number_64()", READ_PSCI, FN64(0x1f), 0, 0, 0);
}

void ask_functions(void)
{
	uint64_t self = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;

	ask("psci PSCI_VERSION()", READ_VERSION, FN32(0), 0, 0, 0);
	ask("psci PSCI_VERSION as a 64-bit call", READ_VERSION, FN64(0), 0, 0, 0);
	ask_cpu_on(self);
	ask_affinity_info(self);
	ask_optional(self);
	ask("psci CPU_SUSPEND of 0.1()", READ_PSCI, V0_1(0), 0, 0, 0);
	ask("psci MIGRATE of 0.1(self)", READ_PSCI, V0_1(3), self, 0, 0);
}
