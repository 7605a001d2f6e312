/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How tests ended, in the formats that other programs read: JUnit's XML, TAP 14 and JSON. One suite a stream:
 * begin, add each result as it is known, end.
 */
#ifndef LKVM_IPC_RESULTS_H
#define LKVM_IPC_RESULTS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum result_outcome {
	RESULT_PASS,
	RESULT_FAIL, /* the guest did not do what it should */
	RESULT_ERROR, /* it could not be found out: lkvm or the host failed, or the run was interrupted */
	RESULT_SKIP,
	RESULT_OUTCOMES
};

/* Texts may be any bytes: what a format cannot carry is left out or replaced. */
struct result {
	const char *name;
	const char *group; /* what it belongs to, or NULL: the suite */
	enum result_outcome outcome;
	const char *verdict; /* a word: "off", "panicked", "timeout" ... */
	int status;          /* lkvm run's; -1: it did not get that far */
	uint64_t ms;         /* how long it took */
	const char *reason;  /* one line, why it did not pass; NULL if it did */
	const char *console; /* the last that was said, @console_len bytes; NULL: nothing to show */
	size_t console_len;
};

enum results_format { RESULTS_JUNIT, RESULTS_TAP, RESULTS_JSON, RESULTS_FORMATS };

/* Starts with results_begin(); its members are the writer's. */
struct results {
	FILE *out; /* where it goes in the end */
	const struct results_writer *writer;
	const char *suite;
	unsigned int planned, nr[RESULT_OUTCOMES];
	uint64_t ms;
	FILE *body; /* JUnit counts before it tells: what it will tell, in @text */
	char *text;
	size_t len;
};

/*
 * Begins a suite called @suite, which the caller keeps until the end, of @planned results on @out, which stays
 * the caller's. Errors are told by results_end().
 */
void results_begin(struct results *r, enum results_format format, FILE *out, const char *suite,
		   unsigned int planned);

/* Adds one; nothing of @result is kept. */
void results_add(struct results *r, const struct result *result);

/* Ends the suite and flushes @out. Returns 0, or -errno: not all could be written. */
int results_end(struct results *r);

/*
 * @len bytes of a console as text that a page can show: valid UTF-8, whose only control characters are tabs and
 * newlines. Escape sequences of a terminal and carriage returns are left out, other bytes that mean nothing become
 * U+FFFD. Returns it, for the caller to free(), or NULL: no memory.
 */
char *results_text(const char *buf, size_t len);

#endif
