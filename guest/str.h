/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The few functions of C's string.h that guests use, and those the compiler may call by itself.
 * They mean what C says.
 */
#ifndef GUEST_STR_H
#define GUEST_STR_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *p, int byte, size_t size);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);

#endif
