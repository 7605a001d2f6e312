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

/*
 * Calls @take for each register of vCPU @id in the tree, with its value as KVM lays it out, until in->ret is not 0. The tree's
 * mistakes are found here.
 */
void cpu_registers_in(struct dt_in *in, unsigned int id,
		      void (*take)(void *ctx, uint64_t id, const char *name, const uint8_t *value,
				   size_t size),
		      void *ctx);

/* save_its.c: the node "its"; nothing for a machine without one. Tables go to the guest's memory, and are read from there. */
int its_save(const struct machine *m, struct dt *dt, struct err *e);
/* After gic_restore(). */
void its_restore(const struct machine *m, struct dt_in *in);

/* consoles.c: the UARTs, nodes "serial@ADDRESS". */
void consoles_save(struct consoles *consoles, struct dt *dt);
void consoles_restore(struct consoles *consoles, struct dt_in *in);

/* save_config.c: which devices there are, in the node "machine". */
int config_save(const struct machine *m, struct dt *dt, struct err *e);
void config_restore(struct dt_in *in, int node, struct machine_config *cfg);

/* save_devices.c: the node "virtio", and in it a node a device, by its name. Restored, they are frozen. */
int devices_save(struct machine *m, struct dt *dt, struct err *e);
void devices_restore(struct machine *m, struct dt_in *in);
/* They go on: everything else is in place. */
void devices_thaw(struct machine *m);

/* disks.c: the node "disks", what the images were like. None is fine. */
int disks_save(const struct disks *disks, struct dt *dt, struct err *e);
/* Whether they still are; disks_settle() has come before disks_save(). */
void disks_check(const struct disks *disks, const struct machine_config *cfg, struct dt_in *in);
/* Everything in flight is over and written out. Returns 0, or -errno with @e set. */
int disks_settle(struct disks *disks, struct err *e);
/* disk_yield() and disk_take_back() of all; the latter of all or none. */
void disks_yield(struct disks *disks);
int disks_take_back(struct disks *disks, struct err *e);

/* save.c: everything, in the place of boot_load(). Returns 0, or -errno with @e set. */
int machine_restore(struct machine *m, struct err *e);
/* saved_machine.arrived(), if there is such a thing. */
int machine_arrive(const struct machine *m, struct err *e);

#endif
