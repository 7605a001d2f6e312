/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The writers of test results. JUnit's XML has its numbers in front, so what is added is kept until the end; TAP and
 * JSON are written as results come, and TAP's reader sees each at once.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "ipc/results.h"
#include "util/cleanup.h"
#include "util/json.h"

struct results_writer {
	void (*begin)(struct results *r);
	void (*add)(struct results *r, const struct result *result, unsigned int number);
	void (*end)(struct results *r);
};

static const char *const outcome_words[RESULT_OUTCOMES] = {
	[RESULT_PASS] = "pass",
	[RESULT_FAIL] = "fail",
	[RESULT_ERROR] = "error",
	[RESULT_SKIP] = "skip",
};

/* ---- JUnit ---- */

static void put_xml(FILE *out, const char *bytes, size_t len)
{
	autofree char *text = results_text(bytes, len);

	for (const char *p = text; p && *p; p++) {
		switch (*p) {
		case '&':
			fputs("&amp;", out);
			break;
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*p, out);
		}
	}
}

static void put_attribute(FILE *out, const char *name, const char *value)
{
	fprintf(out, " %s=\"", name);
	put_xml(out, value, strlen(value));
	fputc('"', out);
}

static void put_seconds(FILE *out, uint64_t ms)
{
	fprintf(out, " time=\"%" PRIu64 ".%03u\"", ms / 1000, (unsigned int)(ms % 1000));
}

static void junit_begin(struct results *r)
{
	r->body = open_memstream(&r->text, &r->len);
}

static void junit_add(struct results *r, const struct result *result, unsigned int number)
{
	static const char *const elements[RESULT_OUTCOMES] = {
		[RESULT_FAIL] = "failure",
		[RESULT_ERROR] = "error",
		[RESULT_SKIP] = "skipped",
	};
	const char *element = elements[result->outcome];
	FILE *out = r->body;

	(void)number;
	if (!out)
		return;
	fputs("    <testcase", out);
	put_attribute(out, "classname", result->group ? result->group : r->suite);
	put_attribute(out, "name", result->name);
	put_seconds(out, result->ms);
	if (!element) {
		fputs("/>\n", out);
		return;
	}
	fprintf(out, ">\n      <%s", element);
	put_attribute(out, "message", result->reason ? result->reason : result->verdict);
	if (result->outcome != RESULT_SKIP)
		put_attribute(out, "type", result->verdict);
	fputc('>', out);
	put_xml(out, result->console ? result->console : "", result->console_len);
	fprintf(out, "</%s>\n    </testcase>\n", element);
}

/* The numbers, which a suite and the document of it share. */
static void put_counts(struct results *r)
{
	unsigned int all = 0;

	for (int i = 0; i < RESULT_OUTCOMES; i++)
		all += r->nr[i];
	put_attribute(r->out, "name", r->suite);
	fprintf(r->out, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\"", all,
		r->nr[RESULT_FAIL], r->nr[RESULT_ERROR], r->nr[RESULT_SKIP]);
	put_seconds(r->out, r->ms);
	fputs(">\n", r->out);
}

static void junit_end(struct results *r)
{
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", r->out);
	put_counts(r);
	fputs("  <testsuite", r->out);
	put_counts(r);
	fwrite(r->text, 1, r->len, r->out);
	fputs("  </testsuite>\n</testsuites>\n", r->out);
}

/* ---- TAP 14 ---- */

/* A description or what follows a directive: one line, whose '#' begins nothing. */
static void put_tap(FILE *out, const char *s)
{
	autofree char *text = results_text(s, strlen(s));

	for (const char *p = text; p && *p; p++) {
		if (*p == '#' || *p == '\\')
			fputc('\\', out);
		fputc(*p == '\n' ? ' ' : *p, out);
	}
}

static void tap_begin(struct results *r)
{
	fprintf(r->out, "TAP version 14\n1..%u\n# ", r->planned);
	put_tap(r->out, r->suite);
	fputc('\n', r->out);
	fflush(r->out);
}

/* @len bytes of clean text as a double-quoted scalar of YAML, to the line's end. */
static void put_quoted(FILE *out, const char *text, size_t len)
{
	fputc('"', out);
	for (; len; text++, len--) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		if (*text == '\t' || *text == '\n')
			fputs(*text == '\t' ? "\\t" : "\\n", out);
		else
			fputc(*text, out);
	}
	fputs("\"\n", out);
}

/* A member of the YAML block. */
static void put_yaml(FILE *out, const char *key, const char *value)
{
	autofree char *text = results_text(value, strlen(value));

	fprintf(out, "  %s: ", key);
	put_quoted(out, text ? text : "", text ? strlen(text) : 0);
}

