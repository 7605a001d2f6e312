/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing JSON (RFC 8259) onto a stream from top to bottom, indented for people. @key names a member
 * and is NULL in arrays and for the outermost value. Numbers that need more than 53 bits go as
 * strings: json_hex().
 */
#ifndef LKVM_UTIL_JSON_H
#define LKVM_UTIL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 16

#define JSON_ESCAPE_SIZE 8

/*
 * The next character of @text, which moves on and is not at its end, as it stands in a JSON string: UTF-8 as it is, control
 * characters escaped, a byte that is no UTF-8 as U+FFFD. Returns the number of bytes put into @to, which has
 * JSON_ESCAPE_SIZE of them: 6 at most for each byte of @text. The terminating NUL may be put behind them.
 */
unsigned int json_escape(char *to, const char **text);

struct json {
	FILE *out;
	unsigned int depth;
	char end[JSON_DEPTH_MAX];
	bool filled[JSON_DEPTH_MAX + 1]; /* something stands before on this level */
};

/* Starts as { .out = stream }. */
void json_object(struct json *j, const char *key);
void json_array(struct json *j, const char *key);
/* Ends the innermost object or array; the outermost ends with a newline. */
void json_end(struct json *j);

/* @value: any bytes, which json_escape() makes text. NULL: null. */
void json_string(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, int64_t value);
/* Nanoseconds, as milliseconds with three decimals. */
void json_ms(struct json *j, const char *key, uint64_t ns);
void json_bool(struct json *j, const char *key, bool value);
/* "0x" and @digits hexadecimal digits. */
void json_hex(struct json *j, const char *key, uint64_t value, unsigned int digits);

#endif
