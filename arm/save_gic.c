/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The interrupt controller's state: what arm-vgic.rst and arm-vgic-v3.rst of Linux's KVM documentation give user space, in
 * the order in which they want it back: whether the distributor is on, redistributors (tables before GICR_CTLR), the
 * distributor's interrupts, CPU interfaces.
 *
 * Of registers with one field an interrupt, those of SGIs and PPIs are each CPU's own: GICv3 has them in the
 * redistributor, GICv2 banks them. Lines are driven anew by devices, but KVM's timer looks at what it left.
 * What PCI devices add, the ITS and its LPIs, is save_its.c's.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "kvm/kvm.h"
#include "save_parts.h"
#include "util/bits.h"

#define COMPATIBLE_V2 "lkvm,gicv2-1"
#define COMPATIBLE_V3 "lkvm,gicv3-1"

#define GICD_CTLR     0x0
#define GICD_IIDR     0x8
#define IIDR_REVISION 0xf000

/* Where a redistributor's second frame begins, with the registers of SGIs and PPIs. */
#define SGI_FRAME 0x10000

#define PRIVATE_IRQS 32
#define IRQS_MAX     1020
/* GICD_IROUTER: 64 bits an interrupt. */
#define WORDS_MAX (IRQS_MAX / 32 * 64)

#define V2    1
#define V3    2
#define OWN   4 /* SGIs and PPIs have it */
#define LEVEL 8 /* the input lines, which are no register */

/* Registers with a field an interrupt, at their offset in GICD; in the order in which KVM has to hear of them. */
static const struct field {
	const char *name;
	uint32_t off, clear; /* @clear: where ones take away what ones at @off add, or 0 */
	uint8_t bits, flags;
} fields[] = {
	{ "IGROUPR", 0x080, 0, 1, V2 | V3 | OWN },
	{ "ICFGR", 0xc00, 0, 2, V2 | V3 | OWN },
	{ "IPRIORITYR", 0x400, 0, 8, V2 | V3 | OWN },
	{ "ITARGETSR", 0x800, 0, 8, V2 },
	{ "IROUTER", 0x6000, 0, 64, V3 },
	{ "line-level", 0, 0, 1, V3 | OWN | LEVEL },
	{ "ISPENDR", 0x200, 0x280, 1, V2 | V3 | OWN },
	{ "ISACTIVER", 0x300, 0x380, 1, V2 | V3 | OWN },
	{ "ISENABLER", 0x100, 0x180, 1, V2 | V3 | OWN },
};

/* Single registers of 32 bits, and how many follow each other. */
struct scalar {
	const char *name;
	uint32_t off;
	uint32_t nr;
};

static const struct scalar redist[] = {
	{ "GICR_STATUSR", 0x10, 1 },   { "GICR_WAKER", 0x14, 1 }, { "GICR_PROPBASER", 0x70, 2 },
	{ "GICR_PENDBASER", 0x78, 2 }, { "GICR_CTLR", 0x0, 1 },
};
static const struct scalar gicc[] = {
	{ "GICC_CTLR", 0x00, 1 }, { "GICC_PMR", 0x04, 1 }, { "GICC_BPR", 0x08, 1 },
	{ "GICC_ABPR", 0x1c, 1 }, { "GICC_APR", 0xd0, 4 },
};

/* How KVM names a system register of the CPU interface. */
#define ICC(op1, crn, crm, op2) ((3 << 14) | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2))

static const struct icc {
	const char *name;
	uint16_t reg;
	bool maybe; /* there is one if there are so many priorities */
} iccs[] = {
	{ "ICC_SRE_EL1", ICC(0, 12, 12, 5), false },
	{ "ICC_CTLR_EL1", ICC(0, 12, 12, 4), false },
	{ "ICC_PMR_EL1", ICC(0, 4, 6, 0), false },
	{ "ICC_BPR0_EL1", ICC(0, 12, 8, 3), false },
	{ "ICC_BPR1_EL1", ICC(0, 12, 12, 3), false },
	{ "ICC_AP0R0_EL1", ICC(0, 12, 8, 4), false },
	{ "ICC_AP0R1_EL1", ICC(0, 12, 8, 5), true },
	{ "ICC_AP0R2_EL1", ICC(0, 12, 8, 6), true },
	{ "ICC_AP0R3_EL1", ICC(0, 12, 8, 7), true },
	{ "ICC_AP1R0_EL1", ICC(0, 12, 9, 0), false },
	{ "ICC_AP1R1_EL1", ICC(0, 12, 9, 1), true },
	{ "ICC_AP1R2_EL1", ICC(0, 12, 9, 2), true },
	{ "ICC_AP1R3_EL1", ICC(0, 12, 9, 3), true },
	{ "ICC_IGRPEN0_EL1", ICC(0, 12, 12, 6), false },
	{ "ICC_IGRPEN1_EL1", ICC(0, 12, 12, 7), false },
};

