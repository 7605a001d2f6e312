/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The GICv2m frame: two registers that matter. The guest's driver reads which interrupts it may hand out;
 * messages come from PCI functions, by gicv2m_msi(), or from a CPU that writes the register itself.
 */
#include <assert.h>
#include "hw/gicv2m.h"

#define MSI_TYPER     0x008
#define MSI_SETSPI_NS 0x040

#define SPI_BASE 32  /* INTID of SPI 0 */
#define SPIS_MAX 988 /* INTIDs 32 to 1019 */

/* Messages are 32 bits wide, and so are the registers. */
static void set_spi(const struct gicv2m *v2m, uint32_t intid)
{
	struct irq irq = v2m->irq;
	uint32_t nr = intid - SPI_BASE - irq.nr; /* huge if below */

	if (nr >= v2m->nr_spis)
		return;
	irq.nr += nr;
	irq_set(&irq, true);
}

static void send(void *ctx, uint16_t requester, uint64_t addr, uint32_t data)
{
	const struct gicv2m *v2m = ctx;

	(void)requester;
	if (addr == v2m->base + MSI_SETSPI_NS)
		set_spi(v2m, data);
}

/* MSI_IIDR reads as zero: an implementation that no driver knows a quirk of. */
static uint64_t gicv2m_read(void *dev, uint64_t off, unsigned int len)
{
	const struct gicv2m *v2m = dev;

	if (off != MSI_TYPER || len != 4)
		return 0;
	return (uint64_t)(SPI_BASE + v2m->irq.nr) << 16 | v2m->nr_spis;
}

static void gicv2m_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	const struct gicv2m *v2m = dev;

	if (off == MSI_SETSPI_NS && len == 4)
		set_spi(v2m, (uint32_t)value);
}

const struct mmio_ops gicv2m_mmio = { .read = gicv2m_read, .write = gicv2m_write };

void gicv2m_init(struct gicv2m *v2m, gpa_t base, struct irq first, unsigned int nr_spis)
{
	assert(nr_spis >= 1 && nr_spis <= SPIS_MAX && first.nr <= SPIS_MAX - nr_spis);
	*v2m = (struct gicv2m){ .base = base, .irq = first, .nr_spis = nr_spis };
	pthread_mutex_init(&v2m->lock, NULL);
}

void gicv2m_destroy(struct gicv2m *v2m)
{
	pthread_mutex_destroy(&v2m->lock);
}

struct msi gicv2m_msi(struct gicv2m *v2m)
{
	return (struct msi){ .send = send, .ctx = v2m };
}
