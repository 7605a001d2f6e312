/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SYSTEM_SUSPEND is for the last CPU that is on: while the second one is, it has to be DENIED, every
 * one of "calls=" (100) times, and the caller runs on. Whether it then sleeps is another guest's matter.
 */
#include "guest.h"

static void stay_on(struct cpu *cpu)
{
	while (!wait_until(&cpu->go, CPU_PATIENCE))
		;
}

int guest_main(struct guest *g)
{
	uint64_t calls = guest_arg(g, "calls", 100), i;
	struct cpu_node at = cpu_first(&g->dt);
	struct cpu *cpu;

	cpu_next(&g->dt, &at);
	if (at.node < 0 || !psci_has(&g->psci, PSCI_SYSTEM_SUSPEND)) {
		print("suspend: it takes two CPUs and SYSTEM_SUSPEND\n");
		return 0;
	}
	if (cpu_on(g, at.nr, at.affinity, stay_on, &cpu) || !cpu_arrived(cpu)) {
		print("suspend: FAILED: the second CPU does not come up\n");
		return 1;
	}
	for (i = 0; i < calls; i++) {
		int ret = psci_call(&g->psci, PSCI_SYSTEM_SUSPEND, g->ram_base, 0, 0);

		if (ret != PSCI_DENIED) {
			print("suspend: FAILED: %d instead of DENIED\n", ret);
			return 1;
		}
	}
	wake(&cpu->go);
	while (psci_affinity_info(&g->psci, at.affinity) != PSCI_AFFINITY_OFF)
		cpu_yield();
	print("suspend: %lu times denied\n", calls);
	return 0;
}
