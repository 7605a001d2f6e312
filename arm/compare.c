/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judgement between two host profiles. compare_write() predicts KVM's answer, judge_register()
 * says what it means; what is no register of a vCPU comes from the table `matters`.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "arm/compare.h"
#include "arm/firmware.h"
#include "arm/registers.h"
#include "compare_parts.h"
#include "kvm/kvm.h"
#include "util/bits.h"

#define SVE (1u << KVM_ARM_VCPU_SVE)

const char *compare_class_name(enum compare_class class)
{
	static const char *const names[] = {
		[COMPARE_SAME] = "same",
		[COMPARE_CARRIED] = "carried",
		[COMPARE_HARMLESS] = "harmless",
		[COMPARE_UNSAFE] = "unsafe",
		[COMPARE_IMPOSSIBLE] = "impossible",
	};

	return names[class];
}

struct finding *judge_add(struct judge *j, enum compare_class class, const char *name)
{
	struct finding *all = realloc(j->c->finding, (j->c->nr + 1) * sizeof(*all));
	struct finding *f;

	if (!all)
		return NULL;
	j->c->finding = all;
	f = &all[j->c->nr++];
	memset(f, 0, sizeof(*f));
	f->class = class;
	snprintf(f->name, sizeof(f->name), "%s", name);
	return f;
}

void judge_say(struct finding *f, enum compare_class class, const char *fmt, ...)
{
	va_list args;

	f->class = class;
	va_start(args, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
}

static int judge_registers(struct judge *j)
{
	const struct profile_dump *dump =
		j->features == j->from->base.features ? &j->from->base : &j->from->full;
	uint64_t value;
	int ret = 0;

	for (size_t i = 0; i < dump->nr && ret == 0; i++) {
		if (profile_value(j->from, j->features, dump->reg[i].id, &value))
			ret = judge_register(j, dump->reg[i].id);
	}
	return ret;
}

/* Services that the target has and the VM does not know of. */
static int judge_new_services(struct judge *j)
{
	for (size_t i = 0; i < j->to->nr_firmware; i++) {
		const struct profile_firmware *fw = &j->to->firmware[i];
		char name[REGISTER_NAME_SIZE];
		struct finding *f;

		/* The steal time of KVM_REG_ARM_STD_HYP_BMAP is older than its register. */
		if (register_kind(fw->id) != REGISTER_SERVICES ||
		    profile_firmware(j->from, fw->id) || fw->id == KVM_REG_ARM_STD_HYP_BMAP)
			continue;
		f = judge_add(j, COMPARE_SAME, register_name(fw->id, name));
		if (!f)
			return -ENOMEM;
		f->id = fw->id;
		f->in_to = true;
		f->to = fw->value;
		if (fw->value)
			judge_say(f, COMPARE_CARRIED,
				  "written as 0: no service appears in mid-life");
	}
	return 0;
}

/* Services that are capabilities of KVM instead of bits in a register. */
static int judge_capabilities(struct judge *j)
{
	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		const struct firmware_row *r = &firmware_rows[row];
		struct finding *f;

		if (r->kind != FIRMWARE_CAPABILITY || !j->from->cap[r->cap] == !j->to->cap[r->cap])
			continue;
		f = judge_add(j, COMPARE_SAME, r->register_name);
		if (!f)
			return -ENOMEM;
		if (j->to->cap[r->cap]) {
			judge_say(f, COMPARE_CARRIED, "%s stays off", r->name);
			continue;
		}
		judge_say(f, COMPARE_UNSAFE, "the guest would lose %s", r->name);
		snprintf(f->remedy, sizeof(f->remedy), "--firmware %s=off", r->name);
		f->compat = true;
	}
	return 0;
}

static int judge_features(struct judge *j)
{
	uint32_t missing = j->features & ~(j->to->full.features & j->from->full.features);

	for (unsigned int bit = 0; bit < 32; bit++) {
		struct finding *f;
		char name[48];

		if (!(missing >> bit & 1) || !profile_feature_name(bit))
			continue;
		snprintf(name, sizeof(name), "vCPU feature %s", profile_feature_name(bit));
		f = judge_add(j, COMPARE_SAME, name);
		if (!f)
			return -ENOMEM;
		judge_say(f, COMPARE_IMPOSSIBLE, "vCPUs %s do not have it",
			  j->from->full.features >> bit & 1 ? "there" : "here");
		f->compat = bit != KVM_ARM_VCPU_PMU_V3;
		if (bit == KVM_ARM_VCPU_PMU_V3)
			snprintf(f->remedy, sizeof(f->remedy), "no --pmu");
	}
	return 0;
}

/*
 * A vCPU has every length that the host's has up to a longest one, so that the VM's set must be all
 * that the target has up to the VM's longest.
 */
static int judge_sve(struct judge *j)
{
	uint64_t from[8], to[8];
	bool longer = false;
	struct finding *f;

	profile_sve_lengths(j->from, from);
	profile_sve_lengths(j->to, to);
	if (!(j->features & j->to->full.features & SVE) || !memcmp(from, to, sizeof(from)))
		return 0;
	f = judge_add(j, COMPARE_SAME, "SVE vector lengths");
	if (!f)
		return -ENOMEM;
	judge_say(f, COMPARE_CARRIED, "the VM's own are set there too");
	for (unsigned int i = 512; i-- > 0;) {
		bool a = from[i / 64] >> (i % 64) & 1, b = to[i / 64] >> (i % 64) & 1;

		longer |= a;
		if (a != b && longer) {
			judge_say(f, COMPARE_IMPOSSIBLE, "%u bits only %s", (i + 1) * 128,
				  a ? "here" : "there");
			f->compat = true;
			break;
		}
	}
	return 0;
}

