/* SPDX-License-Identifier: BSD-2-Clause */
/* The power and reset register of guests without PSCI 0.2's SYSTEM_OFF and SYSTEM_RESET. */
#include "hw/syscon.h"

static uint64_t syscon_read(void *dev, uint64_t off, unsigned int len)
{
	(void)dev;
	(void)off;
	(void)len;
	return 0;
}

static void syscon_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct syscon *syscon = dev;

	if (off != SYSCON_POWER || len != 4)
		return;
	if (value == SYSCON_POWER_OFF || value == SYSCON_POWER_RESET)
		syscon->power(syscon->ctx, (uint32_t)value);
}

const struct mmio_ops syscon_mmio = { .read = syscon_read, .write = syscon_write };

void syscon_init(struct syscon *syscon, void (*power)(void *ctx, uint32_t value), void *ctx)
{
	*syscon = (struct syscon){ .power = power, .ctx = ctx };
	pthread_mutex_init(&syscon->lock, NULL);
}

void syscon_destroy(struct syscon *syscon)
{
	pthread_mutex_destroy(&syscon->lock);
}
