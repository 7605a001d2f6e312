/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening what a disk's content is in: a regular file or a block device of the host. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "disk_engine.h"
#include "util/bits.h"
#include "util/cleanup.h"

/*
 * The largest alignment that is tried for O_DIRECT; block sizes beyond it are not found in disks.
 */
#define ALIGN_MAX 4096

/* What to say when it does not open: the access that failed may not be the one that is needed. */
static int say_why(const char *path, bool readonly, struct err *e)
{
	int code = errno;

	if (!readonly && (code == EACCES || code == EROFS || code == EPERM) &&
	    access(path, R_OK) == 0)
		return err_set(e, code,
			       "cannot be opened for writing: %s (add ',ro' to give it to the "
			       "guest read-only)",
			       strerror(code));
	if (code == EISDIR)
		return err_set(e, code, "is a directory, not a disk image");
	if (code == EBUSY)
		return err_set(e, code, "is mounted or otherwise in use by the host");
	return err_set(e, code, "cannot be opened: %s", strerror(code));
}

static int check_kind(struct disk_file *file, struct err *e)
{
	struct stat st;

	if (fstat(file->fd, &st) < 0)
		return err_sys(e, "cannot be examined");
	if (S_ISDIR(st.st_mode))
		return err_set(e, EISDIR, "is a directory, not a disk image");
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return err_set(e, EINVAL, "is neither a regular file nor a block device");
	file->is_device = S_ISBLK(st.st_mode);
	/* Root could write even to this one, but somebody has said that it is not to be written. */
	if (!file->readonly && !(st.st_mode & (S_IWUSR | S_IWGRP | S_IWOTH)))
		return err_set(e, EACCES,
			       "is marked read-only (add ',ro' to give it to the guest so, or "
			       "'chmod u+w' it)");
	return 0;
}

int disk_file_find_size(struct disk_file *file, struct err *e)
{
	uint64_t size;
	struct stat st;

	if (file->is_device) {
		if (ioctl(file->fd, BLKGETSIZE64, &size) < 0)
			return err_sys(e, "does not tell its size");
	} else {
		if (fstat(file->fd, &st) < 0)
			return err_sys(e, "cannot be examined");
		size = (uint64_t)st.st_size;
	}
	if (!size)
		return err_set(e, EINVAL, "is empty");
	file->size = size;
	return 0;
}

int disk_file_open(struct disk_file *file, const char *path, bool readonly, struct err *e)
{
	/*
	 * O_NONBLOCK: a FIFO must not stop us before it is refused. O_EXCL without O_CREAT is for
	 * block devices: fails if the host has mounted it.
	 */
	int flags = (readonly ? O_RDONLY : O_RDWR | O_EXCL) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	autofd int fd = open(path, flags);
	int ret;

	*file = DISK_FILE_NONE;
	if (fd < 0)
		return say_why(path, readonly, e);
	*file = (struct disk_file){
		.path = path, .fd = fd, .readonly = readonly, .io_align = 1, .memory_align = 1
	};
	ret = check_kind(file, e);
	if (ret == 0)
		ret = disk_lock(fd, !readonly, e);
	if (ret == 0)
		ret = disk_file_find_size(file, e);
	/* With it io_uring would not wait for the file, either. */
	if (ret == 0 && fcntl(fd, F_SETFL, 0) < 0)
		ret = err_sys(e, "cannot be set up");
	file->fd = ret < 0 ? -1 : take_fd(&fd);
	return ret;
}

/* Whether a direct read of @len bytes into memory at that alignment works. */
static bool probe(const struct disk_file *file, uint8_t *buf, size_t len)
{
	return pread(file->fd, buf, len, 0) >= 0;
}

/* What the kernel says since 6.1; true if it said something. */
static bool ask_alignment(struct disk_file *file)
{
#ifdef STATX_DIOALIGN
	struct statx stx;

	if (statx(file->fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &stx) < 0 ||
	    !(stx.stx_mask & STATX_DIOALIGN) || !stx.stx_dio_offset_align)
		return false;
	file->io_align = stx.stx_dio_offset_align;
	file->memory_align = stx.stx_dio_mem_align;
	return file->io_align <= ALIGN_MAX && file->memory_align <= ALIGN_MAX;
#else
	(void)file;
	return false;
#endif
}

static bool try_alignment(struct disk_file *file)
{
	autofree uint8_t *buf = aligned_alloc(ALIGN_MAX, 2 * ALIGN_MAX);
	uint32_t align = BLOCK_SECTOR;

	if (!buf)
		return false;
	while (align <= ALIGN_MAX && !probe(file, buf, align))
		align *= 2;
	if (align > ALIGN_MAX)
		return false;
	file->io_align = align;
	file->memory_align = probe(file, buf + BLOCK_SECTOR, align) ? BLOCK_SECTOR : ALIGN_MAX;
	return true;
}

int disk_file_set_direct(struct disk_file *file, struct err *e)
{
	if (fcntl(file->fd, F_SETFL, O_DIRECT) < 0 ||
	    (!ask_alignment(file) && !try_alignment(file)))
		return err_set(e, EINVAL,
			       "is on a file system without direct access (leave out ',direct')");
	if (file->io_align < BLOCK_SECTOR)
		file->io_align = BLOCK_SECTOR;
	if (file->size % file->io_align)
		return err_set(e, EINVAL,
			       "cannot be accessed directly: its size is not a multiple of %u "
			       "bytes (leave out ',direct')",
			       file->io_align);
	return 0;
}

void disk_file_close(struct disk_file *file)
{
	close_fd(&file->fd);
}
