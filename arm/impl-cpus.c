/* SPDX-License-Identifier: BSD-2-Clause */
/* What the discovery of CPU implementations answers. */
#include <assert.h>
#include <string.h>
#include "impl-cpus.h"

#define DISCOVER_VERSION IMPL_CPUS_FN

#define VERSION_1_0 0x10000

/* SMCCC's (DEN 0028): PSCI has another number for the same. */
#define SMCCC_INVALID_PARAMETER (-3)

void impl_cpus_add(struct impl_cpus *list, const struct impl_cpu *cpu)
{
	for (unsigned int i = 0; i < list->nr; i++) {
		if (!memcmp(&list->cpu[i], cpu, sizeof(*cpu)))
			return;
	}
	assert(list->nr < IMPL_CPUS_MAX);
	list->cpu[list->nr++] = *cpu;
}

/* Arguments that are to be 0 are not looked at: Linux leaves what it likes in some of them. */
bool impl_cpus_answer(const struct impl_cpus *list, const struct psci_call *call, uint64_t x[4])
{
	uint64_t index = call->arg[0];

	if (call->function - IMPL_CPUS_FN >= IMPL_CPUS_FN_NR)
		return false;
	memset(x, 0, 4 * sizeof(x[0]));
	if (!list->nr) {
		x[0] = (uint64_t)PSCI_NOT_SUPPORTED;
	} else if (call->function == DISCOVER_VERSION) {
		x[1] = VERSION_1_0;
		x[2] = list->nr;
	} else if (index >= list->nr) {
		x[0] = (uint64_t)SMCCC_INVALID_PARAMETER;
	} else {
		x[1] = list->cpu[index].midr;
		x[2] = list->cpu[index].revidr;
		x[3] = list->cpu[index].aidr;
	}
	return true;
}
