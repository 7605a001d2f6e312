/* SPDX-License-Identifier: BSD-2-Clause */
/* What writer and reader of snapshots agree on. */
#ifndef LKVM_SNAPSHOT_FORMAT_H
#define LKVM_SNAPSHOT_FORMAT_H

#include <stdint.h>
#include "util/bits.h"

#define FORMAT_COMPATIBLE "lkvm,snapshot"
#define FORMAT_VERSION    1

/* Behind the tree; numbers big-endian, as in the tree. Damage to a guest's registers would show nowhere else. */
#define FORMAT_MAGIC "lkvmcrc"
struct format_trailer {
	char magic[8];
	uint32_t crc; /* zlib's crc32() of the tree */
};

/* RAM begins at a multiple of this: of every page size that an arm64 host has. */
#define FORMAT_ALIGN (64 * KiB)

struct err;
struct machine;

/*
 * write.c: the tree of @m, which is frozen, and its trailer, as one block of *size bytes, the caller's to free(); or NULL with @e set.
 */
void *format_head(struct machine *m, uint64_t *size, struct err *e);

static inline uint64_t format_ram_off(uint64_t tree_size)
{
	return align_up(tree_size + sizeof(struct format_trailer), FORMAT_ALIGN);
}

#endif
