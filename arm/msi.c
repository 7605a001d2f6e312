/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Message-signalled interrupts. KVM's ITS (Documentation/virt/kvm/devices/arm-vgic-its.rst) is created for
 * machines with PCI devices alone: with it, GICD_TYPER promises LPIs, and a guest sets up tables for them.
 */
#include <errno.h>
#include <string.h>
#include "arm/map.h"
#include "kvm/kvm.h"
#include "msi.h"
#include "util/cleanup.h"

static void send_to_its(void *ctx, uint16_t requester, uint64_t addr, uint32_t data)
{
	const struct msi_controller *msi = ctx;

	/* KVM refuses what is no message to the ITS: a write to nowhere, as on a bus. */
	kvm_signal_msi(msi->vm, requester, addr, data);
}

static int create_its(struct msi_controller *msi, struct err *e)
{
	uint64_t base = MAP_ITS;
	int ret = msi->its = kvm_create_device(msi->vm, KVM_DEV_TYPE_ARM_VGIC_ITS);

	if (ret >= 0)
		ret = kvm_device_set(msi->its, KVM_DEV_ARM_VGIC_GRP_ADDR, KVM_VGIC_ITS_ADDR_TYPE,
				     &base);
	if (ret >= 0)
		ret = kvm_device_set(msi->its, KVM_DEV_ARM_VGIC_GRP_CTRL,
				     KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);
	if (ret < 0)
		return err_set(
			e, -ret,
			"KVM cannot set up an ITS for the messages of PCI devices: %s (--msi "
			"off does without)",
			strerror(-ret));
	msi->kind = MSI_ITS;
	msi->msi = (struct msi){ .send = send_to_its, .ctx = msi };
	return 0;
}

static int create_frame(struct msi_controller *msi, struct gic *gic, struct bus *bus, struct err *e)
{
	gicv2m_init(&msi->frame, MAP_GICV2M, gic_spi(gic, MAP_SPI_GICV2M), MAP_SPI_GICV2M_NR);
	msi->kind = MSI_GICV2M;
	msi->msi = gicv2m_msi(&msi->frame);
	return bus_add(bus,
		       &(struct mmio_region){
			       .name = "gicv2m",
			       .base = MAP_GICV2M,
			       .size = MAP_GICV2M_SIZE,
			       .ops = &gicv2m_mmio,
			       .dev = &msi->frame,
			       .lock = &msi->frame.lock,
		       },
		       e);
}

int msi_create(struct msi_controller *msi, struct gic *gic, struct bus *bus, struct err *e)
{
	*msi = (struct msi_controller){ .vm = gic->vm, .its = -1 };
	return gic->version == IRQCHIP_GICV3 ? create_its(msi, e) : create_frame(msi, gic, bus, e);
}

void msi_destroy(struct msi_controller *msi)
{
	if (msi->kind == MSI_GICV2M)
		gicv2m_destroy(&msi->frame);
	close_fd(&msi->its);
	msi->kind = MSI_NONE;
}

void msi_fdt(const struct msi_controller *msi, struct dt *dt)
{
	if (msi->kind == MSI_NONE)
		return;
	if (msi->kind == MSI_ITS) {
		dt_begin(dt, "msi-controller@%llx", MAP_ITS);
		dt_string(dt, "compatible", "arm,gic-v3-its");
		dt_cells(dt, "reg", DT_U64(MAP_ITS), DT_U64(MAP_ITS_SIZE));
		dt_cells(dt, "#msi-cells", 1);
	} else {
		dt_begin(dt, "v2m@%llx", MAP_GICV2M);
		dt_string(dt, "compatible", "arm,gic-v2m-frame");
		dt_cells(dt, "reg", DT_U64(MAP_GICV2M), DT_U64(MAP_GICV2M_SIZE));
	}
	dt_empty(dt, "msi-controller");
	dt_cells(dt, "phandle", DT_PHANDLE_MSI);
	dt_end(dt);
}
