/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's disks: each an image of the host behind a virtio block device. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "host/disk.h"
#include "parts.h"
#include "save_parts.h"
#include "util/bits.h"
#include "util/opt.h"
#include "virtio/blk.h"

struct disks {
	const struct disk_options *options;
	struct loop *loop;
	struct one_disk {
		struct disk *image; /* all lives of the machine */
		struct virtio_blk dev;
		struct loop_timer timer; /* of its limit */
		bool made;               /* @dev is, for the machine of now */
	} disk[];
};

static const struct dt_field identity[] = {
	DT_FIELD(disk_identity, size),
	DT_FIELD(disk_identity, inode),
	DT_FIELD(disk_identity, written),
};

static bool disks_use(const struct machine_config *cfg, enum virtio_bus bus)
{
	for (uint32_t i = 0; i < cfg->disks.nr; i++) {
		if (slots_bus(cfg, cfg->disks.disk[i].bus) == bus)
			return true;
	}
	return false;
}

static int disks_open(void **part, const struct machine_config *cfg, struct loop *loop,
		      struct err *e)
{
	const struct disk_options *options = &cfg->disks;
	struct disks *d;

	if (!options->nr)
		return 0;
	d = calloc(1, sizeof(*d) + options->nr * sizeof(d->disk[0]));
	if (!d)
		return err_sys(e, "cannot make disks");
	d->options = options;
	d->loop = loop;
	*part = d;
	for (uint32_t i = 0; i < options->nr; i++) {
		d->disk[i].image = disk_open(&options->disk[i].file, loop, e);
		if (!d->disk[i].image)
			return -EINVAL;
	}
	return 0;
}

static int disks_add(void *part, struct machine *m, struct err *e)
{
	struct disks *d = part;

	m->disks = d;
	for (uint32_t i = 0; i < d->options->nr; i++) {
		const struct disk_option *option = &d->options->disk[i];
		struct one_disk *one = &d->disk[i];
		char name[16];
		int ret;

		snprintf(name, sizeof(name), "blk%u", i);
		one->made = true;
		ret = virtio_blk_init(&one->dev, name, &m->vm.ram, disk_backend(one->image),
				      option->nr_queues ? option->nr_queues : 1,
				      option->serial ? option->serial : "", e);
		loop_timer_init(&one->timer, d->loop, &one->dev.dev.lock, virtio_blk_due,
				&one->dev);
		virtio_blk_set_limit(&one->dev, option->bps, option->iops, clock_boottime,
				     loop_timer_value(&one->timer));
		if (ret == 0)
			ret = slots_add(m, &one->dev.dev, option->bus, e);
		if (ret < 0)
			return err_wrap(e, ret, "disk '%s'", option->file.path);
		disk_connect(one->image, virtio_blk_frontend(&one->dev));
	}
	return 0;
}

static void disks_remove(void *part, struct machine *m)
{
	struct disks *d = part;

	(void)m;
	for (uint32_t i = 0; i < d->options->nr; i++) {
		if (!d->disk[i].made)
			continue;
		disk_disconnect(d->disk[i].image);
		loop_timer_close(&d->disk[i].timer);
		virtio_blk_destroy(&d->disk[i].dev);
		d->disk[i].made = false;
	}
}

/* All digits are a number, even if some disk's serial looks like that. */
static struct one_disk *find_disk(struct disks *d, const char *name)
{
	uint32_t nr;
	bool is_nr = opt_set_u32(&nr, name, NULL) == 0;

	for (uint32_t i = 0; d && i < d->options->nr; i++) {
		const char *serial = d->options->disk[i].serial;

		if (is_nr ? i == nr : serial && !strcmp(serial, name))
			return &d->disk[i];
	}
	return NULL;
}

int disks_resize(struct disks *d, const char *disk, uint64_t size, uint64_t *now, struct err *e)
{
	struct one_disk *one = find_disk(d, disk);
	int ret;

	if (!one && !d)
		return err_set(e, ENOENT, "there is no disk '%s': it has none at all", disk);
	if (!one)
		return err_set(e, ENOENT,
			       "there is no disk '%s': it has 0 to %u, in the order of the -d "
			       "options; a serial= will do, too",
			       disk, d->options->nr - 1);
	ret = disk_resize(one->image, size, e);
	if (ret < 0)
		return err_wrap(e, ret, "disk %s", disk);
	*now = disk_backend(one->image).info.size;
	return 0;
}

int disks_settle(struct disks *d, struct err *e)
{
	int ret = 0;

	for (uint32_t i = 0; d && i < d->options->nr && ret == 0; i++) {
		ret = disk_settle(d->disk[i].image, e);
		if (ret < 0)
			err_wrap(e, ret, "disk '%s'", d->options->disk[i].file.path);
	}
	return ret;
}

void disks_yield(struct disks *d)
{
	for (uint32_t i = 0; d && i < d->options->nr; i++)
		disk_yield(d->disk[i].image);
}

int disks_take_back(struct disks *d, struct err *e)
{
	int ret = 0;

	for (uint32_t i = 0; d && i < d->options->nr && ret == 0; i++) {
		ret = disk_take_back(d->disk[i].image, e);
		if (ret < 0)
			err_wrap(e, ret, "disk '%s'", d->options->disk[i].file.path);
	}
	if (ret < 0)
		disks_yield(d);
	return ret;
}

int disks_save(const struct disks *d, struct dt *dt, struct err *e)
{
	dt_begin(dt, "disks");
	for (uint32_t i = 0; d && i < d->options->nr; i++) {
		struct disk_identity id;
		int ret = disk_identify(d->disk[i].image, &id, e);

		if (ret < 0)
			return err_wrap(e, ret, "disk '%s'", d->options->disk[i].file.path);
		dt_begin(dt, "disk@%x", i);
		dt_fields(dt, &id, identity, ARRAY_SIZE(identity));
		dt_end(dt);
	}
	dt_end(dt);
	return 0;
}

/* What is not as it was, or NULL. A guest that only reads does not care when a file was put there. */
static const char *difference(const struct disk_identity *was, const struct disk_identity *is,
			      bool readonly)
{
	if (was->size != is->size)
		return "it has another size";
	if (!readonly && was->inode != is->inode)
		return "it is another file";
	return was->written != is->written ? "it was written to" : NULL;
}

void disks_check(const struct disks *d, const struct machine_config *cfg, struct dt_in *in)
{
	int disks = dt_in_node(in, 0, "disks", NULL);

	for (uint32_t i = 0; d && i < d->options->nr && in->ret == 0; i++) {
		const struct disk_config *file = &d->options->disk[i].file;
		struct disk_identity was, is = { 0 };
		const char *why;

		dt_in_fields(in, dt_in_nth(in, disks, "disk", i), &was, identity,
			     ARRAY_SIZE(identity));
		if (in->ret == 0)
			in->ret = disk_identify(d->disk[i].image, &is, in->e);
		if (in->ret < 0)
			return;
		why = difference(&was, &is, file->readonly);
		if (why && !allow_has(&cfg->allow, "disk-changed"))
			in->ret = err_set(in->e, ESTALE,
					  "%s: disk '%s' has changed since: %s (--allow "
					  "disk-changed goes on all the same)",
					  in->name, file->path, why);
	}
}

static void disks_close(void *part)
{
	struct disks *d = part;

	for (uint32_t i = 0; i < d->options->nr; i++)
		disk_close(d->disk[i].image);
	free(d);
}

const struct machine_part disks_part = {
	.uses = disks_use,
	.open = disks_open,
	.add = disks_add,
	.remove = disks_remove,
	.close = disks_close,
};
