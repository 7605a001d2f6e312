/* SPDX-License-Identifier: BSD-2-Clause */
/* Test plans: any bytes become rows that can be run, or a message. And consoles: any bytes become text. */
#include <stdlib.h>
#include <string.h>
#include "ipc/plan.h"
#include "ipc/results.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What every row has, whatever stands in its plan. */
static void check_row(const struct plan_row *row)
{
	if (!row->name || !*row->name || row->cpus < 1)
		abort();
	for (const char **word = row->options; *word; word++) {
		if (strncmp(*word, "--", 2) || !strcmp(*word, "--") || !strcmp(*word, "--help"))
			abort();
	}
}

static void try_text(const char *bytes, size_t size)
{
	char *text = results_text(bytes, size);

	for (const char *p = text; *p; p++) {
		if (*p == 0x7f || ((unsigned char)*p < ' ' && *p != '\n' && *p != '\t'))
			abort();
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan plan;
	struct err e = { 0 };

	if (plan_parse(&plan, (const char *)data, size, "f.plan", &e) == 0) {
		if (plan.nr_rows < 1 || plan.nr_rows > PLAN_ROWS_MAX || *e.text)
			abort();
		for (unsigned int i = 0; i < plan.nr_rows; i++)
			check_row(&plan.rows[i]);
		plan_free(&plan);
	} else if (strncmp(e.text, "f.plan:", 7)) {
		abort();
	}
	try_text((const char *)data, size);
	return 0;
}
