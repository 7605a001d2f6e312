/* SPDX-License-Identifier: BSD-2-Clause */
/* The distribution's virtiofsd: found, and started for a folder of the host. */
#ifndef LKVM_HOST_VIRTIOFSD_H
#define LKVM_HOST_VIRTIOFSD_H

#include "host/child.h"
#include "util/err.h"
#include "vm/loop.h"

struct virtiofsd {
	char *program; /* file names, malloc()ed */
	char *unshare; /* what it is run by for a user who is not root, or NULL */
};

/* Finds it. Returns 0, or -errno with @e set; virtiofsd_forget() also after that. */
int virtiofsd_find(struct virtiofsd *fsd, struct err *e);
void virtiofsd_forget(struct virtiofsd *fsd);

/*
 * What virtiofsd_start() is given for the folder @dir: its full name, malloc()ed into *path. Returns 0, or -errno with
 * @e set: it is none, may not be read, or has a name that virtiofsd cannot take.
 */
int virtiofsd_folder(char **path, const char *dir, struct err *e);

/*
 * Starts it as @child (child_start()) for the folder @path; @cache and @sandbox are its own words, or NULL. Returns
 * the socket that it speaks vhost-user on, which the caller owns, or -errno with @e set.
 */
int virtiofsd_start(const struct virtiofsd *fsd, struct child *child, const char *path,
		    const char *cache, const char *sandbox, struct loop *loop, struct err *e);

#endif
