/* SPDX-License-Identifier: BSD-2-Clause */
/* Characters out of bytes that may be anything. */
#include <stddef.h>
#include "util/utf8.h"

unsigned int utf8_decode(const uint8_t *p, const uint8_t *end, uint32_t *c)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned int len = *p < 0x80   ? 1
			   : *p < 0xc0 ? 0
			   : *p < 0xe0 ? 2
			   : *p < 0xf0 ? 3
			   : *p < 0xf8 ? 4
				       : 0;

	if (!len || len > (size_t)(end - p))
		return 0;
	*c = len == 1 ? *p : *p & (0x7f >> len);
	for (unsigned int i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*c = *c << 6 | (p[i] & 0x3f);
	}
	return *c < least[len] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : len;
}
