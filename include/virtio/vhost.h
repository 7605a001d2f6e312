/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device whose first queues are served by a struct vhost_backend: what its class embeds, and calls from its own
 * functions of the same names. Further queues are the class's own. All with the device's lock held.
 */
#ifndef LKVM_VIRTIO_VHOST_H
#define LKVM_VIRTIO_VHOST_H

#include <stdbool.h>
#include <stdint.h>
#include "virtio/device.h"
#include "vm/vhostdev.h"

struct virtio_vhost {
	struct virtio_device *dev;
	struct vhost_backend backend;
	unsigned int nr;            /* queues 0 to @nr - 1 are the back end's */
	uint64_t serving, stopping; /* a bit a queue: the back end has it; it is to give it back */
};

/*
 * Hands the first @nr queues (at most VHOST_QUEUES_MAX) of @dev, which virtio_init() made, over to @backend. @own:
 * the feature bits that mean nothing to a back end; all others are offered only if the back end has them, those of
 * the core too. Does not want the lock.
 */
void virtio_vhost_init(struct virtio_vhost *vhost, struct virtio_device *dev,
		       struct vhost_backend backend, unsigned int nr, uint64_t own);

/* The device's side, for the back end. */
struct vhost_frontend virtio_vhost_frontend(struct virtio_vhost *vhost);

/* class->start(). */
void virtio_vhost_start(struct virtio_vhost *vhost);
/* class->notify() of one of the back end's queues. */
void virtio_vhost_notify(struct virtio_vhost *vhost, unsigned int queue);
/*
 * class->stop(): of a queue (one of the class's own: nothing to do), or of all. virtio_stopped() follows, for
 * VIRTIO_ALL if that was asked for, where the answer is false. A class that has to wait for more than the back end
 * cannot use it.
 */
bool virtio_vhost_stop(struct virtio_vhost *vhost, int queue);

#endif
