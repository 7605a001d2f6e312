/* SPDX-License-Identifier: BSD-2-Clause */
/* Traces of runs, as python3's JSON reader finds them; and the counts over time that they are made from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include "fake/fake_kvm.h"
#include "fake/play.h"
#include "ipc/trace.h"
#include "util/bits.h"
#include "vm/vm.h"

#define MS 1000000ULL

static uint64_t total(const struct tally *t, unsigned int kind)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < TALLY_SLOTS; i++)
		sum += t->count[i][kind];
	return sum;
}

static void what_happens_is_counted_where_it_happens(void **state)
{
	struct tally *t = calloc(1, sizeof(*t));

	(void)state;
	tally_add_at(t, 1, 1000 * MS);
	tally_add_at(t, 1, 1009 * MS);
	tally_add_at(t, 2, 1010 * MS);
	assert_int_equal(t->count[0][1], 2);
	assert_int_equal(t->count[1][2], 1);
	free(t);
}

static void a_long_run_has_wider_slots_and_loses_no_count(void **state)
{
	struct tally *t = calloc(1, sizeof(*t));

	(void)state;
	/* An hour, a hundred times a second. */
	for (uint64_t i = 0; i < 360000; i++)
		tally_add_at(t, 3, MS + i * 10 * MS);
	assert_int_equal(total(t, 3), 360000);
	assert_int_equal(t->width, 512 * TALLY_WIDTH);
	assert_int_equal(t->count[0][3], 512);
	assert_int_equal(t->count[703][3], 360000 - 703 * 512);
	/* A year later. */
	tally_add_at(t, 3, 365ULL * 86400 * 1000 * MS);
	assert_int_equal(total(t, 3), 360001);
	free(t);
}

static void a_clock_that_lags_is_harmless(void **state)
{
	struct tally *t = calloc(1, sizeof(*t));

	(void)state;
	tally_add_at(t, 0, 5 * MS);
	tally_add_at(t, 0, 4 * MS);
	assert_int_equal(t->count[0][0], 2);
	free(t);
}

/* Python's answers to questions about the trace at @path: it prints "yes" for each. */
static void ask(const char *path, const char *question)
{
	char command[1500];

	snprintf(command, sizeof(command),
		 "python3 -c \"import json,sys; t=json.load(open('%s')); e=t['traceEvents']\n"
		 "by=lambda p,n: [x for x in e if x['ph']==p and x['name']==n]\n"
		 "assert all({'ph','pid','tid','name'} <= x.keys() for x in e)\n"
		 "assert all('ts' in x for x in e if x['ph']!='M')\n"
		 "assert all(x['dur']>=0 for x in e if x['ph']=='X')\n"
		 "assert %s\"",
		 path, question);
	assert_int_equal(system(command), 0);
}

static void the_steps_lives_and_exits_of_a_run_are_there(void **state)
{
	struct timeline t = TIMELINE_NONE;
	struct tally *tally = calloc(1, sizeof(*tally));
	static const struct timeline_mark marks[] = {
		{ "start", 1000 * MS },
		{ "VM", 1001 * MS },
		{ "first instruction", 1002 * MS },
		{ "first console byte", 1003 * MS },
		{ "end", 1100 * MS },
		{ "VM", 1101 * MS },
		{ "first instruction", 1102 * MS },
	};
	char *path = temp_file("", 0);
	FILE *out = fopen(path, "w");

	(void)state;
	memcpy(t.mark, marks, sizeof(marks));
	t.nr = ARRAY_SIZE(marks);
	for (int i = 0; i < 30; i++)
		tally_add_at(tally, VCPU_EXIT_MMIO, 1002 * MS);
	tally_add_at(tally, VCPU_EXIT_SIGNAL, 1100 * MS);
	trace_write(out, "web", &t, tally, 1);
	fclose(out);
	ask(path, "[x['dur'] for x in by('X','VM')] == [1000, 1000]");
	ask(path, "by('X','life 1')[0]['ts'] == 1002000 and by('X','life 1')[0]['dur'] == 98000");
	ask(path, "len(by('X','life without an end')) == 1");
	ask(path, "by('i','first console byte')[0]['ts'] == 1003000");
	ask(path, "[x['args']['mmio'] for x in by('C','vcpu0 exits a second')] == [3000,0,0,0]");
	ask(path, "[x['args']['signal'] for x in by('C','vcpu0 exits a second')] == [0,0,100,0]");
	ask(path, "any(x['args'].get('name')=='lkvm web' for x in e if x['ph']=='M')");
	free(tally);
	temp_remove(path);
}

/* Whatever became of the machine. */
static void a_machine_that_cannot_be_built_has_a_trace(void **state)
{
	struct machine_config cfg = play_config();
	struct timeline t = TIMELINE_NONE;
	struct trace trace = { 0 };
	char *path = temp_file("", 0);
	struct play p = { 0 };
	struct err e = { 0 };

	(void)state;
	cfg.timeline = &t;
	cfg.name = "web";
	cfg.kernel = "/nowhere";
	assert_int_equal(trace_open(&trace, path, &cfg, &e), 0);
	play(&p, &cfg);
	assert_int_equal(p.status, MACHINE_FAILED);
	trace_close(&trace, &cfg);
	ask(path, "len(by('i','start')) == 1");
	play_free(&p);
	temp_remove(path);
}

static void a_trace_that_cannot_be_made_is_an_error(void **state)
{
	struct machine_config cfg = { .nr_cpus = 1 };
	struct trace trace = { 0 };
	struct err e = { 0 };

	(void)state;
	assert_true(trace_open(&trace, "/nowhere/trace", &cfg, &e) < 0);
	assert_non_null(strstr(e.text, "/nowhere/trace"));
	trace_close(&trace, &cfg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_happens_is_counted_where_it_happens),
		cmocka_unit_test(a_long_run_has_wider_slots_and_loses_no_count),
		cmocka_unit_test(a_clock_that_lags_is_harmless),
		cmocka_unit_test(the_steps_lives_and_exits_of_a_run_are_there),
		cmocka_unit_test(a_machine_that_cannot_be_built_has_a_trace),
		cmocka_unit_test(a_trace_that_cannot_be_made_is_an_error),
	};

	return cmocka_run_group_tests_name("trace", tests, NULL, NULL);
}
