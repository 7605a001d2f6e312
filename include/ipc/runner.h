/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs the rows of test plans, each of which is one `lkvm run` of its own, several at once, and tells how they went.
 * One thread: everything is an event of a loop.
 */
#ifndef LKVM_IPC_RUNNER_H
#define LKVM_IPC_RUNNER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include "ipc/plan.h"
#include "ipc/results.h"
#include "util/err.h"

struct runner_row {
	const struct plan *plan;
	const struct plan_row *row;
	int dir; /* descriptor of the folder that it runs in */
};

struct runner_config {
	const char *program; /* lkvm: an absolute file name */
	const struct runner_row *rows;
	unsigned int nr_rows;
	unsigned int jobs;   /* rows at once at most; 0: as many as the host's CPUs have room for */
	unsigned int cpus;   /* that the host has */
	const char *timeout; /* for rows that do not say one */
	const char *logs;    /* an absolute folder for what each row says and reports, or NULL */
	bool verbose;        /* show each command */
	FILE *out;           /* for people */
	bool terminal;       /* they see it as it happens */
	struct results *results; /* @nr_results writers that get everything, too */
	unsigned int nr_results;
	/* Whether the host offers this PSCI version. Called if a row is skipped where it does not. */
	bool (*offers)(void *ctx, uint32_t psci);
	void *ctx;
};

struct runner_counts {
	unsigned int nr[RESULT_OUTCOMES];
	bool interrupted; /* some of those RESULT_ERROR are because the user wanted no more */
};

/*
 * Runs them all, or until SIGINT, SIGTERM or SIGHUP; then no guest is left. Returns 0 with *counts filled, or -errno
 * with @e set: nothing could be run.
 */
int runner_run(const struct runner_config *config, struct runner_counts *counts, struct err *e);

/* Writes the row's lkvm run, for people. */
void runner_show_command(FILE *out, const struct runner_row *row);

#endif
