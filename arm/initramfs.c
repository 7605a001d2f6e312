/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An archive of the "newc" format in memory: for each file a header of hexadecimal numbers, its name, its bytes,
 * both padded to four. It is not compressed: that would cost more than it saves.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "initramfs.h"
#include "util/cleanup.h"

#define END_NAME "TRAILER!!!"

static void append(struct initramfs *fs, const void *data, size_t size)
{
	const char *p = data;

	while (size && !fs->error) {
		ssize_t n = write(fs->fd, p, size);

		if (n < 0 && errno != EINTR)
			fs->error = -errno;
		if (n <= 0)
			continue;
		p += n;
		size -= (size_t)n;
		fs->size += (uint64_t)n;
	}
}

static void pad(struct initramfs *fs)
{
	append(fs, "\0\0\0", -fs->size % 4);
}

void initramfs_begin(struct initramfs *fs)
{
	*fs = (struct initramfs){ .fd = memfd_create("initramfs", MFD_CLOEXEC) };
	if (fs->fd < 0)
		fs->error = -errno;
}

void initramfs_add(struct initramfs *fs, const char *name, unsigned int mode, const void *data,
		   size_t size)
{
	char header[6 + 13 * 8 + 1];
	size_t name_size = strlen(name) + 1;

	if (size > UINT32_MAX)
		fs->error = -EFBIG;
	/* Inode, mode, owner, group, links, time, size, four numbers of devices, size of the name, no checksum. */
	snprintf(header, sizeof(header),
		 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", ++fs->nr, mode, 0, 0,
		 1, 0, (uint32_t)size, 0, 0, 0, 0, (uint32_t)name_size, 0);
	append(fs, header, sizeof(header) - 1);
	append(fs, name, name_size);
	pad(fs);
	append(fs, data, size);
	pad(fs);
}

int initramfs_finish(struct initramfs *fs, uint64_t *size, struct err *e)
{
	initramfs_add(fs, END_NAME, 0, "", 0);
	if (fs->error) {
		close_fd(&fs->fd);
		return err_set(e, -fs->error, "cannot make an initial RAM disk: %s",
			       strerror(-fs->error));
	}
	*size = fs->size;
	return take_fd(&fs->fd);
}
