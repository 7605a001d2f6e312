/* SPDX-License-Identifier: BSD-2-Clause */
/* What `lkvm host` shows of a profile: a table of at most 100 columns. */
#include <inttypes.h>
#include <string.h>
#include "arm/firmware.h"
#include "arm/profile.h"
#include "arm/psci.h"
#include "arm/registers.h"
#include "kvm/kvm.h"
#include "util/words.h"

#define HEAD_WIDTH 18

static void head(FILE *out, const char *name)
{
	fprintf(out, "%-*s", HEAD_WIDTH, name);
}

static void print_psci(const struct host_profile *p, FILE *out)
{
	char text[PSCI_TEXT_SIZE];

	head(out, "PSCI");
	for (size_t i = 0; i < p->nr_psci; i++)
		fprintf(out, "%s%s", i ? ", " : "", psci_format(p->psci[i], text));
	fputc('\n', out);
}

static void print_gic(const struct host_profile *p, FILE *out)
{
	head(out, "GIC");
	if (p->gicv2_iidr)
		fprintf(out, "gicv2 (revision %u)", p->gicv2_iidr >> 12 & 0xf);
	if (p->gicv3_iidr)
		fprintf(out, "%sgicv3 (revision %u)", p->gicv2_iidr ? ", " : "",
			p->gicv3_iidr >> 12 & 0xf);
	if (!p->gicv2_iidr && !p->gicv3_iidr)
		fputs("none", out);
	fputs(p->its ? ", ITS\n" : ", no ITS\n", out);
}

static void print_sve(const struct host_profile *p, FILE *out)
{
	struct words w = { .out = out, .column = HEAD_WIDTH, .indent = HEAD_WIDTH };
	uint64_t vls[8];

	profile_sve_lengths(p, vls);
	head(out, "SVE vectors");
	for (unsigned int i = 0; i < 512; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%u", (i + 1) * 128);
		if (vls[i / 64] >> (i % 64) & 1)
			words_add(&w, text);
	}
	fputs(w.any ? " bits\n" : "no SVE\n", out);
}

static void print_features(const struct host_profile *p, FILE *out)
{
	struct words w = { .out = out, .column = HEAD_WIDTH, .indent = HEAD_WIDTH };

	head(out, "vCPU features");
	for (unsigned int bit = 0; bit < 32; bit++) {
		if (p->vcpu_features & 1u << bit && profile_feature_name(bit))
			words_add(&w, profile_feature_name(bit));
	}
	fputc('\n', out);
}

static void print_limits(const struct host_profile *p, FILE *out)
{
	uint64_t midr;

	head(out, "Kernel");
	fprintf(out, "%s\n", p->kernel);
	if (profile_value(p, p->base.features, ARM64_SYS_REG(3, 0, 0, 0, 0), &midr)) {
		head(out, "CPU");
		fprintf(out,
			"implementer 0x%02" PRIx64 ", part 0x%03" PRIx64 ", r%" PRIu64 "p%" PRIu64
			"\n",
			midr >> 24 & 0xff, midr >> 4 & 0xfff, midr >> 20 & 0xf, midr & 0xf);
	}
	head(out, "Pages");
	fprintf(out, "%" PRIu32 " bytes\n", p->page_size);
	head(out, "Guest addresses");
	fprintf(out, "%" PRIu32 " bits\n", p->ipa_bits);
	head(out, "vCPUs of a VM");
	fprintf(out, "at most %" PRIu32 "\n", p->max_vcpus);
	head(out, "Counter");
	if (p->counter_hz)
		fprintf(out, "%" PRIu64 " Hz\n", p->counter_hz);
	else
		fputs("frequency not known\n", out);
}

/* The row that a bit of a bitmap register has, or NULL. */
static const struct firmware_row *service_row(uint64_t reg, unsigned int bit)
{
	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		if (firmware_rows[row].kind == FIRMWARE_SERVICE && firmware_rows[row].reg == reg &&
		    firmware_rows[row].bit == bit)
			return &firmware_rows[row];
	}
	return NULL;
}

/* What stands in a service's line: whether a VM has it if nothing is said, or can. */
static const char *service_state(const struct profile_firmware *fw, unsigned int bit)
{
	if (fw->value >> bit & 1)
		return "on";
	return fw->takes >> bit & 1 ? "off, can be on" : "no";
}

/* Bits that a host has and this lkvm does not know, of registers known or not. */
static void print_unknown_services(const struct host_profile *p, FILE *out)
{
	for (size_t i = 0; i < p->nr_firmware; i++) {
		const struct profile_firmware *fw = &p->firmware[i];
		char name[REGISTER_NAME_SIZE];

		if (register_kind(fw->id) != REGISTER_SERVICES)
			continue;
		for (unsigned int bit = 0; bit < 64; bit++) {
			if ((fw->value | fw->takes) >> bit & 1 && !service_row(fw->id, bit))
				fprintf(out, "  %-14s %-17s %s bit %u\n", "not known",
					service_state(fw, bit), register_name(fw->id, name), bit);
		}
	}
}

