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
#include "arm/psci.h"
#include "arm/registers.h"
#include "compare_value.h"
#include "kvm/kvm.h"
#include "util/bits.h"

#define SVE (1u << KVM_ARM_VCPU_SVE)

/* One direction being judged. */
struct judge {
	const struct host_profile *from, *to;
	uint32_t features; /* the VM's */
	struct comparison *c;
};

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

/* A new finding about @name, zeroed but for it; NULL without memory. */
static struct finding *add(struct judge *j, enum compare_class class, const char *name)
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

static void say(struct finding *f, enum compare_class class, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void say(struct finding *f, enum compare_class class, const char *fmt, ...)
{
	va_list args;

	f->class = class;
	va_start(args, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, args);
	va_end(args);
}

static void judge_psci(struct judge *j, struct finding *f)
{
	uint32_t common = compare_common_psci(j->from, j->to);
	char text[PSCI_TEXT_SIZE];

	if (f->write == 0) {
		if (f->from != f->to)
			say(f, COMPARE_CARRIED, "the VM's own version is set there too");
		return;
	}
	psci_format((uint32_t)f->from, text);
	say(f, COMPARE_IMPOSSIBLE, "PSCI %s is not offered there", text);
	f->compat = common != 0;
	if (common)
		snprintf(f->remedy, sizeof(f->remedy), "--psci-version=%s",
			 psci_format(common, text));
}

/* "trng, ptp": the services of @bits in register @reg; @remedy: as options of lkvm run. */
static void list_services(uint64_t reg, uint64_t bits, bool remedy, char *list, size_t size)
{
	size_t len = 0;

	*list = '\0';
	for (unsigned int bit = 0; bit < 64 && len < size; bit++) {
		char number[16];
		const char *name = number;

		if (!(bits >> bit & 1))
			continue;
		snprintf(number, sizeof(number), "bit %u", bit);
		for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
			if (firmware_rows[row].kind == FIRMWARE_SERVICE &&
			    firmware_rows[row].reg == reg && firmware_rows[row].bit == bit)
				name = firmware_rows[row].name;
		}
		len += (size_t)snprintf(list + len, size - len, "%s%s%s%s",
					len ? (remedy ? " " : ", ") : "",
					remedy ? "--firmware " : "", name, remedy ? "=off" : "");
	}
}

static void judge_services(struct judge *j, struct finding *f)
{
	const struct profile_firmware *fw = profile_firmware(j->to, f->id);
	uint64_t lost = f->from & ~(fw ? fw->takes : 0);
	char names[100];

	/* The register came later than the service: there it is always on. */
	if (!fw && f->id == KVM_REG_ARM_STD_HYP_BMAP && j->to->cap[KVM_CAP_STEAL_TIME])
		lost &= ~1ULL;
	list_services(f->id, lost, false, names, sizeof(names));
	if (lost) {
		say(f, COMPARE_UNSAFE, "the guest would lose %s", names);
		f->compat = !(lost & ~firmware_services(f->id));
		if (f->compat)
			list_services(f->id, lost, true, f->remedy, sizeof(f->remedy));
	} else if (!fw) {
		say(f, COMPARE_HARMLESS,
		    f->from ? "not there as a register, its services are"
			    : "not there, and nothing is on");
	} else if (f->from != f->to) {
		say(f, COMPARE_CARRIED, "the VM keeps the services it has");
	}
}

static unsigned int level_row(uint64_t id)
{
	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		if (firmware_rows[row].reg == id)
			return row;
	}
	return FIRMWARE_NR;
}

static void judge_level(struct judge *j, struct finding *f)
{
	unsigned int row = level_row(f->id);
	char from[32], to[32];

	(void)j;
	if (f->write == 0 && f->in_to && f->from == f->to)
		return;
	if (row < FIRMWARE_NR) {
		snprintf(from, sizeof(from), "%s", firmware_level_name(row, f->from));
		snprintf(to, sizeof(to), "%s",
			 f->in_to ? firmware_level_name(row, f->to) : "no answer");
	} else {
		snprintf(from, sizeof(from), "0x%" PRIx64, f->from);
		snprintf(to, sizeof(to), "0x%" PRIx64, f->to);
	}
	if (f->write && f->from)
		say(f, COMPARE_UNSAFE, "the guest was told \"%s\"; there it is \"%s\"", from, to);
	else
		say(f, COMPARE_HARMLESS, "the guest was told \"%s\"; there it is \"%s\"", from, to);
}

