/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks against a second writer of an image. They belong to the open file (F_OFD_SETLK), so they
 * end with lkvm however it ends, and two disks of one VM conflict as those of two VMs do.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "disk_engine.h"
#include "util/cleanup.h"

/* Whether process @pid has the file @st open. */
static bool has_open(const char *pid, const struct stat *st)
{
	char path[sizeof("/proc//fd/") + 2 * NAME_MAX];
	struct dirent *entry;
	bool found = false;
	struct stat other;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, entry->d_name);
		found = stat(path, &other) == 0 && other.st_dev == st->st_dev &&
			other.st_ino == st->st_ino;
	}
	closedir(dir);
	return found;
}

/* The name of process @pid, "" if it cannot be told. */
static void read_name(const char *pid, char name[32])
{
	char path[sizeof("/proc//comm") + NAME_MAX];
	autofd int fd = -1;
	ssize_t nr;

	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	nr = fd < 0 ? 0 : read(fd, name, 31);
	name[nr > 0 ? nr : 0] = '\0';
	name[strcspn(name, "\n")] = '\0';
}

/* The lock itself does not tell its owner; who else has the file open is most likely it. */
static int say_holder(int fd, struct err *e)
{
	struct dirent *entry;
	char self[16], name[32];
	struct stat st;
	DIR *proc = fstat(fd, &st) == 0 ? opendir("/proc") : NULL;
	long holder = 0;

	snprintf(self, sizeof(self), "%d", (int)getpid());
	while (proc && !holder && (entry = readdir(proc))) {
		if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
		    !strcmp(entry->d_name, self) || !has_open(entry->d_name, &st))
			continue;
		holder = strtol(entry->d_name, NULL, 10);
		read_name(entry->d_name, name);
	}
	if (proc)
		closedir(proc);
	if (holder)
		return err_set(e, EBUSY, "is in use by process %ld (%s)", holder, name);
	return err_set(e, EBUSY,
		       "is in use already, by another disk of this VM or another process");
}

int disk_lock(int fd, bool write, struct err *e)
{
	struct flock lock = { .l_type = write ? F_WRLCK : F_RDLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	if (errno == EAGAIN || errno == EACCES)
		return say_holder(fd, e);
	/*
	 * Some file systems know no locks: nothing can be promised there, but that is no reason not
	 * to run.
	 */
	if (errno == ENOLCK || errno == EOPNOTSUPP || errno == ENOSYS || errno == EINVAL)
		return 0;
	return err_sys(e, "cannot be locked");
}

void disk_unlock(int fd)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	fcntl(fd, F_OFD_SETLK, &lock); /* what knows no locks held none */
}
