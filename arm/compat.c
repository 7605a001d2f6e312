/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM that suits two hosts: PSCI version, services, vCPU features, SVE vector lengths and ID register
 * fields lowered to what both have.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "arm/compare.h"
#include "arm/compat.h"
#include "arm/probe.h"
#include "arm/psci.h"
#include "arm/registers.h"
#include "compare_value.h"
#include "kvm/kvm.h"
#include "regs.h"
#include "util/bits.h"
#include "util/log.h"

#define SVE (1u << KVM_ARM_VCPU_SVE)
#define PMU (1u << KVM_ARM_VCPU_PMU_V3)

/* A plan in the making. */
struct planner {
	struct compat *c;
	struct machine_config *cfg;
	const struct host_profile *here, *there;
	const char *name; /* the profile's */
	unsigned int obstacles;
};

#define obstacle(p, fmt, ...)                                               \
	do {                                                                \
		(p)->obstacles++;                                           \
		log_warning("--compat %s: " fmt, (p)->name, ##__VA_ARGS__); \
	} while (0)

static void plan_psci(struct planner *p)
{
	char text[PSCI_TEXT_SIZE], common_text[PSCI_TEXT_SIZE];
	uint32_t common = compare_common_psci(p->here, p->there);

	/* lkvm answers by itself there as it does here. */
	if (p->cfg->psci_user) {
		if (!p->there->smccc_filter)
			obstacle(p, "--psci=user takes Linux 6.4 or later there too");
		return;
	}
	if (!common) {
		obstacle(p, "no PSCI version is offered both here and there");
		return;
	}
	if (p->cfg->psci == PSCI_AUTO)
		p->cfg->psci = common;
	if (!profile_has_psci(p->there, p->cfg->psci))
		obstacle(p, "PSCI %s is not offered there: --psci-version=%s is",
			 psci_format(p->cfg->psci, text), psci_format(common, common_text));
}

static bool offers(const struct host_profile *host, const struct firmware_row *row)
{
	const struct profile_firmware *fw = profile_firmware(host, row->reg);

	if (row->kind == FIRMWARE_CAPABILITY)
		return host->cap[row->cap];
	return (fw ? fw->takes
		   : compare_unlisted_services(row->reg, host->cap[KVM_CAP_STEAL_TIME])) >>
		       row->bit &
	       1;
}
/* Services that are not there, or that nothing there can vouch for, are hidden here. */
static void plan_services(struct planner *p)
{
	struct firmware_pins *pins = &p->cfg->firmware;

	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		const struct firmware_row *r = &firmware_rows[row];

		if (r->kind == FIRMWARE_LEVEL || !offers(p->here, r) || offers(p->there, r))
			continue;
		if (pins->pinned[row] && pins->value[row])
			obstacle(p, "%s=on is not offered there", r->name);
		pins->pinned[row] = true;
		pins->value[row] = 0;
	}
}

/* An interrupt controller that was asked for; the one that nobody chose is the comparison's to judge. */
static void plan_gic(struct planner *p)
{
	bool v2 = p->cfg->irqchip == IRQCHIP_GICV2;

	if (p->cfg->irqchip != IRQCHIP_AUTO && !(v2 ? p->there->gicv2_iidr : p->there->gicv3_iidr))
		obstacle(p, "KVM there has no %s", v2 ? "gicv2" : "gicv3");
}

/*
 * A vCPU has all of its host's vector lengths up to a longest one: the longest below which both hosts
 * have the same.
 */
static void plan_sve(struct planner *p)
{
	uint64_t here[8], there[8];
	unsigned int nr = 0;

	profile_sve_lengths(p->here, here);
	profile_sve_lengths(p->there, there);
	while (nr < 512 && !((here[nr / 64] ^ there[nr / 64]) >> (nr % 64) & 1))
		nr++;
	for (unsigned int i = 0; i < nr; i++)
		p->c->sve[i / 64] |= here[i / 64] & 1ULL << (i % 64);
	if (!(p->c->sve[0] & 1)) /* 128 bits is what every vCPU with SVE has */
		p->c->features &= ~SVE;
}

static void plan_features(struct planner *p)
{
	uint32_t both = profile_default_features(p->here) & profile_default_features(p->there);

	p->c->features = both;
	if (p->cfg->pmu)
		p->c->features |= PMU;
	if (both & SVE)
		plan_sve(p);
}

static int add_write(struct planner *p, uint64_t id, uint64_t value)
{
	struct compat_write *all = realloc(p->c->write, (p->c->nr + 1) * sizeof(*all));

	if (!all)
		return -ENOMEM;
	p->c->write = all;
	all[p->c->nr++] = (struct compat_write){ .id = id, .value = value };
	return 0;
}