static unsigned int revision(uint32_t iidr)
{
	return iidr >> 12 & 0xf;
}

/* The interrupt controller that lkvm run chooses: a GICv3 where there is one. */
static int judge_gic(struct judge *j)
{
	bool v3 = j->from->gicv3_iidr;
	uint32_t from = v3 ? j->from->gicv3_iidr : j->from->gicv2_iidr;
	uint32_t to = v3 ? j->to->gicv3_iidr : j->to->gicv2_iidr;
	struct finding *f;

	if (revision(from) == revision(to) && !from == !to)
		return 0;
	f = judge_add(j, COMPARE_SAME, v3 ? "gicv3" : "gicv2");
	if (!f)
		return -ENOMEM;
	f->gic = true;
	if (!to) {
		judge_say(f, COMPARE_IMPOSSIBLE, "KVM there has none");
		if (v3 && j->from->gicv2_iidr && j->to->gicv2_iidr)
			snprintf(f->remedy, sizeof(f->remedy), "--irqchip=gicv2");
	} else {
		judge_say(f, revision(to) < revision(from) ? COMPARE_HARMLESS : COMPARE_CARRIED,
			  "revision %u here, %u there", revision(from), revision(to));
	}
	return 0;
}

static int judge_counter(struct judge *j)
{
	struct finding *f;

	if (!j->from->counter_hz || !j->to->counter_hz || j->from->counter_hz == j->to->counter_hz)
		return 0;
	f = judge_add(j, COMPARE_SAME, COUNTER_FREQUENCY);
	if (!f)
		return -ENOMEM;
	judge_say(f, COMPARE_UNSAFE,
		  "%" PRIu64 " Hz here, %" PRIu64 " Hz there: the guest's time would be off",
		  j->from->counter_hz, j->to->counter_hz);
	return 0;
}

static int judge_sizes(struct judge *j)
{
	struct finding *f;

	if (j->to->ipa_bits < j->from->ipa_bits) {
		f = judge_add(j, COMPARE_SAME, "guest addresses");
		if (!f)
			return -ENOMEM;
		judge_say(f, j->saved ? COMPARE_IMPOSSIBLE : COMPARE_CARRIED,
			  "VMs whose memory needs more than %" PRIu32 " bits do not fit",
			  j->to->ipa_bits);
	}
	if (j->to->max_vcpus < j->from->max_vcpus) {
		f = judge_add(j, COMPARE_SAME, "number of vCPUs");
		if (!f)
			return -ENOMEM;
		judge_say(f, j->saved ? COMPARE_IMPOSSIBLE : COMPARE_CARRIED,
			  "VMs with more than %" PRIu32 " do not fit", j->to->max_vcpus);
	}
	return 0;
}

/* What is judged, beside the registers. Each returns 0 or -ENOMEM. */
static int (*const matters[])(struct judge *j) = {
	judge_features, judge_sve,          judge_gic,          judge_counter,
	judge_sizes,    judge_new_services, judge_capabilities,
};

static int worst_first(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;

	if (x->class != y->class)
		return x->class > y->class ? -1 : 1;
	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return strcmp(x->name, y->name);
}

void comparison_sort(struct comparison *c)
{
	if (c->nr)
		qsort(c->finding, c->nr, sizeof(*c->finding), worst_first);
}

static int judge_all(struct judge *j, struct err *e)
{
	struct comparison *c = j->c;
	int ret;

	*c = COMPARISON_NONE;
	ret = judge_registers(j);
	for (size_t i = 0; i < ARRAY_SIZE(matters) && ret == 0; i++)
		ret = matters[i](j);
	if (ret < 0) {
		comparison_free(c);
		return err_set(e, -ret, "cannot compare: %s", strerror(-ret));
	}
	comparison_sort(c);
	return 0;
}

int compare_profiles(const struct host_profile *from, const struct host_profile *to,
		     uint32_t features, struct comparison *c, struct err *e)
{
	struct judge j = { .from = from, .to = to, .features = features, .c = c };

	return judge_all(&j, e);
}

int compare_saved(const struct host_profile *from, const struct host_profile *to, uint32_t features,
		  struct comparison *c, struct err *e)
{
	struct judge j = { .from = from, .to = to, .features = features, .saved = true, .c = c };

	return judge_all(&j, e);
}

void comparison_allow(struct comparison *c, const struct allow *allow)
{
	for (size_t i = 0; i < c->nr; i++) {
		struct finding *f = &c->finding[i];

		/* What is neither a register nor the counter, restore has no rule for. */
		if (f->class == COMPARE_UNSAFE && (f->id || !strcmp(f->name, COUNTER_FREQUENCY)) &&
		    allow_has(allow, f->name)) {
			size_t len = strlen(f->text);

			f->class = COMPARE_HARMLESS;
			snprintf(f->text + len, sizeof(f->text) - len, " (allowed)");
		}
	}
	comparison_sort(c);
}

void comparison_free(struct comparison *c)
{
	free(c->finding);
	*c = COMPARISON_NONE;
}

enum compare_class comparison_worst(const struct comparison *c)
{
	return c->nr ? c->finding[0].class : COMPARE_SAME;
}
