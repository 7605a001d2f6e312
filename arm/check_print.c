/* SPDX-License-Identifier: BSD-2-Clause */
/* The report of `lkvm check`: worst first, with the values on both sides and what avoids it. */
#include <inttypes.h>
#include "arm/compare.h"
#include "util/json.h"
#include "util/words.h"

#define COLUMN 14

static const char *verdict(const struct comparison *c)
{
	enum compare_class worst = comparison_worst(c);

	return worst >= COMPARE_UNSAFE ? "no" : worst == COMPARE_HARMLESS ? "notes" : "yes";
}

/* What a VM is started with to have no such finding, or NULL: nothing helps. */
static const char *remedy(const struct finding *f)
{
	if (*f->remedy)
		return f->remedy;
	return f->compat ? "--compat=PROFILE, that of the host it is to go to" : NULL;
}

static void print_value(FILE *out, bool there, uint64_t value)
{
	if (there)
		fprintf(out, "0x%" PRIx64, value);
	else
		fputs("none", out);
}

static void print_finding(const struct finding *f, FILE *out)
{
	struct words w = { .out = out, .column = COLUMN, .indent = COLUMN };

	fprintf(out, "  %-*s", COLUMN - 2, compare_class_name(f->class));
	words_add_text(&w, f->name);
	words_add(&w, "-");
	words_add_text(&w, f->text);
	if (f->id) {
		fprintf(out, "\n%*ssaved ", COLUMN, "");
		print_value(out, f->in_from, f->from);
		fputs(", there ", out);
		print_value(out, f->in_to, f->to);
	}
	if (remedy(f))
		fprintf(out, "\n%*sremedy: start it with %s", COLUMN, "", remedy(f));
	if (f->class == COMPARE_UNSAFE && f->id)
		fprintf(out, "\n%*sor let it pass: --allow %s", COLUMN, "", f->name);
	fputc('\n', out);
}

void compare_print_check(const struct comparison *c, const char *from, const char *to, FILE *out)
{
	enum compare_class worst = comparison_worst(c);

	fprintf(out, "%s, to go on at %s\n", from, to);
	for (size_t i = 0; i < c->nr && c->finding[i].class >= COMPARE_UNSAFE; i++)
		print_finding(&c->finding[i], out);
	compare_print_findings(c, COMPARE_HARMLESS, out);
	compare_print_sum(c, out);
	fprintf(out, "  %-*s%s\n", COLUMN - 2, "verdict",
		worst >= COMPARE_UNSAFE     ? "no"
		: worst == COMPARE_HARMLESS ? "yes, with the notes above"
					    : "yes");
}

static void print_side(struct json *j, const char *key, bool there, uint64_t value)
{
	if (there)
		json_hex(j, key, value, 16);
	else
		json_string(j, key, NULL);
}

void compare_print_check_json(const struct comparison *c, const char *from, const char *to,
			      FILE *out)
{
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_string(&j, "vm", from);
	json_string(&j, "target", to);
	json_string(&j, "verdict", verdict(c));
	json_array(&j, "findings");
	for (size_t i = 0; i < c->nr; i++) {
		const struct finding *f = &c->finding[i];

		json_object(&j, NULL);
		json_string(&j, "name", f->name);
		json_string(&j, "class", compare_class_name(f->class));
		if (f->id) {
			print_side(&j, "saved", f->in_from, f->from);
			print_side(&j, "there", f->in_to, f->to);
		}
		if (*f->text)
			json_string(&j, "meaning", f->text);
		if (f->class >= COMPARE_UNSAFE)
			json_string(&j, "remedy", remedy(f));
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
}
