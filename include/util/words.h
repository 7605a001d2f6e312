/* SPDX-License-Identifier: BSD-2-Clause */
/* Running text in a column: words with blanks between, lines broken before they grow too long. */
#ifndef LKVM_UTIL_WORDS_H
#define LKVM_UTIL_WORDS_H

#include <stdbool.h>
#include <stdio.h>

#define WORDS_WIDTH 100

/* Starts as { .out, .column = where the stream stands, .indent = where further lines begin }. */
struct words {
	FILE *out;
	int column, indent;
	bool any; /* a word has been written */
};

/* Writes @word, on a new line if the present one has no room for it. */
void words_add(struct words *w, const char *word);

/* Writes the words of @text, which are separated by blanks. */
void words_add_text(struct words *w, const char *text);

#endif
