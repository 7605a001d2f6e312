/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's virtiofs devices: each life of the machine has a virtiofsd of its own for each. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "arm/fs.h"
#include "host/vhost_user.h"
#include "host/virtiofsd.h"
#include "parts.h"
#include "util/cleanup.h"

struct folders {
	const struct fs_options *options;
	struct loop *loop;
	struct virtiofsd fsd;
	struct folder {
		char *path;
		struct child child; /* with the rest, for the machine of now */
		struct vhost_user *server;
		struct virtio_fs dev;
		bool made; /* @dev is */
	} folder[];
};

static bool fs_use(const struct machine_config *cfg, enum virtio_bus bus)
{
	for (uint32_t i = 0; i < cfg->fs.nr; i++) {
		if (slots_bus(cfg, cfg->fs.fs[i].bus) == bus)
			return true;
	}
	return false;
}

static int fs_open(void **part, const struct machine_config *cfg, struct loop *loop, struct err *e)
{
	const struct fs_options *options = &cfg->fs;
	struct folders *f;
	int ret = 0;

	if (!options->nr)
		return 0;
	f = calloc(1, sizeof(*f) + options->nr * sizeof(f->folder[0]));
	if (!f)
		return err_sys(e, "cannot share folders");
	f->options = options;
	f->loop = loop;
	*part = f;
	for (uint32_t i = 0; i < options->nr && ret == 0; i++) {
		f->folder[i].child = CHILD_NONE;
		ret = virtiofsd_folder(&f->folder[i].path, options->fs[i].dir, e);
	}
	if (ret == 0)
		ret = virtiofsd_find(&f->fsd, e);
	return ret < 0 ? err_wrap(e, ret, "--fs") : 0;
}

/* With the device's lock held. */
static void gone(void *ctx)
{
	struct folder *one = ctx;

	if (one->child.pid)
		kill(one->child.pid, SIGKILL);
}

static int add_folder(struct folders *f, uint32_t i, struct machine *m, struct err *e)
{
	const struct fs_option *option = &f->options->fs[i];
	struct folder *one = &f->folder[i];
	int kick[VIRTIO_FS_QUEUES];
	char name[16];
	int ret;

	autofd int fd = virtiofsd_start(&f->fsd, &one->child, one->path, option->cache,
					option->sandbox, f->loop, e);

	if (fd < 0)
		return fd;
	one->server = vhost_user_open(&fd, VIRTIO_FS_QUEUES, f->loop, e);
	if (!one->server)
		return err_wrap(e, -EIO, "%s", f->fsd.program);
	snprintf(name, sizeof(name), "fs%u", i);
	one->made = true;
	ret = virtio_fs_init(&one->dev, name, &m->vm.ram, vhost_user_backend(one->server),
			     option->tag, e);
	if (ret == 0)
		ret = slots_add(m, &one->dev.dev, option->bus, e);
	if (ret < 0)
		return ret;
	slots_lend_bells(m, &one->dev.dev, kick, VIRTIO_FS_QUEUES);
	return vhost_user_connect(one->server, &m->vm.ram, kick,
				  virtio_vhost_frontend(&one->dev.vhost), gone, one, e);
}

static int fs_add(void *part, struct machine *m, struct err *e)
{
	struct folders *f = part;
	int ret = 0;

	for (uint32_t i = 0; i < f->options->nr && ret == 0; i++) {
		ret = add_folder(f, i, m, e);
		if (ret < 0)
			err_wrap(e, ret, "'%s' cannot be shared", f->options->fs[i].dir);
	}
	return ret;
}

static void fs_remove(void *part, struct machine *m)
{
	struct folders *f = part;

	(void)m;
	for (uint32_t i = 0; i < f->options->nr; i++) {
		struct folder *one = &f->folder[i];

		/* In this order it has nothing to say to an end that is meant. */
		child_end(&one->child);
		vhost_user_close(one->server);
		one->server = NULL;
		if (one->made)
			virtio_fs_destroy(&one->dev);
		one->made = false;
	}
}

static void fs_close(void *part)
{
	struct folders *f = part;

	for (uint32_t i = 0; i < f->options->nr; i++)
		free(f->folder[i].path);
	virtiofsd_forget(&f->fsd);
	free(f);
}

const struct machine_part fs_part = {
	.uses = fs_use,
	.open = fs_open,
	.add = fs_add,
	.remove = fs_remove,
	.close = fs_close,
};
