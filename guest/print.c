/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print(). It keeps its text on the stack of the CPU that calls it, so that all CPUs may print, and
 * sends it in pieces, which saves exits on ports that take several bytes at once.
 */
#include "guest.h"
#include "str.h"

#define DIGITS_MAX 20 /* of 2^64 */

struct out {
	struct guest *guest;
	unsigned int used;
	char text[48];
};

static void flush(struct out *o)
{
	struct guest *g = o->guest;

	if (g && (!g->on_print || g->dying || g->on_print(g, o->text, o->used)))
		uart_write(&g->console, o->text, o->used);
	o->used = 0;
}

static void put(struct out *o, char c)
{
	if (c == '\n')
		put(o, '\r');
	o->text[o->used++] = c;
	if (o->used == sizeof(o->text))
		flush(o);
}

struct spec {
	bool left;
	bool wide;
	char pad;
	unsigned int width;
};

static void put_text(struct out *o, const struct spec *s, const char *text, size_t len)
{
	size_t i;

	for (i = len; !s->left && i < s->width; i++)
		put(o, s->pad);
	for (i = 0; i < len; i++)
		put(o, text[i]);
	for (i = len; s->left && i < s->width; i++)
		put(o, ' ');
}

static void put_number(struct out *o, const struct spec *s, uint64_t value, unsigned int base,
		       bool negative)
{
	char digits[DIGITS_MAX + 1];
	unsigned int at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative)
		digits[--at] = '-';
	put_text(o, s, digits + at, sizeof(digits) - at);
}

/* Reads flags, width and length from @f on. Returns the conversion letter's place. */
static const char *parse(const char *f, struct spec *s)
{
	*s = (struct spec){ .pad = ' ' };
	for (; *f == '-' || *f == '0'; f++) {
		if (*f == '-')
			s->left = true;
		else
			s->pad = '0';
	}
	for (; *f >= '0' && *f <= '9'; f++)
		s->width = 10 * s->width + (unsigned int)(*f - '0');
	for (; *f == 'l'; f++)
		s->wide = true;
	return f;
}

void vprint(const char *format, va_list args)
{
	struct out o = { .guest = guest_this() };
	const char *f;

	for (f = format; *f; f++) {
		struct spec s;
		const char *text;
		char c;
		long n;

		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		f = parse(f + 1, &s);
		switch (*f) {
		case 's':
			text = va_arg(args, const char *);
			if (!text)
				text = "(none)";
			put_text(&o, &s, text, strlen(text));
			break;
		case 'c':
			c = (char)va_arg(args, int);
			put_text(&o, &s, &c, 1);
			break;
		case 'd':
			n = s.wide ? va_arg(args, long) : va_arg(args, int);
			put_number(&o, &s, n < 0 ? -(uint64_t)n : (uint64_t)n, 10, n < 0);
			break;
		case 'u':
		case 'x':
			put_number(&o, &s,
				   s.wide ? va_arg(args, unsigned long)
					  : va_arg(args, unsigned int),
				   *f == 'u' ? 10 : 16, false);
			break;
		case 0:
			f--;
			break;
		default:
			put(&o, *f);
		}
	}
	flush(&o);
}

void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vprint(format, args);
	va_end(args);
}
