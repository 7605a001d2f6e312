/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a guest says on its console, byte by byte as hostile as it likes, as lines that can be judged: without
 * escape sequences, carriage returns and other control characters, and of bounded length. The same lines come out
 * wherever the bytes are cut.
 */
#ifndef LKVM_IPC_CONSOLE_LINES_H
#define LKVM_IPC_CONSOLE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONSOLE_LINE_MAX 4096

struct console_line {
	const char *text; /* terminated; no other NUL in it */
	size_t len;
	bool whole; /* it has ended; otherwise more may come, and this line is told of again */
	bool cut;   /* it was longer: its begin is gone */
};

enum console_state { CONSOLE_TEXT, CONSOLE_ESC, CONSOLE_CSI, CONSOLE_STRING, CONSOLE_STRING_ESC };

/* Starts with @told and @ctx set and all else zero. */
struct console_lines {
	void (*told)(void *ctx, const struct console_line *line);
	void *ctx;
	enum console_state state;
	bool cut;
	size_t len;
	char text[CONSOLE_LINE_MAX + 1];
};

/*
 * Takes @len bytes and tells of each line that they end, and then of the one that is unfinished, if any. A line that
 * grows beyond CONSOLE_LINE_MAX is told of, and goes on without its first half.
 */
void console_lines_feed(struct console_lines *l, const uint8_t *buf, size_t len);

/* There is no more: what is unfinished is a whole line. */
void console_lines_end(struct console_lines *l);

#endif
