/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PL061 GPIO controller (Arm DDI 0190): eight pins, each of which can interrupt. What is outside drives pins as inputs;
 * what the guest drives as outputs goes nowhere. Registers are 32 bits wide; narrower and wider accesses are of the
 * register they start at.
 */
#ifndef LKVM_HW_PL061_H
#define LKVM_HW_PL061_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "vm/bus.h"
#include "vm/dt_in.h"
#include "vm/irq.h"

#define PL061_REGS_SIZE 0x1000
#define PL061_NR_PINS   8

struct pl061 {
	pthread_mutex_t lock;
	struct irq irq; /* level */
	uint8_t input;  /* the pins as what is outside drives them */
	uint8_t output; /* as the guest would, where it does */
	/* The registers of the same names; a bit a pin. */
	uint8_t dir, is, ibe, iev, ie, afsel;
	uint8_t edges; /* seen, and not cleared: RIS of the pins that interrupt by edges */
};

extern const struct mmio_ops pl061_mmio;

/* Makes one as after reset, all pins low. It must stay where it is; pl061_destroy() ends it. */
void pl061_init(struct pl061 *gpio, struct irq irq);
void pl061_destroy(struct pl061 *gpio);

/* What is outside drives @pin. With the lock held. */
void pl061_set_pin(struct pl061 *gpio, unsigned int pin, bool level);

/*
 * Its registers for a snapshot, as properties of the node that @dt is at; and from such a node, which may hold anything: what is no
 * state of such a device is refused (in->ret), and it is as before then. With the lock held.
 */
void pl061_save(const struct pl061 *gpio, struct dt *dt);
void pl061_restore(struct pl061 *gpio, struct dt_in *in, int node);

#endif
