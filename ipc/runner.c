/* SPDX-License-Identifier: BSD-2-Clause */
/* The runner of test plans: which row is next, and what its end means. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "arm/machine.h"
#include "arm/psci.h"
#include "runner_parts.h"
#include "util/bits.h"
#include "util/cleanup.h"

/* lkvm run's exit statuses, as words. */
static const struct verdict {
	int status;
	const char *word, *reason;
} verdicts[] = {
	{ 0, "off", "the guest ended well" }, /* or "expected" */
	{ 120, "reset", "the guest reset itself" },
	{ 121, "crashed", "the guest crashed" },
	{ 122, "panicked", "the guest's kernel panicked" },
	{ 123, "unexpected", "the guest said what it should not, or ended before all was seen" },
	{ 124, "timeout", "the time was up" },
	{ 125, "failed", "lkvm could not run it" },
};

static const struct verdict *find_verdict(int status)
{
	static const struct verdict other = { -1, "failed", "lkvm ended oddly" };

	for (size_t i = 0; i < ARRAY_SIZE(verdicts); i++)
		if (verdicts[i].status == status)
			return &verdicts[i];
	return &other;
}

static void tell(struct runner *r, const struct runner_row *row, const struct result *result)
{
	r->done++;
	r->counts->nr[result->outcome]++;
	if (result->outcome != RESULT_ERROR || !r->counts->interrupted)
		show_result(r, row, result);
	for (unsigned int i = 0; i < r->config->nr_results; i++)
		results_add(&r->config->results[i], result);
}

/* The result of a row that has none by itself. */
static void tell_outcome(struct runner *r, const struct runner_row *row,
			 enum result_outcome outcome, const char *verdict, const char *reason)
{
	const struct result result = {
		.name = row->row->name,
		.group = row->plan->name,
		.outcome = outcome,
		.verdict = verdict,
		.status = -1,
		.reason = reason,
	};

	tell(r, row, &result);
}

static bool skipped(struct runner *r, const struct runner_row *row)
{
	char version[PSCI_TEXT_SIZE];
	struct err why = { 0 };

	if (!row->row->optional || row->row->psci == PSCI_AUTO ||
	    r->config->offers(r->config->ctx, row->row->psci))
		return false;
	err_set(&why, ENOTSUP, "this host's KVM does not offer PSCI %s",
		psci_format(row->row->psci, version));
	tell_outcome(r, row, RESULT_SKIP, "skipped", why.text);
	return true;
}

/* Whether one more may run beside those that do. */
static bool has_room(const struct runner *r, const struct runner_row *row)
{
	unsigned int nr = 0, nr_plan = 0, cpus = row->row->cpus;

	for (const struct job *job = r->jobs; job; job = job->next) {
		nr++;
		nr_plan += job->row->plan == row->plan;
		cpus += job->row->row->cpus;
	}
	if (row->plan->jobs && nr_plan >= row->plan->jobs)
		return false;
	return r->config->jobs ? nr < r->config->jobs : !nr || cpus <= r->config->cpus;
}

static void start_more(struct runner *r)
{
	while (r->next < r->config->nr_rows) {
		const struct runner_row *row = &r->config->rows[r->next];
		struct err e = { 0 };

		if (r->counts->interrupted) {
			tell_outcome(r, row, RESULT_ERROR, "interrupted", "interrupted");
		} else if (!has_room(r, row)) {
			break;
		} else if (!skipped(r, row) && job_start(r, row, &e) < 0) {
			tell_outcome(r, row, RESULT_ERROR, "failed", e.text);
		}
		r->next++;
	}
	show_progress(r);
	if (!r->jobs)
		loop_quit(&r->loop);
}

/* The last thing that lkvm itself said of its own failure, or NULL: nothing. */
static const char *last_words(const char *text)
{
	static const char fatal[] = "Fatal: ";
	const char *last = NULL;

	/* It may follow a line that the guest has not ended. */
	while ((text = strstr(text, fatal)))
		last = text += strlen(fatal);
	return last;
}

static bool expects(const struct plan_row *row)
{
	for (const char **word = row->options; *word; word++)
		if (!strncmp(*word, "--expect=", 9))
			return true;
	return false;
}

