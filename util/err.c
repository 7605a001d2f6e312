/* SPDX-License-Identifier: BSD-2-Clause */
/* Error texts: set once at the cause, prefixed on the way up. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "util/err.h"

int err_set(struct err *e, int code, const char *fmt, ...)
{
	va_list args;

	if (e) {
		va_start(args, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, args);
		va_end(args);
	}
	return -code;
}

int err_sys(struct err *e, const char *fmt, ...)
{
	int code = errno;
	va_list args;
	size_t len;

	if (e) {
		va_start(args, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, args);
		va_end(args);
		len = strlen(e->text);
		snprintf(e->text + len, sizeof(e->text) - len, ": %s", strerror(code));
	}
	return -code;
}

int err_wrap(struct err *e, int ret, const char *fmt, ...)
{
	char cause[sizeof(e->text)];
	va_list args;
	size_t len;

	if (e) {
		memcpy(cause, e->text, sizeof(cause));
		va_start(args, fmt);
		vsnprintf(e->text, sizeof(e->text), fmt, args);
		va_end(args);
		len = strlen(e->text);
		snprintf(e->text + len, sizeof(e->text) - len, ": %s", cause);
	}
	return ret;
}