static void print_services(const struct host_profile *p, FILE *out)
{
	fputs("\nFirmware services, as a VM has them (--firmware NAME=on|off)\n", out);
	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		const struct firmware_row *r = &firmware_rows[row];
		const struct profile_firmware *fw = profile_firmware(p, r->reg);
		char state[32];

		if (r->kind == FIRMWARE_LEVEL)
			continue;
		if (r->kind == FIRMWARE_CAPABILITY && p->cap[r->cap])
			snprintf(state, sizeof(state), "on");
		else if (r->kind == FIRMWARE_SERVICE && fw)
			snprintf(state, sizeof(state), "%s", service_state(fw, r->bit));
		else
			snprintf(state, sizeof(state), "needs Linux %s", r->since);
		fprintf(out, "  %-14s %-17s %s\n", r->name, state, r->help);
	}
	print_unknown_services(p, out);
}

static void print_mitigations(const struct host_profile *p, FILE *out)
{
	fputs("\nMitigations, as a guest is told (--firmware NAME=LEVEL)\n", out);
	for (unsigned int row = 0; row < FIRMWARE_NR; row++) {
		const struct firmware_row *r = &firmware_rows[row];
		const struct profile_firmware *fw = profile_firmware(p, r->reg);
		char state[32];

		if (r->kind != FIRMWARE_LEVEL)
			continue;
		if (fw)
			snprintf(state, sizeof(state), "%s", firmware_level_name(row, fw->value));
		else
			snprintf(state, sizeof(state), "needs Linux %s", r->since);
		fprintf(out, "  %-14s %-17s %s\n", r->name, state, r->help);
	}
}

/* Firmware registers that are neither the PSCI version nor in the table. */
static void print_unknown_firmware(const struct host_profile *p, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < p->nr_firmware; i++) {
		const struct profile_firmware *fw = &p->firmware[i];
		char name[REGISTER_NAME_SIZE];
		bool known = register_kind(fw->id) == REGISTER_PSCI;

		for (unsigned int row = 0; row < FIRMWARE_NR; row++)
			known |= firmware_rows[row].reg == fw->id;
		if (known)
			continue;
		if (!any)
			fputs("\nFirmware registers not known to this lkvm\n", out);
		any = true;
		fprintf(out, "  %-24s 0x%" PRIx64 "\n", register_name(fw->id, name), fw->value);
	}
}

static void print_capabilities(const struct host_profile *p, bool has, FILE *out)
{
	fputs(has ? "\nOf KVM's capabilities it has\n"
		  : "\nIt has not (each with the Linux that brought it; the CPU may be what lacks it)\n",
	      out);
	for (size_t i = 0; i < nr_capabilities; i++) {
		const struct capability *c = &capabilities[i];

		if (!p->cap[c->cap] == has)
			continue;
		fprintf(out, "  %-30s %-5s %s\n", c->name, has ? "" : c->since, c->help);
	}
	/* Not capabilities by number, but asked for in other ways. */
	if (p->smccc_filter == has)
		fprintf(out, "  %-30s %-5s %s\n", "SMCCC filter", has ? "" : "6.4",
			"PSCI and other calls can come to lkvm");
	if (p->pvtime == has)
		fprintf(out, "  %-30s %-5s %s\n", "stolen time record", has ? "" : "5.5",
			"a vCPU takes the address of one");
}

/* Whether @mask has every field that there is, or that the register's values have bits of. */
static bool every_field(uint64_t id, uint64_t values, uint64_t mask)
{
	for (unsigned int bit = 0; bit < 64;) {
		struct register_field field = register_field_at(id, bit);
		uint64_t bits = register_field_mask(field);

		if ((field.name || values & bits) && bits & ~mask)
			return false;
		bit = field.lsb + field.width;
	}
	return true;
}

/* The names of the fields that @mask has bits of. */
static void print_fields(uint64_t id, uint64_t values, uint64_t mask, int column, FILE *out)
{
	struct words w = { .out = out, .column = column, .indent = column };

	if (mask && every_field(id, values, mask)) {
		words_add(&w, "all");
		return;
	}
	while (mask) {
		unsigned int bit = (unsigned int)__builtin_ctzll(mask);
		struct register_field field = register_field_at(id, bit);
		char text[REGISTER_NAME_SIZE];

		words_add(&w, register_field_name(field, text));
		mask &= ~register_field_mask(field);
	}
}

static void print_id_registers(const struct host_profile *p, bool all, FILE *out)
{
	fprintf(out, "\n%-18s  %-16s  %-16s  %s\n", "ID registers", "plain vCPU", "all features",
		p->masks_told ? "fields that may be lowered"
			      : "fields that may be lowered (as tried)");
	for (size_t i = 0; i < p->full.nr; i++) {
		uint64_t id = p->full.reg[i].id, full = p->full.reg[i].value, base = 0;
		uint64_t mask = profile_writable(p, id);
		bool has = profile_value(p, p->base.features, id, &base);
		char name[REGISTER_NAME_SIZE], same[17] = "same";

		if (register_kind(id) != REGISTER_ID)
			continue;
		if (!all && !base && !full)
			continue;
		if (full != base || !has)
			snprintf(same, sizeof(same), "%016" PRIx64, full);
		fprintf(out, "%-18s  %016" PRIx64 "  %-16s%s", register_name(id, name), base, same,
			mask ? "  " : "");
		print_fields(id, base | full, mask, 56, out);
		fputc('\n', out);
	}
}

void profile_print(const struct host_profile *p, bool all, FILE *out)
{
	print_limits(p, out);
	print_psci(p, out);
	print_gic(p, out);
	print_features(p, out);
	print_sve(p, out);
	print_services(p, out);
	print_mitigations(p, out);
	print_unknown_firmware(p, out);
	print_capabilities(p, true, out);
	print_capabilities(p, false, out);
	print_id_registers(p, all, out);
}