/* SGIs: their pending bits are set by whom they came from (GICD_SPENDSGIR). */
static const struct scalar sgis = { "GICD_SPENDSGIR", 0xf20, 4 };

/* One access to KVM's controller: of which CPU (-1: the distributor's own registers), which group and register. */
struct access {
	const struct machine *m;
	int cpu;
	uint32_t group;
};

static bool is_v3(const struct machine *m)
{
	return m->gic.version == IRQCHIP_GICV3;
}

/* KVM names CPUs by number with GICv2, and by affinity (Aff3 to Aff0, a byte each) with GICv3. */
static uint64_t cpu_attr(const struct access *a)
{
	unsigned int cpu = a->cpu < 0 ? 0 : (unsigned int)a->cpu;
	uint64_t mpidr = a->m->mpidr[cpu];

	if (!is_v3(a->m))
		return (uint64_t)cpu << KVM_DEV_ARM_VGIC_CPUID_SHIFT;
	return (mpidr >> 32 & 0xff) << 56 | (mpidr & 0xffffff) << 32;
}

static int get(const struct access *a, uint32_t off, uint32_t *value)
{
	return kvm_device_get(a->m->gic.fd, a->group, cpu_attr(a) | off, value);
}

static int set(const struct access *a, uint32_t off, uint32_t value)
{
	return kvm_device_set(a->m->gic.fd, a->group, cpu_attr(a) | off, &value);
}

/* Where word @i of a field's is, of the CPU's own interrupts or of those that are shared. */
static uint32_t word_at(const struct access *a, const struct field *f, uint32_t reg, uint32_t i)
{
	uint32_t first = a->cpu < 0 ? PRIVATE_IRQS : 0;

	if (f->flags & LEVEL)
		return VGIC_LEVEL_INFO_LINE_LEVEL << KVM_DEV_ARM_VGIC_LINE_LEVEL_INFO_SHIFT |
		       (first + 32 * i);
	if (a->cpu >= 0 && is_v3(a->m))
		reg += SGI_FRAME;
	return reg + first * f->bits / 8 + 4 * i;
}

static struct access access_to(const struct machine *m, const struct field *f, int cpu)
{
	uint32_t group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS;

	if (f->flags & LEVEL)
		group = KVM_DEV_ARM_VGIC_GRP_LEVEL_INFO;
	else if (cpu >= 0 && is_v3(m))
		group = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS;
	return (struct access){ .m = m, .cpu = cpu, .group = group };
}

static uint32_t nr_words(const struct machine *m, const struct field *f, int cpu)
{
	return (cpu < 0 ? m->gic.nr_spis : PRIVATE_IRQS) * f->bits / 32;
}

static bool has(const struct machine *m, const struct field *f, int cpu)
{
	return f->flags & (is_v3(m) ? V3 : V2) && (cpu < 0 || f->flags & OWN);
}

/* @cpu: -1 for the interrupts that are shared. */
static int save_fields(const struct machine *m, int cpu, struct dt *dt)
{
	uint32_t words[WORDS_MAX];
	int ret = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields) && ret >= 0; i++) {
		const struct field *f = &fields[i];
		struct access a = access_to(m, f, cpu);
		uint32_t nr = nr_words(m, f, cpu);

		if (!has(m, f, cpu))
			continue;
		for (uint32_t w = 0; w < nr && ret >= 0; w++)
			ret = get(&a, word_at(&a, f, f->off, w), &words[w]);
		dt_cells_array(dt, f->name, words, nr);
	}
	return ret;
}

