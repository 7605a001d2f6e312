/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plans: sections into rows. What varies in a section is counted through like the digits of a number, the last
 * one fastest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arm/machine.h"
#include "arm/psci.h"
#include "plan_parts.h"
#include "util/opt.h"

#define DIMENSIONS_MAX (PLAN_KEYS + PLAN_EACH_MAX)

/* What a section says of everything, with what stands before the first section where it says nothing. */
struct saying {
	const struct plan_values *key[PLAN_KEYS];
	const struct plan_values *each;
	unsigned int nr_each;
	struct dimension {
		const char *name; /* NULL: its words have their own */
		const struct plan_values *values;
	} dimension[DIMENSIONS_MAX];
	unsigned int nr_dimensions, nr_words;
};

static void add_dimension(struct saying *s, const char *name, const struct plan_values *values)
{
	s->dimension[s->nr_dimensions++] = (struct dimension){ name, values };
}

static struct saying understand(const struct plan *plan, const struct plan_section *section)
{
	const struct plan_section *before = plan->sections[0];
	struct saying s = { 0 };

	for (int i = 0; i < PLAN_KEYS; i++) {
		const struct plan_values *own = &section->key[i];

		s.key[i] = own->nr || own->none ? own : &before->key[i];
		if (plan_keys[i].vary && s.key[i]->nr)
			add_dimension(&s, plan_keys[i].name, s.key[i]);
		else if (plan_keys[i].option)
			s.nr_words += s.key[i]->nr;
	}
	if (!section->nr_each && !section->key[PLAN_EACH].none)
		section = before;
	for (unsigned int i = 0; i < section->nr_each; i++)
		add_dimension(&s, NULL, &section->each[i]);
	s.nr_words += s.key[PLAN_OPTION]->nr + s.nr_dimensions;
	return s;
}

/* How often the section is run: the product of what varies, or 0 if that is more than @max. */
static unsigned int count(const struct saying *s, unsigned int max)
{
	unsigned int nr = 1;

	for (unsigned int i = 0; i < s->nr_dimensions; i++) {
		if (s->dimension[i].values->nr > max / nr)
			return 0;
		nr *= s->dimension[i].values->nr;
	}
	return nr > max ? 0 : nr;
}

/* The value of a dimension in row @n, which moves on to the slower dimensions. */
static const struct plan_value *pick(const struct dimension *d, unsigned int *n)
{
	const struct plan_value *value = &d->values->value[*n % d->values->nr];

	*n /= d->values->nr;
	return value;
}

static void add_words(struct plan_row *row, unsigned int *nr, const struct plan_values *values)
{
	for (unsigned int i = 0; i < values->nr; i++)
		row->options[(*nr)++] = values->value[i].word;
}

/* @picked: the value of each dimension. */
static int set_options(struct plan_row *row, const struct saying *s,
		       const struct plan_value *const *picked)
{
	unsigned int nr = 0;

	row->options = calloc(s->nr_words + 1, sizeof(*row->options));
	if (!row->options)
		return -ENOMEM;
	for (unsigned int i = 0; i < s->nr_dimensions; i++) {
		if (strcmp(picked[i]->word, "-"))
			row->options[nr++] = picked[i]->word;
	}
	for (int i = 0; i < PLAN_KEYS; i++) {
		if (i == PLAN_OPTION || (plan_keys[i].option && !plan_keys[i].vary))
			add_words(row, &nr, s->key[i]);
	}
	return 0;
}

/* A dimension without a name has options: "--irqchip=gicv2". */
static const char *short_text(const struct dimension *d, const char *text)
{
	return !d->name && !strncmp(text, "--", 2) ? text + 2 : text;
}

/* The plan's name, the section's, and what makes this row another than its neighbours. */
static int set_name(struct plan_row *row, const struct plan *plan,
		    const struct plan_section *section, const struct saying *s,
		    const struct plan_value *const *picked)
{
	size_t len;
	FILE *out = open_memstream(&row->name, &len);

	if (!out)
		return -ENOMEM;
	fputs(plan->name, out);
	if (section->name)
		fprintf(out, "/%s", section->name);
	for (unsigned int i = 0; i < s->nr_dimensions; i++) {
		const struct dimension *d = &s->dimension[i];

		if (d->values->nr > 1)
			fprintf(out, " %s%s%s", d->name ? d->name : "", d->name ? "=" : "",
				short_text(d, picked[i]->text));
	}
	return fclose(out) ? -ENOMEM : 0;
}

/* What the runner has to know of the row's options. Their values have been checked. */
static void set_facts(struct plan_row *row, const struct saying *s)
{
	const struct plan_values *timeout = s->key[PLAN_TIMEOUT_KEY];
	const struct plan_values *status = s->key[PLAN_STATUS];
	const struct plan_values *unsupported = s->key[PLAN_UNSUPPORTED];
	uint32_t number = 0;

	row->cpus = machine_config_default.nr_cpus;
	row->timeout = timeout->nr ? timeout->value[0].text : NULL;
	if (status->nr)
		opt_set_u32(&number, status->value[0].text, NULL);
	row->status = (uint8_t)number;
	row->optional = unsupported->nr && !strcmp(unsupported->value[0].text, "skip");
	for (const char **word = row->options; *word; word++) {
		if (!strncmp(*word, "--cpus=", 7))
			opt_set_u32(&row->cpus, *word + 7, NULL);
		if (!strncmp(*word, "--psci-version=", 15))
			psci_parse(*word + 15, &row->psci, NULL);
	}
	/* lkvm itself has every version. */
	for (const char **word = row->options; *word; word++) {
		if (!strcmp(*word, "--psci=user"))
			row->psci = PSCI_AUTO;
	}
}

static int make_row(struct plan *plan, const struct plan_section *section, const struct saying *s,
		    unsigned int n)
{
	const struct plan_value *picked[DIMENSIONS_MAX];
	struct plan_row *row = &plan->rows[plan->nr_rows++];
	int ret;

	for (unsigned int i = s->nr_dimensions; i > 0; i--)
		picked[i - 1] = pick(&s->dimension[i - 1], &n);
	ret = set_options(row, s, picked);
	if (ret == 0)
		ret = set_name(row, plan, section, s, picked);
	if (ret == 0)
		set_facts(row, s);
	return ret;
}

static int make_rows(struct plan *plan, const struct plan_section *section, const char *path,
		     struct err *e)
{
	struct saying s = understand(plan, section);
	unsigned int nr = count(&s, PLAN_ROWS_MAX - plan->nr_rows);
	struct plan_row *rows;
	int ret = 0;

	if (!nr)
		return err_set(e, E2BIG, "%s:%u: the plan grows to more than %d rows", path,
			       section->line, PLAN_ROWS_MAX);
	rows = reallocarray(plan->rows, plan->nr_rows + nr, sizeof(*rows));
	if (!rows)
		return err_set(e, ENOMEM, "%s: out of memory", path);
	plan->rows = rows;
	memset(rows + plan->nr_rows, 0, nr * sizeof(*rows));
	for (unsigned int n = 0; ret == 0 && n < nr; n++)
		ret = make_row(plan, section, &s, n);
	return ret < 0 ? err_set(e, -ret, "%s: out of memory", path) : 0;
}

int plan_make_rows(struct plan *plan, const char *path, struct err *e)
{
	int ret = 0;

	/* Without sections, what stands before any is the only test. */
	for (unsigned int i = plan->nr_sections > 1; ret == 0 && i < plan->nr_sections; i++)
		ret = make_rows(plan, plan->sections[i], path, e);
	return ret;
}
