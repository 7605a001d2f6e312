/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport, modern devices only (virtio 1.2, section 4.1): one function with the
 * common, notify, ISR and device configuration structures in one BAR, and MSI-X in another.
 */
#ifndef LKVM_VIRTIO_PCI_H
#define LKVM_VIRTIO_PCI_H

#include "hw/msix.h"
#include "hw/pci.h"
#include "virtio/device.h"
#include "virtio/doorbells.h"

#define VIRTIO_PCI_QUEUES_MAX 1024 /* each has four bytes of the notify structure's page */

struct virtio_pci {
	struct virtio_device *dev;
	struct pci_function function;
	struct msix msix; /* one vector a queue, and one for the configuration; none: INTx alone */
	struct virtio_doorbells doorbells;
	unsigned int cfg_cap; /* offset of the capability through which config space reaches BARs */
	uint32_t features_sel, accepted_sel;
	uint16_t queue_sel;
	uint16_t config_vector, *queue_vector; /* VIRTIO_MSI_NO_VECTOR: none */
	uint8_t isr;
};

/*
 * Attaches @dev as a new function of @host. @msi: where its messages go, { 0 } for a machine without.
 * @doorbells: a copy is kept; they are placed when the guest places the BAR. Returns 0, or -errno with @e set;
 * virtio_pci_destroy() also after that. @pci must stay where it is.
 */
int virtio_pci_init(struct virtio_pci *pci, struct virtio_device *dev, struct pci_host *host,
		    struct msi msi, const struct virtio_doorbells *doorbells, struct err *e);

/* Frees what is its own; the device may be gone already. The guest does not run. */
void virtio_pci_destroy(struct virtio_pci *pci);

#endif
