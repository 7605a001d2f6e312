/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio devices on the machine. The first device on PCI brings the host bridge, its windows and what
 * carries its messages; a machine without one has none of it.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "arm/map.h"
#include "hw/pci.h"
#include "msi.h"
#include "parts.h"
#include "virtio/mmio.h"
#include "virtio/pci.h"
#include "vm/doorbell.h"

/* The transport of devices when nobody names one: what boots faster (docs/performance.md). */
#define BUS_CHOICE VIRTIO_BUS_MMIO

/* PCI bus bindings, the first cell of an address: prefetchable (bit 30), 32-bit (2) or 64-bit memory (3). */
#define DT_PCI_MEM32 0x02000000u
#define DT_PCI_MEM64 0x43000000u

struct slots_pci {
	struct pci_host host;
	struct msi_controller msi;
};

struct slot {
	struct slot *next;
	struct virtio_device *dev;
	enum { SLOT_EMPTY, SLOT_MMIO, SLOT_PCI } kind; /* which transport is made */
	unsigned int nr;                               /* of the mmio window */
	union {
		struct virtio_mmio mmio;
		struct virtio_pci pci;
	};
	unsigned int nr_bells;
	struct doorbell bell[]; /* of each queue */
};

enum virtio_bus slots_bus(const struct machine_config *cfg, enum virtio_bus bus)
{
	if (bus == VIRTIO_BUS_DEFAULT)
		bus = cfg->bus;
	return bus == VIRTIO_BUS_DEFAULT ? BUS_CHOICE : bus;
}

static bool uses(const struct machine_config *cfg, enum virtio_bus bus)
{
	for (unsigned int i = 0; machine_parts[i]; i++) {
		if (machine_parts[i]->uses(cfg, bus))
			return true;
	}
	return consoles_use(cfg, bus);
}

bool slots_need_pci(const struct machine_config *cfg)
{
	return uses(cfg, VIRTIO_BUS_PCI);
}

unsigned int slots_nr_spis(const struct machine_config *cfg, enum irqchip version)
{
	if (slots_need_pci(cfg) && !cfg->no_msi && version == IRQCHIP_GICV2)
		return MAP_SPI_NR;
	if (slots_need_pci(cfg) || uses(cfg, VIRTIO_BUS_MMIO))
		return MAP_SPI_NR_VIRTIO;
	return MAP_SPI_NR_BOARD;
}

/* --- Doorbells --- */

static void rung(void *ctx, unsigned int queue)
{
	virtio_notify(ctx, queue);
}

static void place(void *ctx, unsigned int queue, gpa_t gpa, unsigned int len, bool match)
{
	struct slot *slot = ctx;
	int ret = doorbell_place(&slot->bell[queue], gpa, len, match, queue);

	/* A guest can have a BAR in another's place, as often as it likes. */
	if (ret < 0 && log_enabled(LOG_DEBUG) && log_limit_ok(&slot->dev->limit))
		log_debug("%s: queue %u has no doorbell: %s", slot->dev->name, queue,
			  strerror(-ret));
}

static void take_away(void *ctx, unsigned int queue)
{
	struct slot *slot = ctx;

	doorbell_remove(&slot->bell[queue]);
}

static struct virtio_doorbells doorbells(struct slot *slot)
{
	return (struct virtio_doorbells){ .place = place, .remove = take_away, .ctx = slot };
}

static int open_doorbells(struct machine *m, struct slot *slot, struct err *e)
{
	int ret = 0;

	for (unsigned int i = 0; i < slot->nr_bells && ret == 0; i++)
		ret = doorbell_open(&slot->bell[i], m->vm.loop, m->vm.fd, &slot->dev->lock, rung,
				    slot->dev, i, e);
	return ret;
}

/* --- The virtio-mmio window --- */

static void released(void *ctx)
{
	vm_release(ctx);
}

static int add_mmio(struct machine *m, struct slot *slot, struct err *e)
{
	unsigned int nr = m->slots.nr_mmio;
	gpa_t base = MAP_VIRTIO + nr * MAP_VIRTIO_STRIDE;
	struct virtio_doorbells bells = doorbells(slot);

	if (nr == MAP_VIRTIO_NR)
		return err_set(e, ENOSPC, "%s: all %d virtio-mmio slots are taken", slot->dev->name,
			       MAP_VIRTIO_NR);
	m->slots.nr_mmio++;
	slot->nr = nr;
	slot->kind = SLOT_MMIO;
	virtio_mmio_init(&slot->mmio, slot->dev, base, gic_spi(&m->gic, MAP_SPI_VIRTIO + nr),
			 &bells, released, &m->vm);
	return bus_add(&m->vm.bus,
		       &(struct mmio_region){
			       .name = "virtio-mmio",
			       .base = base,
			       .size = VIRTIO_MMIO_REGS_SIZE,
			       .ops = &virtio_mmio_ops,
			       .dev = &slot->mmio,
			       .lock = &slot->dev->lock,
		       },
		       e);
}

