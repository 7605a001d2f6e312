/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages for the person at the terminal, on stderr, one line each: "Fatal: ", "Warning: ",
 * "Info: " and "Debug: ". Any thread may log; a line is one write(2).
 */
#ifndef LKVM_UTIL_LOG_H
#define LKVM_UTIL_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

/* The one writable file-scope variable of the project: what is printed. LOG_INFO until changed. */
void log_set_level(enum log_level level);
bool log_enabled(enum log_level level);

/* "@who: text", for functions that take a format themselves; "": the text alone. */
void log_vprint(enum log_level level, const char *who, const char *fmt, va_list args)
	__attribute__((format(printf, 3, 0)));
void log_print(enum log_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_print(LOG_ERROR, __VA_ARGS__)
#define log_warning(...) log_print(LOG_WARNING, __VA_ARGS__)
#define log_info(...)    log_print(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                     \
	do {                                               \
		if (log_enabled(LOG_DEBUG))                \
			log_print(LOG_DEBUG, __VA_ARGS__); \
	} while (0)

/*
 * A budget for messages that a guest can provoke: at most LOG_LIMIT_BURST lines each
 * LOG_LIMIT_SECONDS, then silence and, with the next line let through, the number suppressed.
 * One per device or vCPU, starts as { 0 }; used by one thread at a time.
 */
#define LOG_LIMIT_BURST   10
#define LOG_LIMIT_SECONDS 5

struct log_limit {
	int64_t window_start;
	unsigned int nr, suppressed;
};

/* True if the caller may log now. */
bool log_limit_ok(struct log_limit *limit);

#endif
