/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every virtio device has of state: status, features, queues. A queue is saved when each buffer that was taken
 * has been given back, so that one index stands for both. The rings themselves are in the guest's memory.
 *
 * Restoring goes the driver's way, in one step: the same rules hold for status, sizes and addresses.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include "util/bits.h"
#include "virtio/save.h"

#define STATUS_BITS                                                                           \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | \
	 VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED)

static const struct dt_field device_fields[] = {
	DT_FIELD(virtio_device, status),
	DT_FIELD(virtio_device, features),
	DT_FIELD(virtio_device, generation),
	DT_FIELD(virtio_device, config_news),
};

static const struct dt_field queue_fields[] = {
	DT_FIELD(virtq, size),      DT_FIELD(virtq, desc),      DT_FIELD(virtq, driver),
	DT_FIELD(virtq, device),    DT_FIELD(virtq, enabled),   DT_FIELD(virtq, quiet),
	DT_FIELD(virtq, next_used), DT_FIELD(virtq, told_used),
};

bool virtio_can_save(const struct virtio_device *dev)
{
	for (uint32_t i = 0; i < dev->nr_queues; i++) {
		if (dev->queue[i].elsewhere)
			return false;
	}
	return dev->class->save;
}

/* Of a broken device the buffers never come back, and nobody looks at its indexes any more. */
static bool all_given_back(const struct virtio_device *dev)
{
	for (uint32_t i = 0; i < dev->nr_queues; i++) {
		const struct virtq *q = &dev->queue[i];

		if (dev->queue_state[i] == VIRTIO_QUEUE_STOPPING ||
		    (virtio_runs(dev) && q->next_avail != q->next_used))
			return false;
	}
	return !dev->stopping;
}

bool virtio_freeze(struct virtio_device *dev)
{
	bool idle;

	dev->frozen = true;
	idle = !dev->class->freeze || dev->class->freeze(dev);
	return idle && all_given_back(dev);
}

void virtio_thaw(struct virtio_device *dev)
{
	dev->frozen = false;
	if (dev->config_news && virtio_runs(dev)) {
		dev->config_news = false;
		dev->transport->interrupt(dev->transport_ctx, VIRTIO_ALL);
	}
	for (uint32_t i = 0; i < dev->nr_queues; i++)
		virtio_notify(dev, i);
}

void virtio_save(const struct virtio_device *dev, struct dt *dt)
{
	dt_cells(dt, "type", dev->class->id);
	dt_cells(dt, "queues", dev->nr_queues);
	dt_fields(dt, dev, device_fields, ARRAY_SIZE(device_fields));
	dev->class->save(dev, dt); /* properties come before nodes */
	for (uint32_t i = 0; i < dev->nr_queues; i++) {
		dt_begin(dt, "queue@%x", i);
		dt_fields(dt, &dev->queue[i], queue_fields, ARRAY_SIZE(queue_fields));
		dt_cells(dt, "reset", dev->queue_state[i] == VIRTIO_QUEUE_RESET);
		dt_end(dt);
	}
	dev->transport->save(dev->transport_ctx, dt);
}

/* --- And back --- */

static void check_device(struct virtio_device *dev, struct dt_in *in,
			 const struct virtio_device *saved)
{
	bool settled = saved->status & VIRTIO_CONFIG_S_FEATURES_OK;
	uint64_t unknown;

	/* What the device does whatever is behind it, a host with other means need not have offered. */
	dev->offered |= saved->features & dev->class->features_anywhere;
	unknown = saved->features & ~dev->offered;
	if (in->ret == 0 && (saved->status & ~STATUS_BITS ||
			     (saved->status & VIRTIO_CONFIG_S_DRIVER_OK && !settled)))
		dt_in_fail(in, "status", "no such value");
	if (in->ret == 0 && settled && !virtio_has(saved, VIRTIO_F_VERSION_1))
		dt_in_fail(in, "features", "no such value");
	if (in->ret == 0 && settled && unknown)
		in->ret = err_set(in->e, EOPNOTSUPP,
				  "%s: the guest uses features of %s that it has not here: 0x%llx",
				  in->name, dev->name, (unsigned long long)unknown);
}

/* @q has nothing of its own but its limits: as after power-on. */
static void restore_queue(struct virtio_device *dev, struct dt_in *in, int node, uint32_t nr)
{
	bool settled = dev->status & VIRTIO_CONFIG_S_FEATURES_OK;
	struct virtq *q = &dev->queue[nr], saved = *q;
	uint32_t reset = 0;

	dt_in_fields(in, node, &saved, queue_fields, ARRAY_SIZE(queue_fields));
	dt_in_u32(in, node, "reset", &reset);
	if (in->ret < 0)
		return;
	if (!saved.size || saved.size > q->size_max || saved.size & (saved.size - 1)) {
		dt_in_fail(in, "queue", "its size is none that it can have");
		return;
	}
	if (reset > 1 || (reset && (saved.enabled || !virtio_has(dev, VIRTIO_F_RING_RESET))) ||
	    (saved.enabled && !settled)) {
		dt_in_fail(in, "queue", "it can be in no such state");
		return;
	}
	q->size = saved.size;
	q->desc = saved.desc;
	q->driver = saved.driver;
	q->device = saved.device;
	dev->queue_state[nr] = reset ? VIRTIO_QUEUE_RESET : VIRTIO_QUEUE_AS_SET_UP;
	if (!saved.enabled)
		return;
	if (!virtq_enable(q, virtio_has(dev, VIRTIO_RING_F_EVENT_IDX),
			  virtio_has(dev, VIRTIO_RING_F_INDIRECT_DESC))) {
		dt_in_fail(in, "queue", q->broken);
		return;
	}
	q->next_avail = q->seen_avail = q->next_used = saved.next_used;
	q->told_used = saved.told_used;
	q->quiet = saved.quiet && !q->event_idx;
}

void virtio_restore(struct virtio_device *dev, struct dt_in *in, int node)
{
	struct virtio_device saved = { 0 };
	uint32_t type = 0, queues = 0;

	dev->frozen = true;
	dt_in_u32(in, node, "type", &type);
	dt_in_u32(in, node, "queues", &queues);
	dt_in_fields(in, node, &saved, device_fields, ARRAY_SIZE(device_fields));
	if (in->ret == 0 && type != dev->class->id)
		dt_in_fail(in, "type", "it is another device");
	if (in->ret == 0 && queues != dev->nr_queues)
		in->ret = err_set(in->e, EINVAL, "%s: %s has %u queues, and here %u", in->name,
				  dev->name, queues, dev->nr_queues);
	check_device(dev, in, &saved);
	if (in->ret < 0)
		return;
	dev->status = saved.status;
	dev->features = saved.features;
	dev->generation = saved.generation;
	dev->config_news = saved.config_news;
	for (uint32_t i = 0; i < dev->nr_queues && in->ret == 0; i++)
		restore_queue(dev, in, dt_in_nth(in, node, "queue", i), i);
	if (in->ret == 0)
		dev->transport->restore(dev->transport_ctx, in, node);
	if (in->ret == 0)
		dev->class->restore(dev, in, node);
}
