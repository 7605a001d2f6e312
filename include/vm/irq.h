/* SPDX-License-Identifier: BSD-2-Clause */
/* An interrupt line as a value: devices raise and lower it without knowing who listens. */
#ifndef LKVM_VM_IRQ_H
#define LKVM_VM_IRQ_H

#include <stdbool.h>
#include <stdint.h>

struct irq {
	void (*set)(void *ctx, uint32_t nr, bool level); /* any thread; NULL: not connected */
	void *ctx;
	uint32_t nr; /* what @set wants: an SPI number for the GIC */
};

static inline void irq_set(const struct irq *irq, bool level)
{
	if (irq->set)
		irq->set(irq->ctx, irq->nr, level);
}

#endif
