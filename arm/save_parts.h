/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the files that save and restore a machine's state. Neither vCPUs nor devices run meanwhile. */
#ifndef LKVM_ARM_SAVE_PARTS_H
#define LKVM_ARM_SAVE_PARTS_H

#include "parts.h"
#include "vm/dt_in.h"

/* save_cpu.c: nodes "cpu@N", and what all vCPUs share. Return 0, or -errno with @e set. */
int cpus_save(struct machine *m, struct dt *dt, struct err *e);
/* After everything else that is KVM's: the guest's clock goes on from here. */
int cpus_restore(struct machine *m, struct dt_in *in);

/* save_gic.c: the node "interrupt-controller". */
int gic_save(const struct machine *m, struct dt *dt, struct err *e);
int gic_restore(const struct machine *m, struct dt_in *in);

/* consoles.c: the UARTs, nodes "serial@ADDRESS". */
void consoles_save(struct consoles *consoles, struct dt *dt);
void consoles_restore(struct consoles *consoles, struct dt_in *in);

/* save.c: everything, in the place of boot_load(). Returns 0, or -errno with @e set. */
int machine_restore(struct machine *m, struct err *e);

#endif
