/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All CPUs at once on one serial port: CPU n writes the n-th letter (of 26, again and again)
 * "bytes=" (1000) times, each byte when the port says it is ready. With "forever" they never stop.
 * "smp: go N" is printed once all N CPUs are up, "smp: all done" at the end, on lines of their own.
 */
#include "guest.h"

static void write_letters(struct guest *g, unsigned int nr)
{
	uint64_t left = guest_arg(g, "bytes", 1000);
	bool forever = guest_has_arg(g, "forever");
	char letter = (char)('a' + nr % 26);

	for (; forever || left; left--)
		uart_write(&g->console, &letter, 1);
}

static void run(struct cpu *cpu)
{
	/* Up to 512 CPUs have to be started before any may go: no limit of time here. */
	while (!wait_until(&cpu->go, CPU_PATIENCE))
		;
	write_letters(cpu->guest, cpu->nr);
	wake(&cpu->done);
}

int guest_main(struct guest *g)
{
	uint64_t self = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;
	struct cpu *cpus[CPU_MAX];
	struct cpu_node at;
	unsigned int nr = 0, i;

	for (at = cpu_first(&g->dt); at.node >= 0 && at.nr < CPU_MAX; cpu_next(&g->dt, &at)) {
		if (at.affinity == self)
			continue;
		if (cpu_on(g, at.nr, at.affinity, run, &cpus[nr]) || !cpu_arrived(cpus[nr])) {
			print("smp: FAILED: cpu %u does not come up\n", at.nr);
			return 1;
		}
		nr++;
	}
	print("smp: go %u\n", nr + 1);
	for (i = 0; i < nr; i++)
		wake(&cpus[i]->go);
	write_letters(g, 0);
	for (i = 0; i < nr; i++)
		while (!wait_until(&cpus[i]->done, CPU_PATIENCE))
			;
	print("\nsmp: all done\n");
	return 0;
}
