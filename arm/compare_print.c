/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of `lkvm host --compare`: what differs, then what becomes of a VM each way. */
#include <inttypes.h>
#include <string.h>
#include "arm/compare.h"
#include "arm/psci.h"
#include "arm/registers.h"
#include "kvm/kvm.h"
#include "util/words.h"

#define LABEL_WIDTH 30
#define VALUE_WIDTH 16
/* Where A's and B's values and the fields of registers begin; and what is said of findings. */
#define A_COLUMN     (2 + LABEL_WIDTH + 1)
#define B_COLUMN     (A_COLUMN + VALUE_WIDTH + 2)
#define FIELD_COLUMN (B_COLUMN + VALUE_WIDTH + 2)
#define TEXT_COLUMN  14

/* One thing that differs: side by side, or, if that is too long, one below the other. */
static void differ(FILE *out, const char *label, const char *a, const char *b)
{
	if (!strcmp(a, b))
		return;
	if (strlen(a) <= VALUE_WIDTH && strlen(b) <= VALUE_WIDTH) {
		fprintf(out, "  %-*s %-*s  %s\n", LABEL_WIDTH, label, VALUE_WIDTH, a, b);
		return;
	}
	fprintf(out, "  %-*s A: %s\n", LABEL_WIDTH, label, a);
	fprintf(out, "  %-*s B: %s\n", LABEL_WIDTH, "", b);
}

static void differ_number(FILE *out, const char *label, uint64_t a, uint64_t b)
{
	char text[2][24];

	snprintf(text[0], sizeof(text[0]), "%" PRIu64, a);
	snprintf(text[1], sizeof(text[1]), "%" PRIu64, b);
	differ(out, label, text[0], text[1]);
}

static void format_psci(const struct host_profile *p, char list[PROFILE_PSCI_MAX * 10])
{
	size_t len = 0;
	char text[PSCI_TEXT_SIZE];

	list[0] = '\0';
	for (size_t i = 0; i < p->nr_psci; i++)
		len += (size_t)snprintf(list + len, PROFILE_PSCI_MAX * 10 - len, "%s%s",
					i ? ", " : "", psci_format(p->psci[i], text));
}

static void format_gic(const struct host_profile *p, char text[64])
{
	snprintf(text, 64, "gicv2: %s%u, gicv3: %s%u, %s", p->gicv2_iidr ? "revision " : "none ",
		 p->gicv2_iidr >> 12 & 0xf, p->gicv3_iidr ? "revision " : "none ",
		 p->gicv3_iidr >> 12 & 0xf, p->its ? "ITS" : "no ITS");
}

static void format_features(const struct host_profile *p, char list[256])
{
	size_t len = 0;

	list[0] = '\0';
	for (unsigned int bit = 0; bit < 32; bit++) {
		if (p->vcpu_features >> bit & 1 && profile_feature_name(bit))
			len += (size_t)snprintf(list + len, 256 - len, "%s%s", len ? " " : "",
						profile_feature_name(bit));
	}
}

static void format_sve(const struct host_profile *p, char list[64])
{
	unsigned int nr = 0, longest = 0;
	uint64_t vls[8];

	profile_sve_lengths(p, vls);
	for (unsigned int i = 0; i < 512; i++) {
		if (vls[i / 64] >> (i % 64) & 1) {
			nr++;
			longest = (i + 1) * 128;
		}
	}
	snprintf(list, 64, nr ? "%u lengths up to %u bits" : "none", nr, longest);
}

static void print_hosts(const struct host_profile *a, const struct host_profile *b, FILE *out)
{
	char text[2][256];

	differ_number(out, "page size", a->page_size, b->page_size);
	differ_number(out, "guest address bits", a->ipa_bits, b->ipa_bits);
	differ_number(out, "vCPUs of a VM", a->max_vcpus, b->max_vcpus);
	differ_number(out, "counter, Hz", a->counter_hz, b->counter_hz);
	format_psci(a, text[0]);
	format_psci(b, text[1]);
	differ(out, "PSCI", text[0], text[1]);
	format_gic(a, text[0]);
	format_gic(b, text[1]);
	differ(out, "GIC", text[0], text[1]);
	format_features(a, text[0]);
	format_features(b, text[1]);
	differ(out, "vCPU features", text[0], text[1]);
	format_sve(a, text[0]);
	format_sve(b, text[1]);
	differ(out, "SVE vectors", text[0], text[1]);
	differ(out, "SMCCC filter", a->smccc_filter ? "yes" : "no", b->smccc_filter ? "yes" : "no");
	for (size_t i = 0; i < nr_capabilities; i++) {
		const struct capability *c = &capabilities[i];

		if (!a->cap[c->cap] != !b->cap[c->cap])
			differ(out, c->name, a->cap[c->cap] ? "yes" : "no",
			       b->cap[c->cap] ? "yes" : "no");
	}
}