/* "PMUVer 1 -> 0, WRPs 3 -> 5": the fields of @bits. */
static void list_fields(const struct finding *f, uint64_t bits, char *list, size_t size)
{
	size_t len = 0;

	*list = '\0';
	while (bits && len < size) {
		struct register_field field =
			register_field_at(f->id, (unsigned int)__builtin_ctzll(bits));
		char name[REGISTER_NAME_SIZE];

		len += (size_t)snprintf(list + len, size - len,
					"%s%s 0x%" PRIx64 " (there 0x%" PRIx64 ")", len ? ", " : "",
					register_field_name(field, name),
					register_field_get(field, f->from),
					register_field_get(field, f->to));
		bits &= ~register_field_mask(field);
	}
}

static void judge_absent(struct judge *j, struct finding *f)
{
	if (register_features(f->id) & ~j->features)
		say(f, COMPARE_HARMLESS, "listed without the vCPU feature it belongs to");
	else if (register_kind(f->id) == REGISTER_CACHE)
		say(f, COMPARE_HARMLESS, "describes a cache that is not listed there");
	else if (register_kind(f->id) == REGISTER_ID && f->from)
		say(f, COMPARE_UNSAFE, "not there, and it tells the guest what it has");
	else
		say(f, COMPARE_HARMLESS, "not kept there: lost, unless it is as after reset");
}

/* MIDR_EL1 and its like: the target keeps the value, under a guest that then runs on another CPU. */
static void judge_cpu(struct judge *j, struct finding *f)
{
	say(f, COMPARE_UNSAFE, "another CPU: the guest knows this one's errata");
	if (!compare_tells_cpus(j->from) || !compare_tells_cpus(j->to))
		return;
	snprintf(f->remedy, sizeof(f->remedy), "--firmware impl-cpus=on");
	f->beside_compat = true;
}

static void judge_id(struct judge *j, struct finding *f)
{
	uint64_t mask = profile_writable(j->to, f->id);
	uint64_t refused = compare_refused_bits(f->id, f->to, mask, f->from);
	uint64_t ours = refused & ~compare_foreign_bits(f->id, refused, j->features);
	uint64_t value, blocked = 0, harmless = 0;
	char fields[160];

	if (f->from == f->to)
		return;
	if (!refused) {
		say(f, COMPARE_CARRIED, "the VM's own value is set there too");
		if (compare_names_cpu(f->id))
			judge_cpu(j, f);
		return;
	}
	list_fields(f, ours ? ours : refused, fields, sizeof(fields));
	if (!ours) {
		say(f, COMPARE_HARMLESS, "%s: of a vCPU feature that the VM does not have", fields);
		return;
	}
	say(f, COMPARE_IMPOSSIBLE, "%s", fields);
	f->compat =
		compare_common(j->from, j->to, j->features, f->id, &value, &blocked, &harmless) &&
		!(blocked & ~harmless);
}

