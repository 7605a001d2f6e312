/* SPDX-License-Identifier: BSD-2-Clause */
/* The default guest's tour of the CPUs. */
#include "default.h"
#include "guest.h"
#include "str.h"

/* On the secondary: stay until the boot CPU has looked, then return, which is CPU_OFF. */
static void stay(struct cpu *cpu)
{
	wait_until(&cpu->go, CPU_PATIENCE);
}

/* AFFINITY_INFO until it says OFF; whoever calls CPU_OFF needs a moment to be gone. */
static bool wait_until_off(const struct psci *p, const struct cpu *cpu)
{
	uint64_t start = counter_now(), limit = CPU_PATIENCE * counter_hz();

	while (psci_affinity_info(p, cpu->affinity) != PSCI_AFFINITY_OFF) {
		if (cpu->off_failed)
			return fail("cpu %u: CPU_OFF came back with %d", cpu->nr, cpu->off_result);
		if (counter_now() - start > limit)
			return fail("cpu %u: AFFINITY_INFO never says OFF after CPU_OFF", cpu->nr);
		cpu_wfe();
	}
	return true;
}

static bool check_cpu(struct guest *g, const struct cpu_node *at)
{
	/* 0.1 has no AFFINITY_INFO */
	bool can_ask = g->psci.claimed >= PSCI_V(0, 2);
	const char *method = dt_string(&g->dt, at->node, "enable-method");
	struct cpu *cpu;
	int result;

	if (!method || strcmp(method, "psci"))
		return fail("cpu %u: enable-method is %s, not psci", at->nr, method);
	if (can_ask) {
		result = psci_affinity_info(&g->psci, at->affinity);
		if (result != PSCI_AFFINITY_OFF)
			return fail("cpu %u: AFFINITY_INFO says %d before CPU_ON", at->nr, result);
	}
	result = cpu_on(g, at->nr, at->affinity, stay, &cpu);
	if (result)
		return fail("cpu %u: CPU_ON of 0x%lx gives %d", at->nr, at->affinity, result);
	if (!cpu_arrived(cpu))
		return fail("cpu %u: did not arrive with its context id", at->nr);
	if ((cpu->mpidr & MPIDR_AFFINITY) != at->affinity)
		return fail("cpu %u: its mpidr is 0x%lx, the device tree says 0x%lx", at->nr,
			    cpu->mpidr, at->affinity);
	if (can_ask) {
		result = psci_affinity_info(&g->psci, at->affinity);
		if (result != PSCI_AFFINITY_ON)
			return fail("cpu %u: AFFINITY_INFO says %d while it runs", at->nr, result);
	}
	wake(&cpu->go);
	if (can_ask && !wait_until_off(&g->psci, cpu))
		return false;
	print("cpu %u: mpidr 0x%lx, %s\n", at->nr, cpu->mpidr, can_ask ? "on, off again" : "on");
	return true;
}

bool check_cpus(struct guest *g)
{
	uint64_t mpidr = sysreg_read(mpidr_el1);
	unsigned int nr = cpu_count(&g->dt), nr_on = 0;
	bool self = false;
	struct cpu_node at;

	if (nr > CPU_MAX)
		return fail("%u CPUs, at most %u can be tried", nr, CPU_MAX);
	for (at = cpu_first(&g->dt); at.node >= 0; cpu_next(&g->dt, &at)) {
		if (at.affinity == (mpidr & MPIDR_AFFINITY)) {
			print("cpu %u: mpidr 0x%lx, boot\n", at.nr, mpidr);
			self = true;
		} else if (!check_cpu(g, &at)) {
			return false;
		}
		nr_on++;
	}
	if (!self)
		return fail("the boot CPU, mpidr 0x%lx, is not in the device tree", mpidr);
	print("cpus: %u of %u on\n", nr_on, nr);
	return true;
}
