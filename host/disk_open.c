/* SPDX-License-Identifier: BSD-2-Clause */
/* A disk from its configuration: which file, in which format, served by whom; and its end. */
#include <errno.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "disk_engine.h"
#include "util/cleanup.h"

/* Raw requests that threads can be busy with at once, where there is no io_uring. */
#define RAW_THREADS 4

#define PHYSICAL_BLOCK_MAX 65536

/* Files in memory: no transfer waits for a device. */
static bool is_in_memory(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == TMPFS_MAGIC || fs.f_type == (__typeof__(fs.f_type))RAMFS_MAGIC);
}

static uint32_t power_of_two(uint64_t value, uint32_t min, uint32_t max)
{
	uint32_t ret = min;

	while (ret < max && ret < value)
		ret *= 2;
	return ret;
}

/* What the guest is to know of a raw image's blocks. */
static void describe_raw(struct disk *disk)
{
	const struct disk_file *file = &disk->file;
	struct block_info *info = &disk->info;
	uint64_t logical = file->io_align, physical = 0;
	unsigned int block;
	struct stat st;
	int size;

	if (file->is_device) {
		if (ioctl(file->fd, BLKSSZGET, &size) == 0 && size > 0)
			logical = (uint64_t)size;
		if (ioctl(file->fd, BLKPBSZGET, &block) == 0)
			physical = block;
		if (ioctl(file->fd, BLKIOOPT, &block) == 0)
			info->optimal_io = block;
	} else if (fstat(file->fd, &st) == 0 && st.st_blksize > 0) {
		physical = (uint64_t)st.st_blksize;
	}
	info->logical_block = power_of_two(logical, BLOCK_SECTOR, PHYSICAL_BLOCK_MAX);
	info->physical_block = power_of_two(physical, info->logical_block, PHYSICAL_BLOCK_MAX);
	info->discard_align = info->physical_block;
	info->discard = true;
	info->size = file->size;
}

/* Says how to go on with an image that is of a format, but was not said to be. */
static int refuse_format(const char *name, const char *key, struct err *e)
{
	if (!strcmp(name, "qcow2"))
		return err_set(e, EINVAL,
			       "looks like a qcow2 image: say %s=qcow2, or %s=raw to give it to "
			       "the guest as it is",
			       key, key);
	return err_set(e, EINVAL,
		       "looks like a %s image, which lkvm does not read: convert it to raw or "
		       "qcow2, or say %s=raw to give it to the guest as it is",
		       name, key);
}

static int check_format(const struct disk_file *file, enum disk_format *format, const char *key,
			struct err *e)
{
	const char *name;
	int ret;

	if (*format != DISK_FORMAT_UNSAID)
		return 0;
	ret = disk_format_guess(file, &name, e);
	if (ret < 0)
		return ret;
	if (name)
		return refuse_format(name, key, e);
	*format = DISK_FORMAT_RAW;
	return 0;
}

static int check_sectors(uint64_t size, struct err *e)
{
	if (size % BLOCK_SECTOR)
		return err_set(e, EINVAL,
			       "has %" PRIu64 " bytes, which is not a multiple of 512 ('truncate "
			       "-s %%512' rounds it up)",
			       size);
	return 0;
}

static int start_workers(struct disk *disk, unsigned int nr_max, struct err *e)
{
	const struct worker_job job = {
		.run = disk_run, .ctx = disk, .name = "disk", .sandbox = SANDBOX_DISK
	};

	disk->workers = workers_create(nr_max, job, disk->wake.fd, e);
	return disk->workers ? 0 : -ENOMEM;
}

static int open_raw(struct disk *disk, const struct disk_config *cfg, struct err *e)
{
	int ret = check_sectors(disk->file.size, e);

	if (ret == 0 && cfg->backing)
		ret = err_set(e, EINVAL, "is a raw image, which has no backing file");
	if (ret == 0 && cfg->direct)
		ret = disk_file_set_direct(&disk->file, e);
	if (ret < 0)
		return ret;
	describe_raw(disk);
	disk->instant = !cfg->direct && is_in_memory(disk->file.fd) && cfg->aio == DISK_AIO_AUTO;
	disk->tells_cached = !cfg->direct;
	if (cfg->aio != DISK_AIO_THREADS && !disk->instant) {
		struct err why = { 0 };

		disk->uring = disk_uring_create(&disk->file, &why);
		if (!disk->uring && cfg->aio == DISK_AIO_URING)
			return err_set(e, ENOSYS, "%s", why.text);
		if (!disk->uring)
			log_debug("disk '%s' %s; threads do it", disk->path, why.text);
	}
	return start_workers(disk, RAW_THREADS, e);
}

