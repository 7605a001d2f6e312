/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Counts on all CPUs, and says where each is, ten times a second by its own clock, for "seconds=" (600): with the clock in ms and what PSCI
 * says of its version when it is asked anew. For tests that stop a machine and let it go on elsewhere.
 */
#include "guest.h"

static void count(struct cpu *cpu)
{
	for (;;)
		cpu->done++;
}

/* The second CPU, which counts, or NULL. */
static struct cpu *start_other(struct guest *g)
{
	struct cpu_node at = cpu_first(&g->dt);
	struct cpu *cpu;

	cpu_next(&g->dt, &at);
	if (at.node < 0 || cpu_on(g, at.nr, at.affinity, count, &cpu) || !cpu_arrived(cpu))
		return NULL;
	return cpu;
}

int guest_main(struct guest *g)
{
	uint64_t hz = counter_hz(), next = counter_now(), end, line = 0;
	struct cpu *other = start_other(g);
	uint32_t last = 0;

	end = next + hz * guest_arg(g, "seconds", 600);
	while (counter_now() < end) {
		uint32_t version = (uint32_t)psci_call(&g->psci, PSCI_VERSION, 0, 0, 0);
		uint32_t done = other ? other->done : 1;

		print("count: %lu at %lu ms, psci %u.%u, other %s\n", line++,
		      counter_now() / (hz / 1000), PSCI_MAJOR(version), PSCI_MINOR(version),
		      !other         ? "absent"
		      : done != last ? "counts"
				     : "stands");
		last = done;
		for (next += hz / 10; counter_now() < next;)
			cpu_yield();
	}
	return 0;
}
