/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm test: test plans, read, run row by row, and counted. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "arm/machine.h"
#include "arm/probe.h"
#include "builtin.h"
#include "ipc/regex.h"
#include "ipc/runner.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/opt.h"

#define PLANS_MAX 256

struct test {
	const char *paths[PLANS_MAX];
	struct plan plans[PLANS_MAX];
	int dirs[PLANS_MAX];
	unsigned int nr_plans;
	struct runner_row *rows;
	unsigned int nr_rows;
	bool list, verbose;
	uint32_t jobs;
	const char *only, *timeout, *logs;
	const char *outputs[RESULTS_FORMATS]; /* file names, or NULL */
	FILE *files[RESULTS_FORMATS];
	bool probed;
	struct host_profile host;
};

static int set_jobs(void *field, const char *value, struct err *e)
{
	uint32_t jobs;

	if (opt_set_u32(&jobs, value, NULL) < 0 || jobs < 1 || jobs > PLAN_JOBS_MAX)
		return err_set(e, EINVAL, "'%s' is no number of jobs: 1 to %d", value,
			       PLAN_JOBS_MAX);
	*(uint32_t *)field = jobs;
	return 0;
}

static int set_timeout(void *field, const char *value, struct err *e)
{
	uint64_t ms;
	int ret = opt_set_time(&ms, value, e);

	return ret < 0 ? ret : opt_set_string(field, value, e);
}

static int set_file(void *field, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, EINVAL, "the name of the file is empty");
	return opt_set_string(field, value, e);
}

static const struct opt rows[] = {
	{ 'j', "jobs", "NR",
	  "Guests at once at most (default: as many as the host's CPUs have room for)", set_jobs,
	  offsetof(struct test, jobs) },
	{ 0, "list", NULL, "Print the rows, and run none", opt_set_flag,
	  offsetof(struct test, list) },
	{ 0, "only", "REGEX", "Run the rows whose names match this", opt_set_string,
	  offsetof(struct test, only) },
	{ 0, "timeout", "TIME", "For rows that say nothing of it (default: " PLAN_TIMEOUT ")",
	  set_timeout, offsetof(struct test, timeout) },
	{ 0, "logs", "DIR", "Keep what each row says, and its report, in this folder", set_file,
	  offsetof(struct test, logs) },
	{ 0, "junit", "FILE", "Write the results as JUnit XML ('-': standard output)", set_file,
	  offsetof(struct test, outputs[RESULTS_JUNIT]) },
	{ 0, "tap", "FILE", "Write the results as TAP 14 ('-': standard output)", set_file,
	  offsetof(struct test, outputs[RESULTS_TAP]) },
	{ 0, "report", "FILE", "Write the results as JSON ('-': standard output)", set_file,
	  offsetof(struct test, outputs[RESULTS_JSON]) },
	{ 'v', "verbose", NULL, "Show each row's lkvm run", opt_set_flag,
	  offsetof(struct test, verbose) },
};

static int add_path(void *target, const char *word, struct err *e)
{
	struct test *t = target;

	if (t->nr_plans == PLANS_MAX)
		return err_set(e, E2BIG, "'%s' is one test plan too many: there may be %d", word,
			       PLANS_MAX);
	t->paths[t->nr_plans++] = word;
	return 0;
}

