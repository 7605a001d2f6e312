/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what a client names to descriptors. One name a step, from a folder's descriptor, so that nothing that is
 * renamed or replaced meanwhile can lead anywhere else; O_PATH, so that looking at a device, a FIFO or a
 * terminal does nothing to it; and the kernel holds each step beneath its folder and off all links.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "p9_session.h"
#include "util/bits.h"
#include "util/cleanup.h"

/* Folders to go up through before it is called a loop. */
#define DEPTH_MAX PATH_MAX

void p9_proc_path(int fd, char buf[P9_PROC_SIZE])
{
	snprintf(buf, P9_PROC_SIZE, "/proc/self/fd/%d", fd);
}

static int open_beneath(int dir, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	/* EAGAIN: somebody renames things meanwhile, and the kernel is not sure. */
	do
		fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN);
	return fd < 0 ? -errno : fd;
}

int p9_open_name(int dir, const char *name)
{
	return open_beneath(dir, name);
}

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int open_dotdot(int dir, struct stat *st)
{
	autofd int fd = openat(dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, st) < 0)
		return -errno;
	return take_fd(&fd);
}

/*
 * Whether @dir lies beneath @root. By going up, because somebody on the host may have moved it out of there;
 * a guest, which can only move things within the folder, cannot.
 */
static bool is_beneath(int dir, struct stat st, const struct stat *root)
{
	autofd int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	struct stat up;

	for (unsigned int i = 0; at >= 0 && i < DEPTH_MAX; i++) {
		int next;

		if (same(&st, root))
			return true;
		next = open_dotdot(at, &up);
		close_fd(&at);
		at = next;
		if (at >= 0 && same(&up, &st))
			return false;
		st = up;
	}
	return false;
}

int p9_open_parent(const struct p9_session *s, int dir)
{
	struct stat root, st, up;
	autofd int fd = -1;

	if (fstat(s->root, &root) < 0 || fstat(dir, &st) < 0)
		return -errno;
	fd = same(&st, &root) ? fcntl(dir, F_DUPFD_CLOEXEC, 0) : open_dotdot(dir, &up);
	if (fd < 0)
		return fd;
	if (!same(&st, &root) && !is_beneath(fd, up, &root))
		return -ENOENT;
	return take_fd(&fd);
}

/* Files that are processes: their memory, that of lkvm too, is no part of any folder. */
static bool is_proc(const struct p9_session *s, int fd, const struct stat *st)
{
	struct statfs fs;

	if (st->st_dev == s->root_dev && !s->root_is_proc)
		return false;
	return fstatfs(fd, &fs) < 0 || fs.f_type == PROC_SUPER_MAGIC;
}

int p9_reopen(const struct p9_session *s, int fd, int flags)
{
	char path[P9_PROC_SIZE];
	struct stat st;
	int ret;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return -ENXIO;
	if (S_ISREG(st.st_mode) && is_proc(s, fd, &st))
		return -EACCES;
	p9_proc_path(fd, path);
	ret = open(path, flags | O_CLOEXEC | O_NOCTTY);
	return ret < 0 ? -errno : ret;
}

/* What the kernel calls @fd now; it may have become wrong by the time it is read. */
static int read_path(int fd, char *buf, size_t size)
{
	char proc[P9_PROC_SIZE];
	ssize_t len;

	p9_proc_path(fd, proc);
	len = readlink(proc, buf, size);
	if (len < 0)
		return -errno;
	if ((size_t)len == size)
		return -ENAMETOOLONG;
	buf[len] = '\0';
	return 0;
}

int p9_locate(const struct p9_session *s, int fd, char *name)
{
	char root[PATH_MAX], path[PATH_MAX], *last;
	const char *rest;
	autofd int dir = -1;
	struct stat st, there;
	size_t len;
	int ret = read_path(s->root, root, sizeof(root));

	if (ret == 0)
		ret = read_path(fd, path, sizeof(path));
	if (ret < 0)
		return ret;
	len = strcmp(root, "/") ? strlen(root) : 0;
	last = strrchr(path, '/');
	if (strncmp(path, root, len) != 0 || path[len] != '/' || !last[1])
		return strcmp(path, root) ? -ENOENT : -EBUSY;
	if (strlen(last + 1) > NAME_MAX)
		return -ENAMETOOLONG;
	strcpy(name, last + 1);
	*last = '\0';
	rest = last > path + len ? path + len + 1 : ".";
	dir = open_beneath(s->root, rest);
	if (dir < 0)
		return dir;
	if (fstat(fd, &st) < 0 || fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return same(&st, &there) ? take_fd(&dir) : -ENOENT;
}
