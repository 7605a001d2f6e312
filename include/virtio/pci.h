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

struct virtio_pci {
	struct virtio_device *dev;
	struct pci_function function;
	struct msix msix; /* one vector a queue, and one for the configuration; none: INTx alone */
	struct virtio_doorbells doorbells;
	uint32_t features_sel, accepted_sel;
	uint16_t queue_sel;
	uint16_t config_vector, *queue_vector; /* VIRTIO_MSI_NO_VECTOR: none */
	uint8_t isr;
};

/*
 * Attaches @dev as a new function of @host. @msi: where its messages go, { 0 } for a machine without.
 * @doorbells: a copy is kept. Returns 0, or -errno with @e set; virtio_pci_destroy() also after that.
 */
int virtio_pci_init(struct virtio_pci *pci, struct virtio_device *dev, struct pci_host *host,
		    struct msi msi, const struct virtio_doorbells *doorbells, struct err *e);
void virtio_pci_destroy(struct virtio_pci *pci);

#endif
