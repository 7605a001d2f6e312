/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Test plans: text files that say which guests to boot how, and what is to come of it. lkvm-test(1) has the
 * format. A plan becomes rows, each of which is one `lkvm run`.
 */
#ifndef LKVM_IPC_PLAN_H
#define LKVM_IPC_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

#define PLAN_SIZE_MAX     (64 * 1024) /* bytes of a file */
#define PLAN_LINE_MAX     4096        /* bytes of a line, and of a value */
#define PLAN_SECTIONS_MAX 256
#define PLAN_VALUES_MAX   64 /* of one key in one section */
#define PLAN_EACH_MAX     8  /* lines of one section */
#define PLAN_ROWS_MAX     4096
#define PLAN_JOBS_MAX     1024

/* What a row may take if the plan does not say: a guest that hangs must not keep anybody waiting for ever. */
#define PLAN_TIMEOUT "60s"

struct plan_section;

struct plan_row {
	char *name;           /* "boot/smp psci=1.0 cpus=4": no other row of the plan has it */
	const char **options; /* for lkvm run, NULL-terminated; the strings are the plan's */
	const char *timeout;  /* as it is written, one of @options, too; NULL: not said */
	uint32_t cpus;        /* 1 or more */
	uint32_t psci;        /* that KVM must offer, PSCI_AUTO: any will do */
	uint8_t status;       /* lkvm run's, if all is well */
	bool optional;        /* skipped on a host that does not offer @psci */
};

struct plan {
	char *name;
	uint32_t jobs; /* rows at once at most; 0: not said */
	unsigned int nr_rows, nr_sections;
	struct plan_row *rows;
	struct plan_section **sections; /* the first: what stands before any */
};

/*
 * Reads the @len bytes at @text, which came from a file called @path. Returns 0, or -errno with @e naming path, line
 * and what is wrong; then nothing is left to free.
 */
int plan_parse(struct plan *plan, const char *text, size_t len, const char *path, struct err *e);

/* The same of a file. */
int plan_read(struct plan *plan, const char *path, struct err *e);

/* { 0 } is fine. */
void plan_free(struct plan *plan);

#endif
