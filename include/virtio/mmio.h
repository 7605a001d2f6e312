/* SPDX-License-Identifier: BSD-2-Clause */
/* The MMIO transport, version 2 (virtio 1.2, section 4.2): a device's registers at a fixed address. */
#ifndef LKVM_VIRTIO_MMIO_H
#define LKVM_VIRTIO_MMIO_H

#include <stdbool.h>
#include <stdint.h>
#include "virtio/device.h"
#include "virtio/doorbells.h"
#include "vm/bus.h"
#include "vm/irq.h"

#define VIRTIO_MMIO_REGS_SIZE 0x200

struct virtio_mmio {
	struct virtio_device *dev;
	struct irq irq;              /* edge: raised for each interrupt */
	void (*released)(void *ctx); /* a vCPU that waits for the device may go on; or NULL */
	void *released_ctx;
	uint32_t features_sel, accepted_sel, queue_sel;
	uint32_t interrupt_status;
	bool waits; /* the driver asked for a reset that is not over */
};

/* Of a struct virtio_mmio, with dev->lock as the region's lock. */
extern const struct mmio_ops virtio_mmio_ops;

/*
 * Attaches @dev and places its doorbells for registers at @base. @released is called, with the
 * device's lock held, when virtio_mmio_ops.busy() has become false.
 */
void virtio_mmio_init(struct virtio_mmio *mmio, struct virtio_device *dev, gpa_t base,
		      struct irq irq, const struct virtio_doorbells *doorbells,
		      void (*released)(void *ctx), void *released_ctx);

#endif