static void mmio_fdt(const struct slot *slot, struct dt *dt)
{
	gpa_t base = MAP_VIRTIO + slot->nr * MAP_VIRTIO_STRIDE;

	dt_begin(dt, "virtio_mmio@%llx", (unsigned long long)base);
	dt_string(dt, "compatible", "virtio,mmio");
	dt_cells(dt, "reg", DT_U64(base), DT_U64(MAP_VIRTIO_STRIDE));
	dt_cells(dt, "interrupts", DT_GIC_SPI, MAP_SPI_VIRTIO + slot->nr, DT_IRQ_EDGE_RISING);
	dt_empty(dt, "dma-coherent");
	dt_end(dt);
}

/* --- PCI --- */

static int add_window(struct machine *m, const char *name, struct pci_window window,
		      const struct mmio_ops *ops, struct err *e)
{
	if (!window.size)
		return 0;
	return bus_add(&m->vm.bus,
		       &(struct mmio_region){
			       .name = name,
			       .base = window.base,
			       .size = window.size,
			       .ops = ops,
			       .dev = &m->slots.pci->host,
			       .lock = &m->slots.pci->host.lock,
		       },
		       e);
}

static int create_pci(struct machine *m, struct err *e)
{
	const struct pci_window ecam = { MAP_PCI_ECAM, PCI_ECAM_SIZE };
	const struct pci_window low = { MAP_PCI_LOW, MAP_PCI_LOW_SIZE };
	struct pci_window high = { m->slots.pci_high, m->slots.pci_high ? MAP_PCI_HIGH_SIZE : 0 };
	struct slots_pci *pci = calloc(1, sizeof(*pci));
	struct irq intx[4];
	int ret;

	if (!pci)
		return err_sys(e, "cannot build a PCI host bridge");
	for (unsigned int i = 0; i < ARRAY_SIZE(intx); i++)
		intx[i] = gic_spi(&m->gic, MAP_SPI_PCI + i);
	pci_host_init(&pci->host, low, high, intx);
	pci->msi.its = -1;
	m->slots.pci = pci;
	ret = m->cfg->no_msi ? 0 : msi_create(&pci->msi, &m->gic, &m->vm.bus, e);
	if (ret == 0)
		ret = add_window(m, "PCI configuration space", ecam, &pci_ecam_mmio, e);
	if (ret == 0)
		ret = add_window(m, "PCI memory", low, &pci_low_mmio, e);
	if (ret == 0)
		ret = add_window(m, "PCI 64-bit memory", high, &pci_high_mmio, e);
	return ret;
}

static int add_pci(struct machine *m, struct slot *slot, struct err *e)
{
	struct virtio_doorbells bells = doorbells(slot);
	int ret = m->slots.pci ? 0 : create_pci(m, e);

	if (ret < 0)
		return ret;
	slot->kind = SLOT_PCI;
	return virtio_pci_init(&slot->pci, slot->dev, &m->slots.pci->host, m->slots.pci->msi.msi,
			       &bells, e);
}

/* Four slots and four pins tell the pattern: pin A of slot 0 is INTA, that of slot 1 is INTB. */
static void interrupt_map(struct dt *dt)
{
	uint32_t map[16 * 10], *cell = map;

	for (uint32_t slot = 0; slot < 4; slot++) {
		for (uint32_t pin = 0; pin < 4; pin++) {
			const uint32_t row[] = {
				slot << 11,
				0,
				0,
				pin + 1,
				DT_PHANDLE_GIC,
				0,
				0,
				DT_GIC_SPI,
				MAP_SPI_PCI + (slot + pin) % 4,
				DT_IRQ_LEVEL_HIGH,
			};

			memcpy(cell, row, sizeof(row));
			cell += ARRAY_SIZE(row);
		}
	}
	dt_cells(dt, "interrupt-map-mask", 3 << 11, 0, 0, 7);
	dt_cells_array(dt, "interrupt-map", map, ARRAY_SIZE(map));
}

