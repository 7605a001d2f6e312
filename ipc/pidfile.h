/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that hold the number of a process. */
#ifndef LKVM_IPC_PIDFILE_H
#define LKVM_IPC_PIDFILE_H

#include "util/err.h"

/*
 * Writes this process's number to @path: whoever reads it finds all of it. The file is locked as long as
 * the descriptor is open, which is what tells a living one from one that a dead process left and that is replaced.
 * Returns the descriptor, or -errno with @e set: -EBUSY if it is another living process's, -EINVAL if what is
 * there is no pidfile.
 */
int pidfile_take(const char *path, struct err *e);

/* Removes it, unless somebody else's is at @path by now, and closes *@fd, which may be -1. */
void pidfile_drop(const char *path, int *fd);

#endif
