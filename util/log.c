/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages on stderr, a line a write, so that lines of several threads never mix. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
#include "util/log.h"

static enum log_level current = LOG_INFO;

void log_set_level(enum log_level level)
{
	current = level;
}

bool log_enabled(enum log_level level)
{
	return level <= current;
}

void log_vprint(enum log_level level, const char *who, const char *fmt, va_list args)
{
	static const char *const prefix[] = {
		[LOG_ERROR] = "Fatal: ",
		[LOG_WARNING] = "Warning: ",
		[LOG_INFO] = "Info: ",
		[LOG_DEBUG] = "Debug: ",
	};
	int saved_errno = errno;
	char line[1200];
	int len, more;

	if (!log_enabled(level))
		return;

	len = snprintf(line, sizeof(line) / 2, "%s%s%s", prefix[level], who, *who ? ": " : "");
	if ((size_t)len >= sizeof(line) / 2)
		len = sizeof(line) / 2 - 1;
	more = vsnprintf(line + len, sizeof(line) - (size_t)len - 1, fmt, args);
	if (more > 0)
		len += more;
	if ((size_t)len > sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	/* A stderr that is gone is no reason to do anything else. */
	if (write(STDERR_FILENO, line, (size_t)len) < 0)
		errno = saved_errno;
	errno = saved_errno;
}

void log_print(enum log_level level, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	log_vprint(level, "", fmt, args);
	va_end(args);
}

bool log_limit_ok(struct log_limit *limit)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if (!limit->nr || now.tv_sec - limit->window_start >= LOG_LIMIT_SECONDS) {
		if (limit->suppressed)
			log_print(LOG_WARNING, "%u similar messages suppressed", limit->suppressed);
		*limit = (struct log_limit){ .window_start = now.tv_sec };
	}
	if (limit->nr >= LOG_LIMIT_BURST) {
		limit->suppressed++;
		return false;
	}
	limit->nr++;
	return true;
}
