/* SPDX-License-Identifier: BSD-2-Clause */
/* Interrupts as values: devices raise them without knowing who listens. */
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

/* Where message-signalled interrupts go. */
struct msi {
	/*
	 * The function @requester (bus << 8 | device << 3 | function) writes @data to @addr. Whatever the guest
	 * put in its table comes here: what is no message is dropped. Any thread; NULL: there is no such way.
	 */
	void (*send)(void *ctx, uint16_t requester, uint64_t addr, uint32_t data);
	void *ctx;
};

#endif
