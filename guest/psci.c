/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PSCI calls. The rule throughout: a function the version does not have is not called, so that what
 * a guest sees is what a careful operating system would see.
 */
#include "dt.h"
#include "psci.h"
#include "str.h"

bool psci_open(struct psci *p, const struct dt *dt)
{
	static const struct {
		const char *compatible;
		uint32_t version;
	} nodes[] = {
		{ "arm,psci-1.0", PSCI_V(1, 0) },
		{ "arm,psci-0.2", PSCI_V(0, 2) },
		{ "arm,psci", PSCI_V(0, 1) },
	};
	const char *method = NULL;
	unsigned int i;

	*p = (struct psci){ .node = -1 };
	for (i = 0; i < sizeof(nodes) / sizeof(nodes[0]) && p->node < 0; i++) {
		p->node = dt_compatible(dt, -1, nodes[i].compatible);
		p->claimed = nodes[i].version;
	}
	if (p->node >= 0)
		method = dt_string(dt, p->node, "method");
	if (!method || (strcmp(method, "hvc") && strcmp(method, "smc"))) {
		*p = (struct psci){ .node = -1 };
		return false;
	}
	p->conduit = strcmp(method, "smc") ? SMCCC_HVC : SMCCC_SMC;

	if (p->claimed == PSCI_V(0, 1)) {
		p->version = p->claimed;
		p->cpu_on = dt_u32(dt, p->node, "cpu_on", 0);
		p->cpu_off = dt_u32(dt, p->node, "cpu_off", 0);
	} else {
		p->version = (uint32_t)smccc_call(p->conduit, PSCI_VERSION, 0, 0, 0).x0;
		p->cpu_on = PSCI_CPU_ON;
		p->cpu_off = PSCI_CPU_OFF;
	}
	return true;
}

int psci_call(const struct psci *p, uint32_t fn, uint64_t a1, uint64_t a2, uint64_t a3)
{
	return (int32_t)smccc_call(p->conduit, fn, a1, a2, a3).x0;
}

int psci_cpu_on(const struct psci *p, uint64_t affinity, uint64_t entry, uint64_t context)
{
	if (p->node < 0 || !p->cpu_on)
		return PSCI_NOT_SUPPORTED;
	return psci_call(p, p->cpu_on, affinity, entry, context);
}

int psci_cpu_off(const struct psci *p)
{
	if (p->node < 0 || !p->cpu_off)
		return PSCI_NOT_SUPPORTED;
	return psci_call(p, p->cpu_off, 0, 0, 0);
}

int psci_affinity_info(const struct psci *p, uint64_t affinity)
{
	if (p->node < 0 || p->claimed < PSCI_V(0, 2))
		return PSCI_NOT_SUPPORTED;
	return psci_call(p, PSCI_AFFINITY_INFO, affinity, 0, 0);
}

bool psci_has(const struct psci *p, uint32_t fn)
{
	if (p->node < 0 || !psci_answers(p) || p->version < PSCI_V(1, 0))
		return false;
	return psci_call(p, PSCI_FEATURES, fn, 0, 0) >= 0;
}

uint32_t psci_smccc_version(const struct psci *p)
{
	int version;

	if (!psci_has(p, SMCCC_VERSION))
		return PSCI_V(1, 0);
	version = psci_call(p, SMCCC_VERSION, 0, 0, 0);
	return version > 0 ? (uint32_t)version : PSCI_V(1, 0);
}
