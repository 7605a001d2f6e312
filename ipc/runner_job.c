/* SPDX-License-Identifier: BSD-2-Clause */
/* One row of a test plan as a process: lkvm run, what it says, and that it ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "runner_parts.h"
#include "util/cleanup.h"
#include "util/opt.h"

/* What lkvm run may take beyond the guest's limit, for its own start and end; and when asked to end. */
#define SPARE_MS    10000
#define PATIENCE_MS 5000

static void set_timer(struct job *job, uint64_t ms)
{
	struct timer timer = loop_timer_value(&job->timer);

	timer_set(&timer, ms * (NS_PER_S / 1000));
}

void job_stop(struct job *job)
{
	child_signal(&job->child, job->overdue ? SIGKILL : SIGTERM);
	job->overdue = true;
	set_timer(job, PATIENCE_MS);
}

static void due(void *ctx)
{
	job_stop(ctx);
}

static void heard(void *ctx, const uint8_t *buf, size_t len)
{
	struct job *job = ctx;

	/* What does not fit is lost from the log alone: a full disk decides nothing about a guest. */
	if (job->log >= 0 && (job->said >= LOG_SIZE_MAX || write(job->log, buf, len) < 0))
		close_fd(&job->log);
	for (size_t i = 0; i < len; i++)
		job->console[job->said++ % CONSOLE_SIZE] = (char)buf[i];
}

static void ended(void *ctx, int status)
{
	runner_ended(ctx, status);
}

/* A file for the row, called by its number and its name; for the caller to free(). */
static char *file_name(const struct runner *r, const struct runner_row *row, const char *ending)
{
	char *path, *p;

	if (asprintf(&path, "%s/%04u-%.100s%s", r->config->logs,
		     (unsigned int)(row - r->config->rows) + 1, row->row->name, ending) < 0)
		return NULL;
	for (p = path + strlen(r->config->logs) + 1; *p; p++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._=+-",
			    *p))
			*p = '-';
	}
	return path;
}

static int open_log(struct job *job, struct err *e)
{
	autofree char *path = file_name(job->runner, job->row, ".log");

	if (!path)
		return err_set(e, ENOMEM, "out of memory");
	job->log = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	return job->log < 0 ? err_sys(e, "cannot write %s", path) : 0;
}

/* The command's words, and those of them that are not the plan's. */
struct command {
	char *timeout, *report;
	const char **words;
};

static int make_command(struct command *c, const struct job *job, struct err *e)
{
	const struct runner_config *config = job->runner->config;
	const char *const *option = job->row->row->options;
	autofree char *report = NULL;
	size_t nr = 0;

	while (option[nr])
		nr++;
	c->words = calloc(nr + 5, sizeof(*c->words));
	if (!c->words || asprintf(&c->timeout, "--timeout=%s", config->timeout) < 0)
		return err_set(e, ENOMEM, "out of memory");
	nr = 0;
	c->words[nr++] = config->program;
	c->words[nr++] = "run";
	if (!job->row->row->timeout)
		c->words[nr++] = c->timeout;
	if (config->logs) {
		report = file_name(job->runner, job->row, ".json");
		if (!report || asprintf(&c->report, "--report=%s", report) < 0)
			return err_set(e, ENOMEM, "out of memory");
		c->words[nr++] = c->report;
	}
	while (*option)
		c->words[nr++] = *option++;
	return 0;
}

static void free_command(struct command *c)
{
	free(c->timeout);
	free(c->report);
	free(c->words);
}

/* In the plan's folder, where its files are. */
static int start_there(struct job *job, const char *const *words, struct err *e)
{
	struct runner *r = job->runner;
	int ret;

	if (fchdir(job->row->dir) < 0)
		return err_sys(e, "cannot enter the folder of the test plan");
	ret = child_start(&job->child, words, NULL, 0, &r->loop, ended, job, e);
	if (ret == 0)
		job->child.heard = heard;
	if (fchdir(r->cwd) < 0 && ret == 0) {
		child_end(&job->child);
		ret = err_sys(e, "cannot return to the folder that lkvm was started in");
	}
	return ret;
}

static int start(struct job *job, struct err *e)
{
	const struct runner_config *config = job->runner->config;
	const char *timeout = job->row->row->timeout;
	struct command command = { 0 };
	uint64_t limit;
	int ret = opt_set_time(&limit, timeout ? timeout : config->timeout, e);

	if (ret == 0 && config->logs)
		ret = open_log(job, e);
	if (ret == 0)
		ret = make_command(&command, job, e);
	if (ret == 0) {
		clock_gettime(CLOCK_MONOTONIC, &job->started);
		ret = start_there(job, command.words, e);
	}
	if (ret == 0)
		set_timer(job, limit + SPARE_MS);
	free_command(&command);
	return ret;
}

int job_start(struct runner *r, const struct runner_row *row, struct err *e)
{
	struct job *job = calloc(1, sizeof(*job));
	int ret;

	if (!job)
		return err_set(e, ENOMEM, "out of memory");
	*job = (struct job){
		.runner = r,
		.row = row,
		.next = r->jobs,
		.child = CHILD_NONE,
		.log = -1,
	};
	r->jobs = job;
	loop_timer_init(&job->timer, &r->loop, &r->lock, due, job);
	ret = start(job, e);
	if (ret < 0)
		job_end(job);
	return ret;
}

void job_end(struct job *job)
{
	struct job **link = &job->runner->jobs;

	while (*link != job)
		link = &(*link)->next;
	*link = job->next;
	child_end(&job->child);
	loop_timer_close(&job->timer);
	close_fd(&job->log);
	free(job);
}
