/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that is whole, or as it was, or absent, whatever ends the process or the machine meanwhile: written without a name,
 * synchronised, and only then put in its place.
 */
#ifndef LKVM_UTIL_ASIDE_H
#define LKVM_UTIL_ASIDE_H

#include <sys/types.h>
#include "util/err.h"

struct aside {
	int fd; /* to write to */
	char *name; /* what it is called meanwhile, or NULL: the file system keeps files without a name; owned */
};

#define ASIDE_NONE ((struct aside){ .fd = -1 })

/*
 * Opens a file of @mode, as it is, in the folder of @path. Where the file system or a missing /proc demands it, it has a name
 * beside @path's until it is kept. Returns 0, or -errno with @e naming @path. aside_drop() also after that.
 */
int aside_open(struct aside *aside, const char *path, mode_t mode, struct err *e);

/*
 * What was written becomes @path, in place of what was there, on stable storage. Returns 0, or -errno with @e set: then @path is
 * as it was, or, as the message says, new but not safe from a power cut.
 */
int aside_keep(struct aside *aside, const char *path, struct err *e);

/* Closes it; what was not kept is gone. */
void aside_drop(struct aside *aside);

#endif
