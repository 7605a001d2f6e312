/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio devices of a machine that is saved: all stand still together, with nothing of theirs in the host's hands, so
 * that their state, what they wrote to the guest's memory and what is on the disks belong to one moment.
 */
#include <errno.h>
#include "arm/save.h"
#include "save_parts.h"
#include "virtio/save.h"

#define COMPATIBLE "lkvm,virtio-1"

static void freeze(void *ctx, struct virtio_device *dev)
{
	const char **busy = ctx;

	pthread_mutex_lock(&dev->lock);
	if (!virtio_freeze(dev))
		*busy = dev->name;
	pthread_mutex_unlock(&dev->lock);
}

static void thaw(void *ctx, struct virtio_device *dev)
{
	(void)ctx;
	pthread_mutex_lock(&dev->lock);
	virtio_thaw(dev);
	pthread_mutex_unlock(&dev->lock);
}

int machine_freeze(struct machine *m, struct err *e)
{
	const char *busy = NULL;
	int ret;

	machine_pause(m);
	slots_for_each(m, freeze, &busy); /* now nothing new begins */
	ret = disks_settle(m->disks, e);
	busy = NULL;
	slots_for_each(m, freeze, &busy);
	if (ret == 0 && busy)
		ret = err_set(e, EBUSY, "%s has requests that do not come to an end", busy);
	if (ret < 0)
		machine_thaw(m);
	return ret;
}

void devices_thaw(struct machine *m)
{
	slots_for_each(m, thaw, NULL);
}

void machine_thaw(struct machine *m)
{
	/* What ends here stays as it was saved. */
	if (machine_end(m) == VM_RUNNING)
		devices_thaw(m);
	machine_continue(m);
}

void machine_yield(struct machine *m)
{
	disks_yield(m->disks);
}

int machine_take_back(struct machine *m, struct err *e)
{
	return disks_take_back(m->disks, e);
}

static void save(void *ctx, struct virtio_device *dev)
{
	struct dt *dt = ctx;

	dt_begin(dt, "%s", dev->name);
	pthread_mutex_lock(&dev->lock);
	virtio_save(dev, dt);
	pthread_mutex_unlock(&dev->lock);
	dt_end(dt);
}

int devices_save(struct machine *m, struct dt *dt, struct err *e)
{
	dt_begin(dt, "virtio");
	dt_string(dt, "compatible", COMPATIBLE);
	dt_u64(dt, "pci-window", m->slots.pci_high);
	slots_for_each(m, save, dt);
	dt_end(dt);
	return disks_save(m->disks, dt, e);
}

struct restoring {
	struct dt_in *in;
	int node;
};

static void restore(void *ctx, struct virtio_device *dev)
{
	const struct restoring *r = ctx;
	int node = dt_in_node(r->in, r->node, dev->name, NULL);

	if (node < 0)
		return;
	pthread_mutex_lock(&dev->lock);
	virtio_restore(dev, r->in, node);
	pthread_mutex_unlock(&dev->lock);
	if (r->in->ret < 0)
		err_wrap(r->in->e, 0, "%s", dev->name);
}

void devices_restore(struct machine *m, struct dt_in *in)
{
	struct restoring r = { .in = in, .node = dt_in_node(in, 0, "virtio", COMPATIBLE) };
	uint64_t window = 0;

	dt_in_u64(in, r.node, "pci-window", &window);
	if (in->ret == 0 && window != m->slots.pci_high)
		in->ret =
			err_set(in->e, EINVAL,
				"%s: its PCI devices are in a window at 0x%llx, which is at 0x%llx "
				"for VMs of this host's CPUs",
				in->name, (unsigned long long)window,
				(unsigned long long)m->slots.pci_high);
	disks_check(m->disks, m->cfg, in);
	if (in->ret == 0)
		slots_for_each(m, restore, &r);
}
