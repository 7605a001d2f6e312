/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest RAM: an anonymous mapping, or unlinked files of a hugetlbfs mount. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include "util/bits.h"
#include "util/cleanup.h"
#include "vm/ram.h"

/* What the stage 2 tables can map by one entry with 4 KiB granules: worth aligning to. */
#define BLOCK_SIZE (2 * MiB)

/* Returns the huge page size of the hugetlbfs mounted at @path, or -errno with @e set. */
static int64_t hugetlbfs_page_size(const char *path, struct err *e)
{
	struct statfs fs;

	if (statfs(path, &fs) < 0)
		return err_sys(e, "cannot use %s for --hugetlbfs", path);
	if ((unsigned long)fs.f_type != HUGETLBFS_MAGIC)
		return err_set(e, EINVAL,
			       "%s is not a hugetlbfs mount (mount -t hugetlbfs none DIR)", path);
	return fs.f_bsize;
}

static int hugetlbfs_open(const char *path, uint64_t size, struct err *e)
{
	autofd int fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd < 0)
		return err_sys(e, "cannot create a file in %s for --hugetlbfs", path);
	if (ftruncate(fd, (off_t)size) < 0)
		return err_sys(e, "cannot reserve %llu MiB in %s", (unsigned long long)(size / MiB),
			       path);
	return take_fd(&fd);
}

/*
 * Maps @size bytes at a multiple of @align: more is reserved than needed and the rest given back.
 * Only the address range is generous; no memory is.
 */
static void *map_aligned(uint64_t size, uint64_t align, int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE : MAP_SHARED;
	uint8_t *range, *host;
	uint64_t head;

	range = mmap(NULL, size + align, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		     0);
	if (range == MAP_FAILED)
		return NULL;
	head = align_up((uintptr_t)range, align) - (uintptr_t)range;
	host = mmap(range + head, size, PROT_READ | PROT_WRITE, flags | MAP_FIXED, fd, 0);
	if (host == MAP_FAILED) {
		int saved_errno = errno;

		munmap(range, size + align);
		errno = saved_errno;
		return NULL;
	}
	if (head)
		munmap(range, head);
	if (align - head)
		munmap(host + size, align - head);
	return host;
}

int ram_create(struct ram *ram, gpa_t base, uint64_t size, const char *hugetlbfs, struct err *e)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t align = BLOCK_SIZE;
	autofd int fd = -1;
	void *host;

	if (hugetlbfs) {
		int64_t ret = hugetlbfs_page_size(hugetlbfs, e);

		if (ret < 0)
			return (int)ret;
		page_size = (uint64_t)ret;
		if (align < page_size)
			align = page_size;
	}
	/* Callers bound the size far below 2^63, so that rounding up cannot wrap. */
	size = align_up(size, page_size);
	if (hugetlbfs) {
		fd = hugetlbfs_open(hugetlbfs, size, e);
		if (fd < 0)
			return fd;
	}
	host = map_aligned(size, align, fd);
	if (!host)
		return err_sys(e, "the host has no %llu MiB of memory for the guest%s%s",
			       (unsigned long long)(size / MiB), hugetlbfs ? " in " : "",
			       hugetlbfs ? hugetlbfs : "");
	*ram = (struct ram){ .host = host, .base = base, .size = size, .page_size = page_size };
	return 0;
}

void ram_destroy(struct ram *ram)
{
	if (ram->host)
		munmap(ram->host, ram->size);
	*ram = (struct ram){ 0 };
}

void *ram_slice(const struct ram *ram, gpa_t gpa, uint64_t len)
{
	uint64_t off = gpa - ram->base; /* wraps to something huge below base */

	if (off > ram->size || len > ram->size - off)
		return NULL;
	return ram->host + off;
}

int ram_write(const struct ram *ram, gpa_t gpa, const void *buf, uint64_t len)
{
	void *host = ram_slice(ram, gpa, len);

	if (!host)
		return -EFAULT;
	memcpy(host, buf, len);
	return 0;
}

int ram_read(const struct ram *ram, gpa_t gpa, void *buf, uint64_t len)
{
	const void *host = ram_slice(ram, gpa, len);

	if (!host)
		return -EFAULT;
	memcpy(buf, host, len);
	return 0;
}
