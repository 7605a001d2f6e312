/* SPDX-License-Identifier: BSD-2-Clause */
/* Bytes one at a time: guests move little, and Device memory forgives no misalignment. */
#include <stdint.h>

#include "str.h"

/* Keeps the compiler from seeing through a loop, and replacing it with a call to itself. */
#define not_a_pattern() __asm__ volatile("" ::: "memory")

void *memcpy(void *to, const void *from, size_t size)
{
	const char *s = from;
	char *d = to;

	while (size--) {
		*d++ = *s++;
		not_a_pattern();
	}
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	const char *s = from;
	char *d = to;

	if (d <= s)
		return memcpy(to, from, size);
	while (size--) {
		d[size] = s[size];
		not_a_pattern();
	}
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	char *d = to;

	while (size--) {
		*d++ = (char)byte;
		not_a_pattern();
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t size)
{
	const unsigned char *x = a, *y = b;

	for (; size--; x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

void *memchr(const void *p, int byte, size_t size)
{
	const unsigned char *s = p;

	for (; size--; s++)
		if (*s == (unsigned char)byte)
			return (void *)(uintptr_t)s;
	return NULL;
}

size_t strlen(const char *s)
{
	size_t n = 0;

	while (s[n]) {
		n++;
		not_a_pattern();
	}
	return n;
}

int strcmp(const char *a, const char *b)
{
	for (; *a && *a == *b; a++)
		b++;
	return (unsigned char)*a - (unsigned char)*b;
}
