/* SPDX-License-Identifier: BSD-2-Clause */
/* The JSON writer. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>
#include "util/json.h"
#include "util/utf8.h"

unsigned int json_escape(char *to, const char **text)
{
	const uint8_t *p = (const uint8_t *)*text;
	uint32_t c = 0;
	unsigned int len = utf8_decode(p, p + strnlen(*text, 4), &c);

	*text += len ? len : 1;
	if (!len)
		c = 0xfffd; /* the replacement character */
	if (c == '"' || c == '\\')
		return (unsigned int)sprintf(to, "\\%c", (char)c);
	if (!len || c < ' ' || (c >= 0x7f && c < 0xa0))
		return (unsigned int)sprintf(to, "\\u%04" PRIx32, c);
	memcpy(to, p, len);
	return len;
}

static void put_string(FILE *out, const char *s)
{
	char escaped[JSON_ESCAPE_SIZE];

	fputc('"', out);
	while (*s) {
		unsigned int len = json_escape(escaped, &s);

		fwrite(escaped, 1, len, out);
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
		put_string(j->out, key);
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
		put_string(j->out, value);
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
