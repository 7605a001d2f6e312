/* SPDX-License-Identifier: BSD-2-Clause */
/* The modules of a Linux kernel, as its package installs them: /lib/modules/VERSION. */
#ifndef LKVM_ARM_MODULES_H
#define LKVM_ARM_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include "util/err.h"

/* With all that they need; a guest for one command has about ten. */
#define MODULES_MAX 64

struct module_list {
	char *path[MODULES_MAX]; /* relative to the folder; malloc()ed */
	unsigned int nr;
};

/* The texts of modules.dep and modules.builtin, each with a zero behind; no builtin: not known. */
struct module_index {
	char *dep, *builtin; /* malloc()ed */
};

/*
 * Reads the index of the folder @dir, which belongs to the kernel @version. Returns 0, or -errno with @e saying what
 * to do; module_index_free() also after that.
 */
int module_index_read(struct module_index *index, const char *dir, const char *version,
		      struct err *e);
void module_index_free(struct module_index *index);

/*
 * Appends to @list the module @name and before it what it needs, unless they are there; nothing if it is built in.
 * Returns 0, or -errno: -ENOENT: there is none, -E2BIG: too many, -ENOMEM.
 */
int module_list_add(struct module_list *list, const struct module_index *index, const char *name);
void module_list_free(struct module_list *list);

/* Whether modules compressed by "xz" or "zstd" can be read. */
bool unpack_has(const char *format);

#endif
