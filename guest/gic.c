/* SPDX-License-Identifier: BSD-2-Clause */
/* Letting one interrupt through; see gic.h. */
#include "cpu.h"
#include "dt.h"
#include "gic.h"
#include "mmio.h"

#define GICD_CTLR        0x000
#define GICD_CTLR_GRP0   0x1 /* GICv2 */
#define GICD_CTLR_GRP1   0x2 /* GICv3, one security state */
#define GICD_CTLR_ARE    0x10
#define GICC_CTLR        0x000
#define GICC_CTLR_ENABLE 0x1
#define GICC_PMR         0x004
#define GICR_TYPER       0x008
#define GICR_TYPER_LAST  0x10
#define GICR_SGI         0x10000 /* the second frame of a redistributor */
#define GICR_STRIDE      0x20000
#define IGROUPR          0x080 /* of the distributor (GICv2), or of a redistributor's frame */
#define ISENABLER        0x100
#define ICENABLER        0x180
#define PMR_ALL          0xff

/* The redistributor of this CPU, among those of a region; 0: it is not there. */
static uint64_t find_redistributor(uint64_t base, uint64_t size)
{
	uint64_t mpidr = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;
	uint64_t affinity = (mpidr & 0xffffff) | (mpidr >> 32 << 24), offset, typer;

	for (offset = 0; offset + GICR_STRIDE <= size; offset += GICR_STRIDE) {
		typer = mmio_read64(base + offset + GICR_TYPER);
		if (typer >> 32 == affinity)
			return base + offset;
		if (typer & GICR_TYPER_LAST)
			break;
	}
	return 0;
}

static bool enable_v3(const struct dt *dt, int node, uint32_t bit, bool enable)
{
	uint64_t distributor, redistributors, size, own;

	if (!dt_reg(dt, node, 0, &distributor, &size) ||
	    !dt_reg(dt, node, 1, &redistributors, &size))
		return false;
	own = find_redistributor(redistributors, size);
	if (!own)
		return false;
	mmio_write32(distributor + GICD_CTLR, GICD_CTLR_ARE | GICD_CTLR_GRP1);
	mmio_write32(own + GICR_SGI + IGROUPR, bit);
	mmio_write32(own + GICR_SGI + (enable ? ISENABLER : ICENABLER), bit);
	sysreg_write(s3_0_c4_c6_0, PMR_ALL); /* ICC_PMR_EL1 */
	sysreg_write(s3_0_c12_c12_7, 1);     /* ICC_IGRPEN1_EL1 */
	return true;
}

static bool enable_v2(const struct dt *dt, int node, uint32_t bit, bool enable)
{
	uint64_t distributor, interface, size;

	if (!dt_reg(dt, node, 0, &distributor, &size) || !dt_reg(dt, node, 1, &interface, &size))
		return false;
	mmio_write32(distributor + GICD_CTLR, GICD_CTLR_GRP0);
	mmio_write32(distributor + (enable ? ISENABLER : ICENABLER), bit);
	mmio_write32(interface + GICC_PMR, PMR_ALL);
	mmio_write32(interface + GICC_CTLR, GICC_CTLR_ENABLE);
	return true;
}

bool gic_enable_ppi(const struct dt *dt, unsigned int intid, bool enable)
{
	int node = dt_compatible(dt, -1, "arm,gic-v3");

	if (node >= 0)
		return enable_v3(dt, node, 1u << intid, enable);
	node = dt_compatible(dt, -1, "arm,cortex-a15-gic");
	return node >= 0 && enable_v2(dt, node, 1u << intid, enable);
}
