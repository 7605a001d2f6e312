/* SPDX-License-Identifier: BSD-2-Clause */
/* The default guest's Image as it stands in lkvm's own file (embed.S). Read-only. */
#ifndef LKVM_GUEST_EMBED_H
#define LKVM_GUEST_EMBED_H

extern const unsigned char guest_default[];     /* first byte */
extern const unsigned char guest_default_end[]; /* behind the last */

#endif
