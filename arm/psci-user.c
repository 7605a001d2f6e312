/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PSCI in user space: one table of functions, with the version that brought each and what decides
 * it. Where the specification leaves a choice, the choice is KVM's, so that a guest cannot tell
 * who answers: CPU_SUSPEND is always a standby, an entry point is not judged, and a CPU counts as on
 * from the moment CPU_ON is accepted.
 */
#include <stddef.h>
#include "arm/psci.h"
#include "psci-user.h"
#include "regs.h"
#include "util/bits.h"

/* Bit 30 of a function id: the 64-bit calling convention (Arm DEN 0028). */
#define FN_64 (PSCI_FN_64 ^ PSCI_FN_32)

/* Not of PSCI's range, but what PSCI_FEATURES is for: a guest finds SMCCC 1.1 by it. */
#define SMCCC_VERSION 0x80000000u

#define AFFINITY_LEVELS 4
#define AFFINITY_ON     0
#define AFFINITY_OFF    1

/* MIGRATE_INFO_TYPE: no Trusted OS, or one that needs no migration. */
#define MIGRATE_NONE 2

#define RESET_WARM   0u
#define RESET_VENDOR 0x80000000u /* this and all above: the vendor's own */

#define OFF_HIBERNATE 1u /* SYSTEM_OFF2's type, and its bit in PSCI_FEATURES */

struct context {
	const struct psci_cpus *cpus;
	unsigned int caller;
	const struct psci_call *call; /* arguments as its convention passes them */
	struct psci_reply *reply;
};

struct function {
	uint32_t id;    /* in the 32-bit convention */
	bool has_64;    /* there is a 64-bit one as well */
	uint32_t since; /* version of PSCI */
	int64_t (*decide)(const struct context *c);
	int64_t features; /* PSCI_FEATURES' answer */
};

static int64_t act(const struct context *c, enum psci_action action, int64_t result)
{
	c->reply->action = action;
	return result;
}

static int64_t version(const struct context *c)
{
	return c->cpus->version;
}

static int64_t cpu_suspend(const struct context *c)
{
	return act(c, PSCI_STANDBY, PSCI_SUCCESS);
}

static int64_t cpu_off(const struct context *c)
{
	c->cpus->on[c->caller] = false;
	return act(c, PSCI_STOP, PSCI_SUCCESS);
}

static int64_t cpu_on(const struct context *c)
{
	uint64_t target = c->call->arg[0];

	for (unsigned int i = 0; i < c->cpus->nr; i++) {
		if ((c->cpus->mpidr[i] & MPIDR_AFFINITY) != target)
			continue;
		if (c->cpus->on[i])
			return PSCI_ALREADY_ON;
		c->cpus->on[i] = true;
		c->reply->cpu = i;
		c->reply->entry = c->call->arg[1];
		c->reply->context = c->call->arg[2];
		return act(c, PSCI_START, PSCI_SUCCESS);
	}
	return PSCI_INVALID_PARAMETERS;
}

/* The bits of an MPIDR that name a node of affinity level @level: those of the level and above. */
static uint64_t level_mask(uint64_t level)
{
	static const uint64_t masks[AFFINITY_LEVELS] = {
		MPIDR_AFFINITY,
		MPIDR_AFFINITY & ~0xffULL,
		MPIDR_AFFINITY & ~0xffffULL,
		MPIDR_AFFINITY & ~0xffffffULL,
	};

	return level < AFFINITY_LEVELS ? masks[level] : 0;
}

static int64_t affinity_info(const struct context *c)
{
	uint64_t target = c->call->arg[0];
	uint64_t mask = level_mask(c->call->arg[1]);
	int64_t result = PSCI_INVALID_PARAMETERS;

	if (!mask || target & ~MPIDR_AFFINITY)
		return result;
	for (unsigned int i = 0; i < c->cpus->nr; i++) {
		if ((c->cpus->mpidr[i] ^ target) & mask)
			continue;
		if (c->cpus->on[i])
			return AFFINITY_ON;
		result = AFFINITY_OFF;
	}
	return result;
}

static int64_t migrate_info_type(const struct context *c)
{
	(void)c;
	return MIGRATE_NONE;
}

