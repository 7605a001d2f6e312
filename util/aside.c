/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files written aside. A process that is killed while it writes a file without a name leaves nothing behind; it takes one
 * only between the last byte and rename(), because linkat() replaces nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/aside.h"
#include "util/cleanup.h"

/* A name that is taken is somebody else's: another is tried, so often. */
#define TRIES 16

/* The folder that @path is in. */
static int open_folder(const char *path, int flags, mode_t mode)
{
	autofree char *folder = strdup(path);
	char *slash = folder ? strrchr(folder, '/') : NULL;

	if (!folder)
		return -1;
	if (slash)
		slash[slash == folder] = '\0';
	return open(slash ? folder : ".", flags | O_CLOEXEC, mode);
}

/* A file without a name, which only /proc can give one to. */
static int open_nameless(const char *path)
{
	if (access("/proc/self/fd", X_OK) < 0)
		return -1;
	return open_folder(path, O_TMPFILE | O_WRONLY, 0600);
}

int aside_open(struct aside *aside, const char *path, mode_t mode, struct err *e)
{
	*aside = ASIDE_NONE;
	aside->fd = open_nameless(path);
	if (aside->fd < 0 && asprintf(&aside->name, "%s.XXXXXX", path) < 0)
		aside->name = NULL;
	if (aside->fd < 0 && aside->name)
		aside->fd = mkostemp(aside->name, O_CLOEXEC);
	if (aside->fd < 0 || fchmod(aside->fd, mode) < 0)
		return err_sys(e, "cannot write %s", path);
	return 0;
}

/* Gives the file a name of its own beside @path. */
static int take_name(struct aside *aside, const char *path)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", aside->fd);
	for (unsigned int i = 0; i < TRIES; i++) {
		uint32_t number;

		if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
			return -1;
		if (asprintf(&aside->name, "%s.%08" PRIx32, path, number) < 0) {
			aside->name = NULL;
			return -1;
		}
		if (linkat(AT_FDCWD, self, AT_FDCWD, aside->name, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		free(aside->name); /* somebody else's; free() keeps errno */
		aside->name = NULL;
		if (errno != EEXIST)
			return -1;
	}
	return -1;
}

/* The folder, so that the name survives a power cut as well. */
static int sync_folder(const char *path)
{
	autofd int fd = open_folder(path, O_RDONLY | O_DIRECTORY, 0);

	return fd < 0 ? -1 : fsync(fd);
}

int aside_keep(struct aside *aside, const char *path, struct err *e)
{
	if (fsync(aside->fd) < 0 || (!aside->name && take_name(aside, path) < 0) ||
	    rename(aside->name, path) < 0)
		return err_sys(e, "cannot write %s", path);
	free(aside->name);
	aside->name = NULL;
	if (sync_folder(path) < 0)
		return err_sys(e, "%s is written, but may not survive a power cut", path);
	return 0;
}

void aside_drop(struct aside *aside)
{
	if (aside->name)
		unlink(aside->name);
	free(aside->name);
	close_fd(&aside->fd);
	*aside = ASIDE_NONE;
}
