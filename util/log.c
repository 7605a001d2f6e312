/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages, a line a write, so that lines of several threads never mix. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "util/cleanup.h"
#include "util/json.h"
#include "util/log.h"
#include "util/opt.h"

/* A message is cut at this length, in bytes. */
#define MESSAGE_SIZE 1200
/* With what stands around it, and each byte escaped. */
#define LINE_SIZE (MESSAGE_SIZE * 6 + 256)

/* The name of a level in text, and in JSON. */
static const char *const prefix[] = {
	[LOG_ERROR] = "Fatal: ",
	[LOG_WARNING] = "Warning: ",
	[LOG_INFO] = "Info: ",
	[LOG_DEBUG] = "Debug: ",
};
static const char *const level_name[] = {
	[LOG_ERROR] = "error",
	[LOG_WARNING] = "warning",
	[LOG_INFO] = "info",
	[LOG_DEBUG] = "debug",
};

static struct {
	enum log_level level;
	enum log_format format;
	const char *vm;      /* or NULL */
	struct growing file; /* its fd is -1: messages go to stderr */
} current = { .level = LOG_INFO, .file = GROWING_NONE };

void log_set_level(enum log_level level)
{
	current.level = level;
}

bool log_enabled(enum log_level level)
{
	return level <= current.level;
}

int log_open(const struct log_output *output, struct err *e)
{
	struct growing file = GROWING_NONE;

	if (output->path && growing_open(&file, output->path, &output->limit, e) < 0) {
		growing_close(&file);
		return err_wrap(e, -EINVAL, "--log-file");
	}
	current.format = output->format;
	current.vm = output->vm;
	current.file = file;
	return 0;
}

bool log_is_put_aside(void)
{
	return current.file.limit.max > 0;
}

void log_close(void)
{
	growing_close(&current.file);
	current.format = LOG_TEXT;
	current.vm = NULL;
}

int log_parse_format(void *field, const char *value, struct err *e)
{
	struct log_output *output = field;

	if (strcmp(value, "text") && strcmp(value, "json"))
		return err_set(e, EINVAL, "'%s' is none of text, json", value);
	output->format = *value == 'j' ? LOG_JSON : LOG_TEXT;
	return 0;
}

int log_parse_file(void *field, const char *value, struct err *e)
{
	struct log_output *output = field;
	autofree char *words = strdup(value);
	struct growing_limit limit = { 0 };
	char *rest = words, *path, *word;
	int ret = 1;

	if (!words)
		return err_sys(e, "cannot read '%s'", value);
	path = opt_next_word(&rest);
	if (!*path)
		return err_set(e, EINVAL, "the name of the file is empty");
	while (ret > 0 && rest) {
		word = opt_next_word(&rest);
		ret = growing_parse_word(&limit, word, e);
		if (ret == 0)
			return err_set(e, EINVAL, "'%s' is none of max=SIZE, keep=NR", word);
	}
	if (ret < 0)
		return ret;
	if (limit.keep && !limit.max)
		return err_set(e, EINVAL, "'%s': keep= goes with max=", value);
	free(output->path);
	output->path = strdup(path);
	output->limit = limit;
	return output->path ? 0 : err_sys(e, "cannot read '%s'", value);
}

/* The time in UTC, by RFC 3339. */
static void print_time(char *buf, size_t size)
{
	struct timespec now;
	struct tm tm;
	size_t len;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	len = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + len, size - len, ".%03dZ", (int)(now.tv_nsec / 1000000));
}

/* @text as a JSON string without its quotes. Returns its length. */
static int print_json(char *buf, const char *text)
{
	char *to = buf;

	while (*text)
		to += json_escape(to, &text);
	return (int)(to - buf);
}

/* @message as a line for where messages go; returns its length. @line has LINE_SIZE bytes. */
static size_t print_line(char *line, enum log_level level, const char *message)
{
	char when[64];
	int len;

	print_time(when, sizeof(when));
	if (current.format == LOG_TEXT && current.file.fd < 0)
		return (size_t)snprintf(line, LINE_SIZE, "%s%s\n", prefix[level], message);
	if (current.format == LOG_TEXT)
		return (size_t)snprintf(line, LINE_SIZE, "%s %s%s%s%s\n", when,
					current.vm ? current.vm : "", current.vm ? ": " : "",
					prefix[level], message);
	len = sprintf(line, "{\"time\":\"%s\",\"level\":\"%s\",", when, level_name[level]);
	if (current.vm)
		len += sprintf(line + len, "\"vm\":\"%.100s\",", current.vm);
	len += sprintf(line + len, "\"message\":\"");
	len += print_json(line + len, message);
	len += sprintf(line + len, "\"}\n");
	return (size_t)len;
}

static void to_stderr(const char *line, size_t len)
{
	/* A stderr that is gone is no reason to do anything else. */
	if (write(STDERR_FILENO, line, len) < 0)
		errno = 0;
}

/* What happens to the log's own file stands on stderr, and there once. */
static void to_file(const char *line, size_t len)
{
	char text[256];
	int ret = growing_write(&current.file, line, len);

	if (ret == 0)
		return;
	ret = snprintf(text, sizeof(text), "%s%s %.120s: %s\n", prefix[LOG_WARNING],
		       current.file.failed ? "cannot write" : "cannot put aside", current.file.path,
		       strerror(-ret));
	to_stderr(text, (size_t)ret);
}

void log_vprint(enum log_level level, const char *who, const char *fmt, va_list args)
{
	int saved_errno = errno;
	char message[MESSAGE_SIZE], line[LINE_SIZE];
	size_t len;

	if (!log_enabled(level))
		return;

	snprintf(message, sizeof(message) / 2, "%s%s", who, *who ? ": " : "");
	len = strlen(message);
	vsnprintf(message + len, sizeof(message) - len, fmt, args);
	len = print_line(line, level, message);
	if (current.file.fd >= 0)
		to_file(line, len);
	if (current.file.fd < 0 || level == LOG_ERROR)
		to_stderr(line, len);
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