/* The machine ends; should it go on all the same, its guest learns that the call failed. */
static int64_t system_off(const struct context *c)
{
	return act(c, PSCI_OFF, PSCI_INTERNAL_FAILURE);
}

static int64_t system_off2(const struct context *c)
{
	uint32_t type = (uint32_t)c->call->arg[0];

	if ((type && type != OFF_HIBERNATE) || c->call->arg[1])
		return PSCI_INVALID_PARAMETERS;
	return act(c, PSCI_HIBERNATE, PSCI_INTERNAL_FAILURE);
}

static int64_t system_reset(const struct context *c)
{
	return act(c, PSCI_RESET, PSCI_INTERNAL_FAILURE);
}

static int64_t system_reset2(const struct context *c)
{
	uint32_t type = (uint32_t)c->call->arg[0];

	if (type != RESET_WARM && type < RESET_VENDOR)
		return PSCI_INVALID_PARAMETERS;
	c->reply->entry = type;
	c->reply->context = c->call->arg[1];
	return act(c, PSCI_RESET2, PSCI_INTERNAL_FAILURE);
}

static int64_t system_suspend(const struct context *c)
{
	if (psci_others_on(c->cpus, c->caller))
		return PSCI_DENIED;
	c->reply->entry = c->call->arg[0];
	c->reply->context = c->call->arg[1];
	return act(c, PSCI_SUSPEND, PSCI_SUCCESS);
}

static int64_t features(const struct context *c);

#define V0_2 PSCI_VERSION(0, 2)
#define V1_0 PSCI_VERSION(1, 0)
#define V1_1 PSCI_VERSION(1, 1)
#define V1_3 PSCI_VERSION(1, 3)

static const struct function functions[] = {
	{ 0x84000000, false, V0_2, version, 0 },
	{ 0x84000001, true, V0_2, cpu_suspend, 0 },
	{ 0x84000002, false, V0_2, cpu_off, 0 },
	{ 0x84000003, true, V0_2, cpu_on, 0 },
	{ 0x84000004, true, V0_2, affinity_info, 0 },
	{ 0x84000006, false, V0_2, migrate_info_type, 0 },
	{ 0x84000008, false, V0_2, system_off, 0 },
	{ 0x84000009, false, V0_2, system_reset, 0 },
	{ 0x8400000a, false, V1_0, features, 0 },
	{ 0x8400000e, true, V1_0, system_suspend, 0 },
	{ 0x84000012, true, V1_1, system_reset2, 0 },
	{ 0x84000015, true, V1_3, system_off2, OFF_HIBERNATE },
};

/* The row of @function as this machine has it; NULL if it has none. */
static const struct function *find(uint32_t function, const struct psci_cpus *cpus)
{
	for (size_t i = 0; i < ARRAY_SIZE(functions); i++) {
		const struct function *f = &functions[i];

		if (cpus->version >= f->since &&
		    !(cpus->no_suspend && f->decide == system_suspend) &&
		    (function == f->id || (f->has_64 && function == (f->id | FN_64))))
			return f;
	}
	return NULL;
}

static int64_t features(const struct context *c)
{
	uint32_t function = (uint32_t)c->call->arg[0];
	const struct function *f = find(function, c->cpus);

	if (function == SMCCC_VERSION)
		return PSCI_SUCCESS;
	return f ? f->features : PSCI_NOT_SUPPORTED;
}

bool psci_others_on(const struct psci_cpus *cpus, unsigned int caller)
{
	for (unsigned int i = 0; i < cpus->nr; i++) {
		if (i != caller && cpus->on[i])
			return true;
	}
	return false;
}

void psci_decide(const struct psci_cpus *cpus, unsigned int caller, const struct psci_call *call,
		 struct psci_reply *reply)
{
	const struct function *f = find(call->function, cpus);
	struct psci_call narrow = *call;
	struct context c = { cpus, caller, &narrow, reply };

	*reply = (struct psci_reply){ .action = PSCI_ANSWER, .result = PSCI_NOT_SUPPORTED };
	if (!f)
		return;
	/* The 32-bit convention has 32-bit arguments, whatever else the registers hold. */
	for (size_t i = 0; i < ARRAY_SIZE(narrow.arg) && !(call->function & FN_64); i++)
		narrow.arg[i] = (uint32_t)narrow.arg[i];
	reply->result = f->decide(&c);
}
