/* SPDX-License-Identifier: BSD-2-Clause */
/* The folders that a machine shares with its guest by 9P: what lkvm run's --9p says of each. */
#ifndef LKVM_ARM_SHARES_H
#define LKVM_ARM_SHARES_H

#include <stdbool.h>
#include <stdint.h>
#include "arm/transport.h"
#include "util/err.h"

#define SHARES_MAX    16
#define SHARE_TAG_MAX 63 /* characters */

struct share_option {
	char *dir, *tag;
	bool ro;
	enum virtio_bus bus;
};

struct share_options {
	struct share_option *share; /* @nr of them, and their strings, are malloc()ed */
	uint32_t nr;
};

/*
 * Appends the share of one "--9p DIR,TAG[,KEY...]" to *@shares. Returns 0, or -errno with @e naming what is wrong
 * with @value; what was appended before stays. share_options_free() ends it all.
 * A setter for option rows: @shares is a struct share_options.
 */
int share_parse(void *shares, const char *value, struct err *e);

/* The same of a share that nobody typed, whose strings are copied. */
int share_add(struct share_options *shares, struct share_option share, struct err *e);

void share_options_free(struct share_options *shares);

#endif
