/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's firmware registers as a table: parsed from the command line, written, read back.
 *
 * A service bitmap holds the host's ceiling until it is written, but for VENDOR_HYP_BMAP_2, which
 * starts at zero and has to be tried. A level register stores nothing: a write of the host's own
 * value or less is accepted and ignored, so a pin there is a check that the guest is told just that.
 */
#include <errno.h>
#include <string.h>
#include "arm/firmware.h"
#include "kvm/kvm.h"
#include "util/bits.h"

#define SERVICE(reg_, bit_, since_)                                         \
	.kind = FIRMWARE_SERVICE, .reg = KVM_REG_ARM_##reg_, .bit = (bit_), \
	.register_name = #reg_, .since = (since_)
#define LEVEL(n_, since_)                                                      \
	.kind = FIRMWARE_LEVEL, .reg = KVM_REG_ARM_SMCCC_ARCH_WORKAROUND_##n_, \
	.register_name = "SMCCC_ARCH_WORKAROUND_" #n_, .since = (since_)

#define CAPABILITY(cap_, since_)                                                    \
	.kind = FIRMWARE_CAPABILITY, .cap = KVM_CAP_##cap_, .register_name = #cap_, \
	.since = (since_)

const struct firmware_row firmware_rows[FIRMWARE_NR] = {
	[FIRMWARE_TRNG] = { "trng", SERVICE(STD_BMAP, 0, "5.19"),
			    .help = "true random numbers (Arm DEN 0098)" },
	[FIRMWARE_PVTIME] = { "pvtime", SERVICE(STD_HYP_BMAP, 0, "5.19"),
			      .help = "stolen time (Arm DEN 0057)" },
	[FIRMWARE_KVM_FEATURES] = { "kvm-features", SERVICE(VENDOR_HYP_BMAP, 0, "5.19"),
				    .help = "KVM's own call that lists its services" },
	[FIRMWARE_PTP] = { "ptp", SERVICE(VENDOR_HYP_BMAP, 1, "5.19"),
			   .help = "the host's clock, for precision time" },
	[FIRMWARE_IMPL_VERSION] = { "impl-version", SERVICE(VENDOR_HYP_BMAP_2, 0, "6.15"),
				    .help = "discovery of CPU implementations (with impl-cpus)" },
	[FIRMWARE_IMPL_CPUS] = { "impl-cpus", SERVICE(VENDOR_HYP_BMAP_2, 1, "6.15"),
				 .help = "the CPUs that the VM may run on (with impl-version)" },
	[FIRMWARE_SYSTEM_SUSPEND] = { "system-suspend", CAPABILITY(ARM_SYSTEM_SUSPEND, "5.19"),
				      .help = "PSCI SYSTEM_SUSPEND, under PSCI 1.0 and later" },
	[FIRMWARE_WORKAROUND_1] = { "workaround-1", LEVEL(1, "5.3"),
				    .help = "branch predictor mitigation (Spectre v2)" },
	[FIRMWARE_WORKAROUND_2] = { "workaround-2", LEVEL(2, "5.3"),
				    .help = "speculative store bypass mitigation (Spectre v4)" },
	[FIRMWARE_WORKAROUND_3] = { "workaround-3", LEVEL(3, "5.18"),
				    .help = "branch history mitigation (Spectre-BHB)" },
};

/* WORKAROUND_1 and _3 have three levels; _2 has one more, and a bit that says it is switched on. */
static const char *const levels[] = { "not-available", "available", "not-required" };
static const char *const levels_2[] = { "not-available", "unknown", "available", "not-required" };

#define LEVEL_MASK 0xf

static const char *level_word(unsigned int row, uint64_t level)
{
	if (row == FIRMWARE_WORKAROUND_2)
		return level < ARRAY_SIZE(levels_2) ? levels_2[level] : NULL;
	return level < ARRAY_SIZE(levels) ? levels[level] : NULL;
}

const char *firmware_level_name(unsigned int row, uint64_t value)
{
	const char *word = level_word(row, value & LEVEL_MASK);

	return word ? word : "not known to this lkvm";
}

uint64_t firmware_services(uint64_t reg)
{
	uint64_t known = 0;

	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		if (firmware_rows[row].kind == FIRMWARE_SERVICE && firmware_rows[row].reg == reg)
			known |= 1ULL << firmware_rows[row].bit;
	}
	return known;
}

static int parse_service(const char *name, const char *value, uint64_t *parsed, struct err *e)
{
	if (strcmp(value, "on") && strcmp(value, "off"))
		return err_set(e, EINVAL, "'%s=%s': a service is on or off", name, value);
	*parsed = !strcmp(value, "on");
	return 0;
}

static int parse_level(unsigned int row, const char *value, uint64_t *parsed, struct err *e)
{
	const char *word;

	for (uint64_t level = 0; (word = level_word(row, level)); level++) {
		if (!strcmp(value, word)) {
			*parsed = level;
			return 0;
		}
	}
	return err_set(e, EINVAL,
		       "'%s=%s': a mitigation is not-available, %savailable or not-required",
		       firmware_rows[row].name, value,
		       row == FIRMWARE_WORKAROUND_2 ? "unknown, " : "");
}

int firmware_parse(void *field, const char *text, struct err *e)
{
	struct firmware_pins *pins = field;
	const char *equals = strchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);

	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		const struct firmware_row *r = &firmware_rows[row];
		int ret;

		if (strncmp(text, r->name, len) || r->name[len])
			continue;
		if (!equals)
			return err_set(e, EINVAL, "'%s': say %s=VALUE", text, text);
		if (r->kind == FIRMWARE_LEVEL)
			ret = parse_level(row, equals + 1, &pins->value[row], e);
		else
			ret = parse_service(r->name, equals + 1, &pins->value[row], e);
		pins->pinned[row] = ret == 0;
		return ret;
	}
	return err_set(e, EINVAL, "'%s' names nothing of the firmware (see 'lkvm help run')", text);
}

