/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A GICv2m frame (Arm Server Base System Architecture, "GICv2m"): message-signalled interrupts for a GICv2. A
 * function writes the interrupt's number to a register of the frame, and the shared peripheral interrupt
 * of that number becomes pending.
 */
#ifndef LKVM_HW_GICV2M_H
#define LKVM_HW_GICV2M_H

#include <pthread.h>
#include <stdint.h>
#include "vm/bus.h"
#include "vm/irq.h"

#define GICV2M_REGS_SIZE 0x1000

struct gicv2m {
	pthread_mutex_t lock; /* the region's; there is nothing that it guards */
	gpa_t base;
	struct irq irq; /* its @nr: the first SPI */
	unsigned int nr_spis;
};

extern const struct mmio_ops gicv2m_mmio;

/*
 * A frame at @base for @nr_spis SPIs (1 to 988) from @first on; @first is the line of the first one, its number an
 * SPI's (the guest sees 32 more), and the others are the same line with the numbers that follow. All are
 * used as edge interrupts: raised, never lowered.
 */
void gicv2m_init(struct gicv2m *v2m, gpa_t base, struct irq first, unsigned int nr_spis);
void gicv2m_destroy(struct gicv2m *v2m);

/* The way of messages through the frame; what does not go to its register, or names no SPI of it, is dropped. */
struct msi gicv2m_msi(struct gicv2m *v2m);

#endif
