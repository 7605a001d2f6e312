/* SPDX-License-Identifier: BSD-2-Clause */
/* UTF-8 (RFC 3629) out of bytes that may be anything. */
#ifndef LKVM_UTIL_UTF8_H
#define LKVM_UTIL_UTF8_H

#include <stdint.h>

/*
 * The character at @p, which is before @end, into @c: returns its length in bytes, or 0 if there is none. Overlong
 * forms, surrogates and what lies beyond U+10FFFF are none (section 4).
 */
unsigned int utf8_decode(const uint8_t *p, const uint8_t *end, uint32_t *c);

#endif