static const char *value_name(unsigned int row, uint64_t value)
{
	if (firmware_rows[row].kind == FIRMWARE_LEVEL)
		return firmware_level_name(row, value);
	return value ? "on" : "off";
}

static int no_register(unsigned int row, uint64_t want, struct err *e)
{
	const struct firmware_row *r = &firmware_rows[row];

	return err_set(e, ENOENT,
		       "%s=%s cannot be promised: this host's KVM has no register %s (that takes "
		       "Linux %s)",
		       r->name, value_name(row, want), r->register_name, r->since);
}

/* All pins of the service register that @first is the first row of. */
static int apply_services(int vcpu, unsigned int first, const struct firmware_pins *pins,
			  struct err *e)
{
	uint64_t reg = firmware_rows[first].reg;
	uint64_t value, want, got;

	if (kvm_get_reg(vcpu, reg, &value) < 0)
		return no_register(first, pins->value[first], e);
	want = value;
	for (unsigned int row = first; row < FIRMWARE_NR; row++) {
		uint64_t bit = 1ULL << firmware_rows[row].bit;

		if (firmware_rows[row].reg != reg || !pins->pinned[row])
			continue;
		want = pins->value[row] ? want | bit : want & ~bit;
		/* One bit at a time, so that the message names the one that is refused. */
		if (kvm_set_reg(vcpu, reg, want) < 0 || kvm_get_reg(vcpu, reg, &got) < 0 ||
		    got != want)
			return err_set(e, EINVAL, "%s=%s is not offered by this host's KVM",
				       firmware_rows[row].name, value_name(row, pins->value[row]));
	}
	return 0;
}

static int apply_level(int vcpu, unsigned int row, uint64_t want, struct err *e)
{
	const struct firmware_row *r = &firmware_rows[row];
	uint64_t value;

	if (kvm_get_reg(vcpu, r->reg, &value) < 0)
		return no_register(row, want, e);
	if ((value & LEVEL_MASK) == want)
		return 0;
	return err_set(e, EINVAL,
		       "%s=%s cannot be: on this host it is %s, and KVM tells a guest nothing else",
		       r->name, value_name(row, want), value_name(row, value));
}

/* Whether @row is the first pinned one of its register. */
static bool first_pinned(const struct firmware_pins *pins, unsigned int row)
{
	for (unsigned int before = 0; before < row; before++) {
		if (pins->pinned[before] && firmware_rows[before].reg == firmware_rows[row].reg)
			return false;
	}
	return pins->pinned[row];
}

static bool pinned_to(const struct firmware_pins *pins, unsigned int row, uint64_t value)
{
	return pins->pinned[row] && pins->value[row] == value;
}

bool firmware_discovers_cpus(const struct firmware_pins *pins)
{
	return pinned_to(pins, FIRMWARE_IMPL_VERSION, 1) || pinned_to(pins, FIRMWARE_IMPL_CPUS, 1);
}

/* Pins in @pins what the discovery of CPU implementations takes; refuses what contradicts it. */
static int complete_discovery(struct firmware_pins *pins, struct err *e)
{
	static const unsigned int needs[] = { FIRMWARE_IMPL_VERSION, FIRMWARE_IMPL_CPUS,
					      FIRMWARE_KVM_FEATURES };
	const char *on =
		firmware_rows[pinned_to(pins, FIRMWARE_IMPL_VERSION, 1) ? FIRMWARE_IMPL_VERSION
									: FIRMWARE_IMPL_CPUS]
			.name;

	if (!firmware_discovers_cpus(pins))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(needs); i++) {
		if (pinned_to(pins, needs[i], 0))
			return err_set(e, EINVAL,
				       "%s=on and %s=off: a guest finds the one only by the other",
				       on, firmware_rows[needs[i]].name);
		pins->pinned[needs[i]] = true;
		pins->value[needs[i]] = 1;
	}
	return 0;
}

int firmware_apply(int vcpu, const struct firmware_pins *wanted, struct err *e)
{
	struct firmware_pins all = *wanted, *pins = &all;
	int ret = complete_discovery(pins, e);

	for (unsigned int row = 0; row < FIRMWARE_NR && ret == 0; row++) {
		enum firmware_kind kind = firmware_rows[row].kind;

		if (!first_pinned(pins, row))
			continue;
		if (kind == FIRMWARE_SERVICE)
			ret = apply_services(vcpu, row, pins, e);
		else if (kind == FIRMWARE_LEVEL)
			ret = apply_level(vcpu, row, pins->value[row], e);
	}
	return ret;
}

int firmware_enable(int vm, const struct firmware_pins *pins, struct err *e)
{
	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		const struct firmware_row *r = &firmware_rows[row];

		if (r->kind != FIRMWARE_CAPABILITY || (pins->pinned[row] && !pins->value[row]))
			continue;
		if (kvm_enable_cap(vm, (uint32_t)r->cap) < 0 && pins->pinned[row])
			return err_set(
				e, ENODEV,
				"%s=on is not offered by this host's KVM (that takes Linux %s)",
				r->name, r->since);
	}
	return 0;
}

void firmware_print(FILE *out)
{
	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		const struct firmware_row *r = &firmware_rows[row];

		fprintf(out, "  %-14s %-8s %s\n", r->name,
			r->kind == FIRMWARE_LEVEL ? "a level" : "on, off", r->help);
	}
}
