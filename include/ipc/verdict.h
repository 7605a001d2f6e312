/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a guest did what it should: what lkvm run's --timeout, --expect, --reject and --panic ask for, judged by
 * what the guest says on its console and how it ends, and told by the exit status and in files (docs/verdicts.md).
 */
#ifndef LKVM_IPC_VERDICT_H
#define LKVM_IPC_VERDICT_H

#include <regex.h>
#include <stdbool.h>
#include <stdint.h>
#include "arm/machine.h"
#include "host/tail.h"
#include "util/timeline.h"

#define VERDICT_PATTERNS_MAX 64
#define VERDICT_PATTERN_SIZE 1024 /* bytes of a regular expression */

/* A regular expression, and the first line that it was found in. */
struct verdict_pattern {
	char *text; /* owned, as @line */
	regex_t regex;
	bool whole;    /* it says what comes behind a word: that only a line that has ended tells */
	size_t judged; /* bytes since it was compiled */
	uint64_t ns;   /* when it was seen, CLOCK_MONOTONIC; 0: it was not */
	char *line;
};

struct verdict_patterns {
	struct verdict_pattern *pattern;
	uint32_t nr;
};

enum verdict_panic {
	VERDICT_PANIC_DEFAULT, /* STOP if anything else is to be judged, otherwise REPORT */
	VERDICT_PANIC_STOP,    /* ends the VM */
	VERDICT_PANIC_REPORT,  /* is a warning */
};

enum verdict_word {
	VERDICT_OPEN, /* nothing is decided */
	VERDICT_OFF,
	VERDICT_RESET,
	VERDICT_CRASHED,
	VERDICT_PANICKED,
	VERDICT_REJECTED,
	VERDICT_ENDED, /* before it had said all that it should */
	VERDICT_TIMEOUT,
	VERDICT_EXPECTED,
	VERDICT_STOPPED,
	VERDICT_FAILED,
};

/* Starts as { 0 }. */
struct verdict {
	/* What is asked for: the options. */
	uint64_t timeout; /* ms; 0: none */
	struct verdict_patterns expect, reject;
	enum verdict_panic on_panic;
	const char *report, *junit, *tap; /* files to write, or NULL */

	/* How it is. */
	const struct machine_config *cfg;
	enum verdict_word word;
	uint32_t nr_seen;             /* of @expect, in their order */
	bool line_is_used;            /* the line that is being said was one of them */
	bool panicked, panic_is_over; /* the guest's kernel did; and has said all about it */
	char panic[256];              /* what it said of it */
	const struct verdict_pattern *rejected;
	struct tail tail; /* of the console, as lines */

	/* What was seen of the machine, over all lives. */
	struct timeline timeline;
	uint32_t lives, psci;
	enum vm_end end;
	uint64_t end_ns;
	uint64_t (*exits)[VCPU_NR_EXITS]; /* of each vCPU; owned; NULL: no VM was built */
};

/*
 * Read an option's value. Return 0, or -errno with @e saying what is wrong with it.
 * A setter for option rows: @v is a struct verdict.
 */
int verdict_add_expect(void *v, const char *value, struct err *e);
int verdict_add_reject(void *v, const char *value, struct err *e);
int verdict_set_panic(void *v, const char *value, struct err *e);
/* One of the files' names, into a const char *. */
int verdict_set_file(void *field, const char *value, struct err *e);

/*
 * The options have been read: lets @v watch the machine of @cfg, which is not const for that, if there is anything to
 * watch. Returns 0, or -errno with @e: the options contradict each other.
 */
int verdict_watch(struct verdict *v, struct machine_config *cfg, struct err *e);

/*
 * lkvm would end with @status, and @e its message, if any. Returns the status with which it does; the verdict is
 * decided, and @e tells the person what it is if it is bad and not told otherwise.
 */
int verdict_end(struct verdict *v, int status, struct err *e);

/*
 * Shows the last lines of the console on stderr, unless it went there anyway, if @status is bad; and writes the files
 * that were asked for, of which @e is the message. Returns the status with which lkvm ends: MACHINE_FAILED if a file
 * cannot be written, and a line on stderr says so.
 */
int verdict_tell(struct verdict *v, int status, const struct err *e);

void verdict_free(struct verdict *v);

#endif