static int restore_words(const struct access *a, const struct field *f, const uint32_t *words,
			 uint32_t nr)
{
	int ret = 0;

	for (uint32_t w = 0; w < nr && ret >= 0; w++) {
		if (f->clear)
			ret = set(a, word_at(a, f, f->clear, w), UINT32_MAX);
		if (ret >= 0)
			ret = set(a, word_at(a, f, f->off, w), words[w]);
	}
	return ret;
}

/* KVM's refusal of what a sound tree says. */
static int refused(struct dt_in *in, const char *what, int ret)
{
	if (ret < 0 && in->ret == 0)
		in->ret = err_set(in->e, -ret,
				  "%s cannot be restored: this host's KVM does not take its %s: %s",
				  in->name, what, strerror(-ret));
	return in->ret;
}

static void restore_fields(const struct machine *m, int cpu, struct dt_in *in, int node)
{
	uint32_t words[WORDS_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(fields) && in->ret == 0; i++) {
		const struct field *f = &fields[i];
		struct access a = access_to(m, f, cpu);
		uint32_t nr = nr_words(m, f, cpu);

		if (!has(m, f, cpu))
			continue;
		dt_in_cells(in, node, f->name, words, nr);
		if (in->ret == 0)
			refused(in, f->name, restore_words(&a, f, words, nr));
	}
}

static int save_scalars(const struct access *a, const struct scalar *s, size_t nr, struct dt *dt)
{
	uint32_t words[4];
	int ret = 0;

	for (; nr && ret >= 0; nr--, s++) {
		for (uint32_t w = 0; w < s->nr && ret >= 0; w++)
			ret = get(a, s->off + 4 * w, &words[w]);
		dt_cells_array(dt, s->name, words, s->nr);
	}
	return ret;
}

static void restore_scalars(const struct access *a, const struct scalar *s, size_t nr,
			    struct dt_in *in, int node)
{
	uint32_t words[4];

	for (; nr && in->ret == 0; nr--, s++) {
		dt_in_cells(in, node, s->name, words, s->nr);
		for (uint32_t w = 0; w < s->nr && in->ret == 0; w++)
			refused(in, s->name, set(a, s->off + 4 * w, words[w]));
	}
}

/* --- CPU interfaces --- */

static int save_icc(const struct access *a, struct dt *dt)
{
	for (size_t i = 0; i < ARRAY_SIZE(iccs); i++) {
		uint64_t value = 0;
		int ret = kvm_device_get(a->m->gic.fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
					 cpu_attr(a) | iccs[i].reg, &value);

		if (ret < 0 && iccs[i].maybe)
			continue;
		if (ret < 0)
			return ret;
		dt_u64(dt, iccs[i].name, value);
	}
	return 0;
}

static void restore_icc(const struct access *a, struct dt_in *in, int node)
{
	for (size_t i = 0; i < ARRAY_SIZE(iccs) && in->ret == 0; i++) {
		uint64_t value = 0;

		if (iccs[i].maybe && !dt_in_has(in, node, iccs[i].name))
			continue;
		dt_in_u64(in, node, iccs[i].name, &value);
		if (in->ret == 0)
			refused(in, iccs[i].name,
				kvm_device_set(a->m->gic.fd, KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
					       cpu_attr(a) | iccs[i].reg, &value));
	}
}

static int save_cpu(const struct machine *m, int cpu, struct dt *dt)
{
	struct access a = { .m = m, .cpu = cpu, .group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS };
	int ret = save_fields(m, cpu, dt);

	if (ret >= 0 && is_v3(m)) {
		a.group = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS;
		ret = save_scalars(&a, redist, ARRAY_SIZE(redist), dt);
		return ret < 0 ? ret : save_icc(&a, dt);
	}
	if (ret >= 0)
		ret = save_scalars(&a, &sgis, 1, dt);
	a.group = KVM_DEV_ARM_VGIC_GRP_CPU_REGS;
	return ret < 0 ? ret : save_scalars(&a, gicc, ARRAY_SIZE(gicc), dt);
}

