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

/* What is kept, oldest first, as text of @text, which has TAIL_SIZE + 1 bytes. */
static void straighten(const struct tail *tail, char *text)
{
	size_t len = tail->nr < TAIL_SIZE ? tail->nr : TAIL_SIZE, to = 0;

	for (size_t i = tail->nr - len; i < tail->nr; i++) {
		uint8_t byte = tail->buf[i % TAIL_SIZE];

		if (byte == '\r' || !byte)
			continue;
		text[to++] = byte == '\n' || byte == '\t' || (byte >= ' ' && byte <= '~')
				     ? (char)byte
				     : '?';
	}
	while (to && text[to - 1] == '\n')
		to--;
	text[to] = '\0';
}

void tail_print(const struct tail *tail, unsigned int lines, const char *prefix)
{
	char text[TAIL_SIZE + 1], *line;
	unsigned int nr = 0;

	straighten(tail, text);
	if (tail->show || !*text)
		return;
	for (line = text + strlen(text); line > text; line--)
		if (line[-1] == '\n' && ++nr == lines)
			break;
	for (char *next; line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		fprintf(stderr, "%s%s\n", prefix, line);
	}
}
