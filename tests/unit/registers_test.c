/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of registers and fields, and how values of fields compare. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include "facts.h"

#define PFR0   ARM64_SYS_REG(3, 0, 0, 4, 0)
#define DFR0   ARM64_SYS_REG(3, 0, 0, 5, 0)
#define MMFR0  ARM64_SYS_REG(3, 0, 0, 7, 0)
#define CTR    ARM64_SYS_REG(3, 3, 0, 0, 1)
#define CLIDR  ARM64_SYS_REG(3, 1, 0, 0, 1)
#define MIDR   ARM64_SYS_REG(3, 0, 0, 0, 0)
#define MPIDR  ARM64_SYS_REG(3, 0, 0, 0, 5)
#define CCSIDR 0x6020000000110000ULL

static void names_are_those_of_the_architecture(void **state)
{
	static const struct {
		uint64_t id;
		const char *name;
	} rows[] = {
		{ 0x6030000000100000, "X0" },
		{ 0x603000000010003c, "X30" },
		{ 0x603000000010003e, "SP_EL0" },
		{ 0x6030000000100040, "PC" },
		{ 0x6040000000100054, "V0" },
		{ 0x60400000001000d0, "V31" },
		{ 0x60200000001000d4, "FPSR" },
		{ 0x60200000001000d5, "FPCR" },
		{ 0x6030000000140000, "PSCI_VERSION" },
		{ 0x6030000000140003, "SMCCC_ARCH_WORKAROUND_3" },
		{ 0x6030000000160003, "VENDOR_HYP_BMAP_2" },
		{ 0x603000000013c080, "SCTLR_EL1" },
		{ 0x603000000013c020, "ID_AA64PFR0_EL1" },
		{ 0x603000000013c03b, "ID_AA64MMFR3_EL1" },
		{ 0x603000000013807f, "DBGWCR15_EL1" },
		{ 0x603000000013df5e, "PMEVCNTR30_EL0" },
		{ 0x603000000013df7f, "PMCCFILTR_EL0" },
		{ 0x602000000011000d, "CCSIDR13_EL1" },
		{ 0x608000000015ffffULL, "reg-608000000015ffff" },
		{ 0x603000000013ffff, "reg-603000000013ffff" },
		/* Their ids are each other's encodings. */
		{ KVM_REG_ARM_TIMER_CNT, "CNTVCT_EL0" },
		{ KVM_REG_ARM_TIMER_CVAL, "CNTV_CVAL_EL0" },
	};
	char name[REGISTER_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_string_equal(register_name(rows[i].id, name), rows[i].name);
}

static void every_register_of_every_host_goes_by_its_name_and_back(void **state)
{
	char name[REGISTER_NAME_SIZE];
	unsigned int unnamed = 0;

	(void)state;
	for (size_t c = 0; c < ARRAY_SIZE(facts_cpus); c++) {
		for (size_t k = 0; k < ARRAY_SIZE(facts_kernels); k++) {
			struct host_profile p;

			facts_profile(&p, facts_cpus[c], facts_kernels[k]);
			for (size_t i = 0; i < p.full.nr; i++) {
				uint64_t id = p.full.reg[i].id, back = 0;

				assert_true(register_by_name(register_name(id, name), &back));
				assert_int_equal(back, id);
				if (strncmp(name, "reg-", 4))
					continue;
				/* Only encodings that the architecture has not given away. */
				unnamed++;
				assert_int_equal(register_kind(id), REGISTER_ID);
				assert_int_equal(p.full.reg[i].value, 0);
			}
			profile_free(&p);
		}
	}
	assert_true(unnamed > 0);
}

static void what_is_no_name_is_refused(void **state)
{
	static const char *const wrong[] = { "",
					     "X31",
					     "X",
					     "X01",
					     "x0",
					     "V32",
					     "reg-",
					     "reg-603000000013c02",
					     "reg-603000000013c0200",
					     "reg-603000000013C020",
					     "reg-+03000000013c020",
					     "PMEVCNTR31_EL0",
					     "PMEVCNTR%u_EL0",
					     "SMCCC_ARCH_WORKAROUND_4" };
	uint64_t id;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_false(register_by_name(wrong[i], &id));
}

static void sizes_are_in_the_id(void **state)
{
	(void)state;
	assert_int_equal(register_size(MIDR), 8);
	assert_int_equal(register_size(CCSIDR), 4);
	assert_int_equal(register_size(0x6040000000100054), 16);
	assert_int_equal(register_size(KVM_REG_ARM64_SVE_VLS), 64);
	assert_int_equal(register_size(KVM_REG_ARM64_SVE_ZREG(0, 0)), 256);
	assert_int_equal(register_size(0x6090000000000000), 0);
	assert_int_equal(register_size(UINT64_MAX), 0);
}

static void kinds_are_told_apart(void **state)
{
	(void)state;
	assert_int_equal(register_kind(MIDR), REGISTER_ID);
	assert_int_equal(register_kind(CLIDR), REGISTER_ID);
	assert_int_equal(register_kind(CTR), REGISTER_ID);
	assert_int_equal(register_kind(MPIDR), REGISTER_STATE);
	assert_int_equal(register_kind(ARM64_SYS_REG(3, 2, 0, 0, 0)), REGISTER_STATE);
	assert_int_equal(register_kind(ARM64_SYS_REG(3, 0, 1, 0, 0)), REGISTER_STATE);
	assert_int_equal(register_kind(ARM64_SYS_REG(2, 0, 0, 0, 4)), REGISTER_STATE);
	assert_int_equal(register_kind(CCSIDR), REGISTER_CACHE);
	assert_int_equal(register_kind(KVM_REG_ARM_PSCI_VERSION), REGISTER_PSCI);
	assert_int_equal(register_kind(KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_2), REGISTER_LEVEL);
	assert_int_equal(register_kind(KVM_REG_ARM_FW_REG(9)), REGISTER_LEVEL);
	assert_int_equal(register_kind(KVM_REG_ARM_FW_FEAT_BMAP_REG(9)), REGISTER_SERVICES);
	assert_int_equal(register_kind(KVM_REG_ARM64_SVE_VLS), REGISTER_STATE);
}

static void registers_belong_to_features(void **state)
{
	uint64_t id;

	(void)state;
	assert_true(register_by_name("PMCR_EL0", &id));
	assert_int_equal(register_features(id), FACTS_PMU);
	assert_true(register_by_name("APGAKeyHi_EL1", &id));
	assert_int_equal(register_features(id), FACTS_PTRAUTH);
	assert_int_equal(register_features(KVM_REG_ARM64_SVE_ZREG(5, 3)), 1u << KVM_ARM_VCPU_SVE);
	assert_int_equal(register_features(MIDR), 0);
	assert_int_equal(register_features(0x603000000013ffff), 0);
}

static void numbered_registers_follow_each_other(void **state)
{
	(void)state;
	assert_true(register_follows(CCSIDR + 3, CCSIDR + 4));
	assert_false(register_follows(CCSIDR + 3, CCSIDR + 5));
	assert_false(register_follows(CCSIDR + 13, CCSIDR + 14));
	assert_true(register_follows(0x6030000000100000, 0x6030000000100002));
	assert_false(register_follows(0x603000000010003c, 0x603000000010003e));
	assert_false(register_follows(0x603000000013ffff, 0x6030000000140000));
}

static void fields_have_names_and_places(void **state)
{
	static const struct {
		uint64_t id;
		unsigned int bit;
		const char *name;
		unsigned int lsb, width;
	} rows[] = {
		{ PFR0, 0, "EL0", 0, 4 },
		{ PFR0, 63, "CSV3", 60, 4 },
		{ DFR0, 9, "PMUVer", 8, 4 },
		{ DFR0, 47, "TraceBuffer", 44, 4 },
		{ MMFR0, 50, NULL, 48, 4 },
		{ CTR, 29, "DIC", 29, 1 },
		{ CTR, 15, "L1Ip", 14, 2 },
		{ CLIDR, 25, "LoC", 24, 3 },
		{ MIDR, 15, "PartNum", 4, 12 },
		{ CCSIDR, 31, "CCSIDR", 0, 32 },
		{ 0x603000000013c01b, 5, NULL, 4, 4 },
	};
	char text[REGISTER_NAME_SIZE];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct register_field field = register_field_at(rows[i].id, rows[i].bit);

		if (rows[i].name)
			assert_string_equal(register_field_name(field, text), rows[i].name);
		else
			assert_null(field.name);
		assert_int_equal(field.lsb, rows[i].lsb);
		assert_int_equal(field.width, rows[i].width);
	}
	assert_string_equal(register_field_name(register_field_at(MMFR0, 50), text), "[51:48]");
	assert_int_equal(register_field_mask(register_field_at(PFR0, 61)), 0xf000000000000000);
	assert_int_equal(register_field_get(register_field_at(PFR0, 61), 0x2000000000000001), 2);
	assert_int_equal(register_field_mask(register_field_at(ARM64_SYS_REG(3, 0, 0, 0, 6), 3)),
			 UINT64_MAX);
}

