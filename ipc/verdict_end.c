/* SPDX-License-Identifier: BSD-2-Clause */
/* The verdict in words, statuses and files. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "ipc/results.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "util/log.h"
#include "verdict_parts.h"

/* lkvm's status; -1: the one that it has anyway. */
static const struct {
	const char *name;
	int status;
} words[] = {
	[VERDICT_OPEN] = { "open", -1 },
	[VERDICT_OFF] = { "off", -1 },
	[VERDICT_RESET] = { "reset", -1 },
	[VERDICT_CRASHED] = { "crashed", -1 },
	[VERDICT_PANICKED] = { "panicked", MACHINE_PANICKED },
	[VERDICT_REJECTED] = { "rejected", MACHINE_UNEXPECTED },
	[VERDICT_ENDED] = { "ended", MACHINE_UNEXPECTED },
	[VERDICT_TIMEOUT] = { "timeout", MACHINE_TIMEOUT },
	[VERDICT_EXPECTED] = { "expected", MACHINE_OFF },
	[VERDICT_STOPPED] = { "stopped", -1 },
	[VERDICT_FAILED] = { "failed", -1 },
};

const char *verdict_name(enum verdict_word word)
{
	return words[word].name;
}

/* How the guest ended of itself, and what is said if it was too early. */
static const struct {
	enum verdict_word word;
	const char *how;
} ends[] = {
	[VM_RUNNING] = { VERDICT_FAILED, NULL },
	[VM_OFF] = { VERDICT_OFF, "powered off" },
	[VM_RESET] = { VERDICT_RESET, "reset the machine" },
	[VM_CRASHED] = { VERDICT_CRASHED, "crashed" },
	[VM_STOPPED] = { VERDICT_STOPPED, "was stopped" },
	[VM_FAILED] = { VERDICT_FAILED, NULL },
};

static bool all_seen(const struct verdict *v)
{
	return v->nr_seen == v->expect.nr;
}

/* A verdict that nothing decided while the guest ran. */
static void decide_at_the_end(struct verdict *v)
{
	enum verdict_word word = ends[v->end].word;

	if (v->panicked && verdict_stops_at_panic(v))
		word = VERDICT_PANICKED;
	else if (word != VERDICT_STOPPED && word != VERDICT_FAILED && !all_seen(v))
		word = VERDICT_ENDED;
	verdict_decide(v, word);
}

/* "1 of 3 seen, waiting for 'login:'" into @text. */
static const char *progress(const struct verdict *v, char *text, size_t size)
{
	*text = '\0';
	if (!all_seen(v))
		snprintf(text, size, "; %" PRIu32 " of %" PRIu32 " seen, waiting for '%s'",
			 v->nr_seen, v->expect.nr, v->expect.pattern[v->nr_seen].text);
	return text;
}

static void explain(const struct verdict *v, struct err *e)
{
	char rest[200], line[200];

	progress(v, rest, sizeof(rest));
	switch (v->word) {
	case VERDICT_PANICKED:
		err_set(e, EIO, "the guest's kernel panicked: %s%s", v->panic, rest);
		break;
	case VERDICT_REJECTED:
		verdict_printable(line, sizeof(line), v->rejected->line);
		err_set(e, EIO, "the guest said what --reject '%s' forbids: %s", v->rejected->text,
			line);
		break;
	case VERDICT_TIMEOUT:
		err_set(e, ETIMEDOUT, "the time is up: it ran for %" PRIu64 ".%03u s%s",
			v->timeout / 1000, (unsigned int)(v->timeout % 1000), rest);
		break;
	case VERDICT_ENDED:
	case VERDICT_STOPPED:
		if (!all_seen(v))
			err_set(e, EIO, "the guest %s%s", ends[v->end].how, rest);
		break;
	default:
		break;
	}
}

int verdict_end(struct verdict *v, int status, struct err *e)
{
	bool failed = status == MACHINE_FAILED && (!v->lives || v->end == VM_FAILED);

	if (failed)
		v->word = VERDICT_FAILED;
	else if (v->lives)
		decide_at_the_end(v);
	if (words[v->word].status >= 0)
		status = words[v->word].status;
	else if (v->word == VERDICT_STOPPED && !all_seen(v))
		status = MACHINE_UNEXPECTED;
	if (!failed)
		explain(v, e);
	if (v->word == VERDICT_EXPECTED)
		log_info("VM %s: all that was expected was seen", v->cfg->name);
	return status;
}

/* Whether the console went where messages go. */
static bool was_shown(const struct machine_config *cfg)
{
	struct stat out, err;

	return cfg->console.line.end == LINE_STDIO && fstat(1, &out) == 0 && fstat(2, &err) == 0 &&
	       out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

/* A writer of one of the files, into memory. */
typedef void write_fn(const struct verdict *v, int status, const char *why, FILE *out);

static const char *test_name(const struct machine_config *cfg)
{
	const char *slash;

	if (cfg->named || !cfg->kernel)
		return cfg->named ? cfg->name : "embedded guest";
	slash = strrchr(cfg->kernel, '/');
	return slash ? slash + 1 : cfg->kernel;
}

static void write_results(enum results_format format, const struct verdict *v, int status,
			  const char *why, FILE *out)
{
	char console[TAIL_SIZE + 1];
	struct results results;
	uint64_t start = timeline_first(&v->timeline, "start");

	tail_text(&v->tail, VERDICT_LINES, console);
	results_begin(&results, format, out, "lkvm run", 1);
	results_add(&results, &(struct result){
				      .name = test_name(v->cfg),
				      .outcome = status == 0                ? RESULT_PASS
						 : status == MACHINE_FAILED ? RESULT_ERROR
									    : RESULT_FAIL,
				      .verdict = verdict_name(v->word),
				      .status = status,
				      .ms = v->end_ns ? (v->end_ns - start) / 1000000 : 0,
				      .reason = status == 0   ? NULL
						: why && *why ? why
							      : verdict_name(v->word),
				      .console = console,
				      .console_len = strlen(console),
			      });
	results_end(&results);
}

static void write_junit(const struct verdict *v, int status, const char *why, FILE *out)
{
	write_results(RESULTS_JUNIT, v, status, why, out);
}

static void write_tap(const struct verdict *v, int status, const char *why, FILE *out)
{
	write_results(RESULTS_TAP, v, status, why, out);
}

static int write_file(const struct verdict *v, const char *path, write_fn *write_it, int status,
		      const char *why, struct err *e)
{
	autofree char *text = NULL;
	size_t len = 0;
	FILE *out;

	if (!path)
		return 0;
	out = open_memstream(&text, &len);
	if (!out)
		return err_sys(e, "cannot write %s", path);
	write_it(v, status, why, out);
	if (fclose(out) != 0)
		return err_sys(e, "cannot write %s", path);
	return file_write(path, text, len, e);
}

int verdict_tell(struct verdict *v, int status, const struct err *e)
{
	const struct {
		const char *path;
		write_fn *write_it;
	} files[] = {
		{ v->report, verdict_report },
		{ v->junit, write_junit },
		{ v->tap, write_tap },
	};
	int told = status;

	/* A command's console is told of where commands are. */
	if (status && !v->cfg->command && !was_shown(v->cfg))
		tail_print(&v->tail, VERDICT_LINES, "  | ");
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		struct err why = { 0 };

		if (write_file(v, files[i].path, files[i].write_it, status, e->text, &why) < 0) {
			log_error("run: %s", why.text);
			told = MACHINE_FAILED;
		}
	}
	return told;
}
