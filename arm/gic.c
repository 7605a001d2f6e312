/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's in-kernel interrupt controllers (Documentation/virt/kvm/devices/arm-vgic.rst and
 * arm-vgic-v3.rst): chosen by what the host has, placed as the map says.
 */
#include <errno.h>
#include <string.h>
#include "arm/map.h"
#include "gic.h"
#include "kvm/kvm.h"
#include "util/cleanup.h"

/* SGIs and PPIs, before the first SPI. */
#define PRIVATE_IRQS 32

static const char *version_name(enum irqchip version)
{
	return version == IRQCHIP_GICV3 ? "gicv3" : "gicv2";
}

static uint32_t device_type(enum irqchip version)
{
	return version == IRQCHIP_GICV3 ? KVM_DEV_TYPE_ARM_VGIC_V3 : KVM_DEV_TYPE_ARM_VGIC_V2;
}

static bool host_has(int vm, enum irqchip version)
{
	return kvm_has_device(vm, device_type(version)) == 0;
}

static const char *offered(int vm)
{
	if (host_has(vm, IRQCHIP_GICV3))
		return "gicv3";
	return host_has(vm, IRQCHIP_GICV2) ? "gicv2" : "none";
}

int gic_choose(int vm, enum irqchip want, unsigned int nr_cpus, struct err *e)
{
	enum irqchip version = want;

	if (want == IRQCHIP_AUTO)
		version = host_has(vm, IRQCHIP_GICV3) ? IRQCHIP_GICV3 : IRQCHIP_GICV2;
	if (version == IRQCHIP_GICV2 && nr_cpus > GICV2_CPUS_MAX)
		return err_set(e, EINVAL, "a VM with GICv2 has at most %d CPUs (%u asked for)",
			       GICV2_CPUS_MAX, nr_cpus);
	return (int)version;
}

gpa_t gic_high_end(unsigned int nr_cpus, gpa_t ram_end)
{
	if (nr_cpus <= MAP_GICR_LOW_NR)
		return ram_end;
	return align_up(ram_end, MAP_HIGH_ALIGN) + (nr_cpus - MAP_GICR_LOW_NR) * MAP_GICR_SIZE;
}

static int set_addr(const struct gic *gic, uint64_t type, uint64_t addr)
{
	return kvm_device_set(gic->fd, KVM_DEV_ARM_VGIC_GRP_ADDR, type, &addr);
}

static int place_gicv2(const struct gic *gic)
{
	int ret = set_addr(gic, KVM_VGIC_V2_ADDR_TYPE_DIST, MAP_GICD);

	return ret < 0 ? ret : set_addr(gic, KVM_VGIC_V2_ADDR_TYPE_CPU, MAP_GICC);
}

/* KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION: CPUs in 63:52, base in 51:16, flags 0, index in 11:0. */
static int add_redistributors(const struct gic *gic, uint64_t index, gpa_t base, uint64_t nr)
{
	return set_addr(gic, KVM_VGIC_V3_ADDR_TYPE_REDIST_REGION, nr << 52 | base | index);
}

static int place_gicv3(const struct gic *gic)
{
	int ret = set_addr(gic, KVM_VGIC_V3_ADDR_TYPE_DIST, MAP_GICD);

	if (ret < 0)
		return ret;
	if (gic->nr_cpus <= MAP_GICR_LOW_NR)
		return set_addr(gic, KVM_VGIC_V3_ADDR_TYPE_REDIST, MAP_GICR);
	ret = add_redistributors(gic, 0, MAP_GICR, MAP_GICR_LOW_NR);
	return ret < 0 ? ret
		       : add_redistributors(gic, 1, gic->high, gic->nr_cpus - MAP_GICR_LOW_NR);
}

int gic_create(struct gic *gic, const struct vm *vm, enum irqchip version, unsigned int nr_spis,
	       struct err *e)
{
	uint32_t nr_irqs = PRIVATE_IRQS + nr_spis;
	int ret;

