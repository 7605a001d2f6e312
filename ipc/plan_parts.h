/* SPDX-License-Identifier: BSD-2-Clause */
/* A plan between its text and its rows: sections, and what each of them says of each key. */
#ifndef LKVM_IPC_PLAN_PARTS_H
#define LKVM_IPC_PLAN_PARTS_H

#include "ipc/plan.h"

enum plan_key {
	PLAN_PSCI,
	PLAN_CPUS,
	PLAN_MEM,
	PLAN_KERNEL,
	PLAN_INITRD,
	PLAN_PARAMS,
	PLAN_EACH,
	PLAN_OPTION,
	PLAN_EXPECT,
	PLAN_REJECT,
	PLAN_TIMEOUT_KEY,
	PLAN_STATUS,
	PLAN_UNSUPPORTED,
	PLAN_JOBS,
	PLAN_NAME,
	PLAN_KEYS
};

struct plan_key_info {
	const char *name;
	const char *option; /* of lkvm run that takes the value, or NULL */
	bool words;         /* a value is a word, and a line has any number of them */
	bool vary;          /* a row for each value */
	bool once;          /* one value */
	bool whole;         /* of the whole plan: before the first section only */
	/* Returns 0, or -errno with @e saying what is wrong with @value. */
	int (*check)(const char *value, struct err *e);
};

extern const struct plan_key_info plan_keys[PLAN_KEYS];

/* The key called the @len bytes at @name, or -1. */
int plan_find_key(const char *name, size_t len);

struct plan_value {
	char *word;       /* "--option=text", or the text alone */
	const char *text; /* in it */
};

struct plan_values {
	unsigned int nr;
	bool none; /* said to be nothing */
	struct plan_value *value;
};

struct plan_section {
	char *name;        /* NULL: what stands before any */
	unsigned int line; /* where it begins */
	struct plan_values key[PLAN_KEYS];
	struct plan_values each[PLAN_EACH_MAX];
	unsigned int nr_each;
};

/* Makes the rows of a plan whose sections are read. Returns 0, or -errno with @e set. */
int plan_make_rows(struct plan *plan, const char *path, struct err *e);

#endif
