/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A profile as JSON. The keys are an interface for scripts: they stay, new ones may come
 * (docs/host-profiles.md). Registers are strings of hexadecimal digits: JSON's numbers are too small.
 */
#include <inttypes.h>
#include "arm/firmware.h"
#include "arm/profile.h"
#include "arm/psci.h"
#include "arm/registers.h"
#include "kvm/kvm.h"
#include "util/json.h"

static void put_psci(const struct host_profile *p, struct json *j)
{
	char text[PSCI_TEXT_SIZE];

	json_array(j, "psci");
	for (size_t i = 0; i < p->nr_psci; i++)
		json_string(j, NULL, psci_format(p->psci[i], text));
	json_end(j);
}

static void put_gic(struct json *j, const char *key, uint32_t iidr)
{
	if (!iidr)
		return;
	json_object(j, key);
	json_number(j, "revision", iidr >> 12 & 0xf);
	json_hex(j, "iidr", iidr, 8);
	json_end(j);
}

static void put_features(struct json *j, const char *key, uint32_t features)
{
	json_array(j, key);
	for (unsigned int bit = 0; bit < 32; bit++) {
		if (features >> bit & 1 && profile_feature_name(bit))
			json_string(j, NULL, profile_feature_name(bit));
	}
	json_end(j);
}

static void put_sve(const struct host_profile *p, struct json *j)
{
	uint64_t vls[8];

	profile_sve_lengths(p, vls);
	json_array(j, "sve-lengths");
	for (int i = 0; i < 512; i++) {
		if (vls[i / 64] >> (i % 64) & 1)
			json_number(j, NULL, (i + 1) * 128);
	}
	json_end(j);
}

static void put_services(const struct host_profile *p, struct json *j)
{
	json_object(j, "services");
	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		const struct firmware_row *r = &firmware_rows[row];
		const struct profile_firmware *fw = profile_firmware(p, r->reg);

		bool cap = r->kind == FIRMWARE_CAPABILITY && p->cap[r->cap];

		if (r->kind == FIRMWARE_LEVEL)
			continue;
		json_object(j, r->name);
		json_bool(j, "default", cap || (fw && fw->value >> r->bit & 1));
		json_bool(j, "offered", cap || (fw && fw->takes >> r->bit & 1));
		json_string(j, "since", r->since);
		json_end(j);
	}
	json_end(j);
	json_object(j, "mitigations");
	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		const struct firmware_row *r = &firmware_rows[row];
		const struct profile_firmware *fw = profile_firmware(p, r->reg);

		if (r->kind == FIRMWARE_LEVEL)
			json_string(j, r->name, fw ? firmware_level_name(row, fw->value) : NULL);
	}
	json_end(j);
}

static void put_firmware(const struct host_profile *p, struct json *j)
{
	char name[REGISTER_NAME_SIZE];

	json_object(j, "firmware-registers");
	for (size_t i = 0; i < p->nr_firmware; i++) {
		const struct profile_firmware *fw = &p->firmware[i];

		json_object(j, register_name(fw->id, name));
		json_hex(j, "value", fw->value, 16);
		json_hex(j, "takes", fw->takes, 16);
		json_end(j);
	}
	json_end(j);
}

static void put_capabilities(const struct host_profile *p, struct json *j)
{
	json_object(j, "capabilities");
	for (uint32_t cap = 0; cap < CAPABILITY_NR; cap++) {
		const struct capability *row = capability_by_number(cap);
		char number[24];

		snprintf(number, sizeof(number), "cap-%" PRIu32, cap);
		if (p->cap[cap])
			json_number(j, row ? row->name : number, p->cap[cap]);
	}
	json_end(j);
	json_object(j, "missing-since");
	for (size_t i = 0; i < nr_capabilities; i++) {
		if (!p->cap[capabilities[i].cap])
			json_string(j, capabilities[i].name, capabilities[i].since);
	}
	if (!p->smccc_filter)
		json_string(j, "smccc-filter", "6.4");
	json_end(j);
}

static void put_masks(const struct host_profile *p, struct json *j)
{
	char name[REGISTER_NAME_SIZE];

	json_bool(j, "writable-told-by-kvm", p->masks_told);
	json_object(j, "writable");
	for (size_t i = 0; i < p->nr_masks; i++)
		json_hex(j, register_name(p->mask[i].id, name), p->mask[i].mask, 16);
	json_end(j);
}

/* Wide registers as one number too, their most significant digits first. */
static void put_register(const struct profile_register *reg, struct json *j)
{
	char name[REGISTER_NAME_SIZE], text[2 + 2 * REGISTER_BYTES_MAX + 1] = "0x";
	size_t size = register_size(reg->id);

	register_name(reg->id, name);
	for (size_t i = 0; reg->wide && i < size; i++)
		snprintf(text + 2 + 2 * i, 3, "%02x", reg->wide[size - 1 - i]);
	if (reg->wide)
		json_string(j, name, text);
	else
		json_hex(j, name, reg->value, (unsigned int)(2 * size));
}

static void put_dump(const struct profile_dump *dump, const char *key, struct json *j)
{
	json_object(j, key);
	put_features(j, "vcpu-features", dump->features);
	json_object(j, "registers");
	for (size_t i = 0; i < dump->nr; i++)
		put_register(&dump->reg[i], j);
	json_end(j);
	json_end(j);
}

void profile_print_json(const struct host_profile *p, FILE *out)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_number(&j, "version", PROFILE_VERSION);
	json_string(&j, "kernel", p->kernel);
	json_number(&j, "page-size", p->page_size);
	json_number(&j, "ipa-bits", p->ipa_bits);
	json_number(&j, "max-vcpus", p->max_vcpus);
	json_number(&j, "counter-frequency", (int64_t)p->counter_hz);
	put_psci(p, &j);
	put_gic(&j, "gicv2", p->gicv2_iidr);
	put_gic(&j, "gicv3", p->gicv3_iidr);
	json_bool(&j, "its", p->its);
	put_features(&j, "vcpu-features", p->vcpu_features);
	put_sve(p, &j);
	json_bool(&j, "smccc-filter", p->smccc_filter);
	json_bool(&j, "pvtime", p->pvtime);
	put_services(p, &j);
	put_firmware(p, &j);
	put_capabilities(p, &j);
	put_masks(p, &j);
	put_dump(&p->base, "base", &j);
	put_dump(&p->full, "full", &j);
	json_end(&j);
}
