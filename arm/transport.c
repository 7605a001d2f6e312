/* SPDX-License-Identifier: BSD-2-Clause */
/* The words for transports. */
#include <errno.h>
#include <string.h>
#include "arm/transport.h"

int transport_parse(const char *value, enum virtio_bus *bus, struct err *e)
{
	if (!strcmp(value, "mmio"))
		*bus = VIRTIO_BUS_MMIO;
	else if (!strcmp(value, "pci"))
		*bus = VIRTIO_BUS_PCI;
	else
		return err_set(e, EINVAL, "'%s' is none of mmio, pci", value);
	return 0;
}
