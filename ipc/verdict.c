/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The judge. What comes out depends on what the guest says alone, and not on how its bytes are cut or when they
 * come: a line fulfils one expectation at most, "$" is the end of a line that has ended, and of what is expected and what
 * is rejected in one line the first counts.
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

/* Whether it is in the first @len bytes of a line that has begun with them. */
static bool is_in_part(const struct verdict_pattern *p, const struct console_line *line, size_t len)
{
	regmatch_t part = { .rm_eo = (regoff_t)len };
	int flags = REG_STARTEND | REG_NOTEOL | (line->cut ? REG_NOTBOL : 0);

	return !p->whole && regexec(&p->regex, line->text, 1, &part, flags) == 0;
}

static bool is_in(struct verdict_pattern *p, const struct console_line *line)
{
	refresh(p, line->len);
	return is_in_part(p, line, line->len) ||
	       (line->whole &&
		regexec(&p->regex, line->text, 0, NULL, line->cut ? REG_NOTBOL : 0) == 0);
}

/* Of how many bytes the line had to be for a pattern to be in it. It is; and once it is, it stays. */
static size_t seen_at(const struct verdict_pattern *p, const struct console_line *line)
{
	size_t without = 0, with = line->len + 1;

	while (with - without > 1) {
		size_t len = without + (with - without) / 2;

		if (is_in_part(p, line, len))
			with = len;
		else
			without = len;
	}
	return with;
}

static void see(struct verdict_pattern *p, const struct console_line *line)
{
	p->ns = timeline_now();
	p->line = strdup(line->text);
}

/* The rejected pattern that was seen first, or NULL; *@at: of how many bytes the line was then. */
static struct verdict_pattern *find_rejected(struct verdict *v, const struct console_line *line,
					     size_t *at)
{
	struct verdict_pattern *found = NULL;

	*at = SIZE_MAX;
	for (uint32_t i = 0; i < v->reject.nr; i++) {
		struct verdict_pattern *p = &v->reject.pattern[i];

		if (is_in(p, line) && seen_at(p, line) < *at) {
			*at = seen_at(p, line);
			found = p;
		}
	}
	return found;
}

/* Looks for what is expected next, which does not count behind the first @before bytes. */
static void look_for_expected(struct verdict *v, const struct console_line *line, size_t before)
{
	struct verdict_pattern *next = &v->expect.pattern[v->nr_seen];

	if (v->line_is_used || v->nr_seen == v->expect.nr || !is_in(next, line))
		return;
	if (before != SIZE_MAX && seen_at(next, line) >= before)
		return;
	see(next, line);
	v->nr_seen++;
	v->line_is_used = true;
	if (v->nr_seen == v->expect.nr)
		verdict_decide(v, VERDICT_EXPECTED);
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
	struct verdict_pattern *rejected;
	struct verdict *v = ctx;
	size_t rejected_at;

	if (line->whole)
		keep(v, line);
	if (v->word != VERDICT_OPEN)
		return;
	rejected = find_rejected(v, line, &rejected_at);
	look_for_expected(v, line, rejected_at);
	if (rejected && v->word == VERDICT_OPEN) {
		see(rejected, line);
		v->rejected = rejected;
		verdict_decide(v, VERDICT_REJECTED);
	}
	if (line->whole) {
		/* A panic that was waited for is none. */
		if (!v->line_is_used)
			look_for_panic(v, line->text);
		v->line_is_used = false;
	}
}
