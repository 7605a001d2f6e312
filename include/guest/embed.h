/* SPDX-License-Identifier: BSD-2-Clause */
/* What stands in lkvm's own file (embed.S): the default guest's Image, and guest/init, a program. Read-only. */
#ifndef LKVM_GUEST_EMBED_H
#define LKVM_GUEST_EMBED_H

extern const unsigned char guest_default[];     /* first byte */
extern const unsigned char guest_default_end[]; /* behind the last */

extern const unsigned char guest_init[];
extern const unsigned char guest_init_end[];

#endif
