/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's power button: a key on a pin of a GPIO controller, as guests know it from other machines. What it does is the
 * guest's to say: systems with an init that listens power off.
 */
#ifndef LKVM_ARM_BUTTON_H
#define LKVM_ARM_BUTTON_H

#include "hw/pl061.h"
#include "vm/timer.h"

struct machine;
struct dt;

struct button {
	struct pl061 gpio;
	struct loop_timer release;
	bool made;
};

/* Puts it on @m, which has a GIC. Returns 0, or -errno with @e set; button_remove() also after that, and without it. */
int button_add(struct machine *m, struct err *e);
void button_remove(struct machine *m);

/* Presses it, and lets go of it a moment later. The loop's thread. */
void button_press(struct machine *m);

/* Its nodes; @clock is the phandle of the clock that the controller is said to have. */
void button_fdt(struct dt *dt, uint32_t clock);

#endif
