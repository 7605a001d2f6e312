/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What people see of a test run: a line for each row, the reasons of those that failed and, on a terminal, a last
 * line of what runs now, drawn anew when that changes.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include "runner_parts.h"
#include "util/cleanup.h"

#define COLUMNS_USUAL 80

static void erase_progress(const struct runner *r)
{
	if (r->config->terminal)
		fputs("\r\x1b[K", r->config->out);
}

static unsigned int columns(FILE *out)
{
	struct winsize size;

	return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col ? size.ws_col
									 : COLUMNS_USUAL;
}

void show_progress(struct runner *r)
{
	FILE *out = r->config->out;
	unsigned int room;
	int nr;

	if (!r->config->terminal || !r->jobs)
		return;
	erase_progress(r);
	room = columns(out) - 1;
	nr = fprintf(out, "%u/%u", r->done, r->config->nr_rows);
	room -= nr > 0 && (unsigned int)nr < room ? (unsigned int)nr : room;
	for (const struct job *job = r->jobs; job; job = job->next) {
		unsigned int len = (unsigned int)strlen(job->row->row->name) + 2;

		if (len > room)
			break;
		fprintf(out, "%s %s", job == r->jobs ? " " : ",", job->row->row->name);
		room -= len;
	}
	fflush(out);
}

void runner_show_command(FILE *out, const struct runner_row *row)
{
	fputs("      lkvm run", out);
	for (const char **word = row->row->options; *word; word++)
		fprintf(out, strpbrk(*word, " \t'\"$\\*?#&;|<>()[]{}!~`") ? " '%s'" : " %s", *word);
	fputc('\n', out);
}

static void show_console(FILE *out, const struct result *result)
{
	autofree char *text = results_text(result->console, result->console_len);

	for (const char *line = text; line && *line;) {
		int len = (int)strcspn(line, "\n");

		fprintf(out, "      | %.*s\n", len, line);
		line += len + (line[len] == '\n');
	}
}

void show_result(struct runner *r, const struct runner_row *row, const struct result *result)
{
	static const char *const words[RESULT_OUTCOMES] = {
		[RESULT_PASS] = "PASS",
		[RESULT_FAIL] = "FAIL",
		[RESULT_ERROR] = "FAIL",
		[RESULT_SKIP] = "SKIP",
	};
	bool bad = result->outcome == RESULT_FAIL || result->outcome == RESULT_ERROR;
	FILE *out = r->config->out;

	erase_progress(r);
	fprintf(out, "%s  %s", words[result->outcome], result->name);
	if (result->status >= 0)
		fprintf(out, " (%" PRIu64 ".%u s)", result->ms / 1000,
			(unsigned int)(result->ms % 1000 / 100));
	if (result->reason)
		fprintf(out, ": %s", result->reason);
	fputc('\n', out);
	if (r->config->verbose)
		runner_show_command(out, row);
	if (bad && result->console)
		show_console(out, result);
	fflush(out);
}
