/* SPDX-License-Identifier: BSD-2-Clause */
/* Regular expressions of a bounded size. */
#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "ipc/regex.h"

#define REGEX_SIZE_MAX (256 * 1024)

/* The largest number in the braces that @p, which moves to their end, is behind: "{2,9}". */
static unsigned long most_repeats(const char **p)
{
	unsigned long most = 1;

	while (isdigit((unsigned char)**p) || **p == ',') {
		unsigned long n = 1;

		if (**p == ',')
			(*p)++;
		else
			n = strtoul(*p, (char **)p, 10);
		most = n > most ? n : most;
	}
	return most;
}

/*
 * The C library copies what {N,M} or + repeats, once more for each repetition around it: an expression of twenty bytes
 * can take gigabytes. Returns a bound on its size, which counts every repetition as if it were around all the others.
 */
static uint64_t regex_size(const char *value)
{
	uint64_t size = strlen(value);
	unsigned long most;

	for (const char *p = value; *p && size <= REGEX_SIZE_MAX;) {
		if (*p++ == '{') {
			most = most_repeats(&p);
			size = most > REGEX_SIZE_MAX ? REGEX_SIZE_MAX + 1 : size * most;
		} else if (*p == '+' && strchr(")}*+?", p[-1])) {
			size *= 2;
		}
	}
	return size;
}

int regex_compile(regex_t *regex, const char *text, struct err *e)
{
	char why[128];
	int ret;

	if (regex_size(text) > REGEX_SIZE_MAX)
		return err_set(e, E2BIG, "'%s' repeats too much too often", text);
	ret = regcomp(regex, text, REG_EXTENDED | REG_NOSUB);
	if (ret) {
		regerror(ret, NULL, why, sizeof(why));
		return err_set(e, EINVAL, "'%s' is no regular expression: %s", text, why);
	}
	return 0;
}
