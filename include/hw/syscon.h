/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The power and reset register behind the device tree's syscon-poweroff and syscon-reboot nodes:
 * how a guest under PSCI 0.1, which has no SYSTEM_OFF and no SYSTEM_RESET, ends itself.
 */
#ifndef LKVM_HW_SYSCON_H
#define LKVM_HW_SYSCON_H

#include <pthread.h>
#include <stdint.h>
#include "vm/bus.h"

#define SYSCON_REGS_SIZE 0x1000
#define SYSCON_POWER     0x0 /* 32 bits, write only, reads as zero */

#define SYSCON_POWER_OFF   0x5555
#define SYSCON_POWER_RESET 0x7777

struct syscon {
	pthread_mutex_t lock;
	/*
	 * Called on a vCPU thread, with @lock held, for the two values above. Other values, offsets
	 * and widths are ignored.
	 */
	void (*power)(void *ctx, uint32_t value);
	void *ctx;
};

extern const struct mmio_ops syscon_mmio;

/* Makes one that calls @power(@ctx, value). It must stay where it is; syscon_destroy() ends it. */
void syscon_init(struct syscon *syscon, void (*power)(void *ctx, uint32_t value), void *ctx);
void syscon_destroy(struct syscon *syscon);

#endif
