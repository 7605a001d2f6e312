/* SPDX-License-Identifier: BSD-2-Clause */
/* The host's end of a console that nobody wants to see, unless something goes wrong: its last bytes are kept. */
#ifndef LKVM_HOST_TAIL_H
#define LKVM_HOST_TAIL_H

#include <stdbool.h>
#include "vm/chardev.h"

#define TAIL_SIZE 8192

/* Starts as { 0 }; @show: all goes to stderr as it comes, too. */
struct tail {
	bool show;
	size_t nr; /* bytes that came; the last of them are at @nr % TAIL_SIZE and before, round the end */
	uint8_t buf[TAIL_SIZE];
};

/* A back end for devices of one lock. */
struct char_backend tail_backend(struct tail *tail);

/*
 * The last @lines lines at most, oldest first, as bytes that a terminal may not like: without NUL, carriage returns
 * and the last newlines. @text has TAIL_SIZE + 1 bytes. When no device uses @tail.
 */
void tail_text(const struct tail *tail, unsigned int lines, char *text);

/*
 * Writes the last @lines lines at most to stderr, each after @prefix, without characters that would make a terminal
 * do something; nothing if all was shown. When no device uses @tail.
 */
void tail_print(const struct tail *tail, unsigned int lines, const char *prefix);

#endif
