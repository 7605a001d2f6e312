/* SPDX-License-Identifier: BSD-2-Clause */
/* The last bytes of a console. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "host/tail.h"

static size_t tail_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct tail *tail = ctx;

	for (size_t i = 0; i < len; i++)
		tail->buf[tail->nr++ % TAIL_SIZE] = buf[i];
	/* As log lines, it is written without caring for a reader who is gone. */
	if (tail->show && write(STDERR_FILENO, buf, len) < 0)
		tail->show = false;
	return len;
}

static void tail_input_ready(void *ctx)
{
	(void)ctx;
}

struct char_backend tail_backend(struct tail *tail)
{
	return (struct char_backend){ .output = tail_output,
				      .input_ready = tail_input_ready,
				      .ctx = tail };
}

void tail_text(const struct tail *tail, unsigned int lines, char *text)
{
	size_t len = tail->nr < TAIL_SIZE ? tail->nr : TAIL_SIZE, to = 0;
	unsigned int nr = 0;
	const char *line;

	for (size_t i = tail->nr - len; i < tail->nr; i++) {
		uint8_t byte = tail->buf[i % TAIL_SIZE];

		if (byte != '\r' && byte)
			text[to++] = (char)byte;
	}
	while (to && text[to - 1] == '\n')
		to--;
	text[to] = '\0';
	for (line = text + to; line > text; line--)
		if (line[-1] == '\n' && ++nr == lines)
			break;
	memmove(text, line, strlen(line) + 1);
}

void tail_print(const struct tail *tail, unsigned int lines, const char *prefix)
{
	char text[TAIL_SIZE + 1];

	tail_text(tail, lines, text);
	if (tail->show || !*text)
		return;
	for (char *line = text, *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		for (char *p = line; *p; p++)
			if (*p != '\t' && (*p < ' ' || *p > '~'))
				*p = '?';
		fprintf(stderr, "%s%s\n", prefix, line);
	}
}