static int judge_register(struct judge *j, uint64_t id)
{
	char name[REGISTER_NAME_SIZE];
	struct finding *f = add(j, COMPARE_SAME, register_name(id, name));

	if (!f)
		return -ENOMEM;
	f->id = id;
	f->in_from = profile_value(j->from, j->features, id, &f->from);
	f->in_to = profile_value(j->to, j->features, id, &f->to);
	f->write = compare_write(j->to, j->features, id, f->from);
	switch (register_kind(id)) {
	case REGISTER_PSCI:
		judge_psci(j, f);
		break;
	case REGISTER_SERVICES:
		judge_services(j, f);
		break;
	case REGISTER_LEVEL:
		judge_level(j, f);
		break;
	case REGISTER_ID:
	case REGISTER_CACHE:
		if (f->in_to)
			judge_id(j, f);
		else
			judge_absent(j, f);
		break;
	default:
		if (!f->in_to)
			judge_absent(j, f);
		else if (f->from != f->to)
			say(f, COMPARE_CARRIED, "state");
	}
	return 0;
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

		if (register_kind(fw->id) != REGISTER_SERVICES || profile_firmware(j->from, fw->id))
			continue;
		f = add(j, COMPARE_SAME, register_name(fw->id, name));
		if (!f)
			return -ENOMEM;
		f->id = fw->id;
		f->in_to = true;
		f->to = fw->value;
		if (fw->value)
			say(f, COMPARE_CARRIED, "written as 0: no service appears in mid-life");
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
		f = add(j, COMPARE_SAME, r->register_name);
		if (!f)
			return -ENOMEM;
		if (j->to->cap[r->cap]) {
			say(f, COMPARE_CARRIED, "%s stays off", r->name);
			continue;
		}
		say(f, COMPARE_UNSAFE, "the guest would lose %s", r->name);
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
		f = add(j, COMPARE_SAME, name);
		if (!f)
			return -ENOMEM;
		say(f, COMPARE_IMPOSSIBLE, "vCPUs %s do not have it",
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
	f = add(j, COMPARE_SAME, "SVE vector lengths");
	if (!f)
		return -ENOMEM;
	say(f, COMPARE_CARRIED, "the VM's own are set there too");
	for (unsigned int i = 512; i-- > 0;) {
		bool a = from[i / 64] >> (i % 64) & 1, b = to[i / 64] >> (i % 64) & 1;

		longer |= a;
		if (a != b && longer) {
			say(f, COMPARE_IMPOSSIBLE, "%u bits only %s", (i + 1) * 128,
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
	f = add(j, COMPARE_SAME, v3 ? "gicv3" : "gicv2");
	if (!f)
		return -ENOMEM;
	f->gic = true;
	if (!to) {
		say(f, COMPARE_IMPOSSIBLE, "KVM there has none");
		if (v3 && j->from->gicv2_iidr && j->to->gicv2_iidr)
			snprintf(f->remedy, sizeof(f->remedy), "--irqchip=gicv2");
	} else {
		say(f, revision(to) < revision(from) ? COMPARE_HARMLESS : COMPARE_CARRIED,
		    "revision %u here, %u there", revision(from), revision(to));
	}
	return 0;
}

static int judge_counter(struct judge *j)
{
	struct finding *f;

	if (!j->from->counter_hz || !j->to->counter_hz || j->from->counter_hz == j->to->counter_hz)
		return 0;
	f = add(j, COMPARE_SAME, "counter frequency");
	if (!f)
		return -ENOMEM;
	say(f, COMPARE_UNSAFE,
	    "%" PRIu64 " Hz here, %" PRIu64 " Hz there: the guest's time would be off",
	    j->from->counter_hz, j->to->counter_hz);
	return 0;
}

static int judge_sizes(struct judge *j)
{
	struct finding *f;

	if (j->to->ipa_bits < j->from->ipa_bits) {
		f = add(j, COMPARE_SAME, "guest addresses");
		if (!f)
			return -ENOMEM;
		say(f, COMPARE_CARRIED,
		    "VMs whose memory needs more than %" PRIu32 " bits do not fit",
		    j->to->ipa_bits);
	}
	if (j->to->max_vcpus < j->from->max_vcpus) {
		f = add(j, COMPARE_SAME, "number of vCPUs");
		if (!f)
			return -ENOMEM;
		say(f, COMPARE_CARRIED, "VMs with more than %" PRIu32 " do not fit",
		    j->to->max_vcpus);
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

int compare_profiles(const struct host_profile *from, const struct host_profile *to,
		     uint32_t features, struct comparison *c, struct err *e)
{
	struct judge j = { .from = from, .to = to, .features = features, .c = c };
	int ret;

	*c = COMPARISON_NONE;
	ret = judge_registers(&j);
	for (size_t i = 0; i < ARRAY_SIZE(matters) && ret == 0; i++)
		ret = matters[i](&j);
	if (ret < 0) {
		comparison_free(c);
		return err_set(e, -ret, "cannot compare: %s", strerror(-ret));
	}
	if (c->nr)
		qsort(c->finding, c->nr, sizeof(*c->finding), worst_first);
	return 0;
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
