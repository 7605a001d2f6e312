/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where virtio devices are: the slots of the virtio-mmio window, and those of the PCI bus. A device is
 * put there with its registers, interrupts and doorbells; neither it nor its transport knows more.
 */
#ifndef LKVM_ARM_SLOTS_H
#define LKVM_ARM_SLOTS_H

#include <stdbool.h>
#include "arm/machine.h"
#include "vm/dt.h"
#include "vm/ram.h"

struct slot;
struct slots_pci;
struct virtio_device;

struct slots {
	struct slot *first; /* newest first */
	struct slots_pci
		*pci; /* host bridge and what carries its messages; NULL: no device needs it */
	unsigned int nr_mmio;
	gpa_t pci_high; /* base of the 64-bit window; 0: the host has no room for it */
};

/* Where a device is put whose own wish is @bus: @bus, the machine's, or lkvm's choice. */
enum virtio_bus slots_bus(const struct machine_config *cfg, enum virtio_bus bus);

/* Whether any device that @cfg asks for will be on PCI. */
bool slots_need_pci(const struct machine_config *cfg);

/*
 * How many SPIs a GIC of @version has to have for what @cfg asks for. KVM makes and frees each of them, so
 * those that nobody uses would be paid for at every start.
 */
unsigned int slots_nr_spis(const struct machine_config *cfg, enum irqchip version);

/*
 * Puts @dev on @m: on @bus or, if that is VIRTIO_BUS_DEFAULT, on the machine's. The device has to be
 * complete (virtio_X_init() done) and must outlive slots_destroy() or be silent. Returns 0, or -errno
 * with @e set: all slots are taken, or the host refuses.
 */
int slots_add(struct machine *m, struct virtio_device *dev, enum virtio_bus bus, struct err *e);

/*
 * The eventfds that @dev's driver rings for its first @nr queues, into @fd: for who serves them in the
 * device's place; the device is told of none of it any more. They stay the slot's, until slots_destroy(). Loop's
 * thread, or when it does not run; after slots_add().
 */
void slots_lend_bells(struct machine *m, const struct virtio_device *dev, int *fd, unsigned int nr);

/* KVM's ITS that carries messages of PCI devices, or -1. */
int slots_its(const struct machine *m);

/* Calls @each for every device, in the order in which they were added. Loop's thread, or when nothing runs. */
void slots_for_each(const struct machine *m, void (*each)(void *ctx, struct virtio_device *dev),
		    void *ctx);

/* Writes the nodes of all slots and of the host bridge. */
void slots_fdt(const struct machine *m, struct dt *dt);
/* Writes the node of what carries PCI's messages; within that of the GIC. */
void slots_fdt_msi(const struct machine *m, struct dt *dt);

/*
 * The names of all devices that are not @fine, for people, as many as fit into @size bytes. Returns whether there are any.
 */
bool slots_names(const struct machine *m, bool (*fine)(const struct virtio_device *dev),
		 char *names, size_t size);

/* Takes all of them away; the devices are gone already. Neither vCPUs nor the loop run. */
void slots_destroy(struct machine *m);

#endif
