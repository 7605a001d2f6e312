/* SPDX-License-Identifier: BSD-2-Clause */
/* How a virtio device is reached: by registers of its own, or as a PCI function. */
#ifndef LKVM_ARM_TRANSPORT_H
#define LKVM_ARM_TRANSPORT_H

#include "util/err.h"

enum virtio_bus {
	VIRTIO_BUS_DEFAULT, /* of a device: the machine's; of the machine: lkvm's own choice */
	VIRTIO_BUS_MMIO,
	VIRTIO_BUS_PCI,
};

/* Reads "mmio" or "pci" into *@bus. Returns 0, or -EINVAL with @e naming @value. */
int transport_parse(const char *value, enum virtio_bus *bus, struct err *e);

#endif
