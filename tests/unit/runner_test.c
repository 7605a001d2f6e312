/* SPDX-License-Identifier: BSD-2-Clause */
/* The runner of test plans, with a shell script in place of lkvm: what is started when, and what its end means. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "arm/psci.h"
#include "ipc/runner.h"

/* What stands in for a guest is the kernel's name. */
static const char lkvm[] =
	"#!/bin/sh\n"
	"for i; do\n"
	"	case $i in\n"
	"	--kernel=*) kernel=${i#*=} ;;\n"
	"	--report=*) echo '{}' >\"${i#*=}\" ;;\n"
	"	esac\n"
	"done\n"
	"case $kernel in\n"
	"args) echo \"$@\"; exit 1 ;;\n"
	"off) echo fine ;;\n"
	"here) cat here ;;\n"
	"reset) echo reset; exit 120 ;;\n"
	"late) printf 'login: Fatal: the time was up\\033[1m after 1 s\\r\\n'; exit 124 ;;\n"
	"bad) echo 'Fatal: no such kernel'; exit 125 ;;\n"
	"long) seq 100000; exit 122 ;;\n"
	"killed) kill -KILL $$ ;;\n"
	"count) echo 1 >>running; wc -l <running >>most; sleep 0.3\n"
	"	sed -i 1d running ;;\n"
	"sleep) echo sleeping >>sleepers; exec sleep 1000 ;;\n"
	"deaf) trap '' TERM; echo deaf >>sleepers; while :; do sleep 0.1; done ;;\n"
	"esac\n";

struct world {
	char dir[64];
	char program[80];
	struct plan plan;
	struct runner_row rows[64];
	struct runner_config config;
	struct runner_counts counts;
	struct results results;
	char *shown, *tap;
	size_t shown_len, tap_len;
	FILE *out, *tap_out;
	uint32_t least; /* PSCI versions below it are offered */
};

