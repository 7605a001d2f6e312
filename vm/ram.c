/* SPDX-License-Identifier: BSD-2-Clause */
/* Guest RAM: an anonymous mapping, or a file without a name, in memory or of a hugetlbfs mount. */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
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
 * A file in memory. Whoever gets the descriptor cannot change its size: a part cut off would be the end of every process
 * that touches it.
 */
static int memfd_open(uint64_t size, struct err *e)
{
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
	autofd int fd = memfd_create("lkvm-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0)
		return err_sys(e, "cannot make %llu MiB of shared memory",
			       (unsigned long long)(size / MiB));
	return take_fd(&fd);
}

/*
 * Maps @size bytes, of the file @fd or (-1) of nothing, at a multiple of BLOCK_SIZE: more is reserved than needed and the
 * rest given back. Only the address range is generous; no memory is.
 */
static void *map_aligned(uint64_t size, int fd)
{
	uint8_t *range = mmap(NULL, size + BLOCK_SIZE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	uint64_t head;

	if (range == MAP_FAILED)
		return MAP_FAILED;
	head = align_up((uintptr_t)range, BLOCK_SIZE) - (uintptr_t)range;
	if (fd >= 0 && mmap(range + head, size, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, 0) == MAP_FAILED) {
		munmap(range, size + BLOCK_SIZE);
		return MAP_FAILED;
	}
	if (head)
		munmap(range, head);
	munmap(range + head + size, BLOCK_SIZE - head);
	return range + head;
}

int ram_create(struct ram *ram, gpa_t base, uint64_t size, const char *hugetlbfs, bool shared,
	       struct err *e)
{
	uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
	autofd int fd = -1;
	void *host;

	if (hugetlbfs) {
		int64_t ret = hugetlbfs_page_size(hugetlbfs, e);

		if (ret < 0)
			return (int)ret;
		page_size = (uint64_t)ret;
	}
	/* Callers bound the size far below 2^63, so that rounding up cannot wrap. */
	size = align_up(size, page_size);
	if (hugetlbfs || shared) {
		fd = hugetlbfs ? hugetlbfs_open(hugetlbfs, size, e) : memfd_open(size, e);
		if (fd < 0)
			return fd;
	}
	/* A hugetlbfs maps at multiples of its page size without being asked. */
	host = hugetlbfs ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
			 : map_aligned(size, fd);
	if (host == MAP_FAILED)
		return err_sys(e, "the host has no %llu MiB of memory for the guest%s%s",
			       (unsigned long long)(size / MiB), hugetlbfs ? " in " : "",
			       hugetlbfs ? hugetlbfs : "");
	*ram = (struct ram){
		.host = host,
		.base = base,
		.size = size,
		.page_size = page_size,
		.fd = take_fd(&fd),
	};
	return 0;
}

void ram_use_huge_pages(const struct ram *ram, bool use)
{
	/* A hint: hugetlbfs and kernels without such pages refuse it, and are right. */
	madvise(ram->host, ram->size, use ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
}

int ram_discard(const struct ram *ram, gpa_t gpa, uint64_t len)
{
	void *host = ram_slice(ram, gpa, len);

	if (!host)
		return -EFAULT;
	/* A file's pages stay in it when they are merely unmapped. */
	if (madvise(host, len, ram->fd >= 0 ? MADV_REMOVE : MADV_DONTNEED) < 0)
		return -errno;
	ram_written(ram, host, len);
	return 0;
}

int ram_map_file(const struct ram *ram, int fd, uint64_t off, struct err *e)
{
	if (mmap(ram->host, ram->size, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, fd, (off_t)off) == MAP_FAILED)
		return err_sys(e, "cannot map the guest's memory");
	return 0;
}

int ram_take_pages(const struct ram *ram, void *pages, struct err *e)
{
	if (mremap(pages, ram->size, ram->size, MREMAP_MAYMOVE | MREMAP_FIXED, ram->host) ==
	    MAP_FAILED)
		return err_sys(e, "cannot put the guest's memory in place");
	return 0;
}

int ram_log_start(struct ram *ram, struct err *e)
{
	atomic_uint_fast64_t *log = atomic_load(&ram->log);

	if (!log) {
		ram->log_page = (uint64_t)sysconf(_SC_PAGESIZE);
		log = calloc(ram_log_words(ram), sizeof(*log));
		if (!log)
			return err_sys(e, "no memory to log the guest's writes");
	}
	for (uint64_t i = 0; i < ram_log_words(ram); i++)
		atomic_store_explicit(&log[i], 0, memory_order_relaxed);
	atomic_store(&ram->log, log);
	return 0;
}

uint64_t ram_log_words(const struct ram *ram)
{
	return (ram->size / ram->log_page + 63) / 64;
}

void ram_log_add(const struct ram *ram, const void *host, uint64_t len)
{
	atomic_uint_fast64_t *log = atomic_load(&ram->log);
	uint64_t off = (uint64_t)((const uint8_t *)host - ram->host);

	if (!len)
		return;
	/* What is written comes before its bit, and the bit, when it is taken, before what is read. */
	for (uint64_t page = off / ram->log_page; page <= (off + len - 1) / ram->log_page; page++)
		atomic_fetch_or(&log[page / 64], 1ULL << page % 64);
}

void ram_log_take(const struct ram *ram, uint64_t *bitmap)
{
	atomic_uint_fast64_t *log = atomic_load(&ram->log);

	for (uint64_t i = 0; log && i < ram_log_words(ram); i++) {
		if (atomic_load_explicit(&log[i], memory_order_relaxed))
			bitmap[i] |= atomic_exchange(&log[i], 0);
	}
}

void ram_destroy(struct ram *ram)
{
	if (ram->host) {
		munmap(ram->host, ram->size);
		free(atomic_load(&ram->log));
		close_fd(&ram->fd);
	}
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
	ram_written(ram, host, len);
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