/* A register's values, and the fields in which they differ: "HCX 1|0". */
static void print_values(const struct finding *f, FILE *out)
{
	uint64_t bits = register_kind(f->id) == REGISTER_ID ? f->from ^ f->to : 0;
	struct words w = { .out = out, .column = FIELD_COLUMN, .indent = FIELD_COLUMN };

	fprintf(out, "  %-*s %016" PRIx64 "  %016" PRIx64 "%s", LABEL_WIDTH, f->name, f->from,
		f->to, bits ? "  " : "");
	while (bits) {
		struct register_field field =
			register_field_at(f->id, (unsigned int)__builtin_ctzll(bits));
		char text[80], name[REGISTER_NAME_SIZE];

		snprintf(text, sizeof(text), "%s=%" PRIx64 "|%" PRIx64,
			 register_field_name(field, name), register_field_get(field, f->from),
			 register_field_get(field, f->to));
		words_add(&w, text);
		bits &= ~register_field_mask(field);
	}
	fputc('\n', out);
}

/* Registers that describe the machine and have other values; presence only of all others. */
static void print_registers(const struct comparison *c, FILE *out)
{
	for (size_t i = 0; i < c->nr; i++) {
		const struct finding *f = &c->finding[i];

		if (!f->id || !f->in_from || !f->in_to || f->from == f->to ||
		    register_kind(f->id) == REGISTER_STATE || register_kind(f->id) == REGISTER_PSCI)
			continue;
		print_values(f, out);
	}
}

/* Which findings a list of names is of. */
typedef bool (*chosen_fn)(const struct finding *f, const struct finding *like);

static bool only_there(const struct finding *f, const struct finding *like)
{
	(void)like;
	return f->in_from && !f->in_to;
}

static bool says_the_same(const struct finding *f, const struct finding *like)
{
	return f->class == like->class && !strcmp(f->text, like->text);
}

static size_t next_chosen(const struct comparison *c, size_t i, chosen_fn chosen,
			  const struct finding *like)
{
	while (i < c->nr && !chosen(&c->finding[i], like))
		i++;
	return i;
}

/* "A_EL1, B0_EL1 to B7_EL1": names of findings from @i on, numbered registers as a range. */
static void list_names(const struct comparison *c, size_t i, chosen_fn chosen,
		       const struct finding *like, const char *end, struct words *w)
{
	while (i < c->nr) {
		const struct finding *first = &c->finding[i], *last = first;
		size_t next = next_chosen(c, i + 1, chosen, like);
		char text[2 * sizeof(first->name) + 8];

		while (next < c->nr && register_follows(last->id, c->finding[next].id)) {
			last = &c->finding[next];
			next = next_chosen(c, next + 1, chosen, like);
		}
		snprintf(text, sizeof(text), "%s%s%s%s", first->name, last == first ? "" : " to ",
			 last == first ? "" : last->name, next < c->nr ? "," : end);
		words_add_text(w, text);
		i = next;
	}
}

/* Registers that only the host judged from has. */
static void print_only(const struct comparison *c, char host, FILE *out)
{
	struct words w = { .out = out, .column = A_COLUMN, .indent = A_COLUMN };
	size_t first = next_chosen(c, 0, only_there, NULL);

	if (first == c->nr)
		return;
	fprintf(out, "  registers only %c has%*s", host, A_COLUMN - 22, "");
	list_names(c, first, only_there, NULL, "", &w);
	fputc('\n', out);
}

/* One line a finding; what several registers share is said once. */
void compare_print_findings(const struct comparison *c, enum compare_class most, FILE *out)
{
	for (size_t i = 0; i < c->nr && c->finding[i].class >= COMPARE_HARMLESS; i++) {
		const struct finding *f = &c->finding[i];
		struct words w = { .out = out, .column = TEXT_COLUMN, .indent = TEXT_COLUMN };

		if (f->class > most || next_chosen(c, 0, says_the_same, f) < i)
			continue;
		fprintf(out, "  %-*s", TEXT_COLUMN - 2, compare_class_name(f->class));
		list_names(c, i, says_the_same, f, ":", &w);
		words_add_text(&w, f->text);
		fputc('\n', out);
	}
}

