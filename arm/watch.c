/* SPDX-License-Identifier: BSD-2-Clause */
/* What a machine_control may see of a machine. */
#include "parts.h"

uint64_t machine_exits(const struct machine *m, unsigned int cpu, enum vcpu_exit exit)
{
	if (cpu >= m->vm.nr_vcpus)
		return 0;
	return atomic_load_explicit(&m->vm.vcpu[cpu].exits[exit], memory_order_relaxed);
}

enum vm_end machine_end(const struct machine *m)
{
	return atomic_load(&m->vm.end);
}

uint32_t machine_psci(const struct machine *m)
{
	return m->psci;
}
