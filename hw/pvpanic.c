/* SPDX-License-Identifier: BSD-2-Clause */
/* The register by which a guest's kernel says that it panicked. */
#include "hw/pvpanic.h"

static uint64_t pvpanic_read(void *dev, uint64_t off, unsigned int len)
{
	(void)dev;
	(void)len;
	return off == PVPANIC_EVENTS ? PVPANIC_ALL : 0;
}

/* Events that the guest was not offered did not happen. */
static void pvpanic_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct pvpanic *p = dev;
	unsigned int events = (unsigned int)value & PVPANIC_ALL;

	(void)len;
	if (off == PVPANIC_EVENTS && events)
		p->happened(p->ctx, events);
}

const struct mmio_ops pvpanic_mmio = { .read = pvpanic_read, .write = pvpanic_write };

void pvpanic_init(struct pvpanic *p, void (*happened)(void *ctx, unsigned int events), void *ctx)
{
	*p = (struct pvpanic){ .happened = happened, .ctx = ctx };
	pthread_mutex_init(&p->lock, NULL);
}

void pvpanic_destroy(struct pvpanic *p)
{
	pthread_mutex_destroy(&p->lock);
}
