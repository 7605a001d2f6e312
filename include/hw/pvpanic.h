/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A register by which a guest's kernel says that it panicked: the device of the device tree binding
 * "qemu,pvpanic-mmio", for which Linux has a driver.
 */
#ifndef LKVM_HW_PVPANIC_H
#define LKVM_HW_PVPANIC_H

#include <pthread.h>
#include <stdint.h>
#include "vm/bus.h"

#define PVPANIC_REGS_SIZE 2
#define PVPANIC_EVENTS    0 /* 8 bits: read, what the device understands; written, what happened */

#define PVPANIC_PANICKED     1 /* the kernel panicked */
#define PVPANIC_CRASH_LOADED 2 /* it panicked, and another kernel takes over to save what is left */
#define PVPANIC_SHUTDOWN     4 /* it has shut down and wants to be powered off */
#define PVPANIC_ALL          (PVPANIC_PANICKED | PVPANIC_CRASH_LOADED | PVPANIC_SHUTDOWN)

struct pvpanic {
	pthread_mutex_t lock;
	/* Called on a vCPU's thread, with @lock held, with one or more of the events above. */
	void (*happened)(void *ctx, unsigned int events);
	void *ctx;
};

extern const struct mmio_ops pvpanic_mmio;

/* Makes one that calls @happened(@ctx, events). It must stay where it is; pvpanic_destroy() ends it. */
void pvpanic_init(struct pvpanic *p, void (*happened)(void *ctx, unsigned int events), void *ctx);
void pvpanic_destroy(struct pvpanic *p);

#endif
