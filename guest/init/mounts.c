/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file system that the command sees:
 *
 *	/		the shared root, beneath an overlay in memory unless writes are wanted
 *	/dev /proc /sys	this kernel's own
 *	/run		empty: what the host has there are sockets of programs that do not run here
 *	share's path	each further shared folder
 *
 * Made below NEW and then moved to the root.
 */
#include <linux/mount.h>
#include "../str.h"
#include "init.h"

#define NEW     "/new"
#define LOWER   "/lower"
#define OVERLAY "/overlay"
/* Transport and the largest message; the file system bounds what it asks by the device's limit. */
#define P9_OPTIONS "trans=virtio,version=9p2000.L,msize=524288,cache="

static void must_mount(const char *source, const char *at, const char *type, unsigned long flags,
		       const char *options)
{
	long ret = sys(mount, source, at, type, flags, options);

	if (ret < 0)
		fail("mount", at, ret);
}

static void mount_root(const struct config *cfg)
{
	make_folder(NEW, 0755);
	if (cfg->root_rw) {
		must_mount(cfg->root, NEW, "9p", 0, P9_OPTIONS "mmap");
		return;
	}
	make_folder(LOWER, 0755);
	make_folder(OVERLAY, 0755);
	must_mount(cfg->root, LOWER, "9p", MS_RDONLY, P9_OPTIONS "loose");
	must_mount("tmpfs", OVERLAY, "tmpfs", 0, "mode=755");
	make_folder(OVERLAY "/upper", 0755);
	make_folder(OVERLAY "/work", 0755);
	must_mount("overlay", NEW, "overlay", 0,
		   "lowerdir=" LOWER ",upperdir=" OVERLAY "/upper,workdir=" OVERLAY "/work");
}

/* A root that is written to for real may lack a folder, and none is made in it. */
static void mount_own(const struct config *cfg, const char *at, const char *type,
		      const char *options)
{
	long ret;

	if (!cfg->root_rw)
		make_folder(at, 0755);
	ret = sys(mount, type, at, type, MS_NOSUID, options);
	if (ret < 0 && !(cfg->root_rw && ret == -ENOENT))
		fail("mount", at, ret);
}

static void make_dev(void)
{
	make_folder("/dev/pts", 0755);
	make_folder("/dev/shm", 0755);
	sys(mount, "devpts", "/dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "mode=620,ptmxmode=666");
	sys(mount, "tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
	sys(symlinkat, "/proc/self/fd", AT_FDCWD, "/dev/fd");
	sys(symlinkat, "/proc/self/fd/0", AT_FDCWD, "/dev/stdin");
	sys(symlinkat, "/proc/self/fd/1", AT_FDCWD, "/dev/stdout");
	sys(symlinkat, "/proc/self/fd/2", AT_FDCWD, "/dev/stderr");
}

/* mkdir -p; what is there already is no error, and what cannot be made is one when it is mounted on. */
static void make_path(char *path)
{
	for (char *p = path + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		make_folder(path, 0755);
		*p = '/';
	}
	make_folder(path, 0755);
}

void mounts_make(const struct config *cfg)
{
	long ret;

	mount_root(cfg);
	ret = sys(chdir, NEW);
	if (ret < 0)
		fail("enter", NEW, ret);
	if (!cfg->root_rw)
		make_folder("dev", 0755);
	ret = sys(mount, "/dev", "dev", NULL, MS_MOVE, NULL);
	if (ret < 0)
		fail("mount", "/dev", ret);
	must_mount(".", "/", NULL, MS_MOVE, NULL);
	sys(chroot, ".");
	sys(chdir, "/");
	make_dev();
	mount_own(cfg, "/proc", "proc", "");
	mount_own(cfg, "/sys", "sysfs", "");
	mount_own(cfg, "/run", "tmpfs", "mode=755");
	for (unsigned int i = 0; i < cfg->nr_shares; i++) {
		make_path(cfg->share[i].path);
		must_mount(cfg->share[i].tag, cfg->share[i].path, "9p", 0, P9_OPTIONS "mmap");
	}
}
