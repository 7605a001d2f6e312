/* SPDX-License-Identifier: BSD-2-Clause */
/* The psci guest's calls, and how their answers are printed. */
#include "guest.h"
#include "psci-call.h"

#define FIRST_PRESERVED 4 /* SMCCC 1.1: x4 to x17 too, where they hold no result */

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

_Static_assert(offsetof(struct arrival, x0) == ARRIVAL_X0, "psci-registers.S fills it");
_Static_assert(offsetof(struct arrival, el) == ARRIVAL_EL, "psci-registers.S fills it");
_Static_assert(offsetof(struct arrival, spsel) == ARRIVAL_SPSEL, "psci-registers.S fills it");
_Static_assert(offsetof(struct arrival, daif) == ARRIVAL_DAIF, "psci-registers.S fills it");
_Static_assert(offsetof(struct arrival, sctlr) == ARRIVAL_SCTLR, "psci-registers.S fills it");

static const char *const psci_codes[] = {
	"SUCCESS",    "NOT_SUPPORTED",    "INVALID_PARAMETERS", "DENIED",   "ALREADY_ON",
	"ON_PENDING", "INTERNAL_FAILURE", "NOT_PRESENT",        "DISABLED", "INVALID_ADDRESS",
};
static const char *const smccc_codes[] = {
	"SUCCESS",
	"NOT_SUPPORTED",
	"NOT_REQUIRED",
	"INVALID_PARAMETER",
};
static const char *const trng_codes[] = {
	"SUCCESS",
	"NOT_SUPPORTED",
	"INVALID_PARAMETERS",
	"NO_ENTROPY",
};
static const char *const affinity_states[] = { "ON", "OFF", "ON_PENDING" };
static const char *const trusted_types[] = {
	"trusted OS that migrates",
	"trusted OS that stays",
	"no trusted OS to migrate",
};

static uint32_t ever_changed;

/* The same value is never in two registers, nor the value a firmware would leave by chance. */
static uint64_t mark(unsigned int reg)
{
	return 0xa5a50000c3c30000ul | (uint64_t)reg << 32 | reg;
}

struct answer call_by(void (*instruction)(struct registers *r), uint64_t fn, uint64_t a1,
		      uint64_t a2, uint64_t a3)
{
	struct registers r;
	struct answer a = { .changed = 0 };
	unsigned int i;

	for (i = FIRST_PRESERVED; i < 31; i++)
		r.x[i] = mark(i);
	r.x[0] = fn;
	r.x[1] = a1;
	r.x[2] = a2;
	r.x[3] = a3;
	instruction(&r);
	for (i = 0; i < 4; i++)
		a.x[i] = r.x[i];
	for (i = FIRST_PRESERVED; i < 31; i++)
		if (r.x[i] != mark(i))
			a.changed |= 1u << i;
	if ((uint32_t)a.x[0] == RESUMED)
		a.changed = 0; /* such a CPU owes its caller no register */
	ever_changed |= a.changed;
	return a;
}

struct answer call(uint64_t fn, uint64_t a1, uint64_t a2, uint64_t a3)
{
	return call_by(psci_hvc, fn, a1, a2, a3);
}

uint32_t call_ever_changed(void)
{
	return ever_changed;
}

/* The names of the results from 0 on downwards, or from 0 on upwards. */
static const char *name_of(enum reading as, int32_t value)
{
	const char *const *codes = psci_codes;
	unsigned int nr = ARRAY_SIZE(psci_codes);

	if (as == READ_AFFINITY && value >= 0)
		return value < (int)ARRAY_SIZE(affinity_states) ? affinity_states[value] : NULL;
	if (as == READ_TRUSTED && value >= 0)
		return value < (int)ARRAY_SIZE(trusted_types) ? trusted_types[value] : NULL;
	if (as == READ_SMCCC) {
		codes = smccc_codes;
		nr = ARRAY_SIZE(smccc_codes);
	} else if (as == READ_TRNG) {
		codes = trng_codes;
		nr = ARRAY_SIZE(trng_codes);
	}
	return value <= 0 && value > -(int)nr ? codes[-value] : NULL;
}

void print_reading(enum reading as, uint64_t value)
{
	bool is_int = value >> 32 == 0 || (int64_t)value == (int32_t)value;
	const char *name = NULL;

	if (as == READ_TEXT) {
		print("%s", (const char *)value);
		return;
	}
	if (as == READ_VERSION && is_int && (int32_t)value > 0) {
		print("%u.%u", PSCI_MAJOR((uint32_t)value), PSCI_MINOR((uint32_t)value));
		return;
	}
	if (is_int)
		name = name_of(as, (int32_t)value);
	if (name)
		print("%s", name);
	else
		print("0x%lx", value);
}

void print_answer(enum reading as, const struct answer *a)
{
	unsigned int i;

	print(" = ");
	if ((uint32_t)a->x[0] == RESUMED)
		print("resumed at the entry point");
	else
		print_reading(as, a->x[0]);
	for (i = FIRST_PRESERVED; i < 31; i++)
		if (a->changed >> i & 1)
			print(", x%u changed", i);
	print("\n");
}

void ask(const char *text, enum reading as, uint64_t fn, uint64_t a1, uint64_t a2, uint64_t a3)
{
	struct answer a = call(fn, a1, a2, a3);

	print("%s", text);
	print_answer(as, &a);
}
