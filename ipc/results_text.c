/* SPDX-License-Identifier: BSD-2-Clause */
/* What a guest says, as text that may stand in a file. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "ipc/results.h"
#include "util/utf8.h"

#define ESC             0x1b
#define REPLACEMENT     "\xef\xbf\xbd" /* U+FFFD */
#define REPLACEMENT_LEN 3

/* What XML, YAML and people all take for text: no control characters, line separators or non-characters. */
static bool is_text(uint32_t c)
{
	return c == '\t' || c == '\n' ||
	       (c >= ' ' && c != 0x7f && (c < 0x80 || c >= 0xa0) && c != 0x2028 && c != 0x2029 &&
		c != 0xfeff && (c & 0xfffe) != 0xfffe);
}

/* The length of the escape sequence at @p (ECMA-48, sections 5.3 and 5.4): ESC [ parameters final, or two bytes. */
static size_t escape_len(const uint8_t *p, const uint8_t *end)
{
	const uint8_t *start = p++;

	if (p == end)
		return 1;
	if (*p++ != '[')
		return 2;
	while (p < end && *p >= 0x20 && *p < 0x40)
		p++;
	return (size_t)(p - start) + (p < end && *p >= 0x40 && *p < 0x7f);
}

char *results_text(const char *buf, size_t len)
{
	const uint8_t *p = (const uint8_t *)buf, *end = p + len;
	char *text = len < SIZE_MAX / REPLACEMENT_LEN ? malloc(len * REPLACEMENT_LEN + 1) : NULL;
	char *to = text;

	if (!text)
		return NULL;
	while (p < end) {
		uint32_t c = 0;
		unsigned int size = utf8_decode(p, end, &c);

		if (*p == ESC) {
			p += escape_len(p, end);
		} else if (*p == '\r' || !*p) {
			p++;
		} else if (size && is_text(c)) {
			memcpy(to, p, size);
			to += size;
			p += size;
		} else {
			memcpy(to, REPLACEMENT, REPLACEMENT_LEN);
			to += REPLACEMENT_LEN;
			p += size ? size : 1;
		}
	}
	*to = '\0';
	return text;
}