/* ID registers of a vCPU with the planned features; those of @dump that are not in @done. */
static int plan_registers(struct planner *p, const struct profile_dump *dump,
			  const struct profile_dump *done)
{
	size_t next = 0; /* in @done: both are in ascending order */
	int ret = 0;

	for (size_t i = 0; i < dump->nr && ret == 0; i++) {
		uint64_t id = dump->reg[i].id, own, common, blocked, harmless;
		enum register_kind kind = register_kind(id);

		while (done && next < done->nr && done->reg[next].id < id)
			next++;
		if (done && next < done->nr && done->reg[next].id == id)
			continue;
		if ((kind == REGISTER_ID || kind == REGISTER_CACHE) &&
		    profile_value(p->here, p->c->features, id, &own) &&
		    compare_common(p->here, p->there, p->c->features, id, &common, &blocked,
				   &harmless) &&
		    common != own)
			ret = add_write(p, id, common);
	}
	return ret;
}

/* What the comparison holds against such a VM, and no setting of ours mends. */
static int find_obstacles(struct planner *p, struct err *e)
{
	struct comparison c = COMPARISON_NONE;
	int ret = compare_profiles(p->here, p->there, p->c->features, &c, e);

	for (size_t i = 0; ret == 0 && i < c.nr; i++) {
		const struct finding *f = &c.finding[i];

		if (f->class < COMPARE_UNSAFE || f->compat ||
		    (f->gic && p->cfg->irqchip != IRQCHIP_AUTO) ||
		    (f->beside_compat && firmware_discovers_cpus(&p->cfg->firmware)))
			continue;
		obstacle(p, "%s: %s%s%s", f->name, f->text, *f->remedy ? "; it takes " : "",
			 f->remedy);
	}
	comparison_free(&c);
	return ret;
}

static struct impl_cpu cpu_of(const struct host_profile *p)
{
	struct impl_cpu cpu = { 0 };

	profile_value(p, p->base.features, REG_MIDR, &cpu.midr);
	profile_value(p, p->base.features, REG_REVIDR, &cpu.revidr);
	profile_value(p, p->base.features, REG_AIDR, &cpu.aidr);
	return cpu;
}

int compat_plan(struct compat *c, struct machine_config *cfg, const struct host_profile *here,
		const struct host_profile *there, const char *name, struct err *e)
{
	struct planner p = { .c = c, .cfg = cfg, .here = here, .there = there, .name = name };
	int ret;

	*c = COMPAT_NONE;
	c->cpu = cpu_of(there);
	plan_psci(&p);
	plan_services(&p);
	plan_gic(&p);
	plan_features(&p);
	ret = plan_registers(&p, &here->base, NULL);
	if (ret == 0)
		ret = plan_registers(&p, &here->full, &here->base);
	if (ret < 0) {
		compat_free(c);
		return err_set(e, -ret, "--compat %s: %s", name, strerror(-ret));
	}
	ret = find_obstacles(&p, e);
	if (ret == 0 && p.obstacles)
		ret = err_set(
			e, EINVAL,
			"--compat %s: a VM started here could not run there (%u reason%s above)",
			name, p.obstacles, p.obstacles == 1 ? "" : "s");
	if (ret < 0)
		compat_free(c);
	return ret;
}

void compat_free(struct compat *c)
{
	free(c->write);
	*c = COMPAT_NONE;
}

int compat_load(struct compat *c, struct machine_config *cfg, const char *name, struct err *e)
{
	struct host_profile here = PROFILE_NONE, there = PROFILE_NONE;
	int ret = profile_read(&there, name, e);

	*c = COMPAT_NONE;
	if (ret == 0)
		ret = host_probe(cfg->dev, &here, e);
	if (ret == 0)
		ret = compat_plan(c, cfg, &here, &there, name, e);
	profile_free(&here);
	profile_free(&there);
	return ret;
}

int compat_apply(const struct compat *c, int vcpu, struct err *e)
{
	for (size_t i = 0; i < c->nr; i++) {
		const struct compat_write *w = &c->write[i];
		unsigned int bytes = (unsigned int)register_size(w->id);
		char name[REGISTER_NAME_SIZE];
		uint64_t value = w->value, got = 0;
		int ret;

		/* A cache's description has 32 bits; little-endian, its value comes first. */
		ret = kvm_set_reg_bytes(vcpu, w->id, &value);
		if (ret == 0)
			ret = kvm_get_reg_bytes(vcpu, w->id, &got);
		if (ret < 0)
			return err_set(e, -ret,
				       "KVM refuses 0x%llx in %s, which --compat needs: %s",
				       (unsigned long long)w->value, register_name(w->id, name),
				       strerror(-ret));
		if (memcmp(&got, &value, bytes))
			return err_set(e, EIO, "KVM was told 0x%llx in %s and gives 0x%llx",
				       (unsigned long long)value, register_name(w->id, name),
				       (unsigned long long)got);
	}
	return 0;
}
