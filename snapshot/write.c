/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writing a snapshot. All is done on the loop's thread, RAM too, although that takes its time: the vCPUs stand still, so that
 * there is nothing that the loop could serve but the person's keys and other commands. These wait; in return nothing can
 * touch the machine between its state and its RAM: no reset, no device, no second snapshot.
 *
 * Whoever looks at the file finds the whole of it or none (util/aside.h).
 */
#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include "format.h"
#include "snapshot/snapshot.h"
#include "util/aside.h"

/* What is looked for zeroes at a time, and is left a hole if there is nothing else. */
#define CHUNK (4 * KiB)

static int write_at(int fd, const void *buf, uint64_t len, uint64_t off)
{
	const uint8_t *p = buf;

	while (len) {
		ssize_t put = pwrite(fd, p, len, (off_t)off);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		p += put;
		off += (uint64_t)put;
		len -= (uint64_t)put;
	}
	return 0;
}

static bool is_zero(const uint8_t *chunk)
{
	return !chunk[0] && !memcmp(chunk, chunk + 1, CHUNK - 1);
}

/* Runs of chunks with something in them; @fd has its size already. */
static int write_ram(int fd, const struct ram *ram, uint64_t at)
{
	uint64_t off = 0;
	int ret = 0;

	while (off < ram->size && ret == 0) {
		uint64_t end = off;

		while (end < ram->size && !is_zero(ram->host + end))
			end += CHUNK;
		if (end > off)
			ret = write_at(fd, ram->host + off, end - off, at + off);
		off = end + CHUNK;
	}
	return ret;
}

static struct format_trailer trailer_of(const struct dt *dt)
{
	struct format_trailer trailer = { .magic = FORMAT_MAGIC };

	trailer.crc = cpu_to_fdt32((uint32_t)crc32(0, dt->blob, (uInt)fdt_totalsize(dt->blob)));
	return trailer;
}

static int write_all(int fd, const struct dt *dt, const struct ram *ram)
{
	uint64_t size = fdt_totalsize(dt->blob);
	uint64_t ram_off = format_ram_off(size);
	struct format_trailer trailer = trailer_of(dt);
	int ret;

	if (ftruncate(fd, (off_t)(ram_off + ram->size)) < 0)
		return -errno;
	ret = write_at(fd, dt->blob, size, 0);
	if (ret == 0)
		ret = write_at(fd, &trailer, sizeof(trailer), size);
	if (ret == 0)
		ret = write_ram(fd, ram, ram_off);
	return ret;
}

/* Guests' memory is nobody else's to read. */
static int write_file(const char *path, const struct dt *dt, const struct ram *ram, struct err *e)
{
	struct aside aside;
	struct stat st;
	int ret;

	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_set(e, EINVAL, "cannot write %s: it is no regular file", path);
	ret = aside_open(&aside, path, 0600, e);
	if (ret == 0) {
		ret = write_all(aside.fd, dt, ram);
		if (ret < 0)
			err_set(e, -ret, "cannot write %s: %s", path, strerror(-ret));
	}
	if (ret == 0)
		ret = aside_keep(&aside, path, e);
	aside_drop(&aside);
	return ret;
}

static int write_tree(struct machine *m, struct dt *dt, struct err *e)
{
	int ret = dt_start(dt, e);

	if (ret < 0)
		return ret;
	dt->size_max = SAVE_STATE_MAX;
	dt_string(dt, "compatible", FORMAT_COMPATIBLE);
	dt_cells(dt, "version", FORMAT_VERSION);
	ret = machine_save(m, dt, e);
	return ret < 0 ? ret : dt_finish(dt, e);
}

void *format_head(struct machine *m, uint64_t *size, struct err *e)
{
	struct format_trailer trailer;
	struct dt dt = { 0 };
	uint8_t *head = NULL;
	uint64_t tree;

	if (write_tree(m, &dt, e) == 0) {
		tree = fdt_totalsize(dt.blob);
		trailer = trailer_of(&dt);
		*size = tree + sizeof(trailer);
		head = malloc(*size);
		if (head) {
			memcpy(head, dt.blob, tree);
			memcpy(head + tree, &trailer, sizeof(trailer));
		} else {
			err_sys(e, "no memory for its state");
		}
	}
	dt_free(&dt);
	return head;
}

int snapshot_write(struct machine *m, const char *path, bool stop, struct err *e)
{
	struct dt dt = { 0 };
	int ret = machine_can_save(m, e);

	if (ret < 0)
		return ret;
	ret = machine_freeze(m, e);
	if (ret < 0)
		return ret;
	ret = write_tree(m, &dt, e);
	if (ret == 0)
		ret = write_file(path, &dt, machine_ram(m), e);
	if (ret == 0 && stop)
		machine_stop(m); /* before any vCPU goes on */
	machine_thaw(m);
	dt_free(&dt);
	return ret;
}