static void pci_fdt(const struct machine *m, struct dt *dt)
{
	const uint64_t high = m->slots.pci_high;
	const uint32_t ranges[] = {
		DT_PCI_MEM32, DT_U64(MAP_PCI_LOW), DT_U64(MAP_PCI_LOW), DT_U64(MAP_PCI_LOW_SIZE),
		DT_PCI_MEM64, DT_U64(high),        DT_U64(high),        DT_U64(MAP_PCI_HIGH_SIZE),
	};

	dt_begin(dt, "pcie@%llx", MAP_PCI_ECAM);
	dt_string(dt, "compatible", "pci-host-ecam-generic");
	dt_string(dt, "device_type", "pci");
	dt_cells(dt, "reg", DT_U64(MAP_PCI_ECAM), DT_U64(PCI_ECAM_SIZE));
	dt_cells(dt, "bus-range", 0, 0);
	dt_cells(dt, "linux,pci-domain", 0);
	dt_cells(dt, "#address-cells", 3);
	dt_cells(dt, "#size-cells", 2);
	dt_cells(dt, "#interrupt-cells", 1);
	dt_cells_array(dt, "ranges", ranges, ARRAY_SIZE(ranges) / (high ? 1 : 2));
	dt_empty(dt, "dma-coherent");
	interrupt_map(dt);
	if (m->slots.pci->msi.kind == MSI_ITS)
		dt_cells(dt, "msi-map", 0, DT_PHANDLE_MSI, 0, 0x10000);
	else if (m->slots.pci->msi.kind == MSI_GICV2M)
		dt_cells(dt, "msi-parent", DT_PHANDLE_MSI);
	dt_end(dt);
}

/* --- All of them --- */

int slots_add(struct machine *m, struct virtio_device *dev, enum virtio_bus bus, struct err *e)
{
	struct slot *slot = calloc(1, sizeof(*slot) + dev->nr_queues * sizeof(slot->bell[0]));
	int ret;

	if (!slot)
		return err_sys(e, "cannot build %s", dev->name);
	slot->dev = dev;
	slot->nr_bells = dev->nr_queues;
	for (unsigned int i = 0; i < slot->nr_bells; i++)
		slot->bell[i] = DOORBELL_NONE;
	slot->next = m->slots.first;
	m->slots.first = slot;
	ret = open_doorbells(m, slot, e);
	if (ret < 0)
		return ret;
	return slots_bus(m->cfg, bus) == VIRTIO_BUS_PCI ? add_pci(m, slot, e)
							: add_mmio(m, slot, e);
}

void slots_lend_bells(struct machine *m, const struct virtio_device *dev, int *fd, unsigned int nr)
{
	struct slot *slot = m->slots.first;

	while (slot->dev != dev)
		slot = slot->next;
	assert(nr <= slot->nr_bells);
	for (unsigned int i = 0; i < nr; i++)
		fd[i] = doorbell_lend(&slot->bell[i]);
}

/* A guest numbers its disks and network devices as it finds them: the first to be added is to be the first. */
/* @slot and those before it; they are few. */
static void for_each_up_to(const struct slot *slot, void (*each)(void *, struct virtio_device *),
			   void *ctx)
{
	if (!slot)
		return;
	for_each_up_to(slot->next, each, ctx);
	each(ctx, slot->dev);
}

int slots_its(const struct machine *m)
{
	return m->slots.pci ? m->slots.pci->msi.its : -1;
}

void slots_for_each(const struct machine *m, void (*each)(void *ctx, struct virtio_device *dev),
		    void *ctx)
{
	for_each_up_to(m->slots.first, each, ctx);
}

void slots_fdt(const struct machine *m, struct dt *dt)
{
	for (unsigned int nr = 0; nr < m->slots.nr_mmio; nr++) {
		for (const struct slot *slot = m->slots.first; slot; slot = slot->next) {
			if (slot->kind == SLOT_MMIO && slot->nr == nr)
				mmio_fdt(slot, dt);
		}
	}
	if (m->slots.pci)
		pci_fdt(m, dt);
}

void slots_fdt_msi(const struct machine *m, struct dt *dt)
{
	if (m->slots.pci)
		msi_fdt(&m->slots.pci->msi, dt);
}

bool slots_names(const struct machine *m, bool (*fine)(const struct virtio_device *dev),
		 char *names, size_t size)
{
	size_t len = 0;

	for (const struct slot *slot = m->slots.first; slot; slot = slot->next) {
		int put;

		if (fine(slot->dev))
			continue;
		put = snprintf(names + len, size - len, "%s%s", len ? ", " : "", slot->dev->name);
		len += (size_t)put < size - len ? (size_t)put : size - len - 1;
	}
	return len;
}

void slots_destroy(struct machine *m)
{
	struct slot *slot;

	while ((slot = m->slots.first)) {
		m->slots.first = slot->next;
		if (slot->kind == SLOT_PCI)
			virtio_pci_destroy(&slot->pci);
		for (unsigned int i = 0; i < slot->nr_bells; i++)
			doorbell_close(&slot->bell[i]);
		free(slot);
	}
	if (m->slots.pci) {
		msi_destroy(&m->slots.pci->msi);
		pci_host_destroy(&m->slots.pci->host);
		free(m->slots.pci);
	}
	m->slots = (struct slots){ 0 };
}
