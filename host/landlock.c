/* SPDX-License-Identifier: BSD-2-Clause */
/* A ruleset of one rule. */
#include <errno.h>
#include <linux/landlock.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "landlock.h"
#include "util/cleanup.h"

/* From here on things can be moved and linked from one folder to another under a ruleset. */
#define ABI_MIN 2
/* From here on it knows of truncation. */
#define ABI_TRUNCATE 3

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

int landlock_beneath(int dir)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	uint64_t all = 2 * LANDLOCK_ACCESS_FS_REFER - 1; /* whatever there was by then */
	struct landlock_ruleset_attr ruleset;
	struct landlock_path_beneath_attr rule;
	autofd int fd = -1;

	if (abi < ABI_MIN)
		return 0;
	if (abi >= ABI_TRUNCATE)
		all |= LANDLOCK_ACCESS_FS_TRUNCATE;
	ruleset = (struct landlock_ruleset_attr){ .handled_access_fs = all };
	rule = (struct landlock_path_beneath_attr){ .allowed_access = all, .parent_fd = dir };
	fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
	if (fd < 0 ||
	    syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0 ||
	    syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return -errno;
	return 0;
}
