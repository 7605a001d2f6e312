/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Doorbells: where a transport says at which address each queue is notified, so that somebody who
 * can (vm/doorbell.h) hears the guest's write without an exit to user space. The transport serves the
 * same addresses itself for whatever arrives by the bus.
 */
#ifndef LKVM_VIRTIO_DOORBELLS_H
#define LKVM_VIRTIO_DOORBELLS_H

#include <stdbool.h>
#include "vm/ram.h"

struct virtio_doorbells {
	/*
	 * A guest's write of @len bytes at @gpa notifies @queue; @match: only if the value written is
	 * @queue's number. @len 0: whatever the width. Takes the place of an earlier address. With the device's lock held.
	 */
	void (*place)(void *ctx, unsigned int queue, gpa_t gpa, unsigned int len, bool match);
	/* @queue's doorbell has no address any more. */
	void (*remove)(void *ctx, unsigned int queue);
	void *ctx;
};

#endif
