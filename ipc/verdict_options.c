/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of --expect, --reject, --panic and of the files that a verdict is written to. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arm/command.h"
#include "ipc/regex.h"
#include "util/opt.h"
#include "verdict_parts.h"

/* Whether one of @characters is in @text behind a backslash. In brackets a backslash is itself. */
static bool has_escaped(const char *text, const char *characters)
{
	bool bracket = false;

	for (const char *p = text; *p; p++) {
		if (bracket) {
			bracket = *p != ']';
		} else if (*p == '[') {
			bracket = true;
			p += p[1] == '^';
			p += p[1] == ']'; /* the first in brackets is itself, too */
		} else if (*p == '\\' && p[1]) {
			p++;
			if (strchr(characters, *p))
				return true;
		}
	}
	return false;
}

/*
 * glibc tries a pattern at each character in turn, which makes a line of 4 KiB 285 ms long with "a.*b.*c". Once
 * anchored at the begin (by its "\`", which a line that is cut has, too) one pass is enough, and takes 0.03 ms.
 */
int verdict_compile(regex_t *regex, const char *text, struct err *e)
{
	char anchored[VERDICT_PATTERN_SIZE + 8];
	int ret = regex_compile(regex, text, e);

	if (ret < 0)
		return ret;
	regfree(regex);
	snprintf(anchored, sizeof(anchored), "\\`.*(%s)", text);
	return regex_compile(regex, anchored, e);
}

static int compile(regex_t *regex, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, EINVAL, "the regular expression is empty: it is in every line");
	if (strlen(value) >= VERDICT_PATTERN_SIZE)
		return err_set(e, EINVAL, "a regular expression has less than %d characters",
			       VERDICT_PATTERN_SIZE);
	if (strchr(value, '\n'))
		return err_set(e, EINVAL, "'%s' has a newline in it: lines are judged one by one",
			       value);
	/* They alone can make matching slow, whatever the line's length. */
	if (has_escaped(value, "123456789"))
		return err_set(e, EINVAL, "'%s' refers back to a group, which lkvm does not do",
			       value);
	return verdict_compile(regex, value, e);
}

static int add(struct verdict_patterns *to, const char *value, struct err *e)
{
	struct verdict_pattern new = { 0 }, *more;
	int ret;

	if (to->nr == VERDICT_PATTERNS_MAX)
		return err_set(e, E2BIG, "these are more than %d", VERDICT_PATTERNS_MAX);
	ret = compile(&new.regex, value, e);
	if (ret < 0)
		return ret;
	new.text = strdup(value);
	new.whole = has_escaped(value, "bB>'");
	more = realloc(to->pattern, (to->nr + 1) * sizeof(*more));
	if (more)
		to->pattern = more;
	if (!more || !new.text) {
		regfree(&new.regex);
		free(new.text);
		return err_set(e, ENOMEM, "no memory for it");
	}
	to->pattern[to->nr++] = new;
	return 0;
}

int verdict_add_expect(void *field, const char *value, struct err *e)
{
	struct verdict *v = field;

	return add(&v->expect, value, e);
}

int verdict_add_reject(void *field, const char *value, struct err *e)
{
	struct verdict *v = field;

	return add(&v->reject, value, e);
}

int verdict_set_panic(void *field, const char *value, struct err *e)
{
	struct verdict *v = field;

	if (!strcmp(value, "stop"))
		v->on_panic = VERDICT_PANIC_STOP;
	else if (!strcmp(value, "report"))
		v->on_panic = VERDICT_PANIC_REPORT;
	else
		return err_set(e, EINVAL, "'%s' is none of stop, report", value);
	return 0;
}

int verdict_set_file(void *field, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, EINVAL, "the name of the file is empty");
	if (!strcmp(value, "-"))
		return err_set(e, EINVAL,
			       "'-' is no file: the guest's console is on the standard output");
	return opt_set_string(field, value, e);
}

int verdict_watch(struct verdict *v, struct machine_config *cfg, struct err *e)
{
	v->cfg = cfg;
	if (cfg->command && (v->expect.nr || v->reject.nr))
		return err_set(e, EINVAL,
			       "--expect and --reject are about a console; of a command, judge "
			       "the output");
	if (!verdict_judges(v) && !v->on_panic && !v->report && !v->junit && !v->tap)
		return 0;
	cfg->timeline = &v->timeline;
	machine_add_control(cfg, &verdict_control, v);
	return 0;
}

static void free_patterns(struct verdict_patterns *patterns)
{
	for (uint32_t i = 0; i < patterns->nr; i++) {
		regfree(&patterns->pattern[i].regex);
		free(patterns->pattern[i].text);
		free(patterns->pattern[i].line);
	}
	free(patterns->pattern);
}

void verdict_free(struct verdict *v)
{
	free_patterns(&v->expect);
	free_patterns(&v->reject);
	free(v->exits);
}
