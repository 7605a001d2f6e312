/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The report of one lkvm run, an object of JSON. Its members are an interface for scripts: they stay, new ones may
 * come (docs/verdicts.md).
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include "arm/psci.h"
#include "ipc/results.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/json.h"
#include "vm/timer.h"
#include "verdict_parts.h"

#ifndef LKVM_VERSION
#define LKVM_VERSION "unknown"
#endif

/* A guest's words. */
static void put_text(struct json *j, const char *key, const char *bytes)
{
	autofree char *text = bytes ? results_text(bytes, strlen(bytes)) : NULL;

	json_string(j, key, text);
}

/* The wall clock when it was @ns. */
static void put_date(struct json *j, const char *key, uint64_t ns)
{
	uint64_t wall = clock_realtime.now(clock_realtime.ctx) - (timeline_now() - ns);
	time_t seconds = (time_t)(wall / NS_PER_S);
	char date[32], text[48];
	struct tm tm;

	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", gmtime_r(&seconds, &tm));
	snprintf(text, sizeof(text), "%s.%03uZ", date, (unsigned int)(wall / 1000000 % 1000));
	json_string(j, key, text);
}

static void put_times(struct json *j, const struct verdict *v, uint64_t start)
{
	static const struct {
		const char *key, *mark;
	} rows[] = {
		{ "first-instruction-ms", "first instruction" },
		{ "first-console-byte-ms", "first console byte" },
	};

	json_object(j, "times");
	if (start)
		put_date(j, "start", start);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		uint64_t ns = timeline_first(&v->timeline, rows[i].mark);

		if (ns)
			json_ms(j, rows[i].key, ns - start);
	}
	if (v->end_ns)
		json_ms(j, "end-ms", v->end_ns - start);
	json_end(j);
}

static void put_patterns(struct json *j, const char *key, const struct verdict_patterns *patterns,
			 uint64_t start)
{
	json_array(j, key);
	for (uint32_t i = 0; i < patterns->nr; i++) {
		const struct verdict_pattern *p = &patterns->pattern[i];

		json_object(j, NULL);
		json_string(j, "regex", p->text);
		json_bool(j, "seen", p->ns);
		if (p->ns) {
			json_ms(j, "ms", p->ns - start);
			put_text(j, "line", p->line);
		}
		json_end(j);
	}
	json_end(j);
}

static void put_exits(struct json *j, const struct verdict *v)
{
	uint32_t nr = v->exits ? v->cfg->nr_cpus : 0;

	json_object(j, "exits");
	for (int exit = 0; exit < VCPU_NR_EXITS; exit++) {
		uint64_t all = 0;

		for (uint32_t cpu = 0; cpu < nr; cpu++)
			all += v->exits[cpu][exit];
		json_number(j, vcpu_exit_name(exit), (int64_t)all);
	}
	json_array(j, "by-cpu");
	for (uint32_t cpu = 0; cpu < nr; cpu++) {
		json_object(j, NULL);
		for (int exit = 0; exit < VCPU_NR_EXITS; exit++)
			json_number(j, vcpu_exit_name(exit), (int64_t)v->exits[cpu][exit]);
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

/* The process's, with the guest's memory as far as it was used. */
static void put_memory(struct json *j)
{
	struct rusage usage = { 0 };

	getrusage(RUSAGE_SELF, &usage);
	json_number(j, "peak-memory-kib", usage.ru_maxrss);
}

static void put_versions(struct json *j, const struct verdict *v)
{
	char psci[PSCI_TEXT_SIZE];
	struct utsname host;

	json_object(j, "versions");
	json_string(j, "lkvm", LKVM_VERSION);
	json_string(j, "host-kernel", uname(&host) == 0 ? host.release : NULL);
	json_string(j, "psci", v->lives ? psci_format(v->psci, psci) : NULL);
	json_end(j);
}

static void put_console(struct json *j, const struct verdict *v)
{
	char text[TAIL_SIZE + 1], *rest = text, *line;

	tail_text(&v->tail, VERDICT_LINES, text);
	json_array(j, "console");
	while (*text && (line = strsep(&rest, "\n")))
		put_text(j, NULL, line);
	json_end(j);
}

void verdict_report(const struct verdict *v, int status, const char *why, FILE *out)
{
	uint64_t start = timeline_first(&v->timeline, "start");
	struct json j = { .out = out };

	json_object(&j, NULL);
	json_number(&j, "version", 1);
	json_string(&j, "name", v->cfg->name);
	json_string(&j, "verdict", verdict_name(v->word));
	json_number(&j, "status", status);
	put_text(&j, "reason", why && *why ? why : NULL);
	put_text(&j, "panic", v->panicked ? v->panic : NULL);
	json_number(&j, "lives", v->lives);
	put_times(&j, v, start);
	put_patterns(&j, "expect", &v->expect, start);
	put_patterns(&j, "reject", &v->reject, start);
	put_exits(&j, v);
	put_memory(&j);
	put_versions(&j, v);
	put_console(&j, v);
	json_end(&j);
}
