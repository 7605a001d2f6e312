/* SPDX-License-Identifier: BSD-2-Clause */
/* What the user lets pass although a machine is not to be trusted with it: "--allow NAME". */
#ifndef LKVM_ARM_ALLOW_H
#define LKVM_ARM_ALLOW_H

#include <stdbool.h>
#include "util/err.h"

#define ALLOW_MAX 16

/* Names that `lkvm check` and `lkvm restore` share, beside those of registers. */
#define COUNTER_FREQUENCY "counter-frequency"

struct allow {
	const char *name[ALLOW_MAX]; /* the caller's */
	unsigned int nr;
};

/* Adds a name. A setter for option rows: @allow is a struct allow. */
int allow_add(void *allow, const char *name, struct err *e);

bool allow_has(const struct allow *allow, const char *name);

#endif
