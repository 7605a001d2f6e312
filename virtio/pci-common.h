/* SPDX-License-Identifier: BSD-2-Clause */
/* Between the two files of the PCI transport. */
#ifndef LKVM_VIRTIO_PCI_COMMON_H
#define LKVM_VIRTIO_PCI_COMMON_H

#include "virtio/pci.h"

/*
 * The common configuration structure (4.1.4.3). A field is reached by an access of its own width, or half of a
 * 64-bit one (4.1.3.1); any other reads zero and writes nothing. With the device's lock held.
 */
uint64_t virtio_pci_common_read(struct virtio_pci *pci, uint32_t off, unsigned int len);
void virtio_pci_common_write(struct virtio_pci *pci, uint32_t off, uint64_t value,
			     unsigned int len);

#endif