static void usage(void)
{
	puts("Usage: lkvm test [OPTIONS] PLAN...\n"
	     "\n"
	     "Run the guests that the test plans describe, each by 'lkvm run', and count who did what\n"
	     "it should. A plan is a text file; lkvm-test(1) tells its keys.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

/* The folder of the file @path. */
static int open_dir(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	autofree char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = dir ? open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	return fd < 0 ? err_sys(e, "cannot open the folder of %s", path) : fd;
}

static int read_plans(struct test *t, struct err *e)
{
	for (unsigned int i = 0; i < t->nr_plans; i++) {
		int ret = plan_read(&t->plans[i], t->paths[i], e);

		if (ret < 0)
			return ret;
		t->dirs[i] = open_dir(t->paths[i], e);
		if (t->dirs[i] < 0)
			return t->dirs[i];
		t->nr_rows += t->plans[i].nr_rows;
	}
	return 0;
}

/* All rows of all plans that the user wants. */
static int choose_rows(struct test *t, struct err *e)
{
	unsigned int nr = 0;
	regex_t only;

	if (t->only && regex_compile(&only, t->only, e) < 0)
		return err_wrap(e, -EINVAL, "--only");
	t->rows = calloc(t->nr_rows, sizeof(*t->rows));
	for (unsigned int i = 0; t->rows && i < t->nr_plans; i++) {
		for (unsigned int j = 0; j < t->plans[i].nr_rows; j++) {
			const struct plan_row *row = &t->plans[i].rows[j];

			if (!t->only || !regexec(&only, row->name, 0, NULL, 0))
				t->rows[nr++] =
					(struct runner_row){ &t->plans[i], row, t->dirs[i] };
		}
	}
	if (t->only)
		regfree(&only);
	t->nr_rows = nr;
	if (!t->rows)
		return err_set(e, ENOMEM, "out of memory");
	return nr ? 0 : err_set(e, ENOENT, "--only: no row's name matches '%s'", t->only);
}

static bool host_offers(void *ctx, uint32_t psci)
{
	struct test *t = ctx;
	struct err e;

	/* A host without KVM offers everything: its rows are to fail, and to say why. */
	if (!t->probed && host_probe(machine_config_default.dev, &t->host, &e) < 0)
		t->host = PROFILE_NONE;
	t->probed = true;
	return !t->host.nr_psci || profile_has_psci(&t->host, psci);
}

/* The CPUs that this process may use. */
static unsigned int host_cpus(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		return (unsigned int)CPU_COUNT(&set);
	return (unsigned int)sysconf(_SC_NPROCESSORS_ONLN);
}

/* An absolute name of the folder for logs, made if it is not there. */
static int make_logs(const char *dir, char **path, struct err *e)
{
	if (mkdir(dir, 0777) < 0 && errno != EEXIST)
		return err_sys(e, "cannot make the folder %s", dir);
	*path = realpath(dir, NULL);
	return *path ? 0 : err_sys(e, "cannot find the folder %s", dir);
}

static int open_outputs(struct test *t, struct err *e)
{
	bool used = false;

	for (int i = 0; i < RESULTS_FORMATS; i++) {
		bool here = t->outputs[i] && !strcmp(t->outputs[i], "-");

		if (!t->outputs[i])
			continue;
		if (here && used)
			return err_set(e, EINVAL, "two formats cannot both go to standard output");
		used = used || here;
		t->files[i] = here ? stdout : fopen(t->outputs[i], "we");
		if (!t->files[i])
			return err_sys(e, "cannot write %s", t->outputs[i]);
	}
	return 0;
}

/* This program's file, by its name if it still has one: that is what others see. */
static const char *own_program(char *buf, size_t size)
{
	static const char link[] = "/proc/self/exe";
	ssize_t len = readlink(link, buf, size - 1);

	if (len <= 0)
		return link;
	buf[len] = '\0';
	return access(buf, X_OK) == 0 ? buf : link;
}

static void summarize(FILE *out, const struct runner_counts *counts)
{
	fprintf(out, "%u passed, %u failed, %u skipped%s\n", counts->nr[RESULT_PASS],
		counts->nr[RESULT_FAIL] + counts->nr[RESULT_ERROR], counts->nr[RESULT_SKIP],
		counts->interrupted ? ": interrupted" : "");
	fflush(out);
}

/* Begins, or ends, all documents. */
static void begin_results(struct test *t, struct results *results, unsigned int *nr)
{
	for (int i = 0; i < RESULTS_FORMATS; i++)
		if (t->files[i])
			results_begin(&results[(*nr)++], (enum results_format)i, t->files[i],
				      "lkvm test", t->nr_rows);
}

static int end_results(struct test *t, struct results *results, struct err *e)
{
	int ret = 0;

	for (int i = 0; i < RESULTS_FORMATS; i++) {
		if (!t->files[i])
			continue;
		ret = results_end(results++);
		if (ret < 0)
			return err_set(e, -ret, "cannot write %s: %s", t->outputs[i],
				       strerror(-ret));
	}
	return 0;
}

static int run(struct test *t, struct runner_counts *counts, struct err *e)
{
	struct results results[RESULTS_FORMATS];
	autofree char *logs = NULL;
	char program[4096];
	struct runner_config config = {
		.program = own_program(program, sizeof(program)),
		.rows = t->rows,
		.nr_rows = t->nr_rows,
		.jobs = t->jobs,
		.cpus = host_cpus(),
		.timeout = t->timeout,
		.verbose = t->verbose,
		.out = stdout,
		.results = results,
		.offers = host_offers,
		.ctx = t,
	};
	int ret, written;

	if (t->logs && make_logs(t->logs, &logs, e) < 0)
		return -EINVAL;
	config.logs = logs;
	ret = open_outputs(t, e);
	if (ret < 0)
		return ret;
	for (int i = 0; i < RESULTS_FORMATS; i++)
		config.out = t->files[i] == stdout ? stderr : config.out;
	config.terminal = isatty(fileno(config.out));
	begin_results(t, results, &config.nr_results);
	ret = runner_run(&config, counts, e);
	written = end_results(t, results, ret < 0 ? NULL : e);
	if (ret == 0)
		summarize(config.out, counts);
	return ret < 0 ? ret : written;
}

static void list_rows(const struct test *t)
{
	for (unsigned int i = 0; i < t->nr_rows; i++) {
		puts(t->rows[i].row->name);
		if (t->verbose)
			runner_show_command(stdout, &t->rows[i]);
	}
}

static int run_test(struct test *t, int argc, char **argv, struct err *e)
{
	struct runner_counts counts = { 0 };
	bool help;
	int ret =
		opt_parse(rows, ARRAY_SIZE(rows), t, argc - 1, argv + 1, add_path, &help, NULL, e);

	if (ret == 0 && help) {
		usage();
		return MACHINE_OFF;
	}
	if (ret == 0 && !t->nr_plans)
		ret = err_set(e, EINVAL, "which test plan? See 'lkvm test --help'");
	if (ret < 0) {
		err_wrap(e, 0, "test");
		return MACHINE_FAILED;
	}
	if (read_plans(t, e) < 0 || choose_rows(t, e) < 0)
		return MACHINE_FAILED;
	if (t->list) {
		list_rows(t);
		return MACHINE_OFF;
	}
	if (run(t, &counts, e) < 0)
		return MACHINE_FAILED;
	return counts.nr[RESULT_FAIL] || counts.nr[RESULT_ERROR];
}

int builtin_test(int argc, char **argv)
{
	struct test *t = calloc(1, sizeof(*t));
	struct err e = { 0 };
	int status;

	if (!t) {
		log_error("out of memory");
		return MACHINE_FAILED;
	}
	t->timeout = PLAN_TIMEOUT;
	t->host = PROFILE_NONE;
	for (unsigned int i = 0; i < PLANS_MAX; i++)
		t->dirs[i] = -1;
	status = run_test(t, argc, argv, &e);
	if (*e.text)
		log_error("%s", e.text);
	for (unsigned int i = 0; i < t->nr_plans; i++) {
		plan_free(&t->plans[i]);
		close_fd(&t->dirs[i]);
	}
	for (int i = 0; i < RESULTS_FORMATS; i++)
		if (t->files[i] && t->files[i] != stdout)
			fclose(t->files[i]);
	profile_free(&t->host);
	free(t->rows);
	free(t);
	return status;
}