/* Every field of every register covers its own bits and no other's. */
static void fields_tile_their_registers(void **state)
{
	(void)state;
	for (uint64_t op2 = 0; op2 < 64; op2++) {
		uint64_t id = ARM64_SYS_REG(3, 0, 0, op2 / 8, op2 % 8), seen = 0;

		for (unsigned int bit = 0; bit < 64; bit++) {
			struct register_field field = register_field_at(id, bit);
			struct register_field first = register_field_at(id, field.lsb);

			assert_true(field.lsb <= bit && bit - field.lsb < field.width);
			assert_int_equal(first.lsb, field.lsb);
			assert_int_equal(first.width, field.width);
			seen |= register_field_mask(field);
		}
		assert_int_equal(seen, UINT64_MAX);
	}
	/* Also of a cache whose id claims more bits than there are. */
	for (unsigned int bit = 0; bit < 64; bit++)
		assert_true(register_field_mask(register_field_at(CCSIDR | 0x10000000000000,
								  bit)) >>
				    bit &
			    1);
}

static void more_is_more_by_the_fields_own_rule(void **state)
{
	static const struct {
		uint64_t id;
		unsigned int bit;
		uint64_t have, want;
		bool covers;
	} rows[] = {
		{ PFR0, 60, 1, 0, true },    { PFR0, 60, 0, 1, false },   /* CSV3, unsigned */
		{ PFR0, 16, 0, 0xf, true },  { PFR0, 16, 0xf, 0, false }, /* FP, 0xf: none */
		{ PFR0, 16, 1, 0, true },    { PFR0, 16, 0xf, 0xf, true },
		{ DFR0, 8, 4, 1, true },     { DFR0, 8, 1, 4, false }, /* PMUVer */
		{ DFR0, 8, 1, 0xf, true },   { DFR0, 8, 0xf, 1, false },
		{ DFR0, 8, 0, 0xf, true },   { DFR0, 8, 0xf, 0, true },
		{ MMFR0, 40, 2, 1, false },  { MMFR0, 40, 2, 2, true },    /* TGran4_2, exact */
		{ MMFR0, 28, 0, 0xf, true }, { MMFR0, 28, 0xf, 0, false }, /* TGran4 */
		{ CTR, 24, 4, 5, true },     { CTR, 24, 5, 4, false },     /* CWG: longer is safe */
		{ CLIDR, 0, 1, 3, true },    { CLIDR, 0, 3, 1, true },     /* promises nothing */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct register_field field = register_field_at(rows[i].id, rows[i].bit);

		assert_int_equal(register_field_covers(field, rows[i].have, rows[i].want),
				 rows[i].covers);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_those_of_the_architecture),
		cmocka_unit_test(every_register_of_every_host_goes_by_its_name_and_back),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(sizes_are_in_the_id),
		cmocka_unit_test(kinds_are_told_apart),
		cmocka_unit_test(registers_belong_to_features),
		cmocka_unit_test(numbered_registers_follow_each_other),
		cmocka_unit_test(fields_have_names_and_places),
		cmocka_unit_test(fields_tile_their_registers),
		cmocka_unit_test(more_is_more_by_the_fields_own_rule),
	};

	return cmocka_run_group_tests_name("registers", tests, NULL, NULL);
}
