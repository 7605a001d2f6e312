/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Devices whose queues somebody else serves. The driver's notifications go past this file: they are in the eventfd
 * that the back end waits for. What comes here are those of the core, each queue's first, and of the bus.
 *
 *	a queue is		bits
 *	nobody's		none		not enabled, or the device does not run
 *	the back end's		serving
 *	being given back	stopping	until stopped()
 */
#include <assert.h>
#include <string.h>
#include "util/bits.h"
#include "virtio/vhost.h"

#define BIT(nr) (UINT64_C(1) << (nr))

void virtio_vhost_init(struct virtio_vhost *vhost, struct virtio_device *dev,
		       struct vhost_backend backend, unsigned int nr, uint64_t own)
{
	assert(nr <= dev->nr_queues && nr <= VHOST_QUEUES_MAX);
	*vhost = (struct virtio_vhost){ .dev = dev, .backend = backend, .nr = nr };
	dev->offered &= backend.features | own;
	for (unsigned int i = 0; i < nr; i++)
		dev->queue[i].elsewhere = true;
}

/* --- The driver's side --- */

void virtio_vhost_start(struct virtio_vhost *vhost)
{
	const struct vhost_backend *backend = &vhost->backend;
	int ret = backend->start(backend->ctx, vhost->dev->features & backend->features);

	if (ret < 0)
		virtio_break(vhost->dev, "its back end does not start: %s", strerror(-ret));
}

static bool start_queue(struct virtio_vhost *vhost, unsigned int queue)
{
	const struct vhost_backend *backend = &vhost->backend;
	const struct virtq *q = &vhost->dev->queue[queue];
	const struct vhost_queue as_set_up = {
		.size = q->size,
		.base = q->next_avail,
		.desc = q->desc,
		.driver = q->driver,
		.device = q->device,
	};
	int ret = backend->start_queue(backend->ctx, queue, &as_set_up);

	if (ret < 0) {
		virtio_break(vhost->dev, "its back end refuses queue %u: %s", queue,
			     strerror(-ret));
		return false;
	}
	vhost->serving |= BIT(queue);
	return true;
}

/* The first one of a queue finds it enabled: then, and not before, its addresses are settled. */
void virtio_vhost_notify(struct virtio_vhost *vhost, unsigned int queue)
{
	if (vhost->serving & BIT(queue) || start_queue(vhost, queue))
		vhost->backend.kick(vhost->backend.ctx, queue);
}

static void stop_queue(struct virtio_vhost *vhost, unsigned int queue)
{
	if (queue >= vhost->nr || !(vhost->serving & BIT(queue)))
		return;
	vhost->serving &= ~BIT(queue);
	if (!vhost->backend.stop_queue(vhost->backend.ctx, queue))
		vhost->stopping |= BIT(queue);
}

bool virtio_vhost_stop(struct virtio_vhost *vhost, int queue)
{
	if (queue != VIRTIO_ALL) {
		stop_queue(vhost, (unsigned int)queue);
		return (unsigned int)queue >= vhost->nr || !(vhost->stopping & BIT(queue));
	}
	for (unsigned int i = 0; i < vhost->nr; i++)
		stop_queue(vhost, i);
	return !vhost->stopping;
}

/* --- The back end's side --- */

static void called(void *ctx, unsigned int queue)
{
	struct virtio_vhost *vhost = ctx;

	virtio_call(vhost->dev, queue);
}

static void stopped(void *ctx, unsigned int queue)
{
	struct virtio_vhost *vhost = ctx;

	if (!(vhost->stopping & BIT(queue)))
		return;
	vhost->stopping &= ~BIT(queue);
	virtio_stopped(vhost->dev, vhost->stopping ? (int)queue : VIRTIO_ALL);
}

static void failed(void *ctx, const char *why)
{
	struct virtio_vhost *vhost = ctx;

	/* There is nothing to break in a device that is being reset, and so nobody would be told. */
	if (!virtio_busy(vhost->dev))
		virtio_break(vhost->dev, "its back end %s", why);
	else if (log_limit_ok(&vhost->dev->limit))
		log_warning("%s: its back end %s", vhost->dev->name, why);
}

struct vhost_frontend virtio_vhost_frontend(struct virtio_vhost *vhost)
{
	return (struct vhost_frontend){
		.called = called,
		.stopped = stopped,
		.failed = failed,
		.ctx = vhost,
		.lock = &vhost->dev->lock,
	};
}