int gic_save(const struct machine *m, struct dt *dt, struct err *e)
{
	struct access dist = { .m = m, .cpu = -1, .group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS };
	uint32_t iidr = 0, ctlr = 0;
	int ret = get(&dist, GICD_IIDR, &iidr);

	if (ret >= 0)
		ret = get(&dist, GICD_CTLR, &ctlr);
	dt_begin(dt, "interrupt-controller");
	dt_string(dt, "compatible", is_v3(m) ? COMPATIBLE_V3 : COMPATIBLE_V2);
	dt_cells(dt, "interrupts", m->gic.nr_spis);
	dt_cells(dt, "GICD_IIDR", iidr);
	dt_cells(dt, "GICD_CTLR", ctlr);
	if (ret >= 0)
		ret = save_fields(m, -1, dt);
	for (unsigned int cpu = 0; cpu < m->vm.nr_vcpus && ret >= 0; cpu++) {
		dt_begin(dt, "cpu@%x", cpu);
		ret = save_cpu(m, (int)cpu, dt);
		dt_end(dt);
	}
	dt_end(dt);
	if (ret < 0)
		return err_set(e, -ret, "KVM does not tell the interrupt controller's state: %s",
			       strerror(-ret));
	return 0;
}

/* --- And back --- */

/* Each CPU's redistributor, or banked registers; @interfaces: its interface instead. */
static void restore_cpus(const struct machine *m, struct dt_in *in, int gic, bool interfaces)
{
	for (unsigned int cpu = 0; cpu < m->vm.nr_vcpus && in->ret == 0; cpu++) {
		struct access a = { .m = m, .cpu = (int)cpu };
		char name[16];
		int node;

		snprintf(name, sizeof(name), "cpu@%x", cpu);
		node = dt_in_node(in, gic, name, NULL);
		if (!interfaces)
			restore_fields(m, (int)cpu, in, node);
		if (is_v3(m) && interfaces) {
			restore_icc(&a, in, node);
		} else if (is_v3(m)) {
			a.group = KVM_DEV_ARM_VGIC_GRP_REDIST_REGS;
			restore_scalars(&a, redist, ARRAY_SIZE(redist), in, node);
		} else if (interfaces) {
			a.group = KVM_DEV_ARM_VGIC_GRP_CPU_REGS;
			restore_scalars(&a, gicc, ARRAY_SIZE(gicc), in, node);
		} else {
			a.group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS;
			restore_scalars(&a, &sgis, 1, in, node);
		}
	}
}

/*
 * The revision of KVM's controller. A KVM before Linux 5.18 takes none but its own; where that is older, the guest loses
 * what it finds by asking (GICR_CTLR's bits), as `lkvm check` says.
 */
static void restore_revision(const struct access *dist, struct dt_in *in, uint32_t iidr)
{
	int ret = set(dist, GICD_IIDR, iidr);
	uint32_t own;

	if (ret == -EINVAL && get(dist, GICD_IIDR, &own) == 0 && !((own ^ iidr) & ~IIDR_REVISION) &&
	    own < iidr)
		return;
	refused(in, "GICD_IIDR", ret);
}

int gic_restore(const struct machine *m, struct dt_in *in)
{
	struct access dist = { .m = m, .cpu = -1, .group = KVM_DEV_ARM_VGIC_GRP_DIST_REGS };
	int node =
		dt_in_node(in, 0, "interrupt-controller", is_v3(m) ? COMPATIBLE_V3 : COMPATIBLE_V2);
	uint32_t iidr = 0, ctlr = 0, nr = 0;

	dt_in_u32(in, node, "interrupts", &nr);
	dt_in_u32(in, node, "GICD_IIDR", &iidr);
	dt_in_u32(in, node, "GICD_CTLR", &ctlr);
	if (in->ret == 0 && nr != m->gic.nr_spis)
		dt_in_fail(in, "interrupts", "this machine has another number");
	/* First: it says which revision of KVM's controller the rest is of. */
	if (in->ret == 0)
		restore_revision(&dist, in, iidr);
	/*
	 * KVM puts an interrupt in a CPU's queue when it becomes pending and enabled while the distributor is on, and not
	 * when the distributor goes on: one that was pending would be lost, a timer's for good.
	 */
	if (in->ret == 0)
		refused(in, "GICD_CTLR", set(&dist, GICD_CTLR, ctlr));
	restore_cpus(m, in, node, false);
	restore_fields(m, -1, in, node);
	restore_cpus(m, in, node, true);
	return in->ret;
}
