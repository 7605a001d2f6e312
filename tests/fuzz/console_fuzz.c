/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest says on a watched console: the lines are what they have to be, and the verdict is the same however the
 * bytes are cut. The first byte says how.
 */
#include <stdlib.h>
#include <string.h>
#include "../../ipc/verdict_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const expected[] = { "^Welcome", "login: ", "[0-9]+ of [0-9]+$", "é", NULL };
static const char *const rejected[] = { "BUG:|Oops", "come\\b", "(a|b)*a(a|b){4}c$", NULL };

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void told(void *ctx, const struct console_line *line)
{
	must(line->len <= CONSOLE_LINE_MAX && strlen(line->text) == line->len);
	for (size_t i = 0; i < line->len; i++) {
		uint8_t c = (uint8_t)line->text[i];

		must((c >= ' ' && c != 0x7f) || c == '\t');
	}
	verdict_line(ctx, line);
}

static void forget(struct verdict_patterns *patterns)
{
	for (uint32_t i = 0; i < patterns->nr; i++) {
		free(patterns->pattern[i].line);
		patterns->pattern[i].line = NULL;
		patterns->pattern[i].ns = 0;
	}
}

/* As new, but that its patterns are compiled once. */
static void prepare(struct verdict *v)
{
	struct verdict_patterns expect = v->expect, reject = v->reject;

	*v = (struct verdict){ .on_panic = VERDICT_PANIC_STOP };
	v->expect = expect;
	v->reject = reject;
	forget(&v->expect);
	forget(&v->reject);
	for (uint32_t i = v->expect.nr; expected[i]; i++)
		must(verdict_add_expect(v, expected[i], NULL) == 0);
	for (uint32_t i = v->reject.nr; rejected[i]; i++)
		must(verdict_add_reject(v, rejected[i], NULL) == 0);
}

static void judge(struct verdict *v, const uint8_t *data, size_t size, size_t step)
{
	struct console_lines *lines = calloc(1, sizeof(*lines));

	must(lines);
	prepare(v);
	lines->told = told;
	lines->ctx = v;
	for (size_t at = 0; at < size; at += step)
		console_lines_feed(lines, data + at, size - at < step ? size - at : step);
	console_lines_end(lines);
	free(lines);
}

/* The pattern's number, or -1: none. */
static long number(const struct verdict *v)
{
	return v->rejected ? v->rejected - v->reject.pattern : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct verdict whole, cut;

	if (!size)
		return 0;
	judge(&whole, data + 1, size - 1, size);
	judge(&cut, data + 1, size - 1, 1 + data[0]);
	must(whole.word == cut.word && whole.nr_seen == cut.nr_seen);
	must(whole.panicked == cut.panicked && !strcmp(whole.panic, cut.panic));
	must(number(&whole) == number(&cut));
	return 0;
}
