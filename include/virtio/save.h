/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio devices that stand still, and their state in a device tree (vm/dt.h), to go on from in another process.
 *
 *	runs --- virtio_freeze() ---> lets go of buffers; the host's requests complete ---> virtio_save()
 *	as after power-on --- virtio_restore() ---> frozen --- virtio_thaw() ---> runs
 *
 * A device that is frozen takes no buffer; what is in the host's hands is still given back, and the driver hears of
 * it. All with the device's lock held.
 */
#ifndef LKVM_VIRTIO_SAVE_H
#define LKVM_VIRTIO_SAVE_H

#include <stdbool.h>
#include "virtio/device.h"
#include "vm/dt.h"
#include "vm/dt_in.h"

/* Whether there is a way to save @dev: its class knows how, and its queues are served here. */
bool virtio_can_save(const struct virtio_device *dev);

/*
 * No buffer is taken until virtio_thaw(). Returns whether none is in the host's hands, nor a reset waits for one; if
 * not, this is to be called again when the host is through. Harmless if it is frozen.
 */
bool virtio_freeze(struct virtio_device *dev);

/* Goes on: with whatever the driver has notified of meanwhile, or before. */
void virtio_thaw(struct virtio_device *dev);

/* Writes the state of @dev, frozen and with nothing in the host's hands, into the node that is begun. */
void virtio_save(const struct virtio_device *dev, struct dt *dt);

/*
 * Puts the state in @node in place: @dev is as after power-on, its transport attached and the guest's RAM in place. It is frozen
 * then. What a driver could not have brought about is refused: in->ret tells.
 */
void virtio_restore(struct virtio_device *dev, struct dt_in *in, int node);

#endif