static bool remedy_said(const struct comparison *c, size_t i)
{
	for (size_t before = 0; before < i; before++) {
		if (!strcmp(c->finding[before].remedy, c->finding[i].remedy))
			return true;
	}
	return false;
}

/* What a VM must be started with so that nothing unsafe or impossible is left. */
static void print_remedy(const struct comparison *c, const char *to_name, FILE *out)
{
	struct words w = { .out = out, .column = TEXT_COLUMN, .indent = TEXT_COLUMN };
	bool compat = false;
	size_t nr;

	for (nr = 0; nr < c->nr && c->finding[nr].class >= COMPARE_UNSAFE; nr++) {
		const struct finding *f = &c->finding[nr];

		if (!f->remedy[0] && !f->compat) {
			fprintf(out, "  %-*s", TEXT_COLUMN - 2, "verdict");
			words_add_text(&w, "no, whatever it is started with, because of");
			words_add_text(&w, f->name);
			fputc('\n', out);
			return;
		}
		compat |= !f->remedy[0] || f->beside_compat;
	}
	fprintf(out, "  %-*s", TEXT_COLUMN - 2, "verdict");
	words_add_text(&w, "not as it is; it could, started with");
	if (compat) {
		char option[300];

		snprintf(option, sizeof(option), "--compat=%s", to_name);
		words_add(&w, option);
	}
	for (size_t i = 0; i < nr; i++) {
		const struct finding *f = &c->finding[i];

		/* --compat does what those options do that it knows of. */
		if (f->remedy[0] && !(compat && f->compat) && !remedy_said(c, i))
			words_add_text(&w, f->remedy);
	}
	fputc('\n', out);
}

void compare_print_sum(const struct comparison *c, FILE *out)
{
	size_t nr[COMPARE_IMPOSSIBLE + 1] = { 0 };

	for (size_t i = 0; i < c->nr; i++)
		nr[c->finding[i].class]++;
	fprintf(out, "  %-*s%zu the same, %zu carried, %zu harmless, %zu unsafe, %zu impossible\n",
		TEXT_COLUMN - 2, "in all", nr[COMPARE_SAME], nr[COMPARE_CARRIED],
		nr[COMPARE_HARMLESS], nr[COMPARE_UNSAFE], nr[COMPARE_IMPOSSIBLE]);
}

static void print_direction(const struct comparison *c, const char *from, const char *to,
			    const char *to_name, FILE *out)
{
	fprintf(out, "\nA VM started on %s that goes to %s\n", from, to);
	compare_print_findings(c, COMPARE_IMPOSSIBLE, out);
	compare_print_sum(c, out);
	if (comparison_worst(c) < COMPARE_UNSAFE)
		fprintf(out, "  %-*syes\n", TEXT_COLUMN - 2, "verdict");
	else
		print_remedy(c, to_name, out);
}

static uint32_t vm_features(const struct host_profile *p, bool pmu)
{
	return profile_default_features(p) | (pmu ? 1u << KVM_ARM_VCPU_PMU_V3 : 0);
}

int compare_print(const struct host_profile *a, const char *name_a, const struct host_profile *b,
		  const char *name_b, bool pmu, FILE *out, bool *a_to_b, bool *b_to_a,
		  struct err *e)
{
	struct comparison there = COMPARISON_NONE, back = COMPARISON_NONE;
	int ret = compare_profiles(a, b, vm_features(a, pmu), &there, e);

	if (ret == 0)
		ret = compare_profiles(b, a, vm_features(b, pmu), &back, e);
	if (ret == 0) {
		fprintf(out, "A  %s: %s\nB  %s: %s\n\n", name_a, a->kernel, name_b, b->kernel);
		fprintf(out, "%-*s%-*sB\n", A_COLUMN, "Differences", VALUE_WIDTH + 2, "A");
		print_hosts(a, b, out);
		print_registers(&there, out);
		print_only(&there, 'A', out);
		print_only(&back, 'B', out);
		print_direction(&there, "A", "B", name_b, out);
		print_direction(&back, "B", "A", name_a, out);
		*a_to_b = comparison_worst(&there) < COMPARE_UNSAFE;
		*b_to_a = comparison_worst(&back) < COMPARE_UNSAFE;
	}
	comparison_free(&there);
	comparison_free(&back);
	return ret;
}
