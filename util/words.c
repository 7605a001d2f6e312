/* SPDX-License-Identifier: BSD-2-Clause */
/* Words into lines. */
#include <string.h>
#include "util/words.h"

static void add(struct words *w, const char *word, int len)
{
	if (w->any && w->column + 1 + len > WORDS_WIDTH) {
		fprintf(w->out, "\n%*s", w->indent, "");
		w->column = w->indent;
	} else if (w->any) {
		fputc(' ', w->out);
		w->column++;
	}
	fprintf(w->out, "%.*s", len, word);
	w->column += len;
	w->any = true;
}

void words_add(struct words *w, const char *word)
{
	add(w, word, (int)strlen(word));
}

void words_add_text(struct words *w, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, " ");

		if (len)
			add(w, text, (int)len);
		text += len + strspn(text + len, " ");
	}
}
