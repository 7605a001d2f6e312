/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How messages of PCI functions become interrupts: by KVM's ITS where the machine has a GICv3, by a
 * GICv2m frame where it has a GICv2, or not at all.
 */
#ifndef LKVM_ARM_MSI_H
#define LKVM_ARM_MSI_H

#include <stdbool.h>
#include "gic.h"
#include "hw/gicv2m.h"
#include "vm/bus.h"
#include "vm/dt.h"
#include "vm/irq.h"

#define DT_PHANDLE_MSI 3

struct msi_controller {
	enum { MSI_NONE, MSI_ITS, MSI_GICV2M } kind;
	struct msi msi; /* where functions send; valid as long as this */
	int vm, its;    /* descriptors: the VM's, and KVM's ITS or -1 */
	struct gicv2m frame;
};

/*
 * Makes the one that goes with @gic, which is complete. It must stay where it is; a frame becomes a region of
 * @bus. Returns 0, or -errno with @e set; msi_destroy() also after that.
 */
int msi_create(struct msi_controller *msi, struct gic *gic, struct bus *bus, struct err *e);
void msi_destroy(struct msi_controller *msi);

/* Its node, DT_PHANDLE_MSI; nothing for MSI_NONE. Within the GIC's node. */
void msi_fdt(const struct msi_controller *msi, struct dt *dt);

#endif
