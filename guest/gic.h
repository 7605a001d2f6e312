/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * As much of the interrupt controller (GICv2: Arm IHI 0048, GICv3: IHI 0069) as it takes for one of
 * this CPU's own interrupts to reach it and end its sleep. Nobody takes the interrupt: guests keep
 * theirs masked in DAIF.
 */
#ifndef GUEST_GIC_H
#define GUEST_GIC_H

#include <stdbool.h>
#include <stdint.h>

struct dt;

#define PPI_VIRTUAL_TIMER 27 /* its INTID, as in every machine that follows Arm's base design */

/* Enables PPI @intid for this CPU, or disables it again. False: no controller that we know. */
bool gic_enable_ppi(const struct dt *dt, unsigned int intid, bool enable);

#endif
