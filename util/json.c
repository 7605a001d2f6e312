/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON writer. */
#include <assert.h>
#include <inttypes.h>
#include "util/json.h"

/* @escape_from: from this character on all are escaped; 0x100: none. */
static void put_string(FILE *out, const char *s, unsigned int escape_from)
{
	fputc('"', out);
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < ' ' || c == 0x7f || c >= escape_from)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

/* What stands before a value: comma, line, indentation, key. */
static void begin_value(struct json *j, const char *key)
{
	if (j->filled[j->depth])
		fputc(',', j->out);
	j->filled[j->depth] = true;
	if (j->depth)
		fputc('\n', j->out);
	for (unsigned int i = 0; i < j->depth; i++)
		fputs("  ", j->out);
	if (key) {
		put_string(j->out, key, 0x7f);
		fputs(": ", j->out);
	}
}

static void nest(struct json *j, const char *key, char begin, char end)
{
	assert(j->depth < JSON_DEPTH_MAX);
	begin_value(j, key);
	fputc(begin, j->out);
	j->end[j->depth++] = end;
	j->filled[j->depth] = false;
}

void json_object(struct json *j, const char *key)
{
	nest(j, key, '{', '}');
}

void json_array(struct json *j, const char *key)
{
	nest(j, key, '[', ']');
}

void json_end(struct json *j)
{
	bool filled = j->filled[j->depth];

	assert(j->depth > 0);
	j->depth--;
	if (filled) {
		fputc('\n', j->out);
		for (unsigned int i = 0; i < j->depth; i++)
			fputs("  ", j->out);
	}
	fputc(j->end[j->depth], j->out);
	if (!j->depth)
		fputc('\n', j->out);
}

void json_string(struct json *j, const char *key, const char *value)
{
	begin_value(j, key);
	if (value)
		put_string(j->out, value, 0x7f);
	else
		fputs("null", j->out);
}

void json_text(struct json *j, const char *key, const char *value)
{
	begin_value(j, key);
	if (value)
		put_string(j->out, value, 0x100);
	else
		fputs("null", j->out);
}

void json_number(struct json *j, const char *key, int64_t value)
{
	begin_value(j, key);
	fprintf(j->out, "%" PRId64, value);
}

void json_ms(struct json *j, const char *key, uint64_t ns)
{
	begin_value(j, key);
	fprintf(j->out, "%" PRIu64 ".%03u", ns / 1000000, (unsigned int)(ns / 1000 % 1000));
}

void json_bool(struct json *j, const char *key, bool value)
{
	begin_value(j, key);
	fputs(value ? "true" : "false", j->out);
}

void json_hex(struct json *j, const char *key, uint64_t value, unsigned int digits)
{
	begin_value(j, key);
	fprintf(j->out, "\"0x%0*" PRIx64 "\"", (int)digits, value);
}
