/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's shared folders: each a 9P server behind a virtio device. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "host/share.h"
#include "parts.h"
#include "virtio/p9.h"

struct shares {
	const struct share_options *options;
	struct one_share {
		struct share *folder; /* all lives of the machine */
		struct virtio_p9 dev;
		bool made; /* @dev is, for the machine of now */
	} share[];
};

static bool shares_use(const struct machine_config *cfg, enum virtio_bus bus)
{
	for (uint32_t i = 0; i < cfg->shares.nr; i++) {
		if (slots_bus(cfg, cfg->shares.share[i].bus) == bus)
			return true;
	}
	return false;
}

static int shares_open(void **part, const struct machine_config *cfg, struct loop *loop,
		       struct err *e)
{
	const struct share_options *options = &cfg->shares;
	struct shares *s;

	if (!options->nr)
		return 0;
	s = calloc(1, sizeof(*s) + options->nr * sizeof(s->share[0]));
	if (!s)
		return err_sys(e, "cannot share folders");
	s->options = options;
	*part = s;
	for (uint32_t i = 0; i < options->nr; i++) {
		const struct p9_config folder = {
			.dir = options->share[i].dir,
			.ro = options->share[i].ro,
			.fids_max = p9_fids_max(options->nr),
		};

		s->share[i].folder = share_open(&folder, loop, e);
		if (!s->share[i].folder)
			return -EINVAL;
	}
	return 0;
}

static int shares_add(void *part, struct machine *m, struct err *e)
{
	struct shares *s = part;

	for (uint32_t i = 0; i < s->options->nr; i++) {
		const struct share_option *option = &s->options->share[i];
		struct one_share *one = &s->share[i];
		char name[16];
		int ret;

		snprintf(name, sizeof(name), "9p%u", i);
		one->made = true;
		ret = virtio_p9_init(&one->dev, name, &m->vm.ram, share_backend(one->folder),
				     option->tag, e);
		if (ret == 0)
			ret = slots_add(m, &one->dev.dev, option->bus, e);
		if (ret < 0)
			return err_wrap(e, ret, "shared folder '%s'", option->dir);
		share_connect(one->folder, virtio_p9_frontend(&one->dev));
	}
	return 0;
}

static void shares_remove(void *part, struct machine *m)
{
	struct shares *s = part;

	(void)m;
	for (uint32_t i = 0; i < s->options->nr; i++) {
		if (!s->share[i].made)
			continue;
		share_disconnect(s->share[i].folder);
		virtio_p9_destroy(&s->share[i].dev);
		s->share[i].made = false;
	}
}

static void shares_close(void *part)
{
	struct shares *s = part;

	for (uint32_t i = 0; i < s->options->nr; i++)
		share_close(s->share[i].folder);
	free(s);
}

const struct machine_part shares_part = {
	.uses = shares_use,
	.open = shares_open,
	.add = shares_add,
	.remove = shares_remove,
	.close = shares_close,
};
