/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages for people, one line each: "Fatal: ", "Warning: ", "Info: " and "Debug: " on stderr, or in a file, or as JSON
 * for programs (docs/logs.md). Any thread may log; a line is one write(2).
 */
#ifndef LKVM_UTIL_LOG_H
#define LKVM_UTIL_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"
#include "util/growing.h"

enum log_level { LOG_ERROR, LOG_WARNING, LOG_INFO, LOG_DEBUG };

enum log_format { LOG_TEXT, LOG_JSON };

/* Where messages go and what they look like; { 0 }: text on stderr. */
struct log_output {
	enum log_format format;
	char *path; /* a file that they are appended to, or NULL; malloc()ed */
	struct growing_limit limit;
	const char *vm; /* whose they are, in a file and in JSON; the caller's */
};

/*
 * What is printed, LOG_INFO until changed, and where, are a writable variable of file scope, since whoever
 * says something knows nothing else of the program. Both are set before there are other threads.
 */
void log_set_level(enum log_level level);

/*
 * Messages go to @output from now on; it is the caller's, and stays until log_close(). With a file, those of LOG_ERROR
 * go to stderr as well. Returns 0, or -errno with @e set: then all is as it was.
 */
int log_open(const struct log_output *output, struct err *e);

/* Whether messages go to a file with a limit, so that whoever writes one may have to put it aside. */
bool log_is_put_aside(void);

/* Back to text on stderr; closes the file. When no other thread logs. */
void log_close(void);

/*
 * Setters for options: "text" or "json"; PATH[,max=SIZE[,keep=NR]]. 0, or -errno with @e set.
 * A setter for option rows: @output is a struct log_output.
 */
int log_parse_format(void *output, const char *value, struct err *e);
int log_parse_file(void *output, const char *value, struct err *e);

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