static int open_backing(struct disk *disk, const struct disk_config *cfg,
			struct image_config *image, struct err *e)
{
	int ret = disk_file_open(&disk->backing, cfg->backing, true, e);

	image->backing = &disk->backing;
	image->backing_format = cfg->backing_format;
	if (ret == 0)
		ret = check_format(&disk->backing, &image->backing_format, "backing-format", e);
	return ret < 0 ? err_wrap(e, ret, "its backing file '%s'", cfg->backing) : 0;
}

static int open_qcow2(struct disk *disk, const struct disk_config *cfg, struct err *e)
{
	struct image_config image = {
		.file = &disk->file,
		.unsafe = cfg->cache == DISK_UNSAFE,
	};
	int ret = 0;

	if (cfg->direct)
		return err_set(e, EINVAL, "is a qcow2 image, and ',direct' is for raw ones");
	if (cfg->aio == DISK_AIO_URING)
		return err_set(e, EINVAL,
			       "is a qcow2 image, which threads serve: leave out ',aio'");
	if (cfg->backing)
		ret = open_backing(disk, cfg, &image, e);
	if (ret == 0)
		ret = qcow2_open(&disk->image, &image, e);
	if (ret < 0)
		return ret;
	disk->info = disk->image.info;
	/* One thread: a format's tables have no lock. */
	return start_workers(disk, 1, e);
}

static int watch(struct disk *disk, struct err *e)
{
	int ret = loop_add(disk->loop, &disk->wake, EPOLLIN | EPOLLET);

	if (ret == 0 && disk->uring) {
		disk->ring = (struct loop_source){ .fd = disk_uring_fd(disk->uring),
						   .ready = disk_ready,
						   .ctx = disk };
		ret = loop_add(disk->loop, &disk->ring, EPOLLIN);
	}
	return ret < 0 ? err_set(e, -ret, "cannot be watched: %s", strerror(-ret)) : 0;
}

static int open_image(struct disk *disk, const struct disk_config *cfg, struct err *e)
{
	enum disk_format format = cfg->format;
	int ret = disk_file_open(&disk->file, cfg->path, cfg->readonly, e);

	if (ret == 0)
		ret = check_format(&disk->file, &format, "format", e);
	if (ret < 0)
		return ret;
	disk->wake.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (disk->wake.fd < 0)
		return err_sys(e, "cannot be served");
	ret = format == DISK_FORMAT_QCOW2 ? open_qcow2(disk, cfg, e) : open_raw(disk, cfg, e);
	if (ret < 0)
		return ret;
	disk->info.readonly = cfg->readonly;
	disk->info.writeback = cfg->cache != DISK_WRITETHROUGH;
	return watch(disk, e);
}

struct disk *disk_open(const struct disk_config *cfg, struct loop *loop, struct err *e)
{
	struct disk *disk = calloc(1, sizeof(*disk));

	if (!disk) {
		err_sys(e, "disk '%s'", cfg->path);
		return NULL;
	}
	*disk = (struct disk){ .path = cfg->path,
			       .file = DISK_FILE_NONE,
			       .backing = DISK_FILE_NONE,
			       .cache = cfg->cache,
			       .loop = loop,
			       .wake = { .fd = -1, .ready = disk_ready, .ctx = disk },
			       .ring.fd = -1 };
	if (open_image(disk, cfg, e) < 0) {
		err_wrap(e, 0, "disk '%s'", cfg->path);
		disk_close(disk);
		return NULL;
	}
	return disk;
}

void disk_close(struct disk *disk)
{
	if (!disk)
		return;
	if (disk->ring.fd >= 0)
		loop_remove(disk->loop, &disk->ring);
	if (disk->wake.fd >= 0)
		loop_remove(disk->loop, &disk->wake);
	workers_destroy(disk->workers);
	disk_uring_destroy(disk->uring);
	if (disk->image.ops)
		disk->image.ops->close(disk->image.ctx);
	close_fd(&disk->wake.fd);
	disk_file_close(&disk->backing);
	disk_file_close(&disk->file);
	free(disk);
}