/* What its end means, into @result; @why becomes its reason. */
static void judge(const struct job *job, int status, struct result *result, struct err *why)
{
	int want = job->row->row->status;
	const struct verdict *verdict;
	const char *words;

	result->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	verdict = find_verdict(result->status);
	result->verdict = !result->status && expects(job->row->row) ? "expected" : verdict->word;
	if (result->status == want && !job->overdue) {
		result->outcome = RESULT_PASS;
		return;
	}
	result->reason = why->text;
	result->outcome = RESULT_FAIL;
	if (job->runner->counts->interrupted) {
		result->outcome = RESULT_ERROR;
		result->verdict = "interrupted";
		err_set(why, EINTR, "interrupted");
	} else if (job->overdue) {
		result->outcome = RESULT_ERROR;
		result->verdict = "failed";
		err_set(why, ETIME, "lkvm did not end when the guest's time was up");
	} else if (WIFSIGNALED(status)) {
		result->outcome = RESULT_ERROR;
		err_set(why, EINVAL, "lkvm was killed by signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	} else {
		if (verdict->status < 0 || verdict->status == MACHINE_FAILED)
			result->outcome = RESULT_ERROR;
		words = result->console ? last_words(result->console) : NULL;
		if (!words)
			words = verdict->reason;
		err_set(why, EINVAL, "%.*s; status %d instead of %d", (int)strcspn(words, "\n"),
			words, result->status, want);
	}
}

/* The last lines of what it said, for the caller to free(), or NULL: no memory. */
static char *last_lines(const struct job *job)
{
	size_t size = job->said < CONSOLE_SIZE ? (size_t)job->said : CONSOLE_SIZE, from;
	unsigned int lines = 0;
	char text[CONSOLE_SIZE];

	for (size_t i = 0; i < size; i++)
		text[i] = job->console[(job->said - size + i) % CONSOLE_SIZE];
	while (size && strchr("\r\n", text[size - 1]))
		size--;
	for (from = size; from > 0; from--) {
		if (text[from - 1] == '\n' && ++lines == CONSOLE_LINES)
			break;
	}
	return results_text(text + from, size - from);
}

static uint64_t ms_since(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)((now.tv_sec - then->tv_sec) * 1000 +
			  (now.tv_nsec - then->tv_nsec) / 1000000);
}

void runner_ended(struct job *job, int status)
{
	struct runner *r = job->runner;
	struct result result = {
		.name = job->row->row->name,
		.group = job->row->plan->name,
		.ms = ms_since(&job->started),
	};
	autofree char *console = last_lines(job);
	struct err why = { 0 };

	result.console = console;
	result.console_len = console ? strlen(console) : 0;
	judge(job, status, &result, &why);
	tell(r, job->row, &result);
	job_end(job);
	start_more(r);
}

/* SIGINT and its like: no more are started, and those that run are asked, then made, to end. */
static void signalled(void *ctx, uint32_t events)
{
	struct signalfd_siginfo info;
	struct runner *r = ctx;

	(void)events;
	if (read(r->signals.fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	r->counts->interrupted = true;
	for (struct job *job = r->jobs; job; job = job->next)
		job_stop(job);
	start_more(r);
}

static int watch_signals(struct runner *r, sigset_t *old, struct err *e)
{
	struct sigaction hangup;
	sigset_t set;
	int ret;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* Started by nohup, it goes on without a terminal. */
	sigaction(SIGHUP, NULL, &hangup);
	if (hangup.sa_handler != SIG_IGN)
		sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, old);
	r->signals = (struct loop_source){
		.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
		.ready = signalled,
		.ctx = r,
	};
	if (r->signals.fd < 0)
		return err_sys(e, "cannot watch for signals");
	ret = loop_add(&r->loop, &r->signals, EPOLLIN);
	return ret < 0 ? err_set(e, -ret, "cannot watch for signals: %s", strerror(-ret)) : 0;
}

int runner_run(const struct runner_config *config, struct runner_counts *counts, struct err *e)
{
	struct runner r = {
		.config = config,
		.counts = counts,
		.loop = LOOP_NONE,
		.signals.fd = -1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC),
	};
	sigset_t old;
	int ret;

	*counts = (struct runner_counts){ 0 };
	if (r.cwd < 0)
		return err_sys(e, "cannot open the folder that lkvm was started in");
	ret = loop_create(&r.loop, e);
	if (ret < 0) {
		close_fd(&r.cwd);
		return ret;
	}
	ret = watch_signals(&r, &old, e);
	if (ret == 0) {
		start_more(&r);
		ret = loop_run(&r.loop);
		if (ret < 0)
			err_set(e, -ret, "cannot wait for events: %s", strerror(-ret));
	}
	while (r.jobs)
		job_end(r.jobs);
	close_fd(&r.signals.fd);
	sigprocmask(SIG_SETMASK, &old, NULL);
	loop_destroy(&r.loop);
	close_fd(&r.cwd);
	return ret;
}
