/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that gets what a guest's line sends: instead of anything else, or a copy on the way to
 * another back end. It is appended to, so that one start does not erase what another has left. A
 * file is written as files are: a stalled disk stalls the guest.
 */
#ifndef LKVM_HOST_CHARFILE_H
#define LKVM_HOST_CHARFILE_H

#include "util/err.h"
#include "util/growing.h"
#include "vm/chardev.h"

struct charfile {
	struct growing file;
	struct char_backend below;
};

#define CHARFILE_NONE ((struct charfile){ .file = GROWING_NONE })

/*
 * Opens or makes the file @path, which is put aside at @limit: growing_open(). @file must stay where it is;
 * charfile_close() also after a failure. A file that cannot be written is a warning, once.
 */
int charfile_open(struct charfile *file, const char *path, const struct growing_limit *limit,
		  struct err *e);

/*
 * A back end that writes to the file what @below takes, which is all if @below has no output(). Valid
 * until charfile_close(). Devices of several locks may use it.
 */
struct char_backend charfile_backend(struct charfile *file, struct char_backend below);

/* CHARFILE_NONE is fine. */
void charfile_close(struct charfile *file);

#endif
