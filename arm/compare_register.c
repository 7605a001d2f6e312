/* SPDX-License-Identifier: BSD-2-Clause */
/* What becomes of one register of a VM on another host: compare_write() says whether it takes the value, this what that means. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include "arm/firmware.h"
#include "arm/psci.h"
#include "arm/registers.h"
#include "compare_parts.h"
#include "compare_value.h"
#include "kvm/kvm.h"

/* The newest PSCI version that @p has and that is older than @version, or 0. */
static uint32_t newest_below(const struct host_profile *p, uint64_t version)
{
	for (size_t i = p->nr_psci; i-- > 0;) {
		if (p->psci[i] < version)
			return p->psci[i];
	}
	return 0;
}

static void judge_psci(struct judge *j, struct finding *f)
{
	uint32_t common = compare_common_psci(j->from, j->to);
	char text[PSCI_TEXT_SIZE];

	if (f->write == 0) {
		if (f->from != f->to)
			judge_say(f, COMPARE_CARRIED, "the VM's own version is set there too");
		return;
	}
	if (f->write == ENOENT && compare_is_dispensable(f->id, f->from, false) &&
	    profile_has_psci(j->to, (uint32_t)f->from)) {
		judge_say(f, COMPARE_HARMLESS, "not there as a register, which means this version");
		return;
	}
	psci_format((uint32_t)f->from, text);
	judge_say(f, COMPARE_IMPOSSIBLE, "PSCI %s is not offered there", text);
	if (j->saved)
		common = newest_below(j->to, f->from);
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
	uint64_t there =
		fw ? fw->takes : compare_unlisted_services(f->id, j->to->cap[KVM_CAP_STEAL_TIME]);
	uint64_t lost = f->from & ~there;
	char names[100];

	list_services(f->id, lost, false, names, sizeof(names));
	if (lost) {
		judge_say(f, COMPARE_UNSAFE, "the guest would lose %s", names);
		f->compat = !(lost & ~firmware_services(f->id));
		if (f->compat)
			list_services(f->id, lost, true, f->remedy, sizeof(f->remedy));
	} else if (!fw) {
		judge_say(f, COMPARE_HARMLESS,
			  f->from ? "not there as a register, its services are"
				  : "not there, and nothing is on");
	} else if (f->from != f->to) {
		judge_say(f, COMPARE_CARRIED, "the VM keeps the services it has");
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
		judge_say(f, COMPARE_UNSAFE, "the guest was told \"%s\"; there it is \"%s\"", from,
			  to);
	else
		judge_say(f, COMPARE_HARMLESS, "the guest was told \"%s\"; there it is \"%s\"",
			  from, to);
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
		judge_say(f, COMPARE_HARMLESS, "listed without the vCPU feature it belongs to");
	else if (register_kind(f->id) == REGISTER_CACHE)
		judge_say(f, COMPARE_HARMLESS, "describes a cache that is not listed there");
	else if (register_kind(f->id) == REGISTER_ID && f->from)
		judge_say(f, COMPARE_UNSAFE, "not there, and it tells the guest what it has");
	else if (!j->saved)
		judge_say(f, COMPARE_HARMLESS, "not kept there: lost, unless it is as after reset");
	else if (f->id == KVM_REG_ARM_PTIMER_CNT)
		judge_say(f, COMPARE_HARMLESS, "the guest finds the host's physical counter there");
	else if (compare_is_dispensable(f->id, f->from, false))
		judge_say(f, COMPARE_HARMLESS, "not kept there, and nothing is in it");
	else
		judge_say(f, COMPARE_UNSAFE, "not kept there: the guest would lose what is in it");
}

/* MIDR_EL1 and its like: the target keeps the value, under a guest that then runs on another CPU. */
static void judge_cpu(struct judge *j, struct finding *f)
{
	judge_say(f, COMPARE_UNSAFE, "another CPU: the guest knows this one's errata");
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
		judge_say(f, COMPARE_CARRIED, "the VM's own value is set there too");
		if (compare_names_cpu(f->id))
			judge_cpu(j, f);
		return;
	}
	list_fields(f, ours ? ours : refused, fields, sizeof(fields));
	if (!ours) {
		judge_say(f, COMPARE_HARMLESS, "%s: of a vCPU feature that the VM does not have",
			  fields);
		return;
	}
	judge_say(f, COMPARE_IMPOSSIBLE, "%s", fields);
	/* What its host could have shown it instead, a saved VM does not tell. */
	f->compat = j->saved ? !compare_names_cpu(f->id)
			     : compare_common(j->from, j->to, j->features, f->id, &value, &blocked,
					      &harmless) &&
				       !(blocked & ~harmless);
}

int judge_register(struct judge *j, uint64_t id)
{
	char name[REGISTER_NAME_SIZE];
	struct finding *f = judge_add(j, COMPARE_SAME, register_name(id, name));

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
			judge_say(f, COMPARE_CARRIED, "state");
	}
	return 0;
}