static bool offers(void *ctx, uint32_t psci)
{
	struct world *w = ctx;

	return psci < w->least;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	FILE *script;

	strcpy(w->dir, "/tmp/runner-test-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->program, sizeof(w->program), "%s/lkvm", w->dir);
	script = fopen(w->program, "we");
	fputs(lkvm, script);
	fclose(script);
	assert_int_equal(chmod(w->program, 0755), 0);
	w->out = open_memstream(&w->shown, &w->shown_len);
	w->tap_out = open_memstream(&w->tap, &w->tap_len);
	w->config = (struct runner_config){
		.program = w->program,
		.rows = w->rows,
		.cpus = 4,
		.timeout = "30s",
		.out = w->out,
		.results = &w->results,
		.nr_results = 1,
		.offers = offers,
		.ctx = w,
	};
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", w->dir);
	assert_int_equal(system(command), 0);
	for (unsigned int i = 0; i < w->plan.nr_rows; i++)
		close(w->rows[i].dir);
	plan_free(&w->plan);
	fclose(w->out);
	fclose(w->tap_out);
	free(w->shown);
	free(w->tap);
	free(w);
	return 0;
}

static void prepare(struct world *w, const char *text)
{
	struct err e = { 0 };

	if (plan_parse(&w->plan, text, strlen(text), "t.plan", &e) < 0)
		fail_msg("%s", e.text);
	assert_in_range(w->plan.nr_rows, 1, 64);
	for (unsigned int i = 0; i < w->plan.nr_rows; i++)
		w->rows[i] = (struct runner_row){ &w->plan, &w->plan.rows[i],
						  open(w->dir, O_PATH | O_CLOEXEC) };
	w->config.nr_rows = w->plan.nr_rows;
	results_begin(&w->results, RESULTS_TAP, w->tap_out, "t", w->plan.nr_rows);
}

static void run(struct world *w, const char *text)
{
	struct err e = { 0 };

	prepare(w, text);
	if (runner_run(&w->config, &w->counts, &e) < 0)
		fail_msg("%s", e.text);
	assert_int_equal(results_end(&w->results), 0);
	fflush(w->out);
	fflush(w->tap_out);
	/* None is left. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

#define shows(w, text) assert_non_null(strstr((w)->shown, text))

/* What the file in the test's folder holds, as a number of lines, or -1. */
static int lines_of(struct world *w, const char *name, int *most)
{
	char path[128], line[64];
	int nr = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	file = fopen(path, "re");
	if (!file)
		return -1;
	for (; fgets(line, sizeof(line), file); nr++)
		if (most && atoi(line) > *most)
			*most = atoi(line);
	fclose(file);
	return nr;
}

static void a_row_passes_if_it_ends_with_the_status_that_is_wanted(void **state)
{
	struct world *w = *state;

	run(w, "[a]\nkernel off\n[b]\nkernel reset\nstatus 120\n[c]\nkernel reset\n"
	       "[d]\nkernel off\nexpect fine\n");
	assert_int_equal(w->counts.nr[RESULT_PASS], 3);
	assert_non_null(strstr(w->tap, "t/a\n  ---\n  verdict: \"off\"\n"));
	assert_non_null(strstr(w->tap, "t/b\n  ---\n  verdict: \"reset\"\n"));
	assert_non_null(strstr(w->tap, "t/d\n  ---\n  verdict: \"expected\"\n"));
	assert_int_equal(w->counts.nr[RESULT_FAIL], 1);
	shows(w, "PASS  t/a (");
	shows(w, "PASS  t/b (");
	shows(w, "FAIL  t/c (");
	shows(w, " s): the guest reset itself; status 120 instead of 0\n      | reset\n");
	assert_non_null(strstr(w->tap, " - t/c\n  ---\n  message: "));
}

static void the_reason_is_what_lkvm_said_last(void **state)
{
	struct world *w = *state;

	run(w, "kernel late\n");
	shows(w, ": the time was up after 1 s; status 124 instead of 0\n");
	assert_int_equal(w->counts.nr[RESULT_FAIL], 1);
}

static void what_lkvm_could_not_run_is_an_error_and_no_failure(void **state)
{
	struct world *w = *state;

	run(w, "kernel bad\nkernel killed\n");
	assert_int_equal(w->counts.nr[RESULT_ERROR], 2);
	shows(w, ": no such kernel; status 125 instead of 0\n");
	shows(w, ": lkvm was killed by signal 9 (Killed)\n");
}

static void the_last_forty_lines_are_shown(void **state)
{
	struct world *w = *state;

	run(w, "kernel long\n");
	assert_null(strstr(w->shown, "| 99960\n"));
	shows(w, "panicked; status 122 instead of 0\n      | 99961\n");
	shows(w, "| 100000\n");
}

static void lkvm_is_given_the_row_and_a_limit(void **state)
{
	struct world *w = *state;

	run(w, "kernel args\nparams a b\npsci 0.2\n[x]\n[y]\ntimeout 5s\n");
	shows(w, "| run --timeout=30s --psci-version=0.2 --kernel=args --params=a b\n");
	shows(w, "| run --psci-version=0.2 --kernel=args --params=a b --timeout=5s\n");
}

static void it_runs_in_the_folder_of_its_plan(void **state)
{
	struct world *w = *state;
	char path[128], here[4096], now[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/here", w->dir);
	file = fopen(path, "we");
	fclose(file);
	assert_non_null(getcwd(here, sizeof(here)));
	run(w, "kernel here\n");
	assert_int_equal(w->counts.nr[RESULT_PASS], 1);
	assert_string_equal(getcwd(now, sizeof(now)), here);
}

static void logs_and_reports_are_kept_where_they_are_wanted(void **state)
{
	struct world *w = *state;

	w->config.logs = w->dir;
	run(w, "kernel long\nparams a/b\nparams c\n");
	assert_int_equal(lines_of(w, "0001-t-params=a-b.log", NULL), 100000);
	assert_int_equal(lines_of(w, "0002-t-params=c.log", NULL), 100000);
	assert_int_equal(lines_of(w, "0002-t-params=c.json", NULL), 1);
}

static void as_many_run_as_the_host_has_cpus_for(void **state)
{
	struct world *w = *state;
	int most = 0;

	run(w, "kernel count\ncpus 2\neach --a --b --c --d\n");
	assert_int_equal(lines_of(w, "most", &most), 4);
	assert_in_range(most, 1, 2);
	assert_int_equal(w->counts.nr[RESULT_PASS], 4);
}

static void one_runs_even_if_it_has_more_cpus_than_the_host(void **state)
{
	struct world *w = *state;
	int most = 0;

	run(w, "kernel count\ncpus 64\neach --a --b\n");
	assert_int_equal(lines_of(w, "most", &most), 2);
	assert_int_equal(most, 1);
}

static void the_user_says_how_many(void **state)
{
	struct world *w = *state;
	int most = 0;

	w->config.jobs = 8;
	run(w, "kernel count\ncpus 64\neach --a --b --c --d --e --f --g --h\n");
	lines_of(w, "most", &most);
	assert_in_range(most, 2, 8);
}

static void a_plan_may_want_fewer(void **state)
{
	struct world *w = *state;
	int most = 0;

	w->config.jobs = 8;
	run(w, "jobs 1\nkernel count\neach --a --b --c\n");
	lines_of(w, "most", &most);
	assert_int_equal(most, 1);
}

static void a_version_that_the_host_lacks_is_skipped_if_the_plan_says_so(void **state)
{
	struct world *w = *state;

	w->least = PSCI_VERSION(1, 2);
	run(w, "kernel off\npsci 1.1 1.3\n[may]\nunsupported skip\n[must]\n");
	assert_int_equal(w->counts.nr[RESULT_SKIP], 1);
	assert_int_equal(w->counts.nr[RESULT_PASS], 3);
	shows(w, "SKIP  t/may psci=1.3: this host's KVM does not offer PSCI 1.3\n");
	assert_non_null(strstr(w->tap, " - t/may psci=1.3 # SKIP this host"));
}

static void on_a_terminal_the_last_line_is_what_runs(void **state)
{
	struct world *w = *state;
	char *text;

	w->config.terminal = true;
	w->config.jobs = 1;
	run(w, "kernel off\n[a]\n[b]\n");
	text = strstr(w->shown, "\r\x1b[K0/2  t/a\r\x1b[KPASS  t/a (");
	assert_non_null(text);
	text = strstr(text, "s)\n\r\x1b[K1/2  t/b\r\x1b[KPASS  t/b (");
	assert_non_null(text);
	assert_string_equal(strchr(text + 3, '\n'), "\n");
}

static void a_program_that_is_not_there_fails_each_row(void **state)
{
	struct world *w = *state;

	w->config.program = "/nowhere/lkvm";
	run(w, "psci 1.0 1.1\n");
	assert_int_equal(w->counts.nr[RESULT_ERROR], 2);
	shows(w, "FAIL  t psci=1.0: cannot run '/nowhere/lkvm': No such file or directory\n");
}

/* Sends SIGTERM to this test once @nr of its guests sleep, @times. */
static pid_t interrupt_when(struct world *w, int nr, int times)
{
	pid_t parent = getpid(), pid = fork();

	if (pid)
		return pid;
	for (int i = 0; lines_of(w, "sleepers", NULL) < nr && i < 1000; i++)
		usleep(10000);
	/* Two signals of one kind may arrive as one. */
	for (; times; times--) {
		kill(parent, times % 2 ? SIGTERM : SIGINT);
		usleep(300000);
	}
	_exit(0);
}

/* A run that is ended early; returns how long that took in seconds. */
static time_t run_interrupted(struct world *w, const char *text, int nr, int times)
{
	struct timespec from, to;
	struct err e = { 0 };
	pid_t pid;

	prepare(w, text);
	pid = interrupt_when(w, nr, times);
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_int_equal(runner_run(&w->config, &w->counts, &e), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_int_equal(results_end(&w->results), 0);
	fflush(w->out);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	return to.tv_sec - from.tv_sec;
}

static void an_interrupt_ends_what_runs_and_starts_no_more(void **state)
{
	struct world *w = *state;

	run_interrupted(w, "kernel sleep\ncpus 2\neach --a --b --c --d --e\n", 2, 1);
	assert_true(w->counts.interrupted);
	assert_int_equal(w->counts.nr[RESULT_ERROR], 5);
	assert_int_equal(lines_of(w, "sleepers", NULL), 2);
}

static void a_second_interrupt_kills(void **state)
{
	struct world *w = *state;

	assert_in_range(run_interrupted(w, "kernel deaf\n", 1, 2), 0, 3);
	assert_int_equal(w->counts.nr[RESULT_ERROR], 1);
}

static void one_that_does_not_listen_is_killed_after_a_while(void **state)
{
	struct world *w = *state;

	assert_in_range(run_interrupted(w, "kernel deaf\n", 1, 1), 4, 20);
	assert_int_equal(w->counts.nr[RESULT_ERROR], 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_row_passes_if_it_ends_with_the_status_that_is_wanted),
		TEST(the_reason_is_what_lkvm_said_last),
		TEST(what_lkvm_could_not_run_is_an_error_and_no_failure),
		TEST(the_last_forty_lines_are_shown),
		TEST(lkvm_is_given_the_row_and_a_limit),
		TEST(it_runs_in_the_folder_of_its_plan),
		TEST(logs_and_reports_are_kept_where_they_are_wanted),
		TEST(as_many_run_as_the_host_has_cpus_for),
		TEST(one_runs_even_if_it_has_more_cpus_than_the_host),
		TEST(the_user_says_how_many),
		TEST(a_plan_may_want_fewer),
		TEST(a_version_that_the_host_lacks_is_skipped_if_the_plan_says_so),
		TEST(on_a_terminal_the_last_line_is_what_runs),
		TEST(a_program_that_is_not_there_fails_each_row),
		TEST(an_interrupt_ends_what_runs_and_starts_no_more),
		TEST(a_second_interrupt_kills),
		TEST(one_that_does_not_listen_is_killed_after_a_while),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
