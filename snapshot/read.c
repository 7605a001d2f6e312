/* SPDX-License-Identifier: BSD-2-Clause */
/* Opening a snapshot, a file that may come from anywhere. RAM is mapped where the machine is built, not read here. */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include "format.h"
#include "snapshot/snapshot.h"
#include "util/cleanup.h"
#include "util/file.h"
#include "vm/dt_in.h"

static int no_snapshot(const char *name, struct err *e)
{
	return err_set(e, EINVAL, "%s is none (lkvm snapshot makes one)", name);
}

int snapshot_check(const void *head, uint64_t size, const char *name, uint64_t *ram_off,
		   struct err *e)
{
	struct dt_in in = { .fdt = head, .name = name, .e = e };
	struct format_trailer trailer;
	uint32_t version = 0;
	uint64_t tree;

	if (size < sizeof(struct fdt_header) || fdt_magic(head) != FDT_MAGIC)
		return no_snapshot(name, e);
	tree = fdt_totalsize(head);
	if (tree < sizeof(struct fdt_header) || tree > size || size - tree < sizeof(trailer))
		return dt_in_fail(&in, "state", "it is cut off");
	memcpy(&trailer, (const char *)head + tree, sizeof(trailer));
	if (memcmp(trailer.magic, FORMAT_MAGIC, sizeof(trailer.magic)))
		return no_snapshot(name, e);
	if (fdt32_to_cpu(trailer.crc) != crc32(0, head, (uInt)tree))
		return dt_in_fail(&in, "state", "its checksum is wrong");
	if (dt_check(head, tree))
		return dt_in_fail(&in, "state", "the device tree is broken");
	if (fdt_node_check_compatible(head, 0, FORMAT_COMPATIBLE))
		return no_snapshot(name, e);
	dt_in_u32(&in, 0, "version", &version);
	if (in.ret == 0 && version != FORMAT_VERSION)
		in.ret =
			err_set(e, EINVAL, "%s has version %" PRIu32 ", this lkvm reads version %d",
				name, version, FORMAT_VERSION);
	*ram_off = format_ram_off(tree);
	return in.ret;
}

/* The tree and its trailer, which are all of the file that is read. */
static int read_head(struct snapshot *s, uint64_t file_size, uint64_t *size, struct err *e)
{
	uint32_t header[sizeof(struct fdt_header) / sizeof(uint32_t)] = { 0 };
	int ret;

	if (file_size < sizeof(header))
		return no_snapshot(s->name, e);
	ret = file_read_at(s->fd, header, sizeof(header), 0);
	if (ret == 0 && fdt_magic(header) != FDT_MAGIC)
		return no_snapshot(s->name, e);
	*size = (uint64_t)fdt_totalsize(header) + sizeof(struct format_trailer);
	if (ret == 0 && (*size > file_size || *size > SAVE_STATE_MAX))
		return err_set(e, EINVAL, "%s is damaged: state: it is cut off", s->name);
	s->tree = ret == 0 ? malloc(*size) : NULL;
	if (ret == 0 && !s->tree)
		ret = -ENOMEM;
	if (ret == 0)
		ret = file_read_at(s->fd, s->tree, *size, 0);
	if (ret < 0)
		return err_set(e, -ret, "cannot read %s: %s", s->name, strerror(-ret));
	return 0;
}

int snapshot_is(const char *path, struct err *e)
{
	uint32_t header[sizeof(struct fdt_header) / sizeof(uint32_t)];
	struct format_trailer trailer;
	uint64_t size;

	autofd int fd = file_open(path, "file", &size, e);

	if (fd < 0)
		return fd;
	return size >= sizeof(header) && file_read_at(fd, header, sizeof(header), 0) == 0 &&
	       fdt_magic(header) == FDT_MAGIC && size - sizeof(trailer) >= fdt_totalsize(header) &&
	       file_read_at(fd, &trailer, sizeof(trailer), fdt_totalsize(header)) == 0 &&
	       !memcmp(trailer.magic, FORMAT_MAGIC, sizeof(trailer.magic));
}

int snapshot_open(struct snapshot *s, const char *path, struct machine_config *cfg, struct err *e)
{
	uint64_t file_size, size = 0, ram_off = 0;
	int ret;

	*s = SNAPSHOT_NONE;
	if (asprintf(&s->name, "snapshot %s", path) < 0) {
		s->name = NULL;
		return err_sys(e, "cannot open snapshot %s", path);
	}
	s->fd = file_open(path, "snapshot", &file_size, e);
	if (s->fd < 0)
		return s->fd;
	ret = read_head(s, file_size, &size, e);
	if (ret == 0)
		ret = snapshot_check(s->tree, size, s->name, &ram_off, e);
	if (ret < 0)
		return ret;
	s->machine.name = s->name;
	s->machine.fdt = s->tree;
	s->machine.ram = s->fd;
	s->machine.ram_off = ram_off;
	ret = saved_machine_read(&s->machine, cfg, e);
	/* Of a file that is shorter the guest would find no memory behind the end. */
	if (ret == 0 && (file_size < ram_off || file_size - ram_off != cfg->ram_size))
		return err_set(e, EINVAL,
			       "%s is damaged: it has %" PRIu64 " bytes in place of %" PRIu64,
			       s->name, file_size, ram_off + cfg->ram_size);
	return ret;
}

void snapshot_close(struct snapshot *s)
{
	close_fd(&s->fd);
	free(s->tree);
	free(s->name);
	*s = SNAPSHOT_NONE;
}
