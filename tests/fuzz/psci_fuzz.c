/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that lkvm answers itself. PSCI: any, of any CPU that is on, one after the other; and with the same
 * arguments the discovery of CPU implementations. Two bytes choose version
 * and CPUs, then each call takes CALL_SIZE: caller, function, and three arguments. The function is
 * a number of PSCI's or any other, the arguments are mostly near what means something.
 */
#include <stdlib.h>
#include <string.h>
#include "../../arm/impl-cpus.h"
#include "../../arm/psci-user.h"
#include "arm/psci.h"
#include "util/bits.h"

#define NR_MAX    9
#define CALL_SIZE 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

/* What a call came to fits who was on before and is on now. */
static void check(const struct psci_cpus *cpus, unsigned int caller, const bool *before,
		  const struct psci_reply *r)
{
	unsigned int changed = 0;

	for (unsigned int i = 0; i < cpus->nr; i++)
		changed += before[i] != cpus->on[i];
	switch (r->action) {
	case PSCI_START:
		must(changed == 1 && r->cpu < cpus->nr && !before[r->cpu] && cpus->on[r->cpu]);
		must(r->result == PSCI_SUCCESS);
		break;
	case PSCI_STOP:
		must(changed == 1 && before[caller] && !cpus->on[caller]);
		break;
	case PSCI_SUSPEND:
		must(changed == 0 && !psci_others_on(cpus, caller));
		must(cpus->version >= PSCI_VERSION(1, 0));
		break;
	case PSCI_RESET2:
		must(changed == 0 && cpus->version >= PSCI_VERSION(1, 1));
		must(r->entry == 0 || (r->entry >= 0x80000000 && r->entry <= UINT32_MAX));
		break;
	case PSCI_HIBERNATE:
		must(changed == 0 && cpus->version >= PSCI_VERSION(1, 3));
		break;
	default:
		must(changed == 0);
	}
}

/* The two calls and their neighbours. */
static void check_discovery(struct psci_call call)
{
	static const struct impl_cpus list = { 2, { { 1, 2, 3 }, { 4, 5, 6 } } };
	unsigned int nr = call.function % 4;
	uint64_t x[4] = { 9, 9, 9, 9 };

	call.function = IMPL_CPUS_FN + nr;
	must(impl_cpus_answer(&list, &call, x) == (nr < IMPL_CPUS_FN_NR));
	if (nr == 0)
		must(!x[0] && x[1] == 0x10000 && x[2] == list.nr && !x[3]);
	else if (nr == 1 && call.arg[0] < list.nr)
		must(!x[0] && x[1] == list.cpu[call.arg[0]].midr);
	else if (nr == 1)
		must(x[0] == (uint64_t)-3 && !(x[1] | x[2] | x[3]));
}

static struct psci_call read_call(const uint8_t *p)
{
	static const uint32_t bases[] = { PSCI_FN_32, PSCI_FN_64, 0x80000000, 0x95c1ba5e };
	struct psci_call call = { 0 };

	call.function = bases[p[1] >> 6] + (p[1] & 0x3f);
	memcpy(&call.arg[0], p + 2, 5);
	memcpy(&call.arg[1], p + 7, 5);
	memcpy(&call.arg[2], p + 12, 4);
	/* The highest bits, too, and a type of the vendor's for SYSTEM_RESET2. */
	call.arg[0] |= (uint64_t)(p[6] & 0x80) << 56;
	call.arg[1] |= (uint64_t)(p[11] & 0x80) << 56;
	return call;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint32_t versions[] = {
		PSCI_VERSION(0, 2), PSCI_VERSION(1, 0), PSCI_VERSION(1, 1),
		PSCI_VERSION(1, 2), PSCI_VERSION(1, 3),
	};
	uint64_t mpidr[NR_MAX];
	bool on[NR_MAX] = { true }, before[NR_MAX];
	struct psci_cpus cpus;

	if (size < 2)
		return 0;
	cpus = (struct psci_cpus){
		.version = versions[data[0] % ARRAY_SIZE(versions)],
		.nr = 1 + data[1] % NR_MAX,
		.mpidr = mpidr,
		.on = on,
	};
	for (unsigned int i = 0; i < cpus.nr; i++) /* four to a cluster, the last far away */
		mpidr[i] = 1ULL << 31 | i % 4 | i / 4 << 8 | (uint64_t)(i == NR_MAX - 1) << 32;
	for (data += 2, size -= 2; size >= CALL_SIZE; data += CALL_SIZE, size -= CALL_SIZE) {
		struct psci_call call = read_call(data);
		unsigned int caller = data[0] % cpus.nr;
		struct psci_reply reply;

		if (!on[caller])
			continue;
		memcpy(before, on, sizeof(on));
		psci_decide(&cpus, caller, &call, &reply);
		check(&cpus, caller, before, &reply);
		check_discovery(call);
	}
	return 0;
}
