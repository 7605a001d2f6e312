/* SPDX-License-Identifier: BSD-2-Clause */
/* The folders that the user shares by virtiofs: what lkvm run's --fs says of each. */
#ifndef LKVM_ARM_FS_H
#define LKVM_ARM_FS_H

#include <stdint.h>
#include "arm/transport.h"
#include "util/err.h"
#include "virtio/fs.h"

#define FS_MAX 16

struct fs_option {
	char *dir;                   /* malloc()ed */
	const char *cache, *sandbox; /* virtiofsd's words, or NULL: its default; static */
	char tag[VIRTIO_FS_TAG_MAX + 1];
	enum virtio_bus bus;
};

struct fs_options {
	struct fs_option fs[FS_MAX];
	uint32_t nr;
};

/*
 * Appends the share of one "--fs DIR,TAG[,KEY...]" to *@options. Returns 0, or -errno with @e naming what is wrong
 * with @value; what was appended before stays. fs_options_free() ends it all.
 * A setter for option rows: @options is a struct fs_options.
 */
int fs_parse(void *options, const char *value, struct err *e);
void fs_options_free(struct fs_options *options);

#endif
