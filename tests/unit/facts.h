/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Profiles of real hosts, from what was read on them (tests/facts): registers, writable bits. The
 * rest of a profile, which those files do not have, is what docs/psci.md says of the kernels.
 */
#ifndef LKVM_UNIT_FACTS_H
#define LKVM_UNIT_FACTS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arm/profile.h"
#include "arm/registers.h"
#include "kvm/kvm.h"
#include "util/bits.h"

#define FACTS_PSCI    (1u << KVM_ARM_VCPU_PSCI_0_2)
#define FACTS_PTRAUTH (1u << KVM_ARM_VCPU_PTRAUTH_ADDRESS | 1u << KVM_ARM_VCPU_PTRAUTH_GENERIC)
#define FACTS_PMU     (1u << KVM_ARM_VCPU_PMU_V3)

static const char *const facts_kernels[] = { "5.10", "6.1", "7.3" };
static const char *const facts_cpus[] = { "cortex-a72", "neoverse-n1", "max" };

static FILE *facts_open(const char *name)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "tests/facts/%s.tsv", name);
	file = fopen(path, "r");
	if (!file) {
		fprintf(stderr, "%s: not there (tests run in the top folder)\n", path);
		abort();
	}
	return file;
}

/* The next line with @nr fields, split; false at the end. Comments are skipped. */
static bool facts_line(FILE *file, char line[256], char **field, unsigned int nr)
{
	while (fgets(line, 256, file)) {
		char *rest = line;

		if (*line == '#')
			continue;
		line[strcspn(line, "\n")] = '\0';
		for (unsigned int i = 0; i < nr; i++)
			field[i] = strsep(&rest, "\t");
		if (!field[nr - 1])
			abort();
		return true;
	}
	return false;
}

static void facts_dump(struct profile_dump *dump, const char *cpu, const char *kernel,
		       uint32_t features)
{
	char name[64], line[256], *field[2];
	FILE *file;

	snprintf(name, sizeof(name), "%s.linux-%s", cpu, kernel);
	file = facts_open(name);
	*dump = (struct profile_dump){ .features = features };
	dump->reg = calloc(1000, sizeof(*dump->reg));
	while (facts_line(file, line, field, 2)) {
		struct profile_register *reg = &dump->reg[dump->nr++];
		size_t len = strlen(field[1]);

		reg->id = strtoull(field[0], NULL, 16);
		reg->value = strtoull(len > 16 ? field[1] + len - 16 : field[1], NULL, 16);
		if (register_size(reg->id) > 8)
			reg->wide = calloc(1, register_size(reg->id)); /* all are 0 */
	}
	fclose(file);
}

static void facts_writable(struct host_profile *p, const char *cpu, const char *kernel)
{
	char line[256], *field[4];
	FILE *file = facts_open("writable");

	p->mask = calloc(300, sizeof(*p->mask));
	p->firmware = calloc(20, sizeof(*p->firmware));
	p->firmware[p->nr_firmware++].id = KVM_REG_ARM_PSCI_VERSION;
	while (facts_line(file, line, field, 4)) {
		uint64_t id, mask = strtoull(field[3], NULL, 16);

		if (strcmp(field[0], cpu) || strcmp(field[1], kernel))
			continue;
		if (!register_by_name(field[2], &id))
			abort();
		if (register_kind(id) == REGISTER_ID || register_kind(id) == REGISTER_CACHE)
			p->mask[p->nr_masks++] = (struct profile_mask){ id, mask };
		else
			p->firmware[p->nr_firmware++] =
				(struct profile_firmware){ .id = id, .takes = mask };
	}
	fclose(file);
	for (size_t i = 0; i < p->nr_firmware; i++) {
		for (size_t k = 0; k < p->base.nr; k++) {
			if (p->base.reg[k].id == p->firmware[i].id)
				p->firmware[i].value = p->base.reg[k].value;
		}
	}
}

/* The profile of a host with @cpu (facts_cpus) and @kernel (facts_kernels). */
static void facts_profile(struct host_profile *p, const char *cpu, const char *kernel)
{
	static const uint32_t versions[] = { 0x1, 0x2, 0x10000, 0x10001, 0x10002, 0x10003 };
	struct err e = { 0 };
	bool max = !strcmp(cpu, "max");

	*p = PROFILE_NONE;
	snprintf(p->kernel, sizeof(p->kernel), "Linux %s", kernel);
	p->page_size = 4096;
	p->ipa_bits = 44;
	p->max_vcpus = 512;
	p->counter_hz = 62500000;
	p->nr_psci = kernel[0] == '5' ? 3 : kernel[0] == '6' ? 4 : 6;
	memcpy(p->psci, versions, p->nr_psci * sizeof(*versions));
	p->gicv3_iidr = kernel[0] == '5' ? 0x4b00243b : 0x4b00343b;
	p->its = true;
	p->pvtime = true;
	p->cap[KVM_CAP_STEAL_TIME] = 1;
	p->cap[KVM_CAP_ARM_SYSTEM_SUSPEND] = kernel[0] != '5';
	p->smccc_filter = p->masks_told = kernel[0] == '7';
	facts_dump(&p->base, cpu, kernel, FACTS_PSCI);
	facts_dump(&p->full, max ? "max-pmu-pauth" : cpu, kernel,
		   max ? FACTS_PSCI | FACTS_PMU | FACTS_PTRAUTH : FACTS_PSCI);
	p->vcpu_features = p->full.features;
	facts_writable(p, cpu, kernel);
	if (profile_sort(p, &e) < 0)
		abort();
}

#endif
