/* SPDX-License-Identifier: BSD-2-Clause */
/* Framing, checksums, escapes and digits. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "gdb_packet.h"

#define INTERRUPT  0x03
#define ESCAPE     '}'
#define ESCAPE_XOR 0x20

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

static void begin(struct gdb_reader *r)
{
	r->state = GDB_INSIDE;
	r->len = 0;
	r->sum = 0;
	r->damaged = false;
}

static void keep(struct gdb_reader *r, uint8_t byte)
{
	if (r->len == GDB_PAYLOAD_MAX)
		r->damaged = true;
	else
		r->payload[r->len++] = (char)byte;
}

static enum gdb_event outside(struct gdb_reader *r, uint8_t byte)
{
	if (byte == '$')
		begin(r);
	else if (byte == INTERRUPT)
		return GDB_INTERRUPT;
	else if (byte == '-')
		return GDB_AGAIN;
	return GDB_NOTHING;
}

static enum gdb_event inside(struct gdb_reader *r, uint8_t byte)
{
	if (byte == '#') {
		r->state = GDB_SUM_HIGH;
		return GDB_NOTHING;
	}
	if (byte == '$') { /* the end of the last one is lost */
		begin(r);
		return GDB_NOTHING;
	}
	r->sum += byte;
	if (byte == ESCAPE)
		r->state = GDB_ESCAPED;
	else
		keep(r, byte);
	return GDB_NOTHING;
}

enum gdb_event gdb_read(struct gdb_reader *r, uint8_t byte)
{
	int value = digit((char)byte);

	switch (r->state) {
	case GDB_OUTSIDE:
		return outside(r, byte);
	case GDB_INSIDE:
		return inside(r, byte);
	case GDB_ESCAPED:
		r->sum += byte;
		keep(r, byte ^ ESCAPE_XOR);
		r->state = GDB_INSIDE;
		return GDB_NOTHING;
	case GDB_SUM_HIGH:
		r->damaged |= value < 0;
		r->told = value < 0 ? 0 : (uint8_t)(value << 4);
		r->state = GDB_SUM_LOW;
		return GDB_NOTHING;
	default:
		r->state = GDB_OUTSIDE;
		r->payload[r->len] = '\0';
		if (value < 0 || r->damaged || (r->told | value) != r->sum)
			return GDB_DAMAGED;
		return GDB_PACKET;
	}
}

/* The checksum's place is kept. */
static size_t room(const struct gdb_writer *w)
{
	return sizeof(w->packet) - 1 - 3 - w->len;
}

void gdb_begin(struct gdb_writer *w)
{
	w->packet[0] = '$';
	w->len = 1;
	w->cut = false;
}

void gdb_put(struct gdb_writer *w, const char *fmt, ...)
{
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(w->packet + w->len, room(w) + 1, fmt, args);
	va_end(args);
	if (len < 0 || (size_t)len > room(w))
		w->cut = true;
	else
		w->len += (size_t)len;
}

void gdb_put_hex(struct gdb_writer *w, const void *bytes, size_t len)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *from = bytes;

	if (room(w) / 2 < len) {
		w->cut = true;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		w->packet[w->len++] = digits[from[i] >> 4];
		w->packet[w->len++] = digits[from[i] & 0xf];
	}
}

void gdb_put_binary(struct gdb_writer *w, const char *bytes, size_t len)
{
	if (room(w) / 2 < len) {
		w->cut = true;
		return;
	}
	for (size_t i = 0; i < len; i++) {
		char c = bytes[i];

		if (c && strchr("#$}*", c)) {
			w->packet[w->len++] = ESCAPE;
			c ^= ESCAPE_XOR;
		}
		w->packet[w->len++] = c;
	}
}

void gdb_end(struct gdb_writer *w)
{
	uint8_t sum = 0;

	for (size_t i = 1; i < w->len; i++)
		sum += (uint8_t)w->packet[i];
	w->len += (size_t)snprintf(w->packet + w->len, 4, "#%02x", sum);
}

bool gdb_take_number(const char **text, uint64_t *value)
{
	const char *p = *text;
	uint64_t sum = 0;

	if (digit(*p) < 0)
		return false;
	for (; digit(*p) >= 0; p++) {
		if (sum >> 60)
			return false;
		sum = sum << 4 | (uint64_t)digit(*p);
	}
	*value = sum;
	*text = p;
	return true;
}

bool gdb_take_hex(const char **text, void *bytes, size_t len)
{
	const char *p = *text;
	uint8_t *to = bytes;

	for (; len; len--, p += 2) {
		int high = digit(p[0]), low = high < 0 ? -1 : digit(p[1]);

		if (low < 0)
			return false;
		*to++ = (uint8_t)(high << 4 | low);
	}
	*text = p;
	return true;
}
