/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judge. What comes out depends on what the guest says alone, and not on how its bytes are cut or when they
 * come: a line fulfils one expectation at most, and "$" is the end of a line that has ended.
 */
#include <stdlib.h>
#include <string.h>
#include "util/bits.h"
#include "util/log.h"
#include "verdict_parts.h"

/* What Linux says first when it panics, and last: panic() in kernel/panic.c. */
#define PANIC_BEGINS "Kernel panic - not syncing: "
#define PANIC_ENDS   "---[ end Kernel panic"

/* So many bytes are matched before a regular expression is compiled again. */
#define JUDGED_MAX (256 * KiB)

bool verdict_judges(const struct verdict *v)
{
	return v->timeout || v->expect.nr || v->reject.nr;
}

bool verdict_stops_at_panic(const struct verdict *v)
{
	return v->on_panic == VERDICT_PANIC_STOP ||
	       (v->on_panic == VERDICT_PANIC_DEFAULT && verdict_judges(v));
}

void verdict_decide(struct verdict *v, enum verdict_word word)
{
	if (v->word == VERDICT_OPEN)
		v->word = word;
}

void verdict_printable(char *to, size_t size, const char *from)
{
	size_t i;

	for (i = 0; from && from[i] && i < size - 1; i++)
		to[i] = from[i] >= ' ' && from[i] <= '~' ? from[i] : '?';
	to[i] = '\0';
}

void verdict_panic(struct verdict *v, const char *why)
{
	if (v->word != VERDICT_OPEN)
		return;
	if (!v->panicked) {
		verdict_printable(v->panic, sizeof(v->panic), why);
		if (!verdict_stops_at_panic(v))
			log_warning("VM %s: the guest's kernel panicked: %s", v->cfg->name,
				    v->panic);
	}
	v->panicked = true;
}

/*
 * What the matcher remembers to be fast grows with what it sees, and a guest may say what makes it grow most: now and
 * then it begins anew.
 */
static void refresh(struct verdict_pattern *p, size_t len)
{
	regex_t fresh;

	p->judged += len;
	if (p->judged < JUDGED_MAX || verdict_compile(&fresh, p->text, NULL) < 0)
		return;
	regfree(&p->regex);
	p->regex = fresh;
	p->judged = 0;
}

static bool is_in(struct verdict_pattern *p, const struct console_line *line)
{
	int flags = (line->cut ? REG_NOTBOL : 0) | (line->whole ? 0 : REG_NOTEOL);

	refresh(p, line->len);
	if (regexec(&p->regex, line->text, 0, NULL, flags) != 0)
		return false;
	p->ns = timeline_now();
	p->line = strdup(line->text);
	return true;
}

static bool is_rejected(struct verdict *v, const struct console_line *line)
{
	for (uint32_t i = 0; i < v->reject.nr; i++) {
		if (is_in(&v->reject.pattern[i], line)) {
			v->rejected = &v->reject.pattern[i];
			return true;
		}
	}
	return false;
}

/* Returns whether the line was waited for. */
static bool is_expected(struct verdict *v, const struct console_line *line)
{
	if (v->line_is_used)
		return true;
	if (v->nr_seen == v->expect.nr || !is_in(&v->expect.pattern[v->nr_seen], line))
		return false;
	v->nr_seen++;
	v->line_is_used = true;
	if (v->nr_seen == v->expect.nr)
		verdict_decide(v, VERDICT_EXPECTED);
	return true;
}

static void look_for_panic(struct verdict *v, const char *text)
{
	const char *begin = strstr(text, PANIC_BEGINS);

	if (v->panicked && strstr(text, PANIC_ENDS))
		v->panic_is_over = true;
	else if (begin)
		verdict_panic(v, begin + strlen(PANIC_BEGINS));
}

static void keep(struct verdict *v, const struct console_line *line)
{
	struct char_backend tail = tail_backend(&v->tail);

	tail.output(tail.ctx, (const uint8_t *)line->text, line->len);
	tail.output(tail.ctx, (const uint8_t *)"\n", 1);
}

void verdict_line(void *ctx, const struct console_line *line)
{
	struct verdict *v = ctx;

	if (line->whole)
		keep(v, line);
	if (v->word != VERDICT_OPEN)
		return;
	/* A panic that was waited for is none. */
	if (is_rejected(v, line))
		verdict_decide(v, VERDICT_REJECTED);
	else if (!is_expected(v, line) && line->whole)
		look_for_panic(v, line->text);
	if (line->whole)
		v->line_is_used = false;
}
