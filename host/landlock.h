/* SPDX-License-Identifier: BSD-2-Clause */
/* What a thread can open by name (landlock(7)): beside seccomp, which sees no names. */
#ifndef LKVM_HOST_LANDLOCK_H
#define LKVM_HOST_LANDLOCK_H

/*
 * From here on the calling thread opens, makes, renames and removes only what lies beneath the folder @dir, an open descriptor. For a
 * process that cannot gain privileges (no_new_privs). Returns 0, also on a kernel that cannot do that (before Linux
 * 5.19, or not built in); or -errno.
 */
int landlock_beneath(int dir);

#endif
