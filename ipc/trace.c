/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The trace of a run. Marks of the timeline are either moments, or the ends of steps, which began where the mark before
 * them was made. Everything is written when the VM is gone; while it runs, a trace costs a few marks and a count an exit.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "ipc/trace.h"
#include "util/bits.h"
#include "util/log.h"
#include "vm/vm.h"

static_assert(VCPU_NR_EXITS <= TALLY_KINDS, "a kind of exit has no place in a tally");

/* The rows of the picture: threads, for its viewers. */
enum row { ROW_SETUP = 1, ROW_LIFE, ROW_VCPU };

static const char *const moments[] = { "start", "first instruction", "first console byte", "end" };

static bool is_moment(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
		if (!strcmp(moments[i], name))
			return true;
	}
	return false;
}

static double us(uint64_t ns)
{
	return (double)ns / 1000;
}

/* What all events begin with. They follow the first, which names the process. */
static void event(FILE *out, char kind, const char *name, unsigned int row, uint64_t ns)
{
	fprintf(out, ",\n{\"ph\":\"%c\",\"pid\":1,\"tid\":%u,\"name\":\"%s\",\"ts\":%.3f", kind,
		row, name, us(ns));
}

static void span(FILE *out, const char *name, const char *kind, unsigned int row, uint64_t from,
		 uint64_t to)
{
	event(out, 'X', name, row, from);
	fprintf(out, ",\"dur\":%.3f,\"cat\":\"%s\"}", us(to - from), kind);
}

static void name_row(FILE *out, unsigned int row, const char *name)
{
	fprintf(out,
		",\n{\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"name\":\"thread_name\","
		"\"args\":{\"name\":\"%s\"}},\n"
		"{\"ph\":\"M\",\"pid\":1,\"tid\":%u,\"name\":\"thread_sort_index\","
		"\"args\":{\"sort_index\":%u}}",
		row, name, row, row);
}

/* A life is from its first instruction to its end; of the last one there may be no end. */
static void write_marks(FILE *out, const struct timeline *t)
{
	uint64_t before = 0, first = 0, last = 0;
	unsigned int lives = 0;
	char name[32];

	for (unsigned int i = 0; i < t->nr; i++) {
		const struct timeline_mark *mark = &t->mark[i];

		if (is_moment(mark->name)) {
			event(out, 'i', mark->name, ROW_SETUP, mark->ns);
			fprintf(out, ",\"s\":\"p\"}");
		} else {
			span(out, mark->name, "step", ROW_SETUP, before ? before : mark->ns,
			     mark->ns);
		}
		if (!strcmp(mark->name, "first instruction"))
			first = mark->ns;
		last = mark->ns;
		if (first && !strcmp(mark->name, "end")) {
			snprintf(name, sizeof(name), "life %u", ++lives);
			span(out, name, "life", ROW_LIFE, first, last);
			first = 0;
		}
		before = mark->ns;
	}
	if (first)
		span(out, "life without an end", "life", ROW_LIFE, first, last);
}

static bool is_empty(const uint64_t *count)
{
	for (unsigned int kind = 0; kind < VCPU_NR_EXITS; kind++) {
		if (count[kind])
			return false;
	}
	return true;
}

/* Exits a second in one slot; a kind that never was is left out of all of them. */
static void write_slot(FILE *out, const struct tally *tally, unsigned int slot, unsigned int vcpu,
		       const bool *seen)
{
	const char *comma = "";
	char name[32];

	snprintf(name, sizeof(name), "vcpu%u exits a second", vcpu);
	event(out, 'C', name, ROW_VCPU + vcpu, tally->start + slot * tally->width);
	fprintf(out, ",\"args\":{");
	for (unsigned int kind = 0; kind < VCPU_NR_EXITS; kind++) {
		if (!seen[kind])
			continue;
		fprintf(out, "%s\"%s\":%.0f", comma, vcpu_exit_name(kind),
			(double)tally->count[slot][kind] * 1e9 / (double)tally->width);
		comma = ",";
	}
	fprintf(out, "}}");
}

/* A counter keeps its value until the next event: the first slot after others in which nothing happens says so. */
static void write_tally(FILE *out, const struct tally *tally, unsigned int vcpu)
{
	bool seen[VCPU_NR_EXITS] = { 0 };
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu);
	name_row(out, ROW_VCPU + vcpu, name);
	for (unsigned int slot = 0; slot < TALLY_SLOTS; slot++) {
		for (unsigned int kind = 0; kind < VCPU_NR_EXITS; kind++)
			seen[kind] |= tally->count[slot][kind] > 0;
	}
	for (unsigned int slot = 0; slot < TALLY_SLOTS; slot++) {
		if (!is_empty(tally->count[slot]) || (slot && !is_empty(tally->count[slot - 1])))
			write_slot(out, tally, slot, vcpu, seen);
	}
}

void trace_write(FILE *out, const char *name, const struct timeline *timeline,
		 const struct tally *tally, unsigned int nr_vcpus)
{
	fprintf(out,
		"{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
		"{\"ph\":\"M\",\"pid\":1,\"tid\":%d,\"name\":\"process_name\","
		"\"args\":{\"name\":\"lkvm %s\"}}",
		ROW_SETUP, name);
	name_row(out, ROW_SETUP, "set-up");
	name_row(out, ROW_LIFE, "lives");
	write_marks(out, timeline);
	for (unsigned int i = 0; tally && i < nr_vcpus; i++)
		write_tally(out, &tally[i], i);
	fprintf(out, "\n]}\n");
}

int trace_open(struct trace *trace, const char *path, struct machine_config *cfg, struct err *e)
{
	if (!path)
		return 0;
	trace->path = path;
	trace->out = fopen(path, "we");
	if (!trace->out)
		return err_sys(e, "cannot write %s", path);
	trace->tally = calloc(cfg->nr_cpus, sizeof(*trace->tally));
	if (!trace->tally)
		return err_sys(e, "cannot count exits");
	cfg->tally = trace->tally;
	return 0;
}

void trace_close(struct trace *trace, const struct machine_config *cfg)
{
	bool bad;

	if (!trace->out)
		return;
	trace_write(trace->out, cfg->name, cfg->timeline, trace->tally, cfg->nr_cpus);
	bad = ferror(trace->out);
	if (fclose(trace->out) || bad)
		log_warning("cannot write %s: %s", trace->path, strerror(errno));
	free(trace->tally);
	*trace = (struct trace){ 0 };
}