	*gic = (struct gic){
		.version = version,
		.fd = kvm_create_device(vm->fd, device_type(version)),
		.vm = vm->fd,
		.nr_cpus = vm->nr_vcpus,
		.nr_spis = nr_spis,
		.high = align_up(ram_end(&vm->ram), MAP_HIGH_ALIGN),
	};
	ret = gic->fd;
	if (ret == -ENODEV)
		return err_set(e, ENODEV, "this host's KVM has no %s (it has %s)",
			       version_name(version), offered(vm->fd));
	if (ret >= 0)
		ret = version == IRQCHIP_GICV3 ? place_gicv3(gic) : place_gicv2(gic);
	if (ret >= 0)
		ret = kvm_device_set(gic->fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &nr_irqs);
	if (ret >= 0)
		ret = kvm_device_set(gic->fd, KVM_DEV_ARM_VGIC_GRP_CTRL, KVM_DEV_ARM_VGIC_CTRL_INIT,
				     NULL);
	if (ret < 0)
		return err_set(e, -ret, "KVM cannot set up a %s for %u CPUs: %s",
			       version_name(version), vm->nr_vcpus, strerror(-ret));
	return 0;
}

void gic_destroy(struct gic *gic)
{
	close_fd(&gic->fd);
}

static void set_spi(void *ctx, uint32_t spi, bool level)
{
	const struct gic *gic = ctx;

	/* Cannot fail for a line within those of a VM that exists. */
	kvm_irq_line(gic->vm, KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | (PRIVATE_IRQS + spi),
		     level);
}

struct irq gic_spi(struct gic *gic, uint32_t spi)
{
	return (struct irq){ .set = set_spi, .ctx = gic, .nr = spi };
}

uint32_t gic_ppi_flags(const struct gic *gic)
{
	if (gic->version == IRQCHIP_GICV3)
		return DT_IRQ_LEVEL_HIGH;
	return ((1u << gic->nr_cpus) - 1) << 8 | DT_IRQ_LEVEL_HIGH;
}

static void gicv3_fdt(const struct gic *gic, struct dt *dt)
{
	uint64_t low = gic->nr_cpus <= MAP_GICR_LOW_NR ? gic->nr_cpus : MAP_GICR_LOW_NR;

	dt_string(dt, "compatible", "arm,gic-v3");
	if (gic->nr_cpus == low) {
		dt_cells(dt, "reg", DT_U64(MAP_GICD), DT_U64(MAP_GICD_SIZE), DT_U64(MAP_GICR),
			 DT_U64(low * MAP_GICR_SIZE));
		return;
	}
	dt_cells(dt, "#redistributor-regions", 2);
	dt_cells(dt, "reg", DT_U64(MAP_GICD), DT_U64(MAP_GICD_SIZE), DT_U64(MAP_GICR),
		 DT_U64(low * MAP_GICR_SIZE), DT_U64(gic->high),
		 DT_U64((gic->nr_cpus - low) * MAP_GICR_SIZE));
}

static void gicv2_fdt(struct dt *dt)
{
	dt_string(dt, "compatible", "arm,cortex-a15-gic");
	dt_cells(dt, "reg", DT_U64(MAP_GICD), DT_U64(MAP_GICD_SIZE), DT_U64(MAP_GICC),
		 DT_U64(MAP_GICC_SIZE));
}

void gic_fdt_begin(const struct gic *gic, struct dt *dt)
{
	dt_begin(dt, "interrupt-controller@%llx", MAP_GICD);
	if (gic->version == IRQCHIP_GICV3)
		gicv3_fdt(gic, dt);
	else
		gicv2_fdt(dt);
	dt_empty(dt, "interrupt-controller");
	dt_cells(dt, "#interrupt-cells", 3);
	dt_cells(dt, "#address-cells", 2);
	dt_cells(dt, "#size-cells", 2);
	dt_empty(dt, "ranges");
	dt_cells(dt, "phandle", DT_PHANDLE_GIC);
}
