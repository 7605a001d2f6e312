/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command-line options as rows of a table: the parser, the help text and the check of the man pages
 * read the same rows. A module owns its option and its words; a command lists the rows it takes.
 */
#ifndef LKVM_UTIL_OPT_H
#define LKVM_UTIL_OPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "util/err.h"

#define OPT_TIME_MAX (366 * 24 * 3600 * 1000ULL) /* a year */

struct opt {
	char letter;      /* short form, or 0 */
	const char *name; /* long form */
	const char *arg;  /* what the value is called in the help ("FILE"), or NULL: a switch */
	const char *help; /* one sentence without a full stop; '\n' breaks the line */
	/*
	 * Stores the value (NULL for a switch) at @field, which is the target object plus @off.
	 * Returns 0, or -errno with @e saying what is wrong with @value; opt_parse() puts the
	 * option's name before it.
	 */
	int (*set)(void *field, const char *value, struct err *e);
	size_t off;
};

/* Setters for common fields: const char *, bool, and sizes in bytes (uint64_t). */
int opt_set_string(void *field, const char *value, struct err *e);
int opt_set_flag(void *field, const char *value, struct err *e);
/* "on" or "off", as a bool. */
int opt_set_switch(void *field, const char *value, struct err *e);
/* A decimal number with one of the suffixes B K M G T (or none: M), lower case too, as bytes. */
int opt_set_size(void *field, const char *value, struct err *e);
/* The same, but not none: bytes a second that a device may move. */
int opt_set_rate(void *field, const char *value, struct err *e);
/* A decimal number of seconds, or with one of the units ms s m h, as milliseconds: more than none, at most OPT_TIME_MAX. */
int opt_set_time(void *field, const char *value, struct err *e);
/* A decimal number 0 to UINT32_MAX into a uint32_t. */
int opt_set_u32(void *field, const char *value, struct err *e);

/*
 * The first of the words in *@text, which are separated by commas; a comma in a word is written twice.
 * *@text moves behind it, and becomes NULL after the last. Writes into the text.
 */
char *opt_next_word(char **text);

/*
 * Reads argv[0..argc) into @target by the @nr rows of @rows: "--name value", "--name=value",
 * "-n value", "-nvalue"; switches alone, one a word; a later option overrides an earlier one. "--" ends
 * the options: what is behind it is words, too, or, with @behind, not looked at, and *behind is where in @argv it
 * begins (NULL: there was no "--"). Abbreviated names are refused. Words that are no options are handed to @word in order
 * (NULL: they are refused). "-h" and "--help" stop with *help set.
 * Returns 0, or -EINVAL with @e naming what was typed.
 */
int opt_parse(const struct opt *rows, size_t nr, void *target, int argc, char **argv,
	      int (*word)(void *target, const char *word, struct err *e), bool *help,
	      char ***behind, struct err *e);

/* Prints the rows, and -h, --help, as an aligned table. */
void opt_print(FILE *out, const struct opt *rows, size_t nr);

#endif