/* One of lines: a list of scalars, since not every reader knows a block whose first line may begin with blanks. */
static void put_yaml_lines(FILE *out, const char *key, const char *bytes, size_t len)
{
	autofree char *text = results_text(bytes, len);

	fprintf(out, "  %s:\n", key);
	for (const char *line = text; line && *line;) {
		size_t nr = strcspn(line, "\n");

		fputs("    - ", out);
		put_quoted(out, line, nr);
		line += nr + (line[nr] == '\n');
	}
}

static void tap_add(struct results *r, const struct result *result, unsigned int number)
{
	bool bad = result->outcome == RESULT_FAIL || result->outcome == RESULT_ERROR;
	FILE *out = r->out;

	fprintf(out, "%s %u - ", bad ? "not ok" : "ok", number);
	put_tap(out, result->name);
	if (result->outcome == RESULT_SKIP) {
		fputs(" # SKIP ", out);
		put_tap(out, result->reason ? result->reason : "");
	}
	fputc('\n', out);
	if (result->outcome != RESULT_SKIP) {
		fputs("  ---\n", out);
		if (result->reason)
			put_yaml(out, "message", result->reason);
		put_yaml(out, "verdict", result->verdict);
		fprintf(out, "  status: %d\n  duration_ms: %" PRIu64 "\n", result->status,
			result->ms);
		if (bad && result->console_len)
			put_yaml_lines(out, "console", result->console, result->console_len);
		fputs("  ...\n", out);
	}
	fflush(out);
}

static void tap_end(struct results *r)
{
	(void)r;
}

/* ---- JSON ---- */

/* The document is open all the time: each call finds the writer where the one before left it. */
static struct json json_at(struct results *r, unsigned int depth, bool filled)
{
	struct json j = { .out = r->out, .depth = depth, .end = { '}', ']' } };

	j.filled[0] = true;
	j.filled[1] = true;
	j.filled[depth] = filled;
	return j;
}

static void json_begin(struct results *r)
{
	struct json j = { .out = r->out };

	json_object(&j, NULL);
	json_number(&j, "version", 1);
	json_string(&j, "suite", r->suite);
	json_array(&j, "results");
}

static void json_add(struct results *r, const struct result *result, unsigned int number)
{
	struct json j = json_at(r, 2, number > 1);
	autofree char *console = NULL;

	json_object(&j, NULL);
	json_string(&j, "name", result->name);
	json_string(&j, "group", result->group ? result->group : r->suite);
	json_string(&j, "outcome", outcome_words[result->outcome]);
	json_string(&j, "verdict", result->verdict);
	json_number(&j, "status", result->status);
	json_number(&j, "ms", (int64_t)result->ms);
	json_string(&j, "reason", result->reason);
	if (result->console)
		console = results_text(result->console, result->console_len);
	json_string(&j, "console", console);
	json_end(&j);
}

static void json_finish(struct results *r)
{
	struct json j = json_at(r, 2, true);

	json_end(&j);
	for (int i = 0; i < RESULT_OUTCOMES; i++)
		json_number(&j, outcome_words[i], r->nr[i]);
	json_end(&j);
}

/* ---- all of them ---- */

static const struct results_writer writers[RESULTS_FORMATS] = {
	[RESULTS_JUNIT] = { junit_begin, junit_add, junit_end },
	[RESULTS_TAP] = { tap_begin, tap_add, tap_end },
	[RESULTS_JSON] = { json_begin, json_add, json_finish },
};

void results_begin(struct results *r, enum results_format format, FILE *out, const char *suite,
		   unsigned int planned)
{
	*r = (struct results){
		.out = out,
		.writer = &writers[format],
		.suite = suite,
		.planned = planned,
	};
	r->writer->begin(r);
}

void results_add(struct results *r, const struct result *result)
{
	unsigned int number = 1;

	for (int i = 0; i < RESULT_OUTCOMES; i++)
		number += r->nr[i];
	r->nr[result->outcome]++;
	r->ms += result->ms;
	r->writer->add(r, result, number);
}

int results_end(struct results *r)
{
	int ret = 0;

	if (r->writer == &writers[RESULTS_JUNIT] && (!r->body || fclose(r->body)))
		ret = -ENOMEM;
	else
		r->writer->end(r);
	if (ret == 0 && (fflush(r->out) || ferror(r->out)))
		ret = errno ? -errno : -EIO;
	free(r->text);
	*r = (struct results){ 0 };
	return ret;
}
