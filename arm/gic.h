/* SPDX-License-Identifier: BSD-2-Clause */
/* The interrupt controller: KVM's in-kernel GICv2 or GICv3. */
#ifndef LKVM_ARM_GIC_H
#define LKVM_ARM_GIC_H

#include "arm/machine.h"
#include "vm/dt.h"
#include "vm/irq.h"
#include "vm/vm.h"

/* What GICD_ITARGETSR, eight bits of CPUs, can name. */
#define GICV2_CPUS_MAX 8

#define DT_PHANDLE_GIC 1

/* Interrupt specifiers of the GIC's binding: type, number, flags. */
#define DT_GIC_SPI         0
#define DT_GIC_PPI         1
#define DT_IRQ_EDGE_RISING 1
#define DT_IRQ_LEVEL_HIGH  4

struct gic {
	enum irqchip version; /* not IRQCHIP_AUTO */
	int fd;
	int vm; /* the VM's descriptor, for interrupt lines */
	unsigned int nr_cpus, nr_spis;
	gpa_t high; /* redistributors beyond MAP_GICR_LOW_NR, if there are any */
};

#define GIC_NONE ((struct gic){ .fd = -1 })

/*
 * Which version @want comes to on this host, for @nr_cpus CPUs. @vm: the VM's descriptor.
 * Returns it, or -errno with @e naming what the host has.
 */
int gic_choose(int vm, enum irqchip want, unsigned int nr_cpus, struct err *e);

/* One past the last guest address that redistributors use above RAM, which ends at @ram_end. */
gpa_t gic_high_end(unsigned int nr_cpus, gpa_t ram_end);

/*
 * Creates the GIC, with @nr_spis SPIs (a multiple of 32), once all vCPUs exist; places and initialises it. Returns 0, or -errno with @e
 * set. gic_destroy() ends it, also after a failure.
 */
int gic_create(struct gic *gic, const struct vm *vm, enum irqchip version, unsigned int nr_spis,
	       struct err *e);
void gic_destroy(struct gic *gic);

/* The line of shared peripheral interrupt @spi. Valid as long as @gic. */
struct irq gic_spi(struct gic *gic, uint32_t spi);

/* Flags cell of a PPI: level high and, for GICv2, the CPUs it goes to. */
uint32_t gic_ppi_flags(const struct gic *gic);

/* Its node, DT_PHANDLE_GIC; left open, for what belongs within: dt_end() by the caller. */
void gic_fdt_begin(const struct gic *gic, struct dt *dt);

#endif
