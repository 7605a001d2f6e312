/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bytes of a console into lines. Escape sequences are those of ECMA-48:
 *
 *	text --ESC--> esc --[--> csi --0x40..0x7e--> text
 *	              esc --] P X ^ _--> string --BEL--> text
 *	                                 string --ESC--> string_esc --\--> text
 *	              esc --0x20..0x2f--> esc        (more of it)
 *	              esc --anything else--> text
 *
 * A newline ends every sequence, so that a guest's stray ESC hides no more than the rest of its line.
 */
#include <string.h>
#include "console_lines.h"

#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a
#define ESC 0x1b
#define DEL 0x7f

static void tell(struct console_lines *l, bool whole)
{
	l->text[l->len] = '\0';
	l->told(l->ctx, &(struct console_line){
				.text = l->text, .len = l->len, .whole = whole, .cut = l->cut });
}

static void end_line(struct console_lines *l)
{
	tell(l, true);
	l->len = 0;
	l->cut = false;
}

static void add(struct console_lines *l, uint8_t byte)
{
	const size_t half = CONSOLE_LINE_MAX / 2;

	if (l->len == CONSOLE_LINE_MAX) {
		tell(l, false);
		memmove(l->text, l->text + half, half);
		l->len = half;
		l->cut = true;
	}
	l->text[l->len++] = (char)byte;
}

/* Text as it is, but for control characters that are no tab. */
static enum console_state take_text(struct console_lines *l, uint8_t byte)
{
	if (byte == ESC)
		return CONSOLE_ESC;
	if ((byte >= ' ' && byte != DEL) || byte == '\t')
		add(l, byte);
	return CONSOLE_TEXT;
}

static enum console_state after_esc(uint8_t byte)
{
	if (byte == '[')
		return CONSOLE_CSI;
	if (strchr("]PX^_", byte) && byte)
		return CONSOLE_STRING;
	if (byte == ESC || (byte >= 0x20 && byte <= 0x2f))
		return CONSOLE_ESC;
	return CONSOLE_TEXT;
}

static enum console_state after(struct console_lines *l, uint8_t byte)
{
	if (l->state != CONSOLE_TEXT && (byte == CAN || byte == SUB))
		return CONSOLE_TEXT;
	switch (l->state) {
	case CONSOLE_ESC:
		return after_esc(byte);
	case CONSOLE_CSI:
		if (byte == ESC)
			return CONSOLE_ESC;
		return byte >= 0x40 && byte <= 0x7e ? CONSOLE_TEXT : CONSOLE_CSI;
	case CONSOLE_STRING:
		if (byte == ESC)
			return CONSOLE_STRING_ESC;
		return byte == BEL ? CONSOLE_TEXT : CONSOLE_STRING;
	case CONSOLE_STRING_ESC:
		return byte == '\\' ? CONSOLE_TEXT : after_esc(byte);
	default:
		return take_text(l, byte);
	}
}

void console_lines_feed(struct console_lines *l, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (buf[i] == '\n') {
			l->state = CONSOLE_TEXT;
			end_line(l);
		} else {
			l->state = after(l, buf[i]);
		}
	}
	if (l->len)
		tell(l, false);
}

void console_lines_end(struct console_lines *l)
{
	if (l->len)
		end_line(l);
}
