/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints how the machine was entered: what the arm64 boot protocol rules. */
#include "guest.h"

extern const uint32_t _head[];

int guest_main(struct guest *g)
{
	const uint8_t *dtb = (const uint8_t *)g->entry[0];
	unsigned int i;

	for (i = 0; i < 4; i++)
		print("regs: x%u 0x%lx\n", i, g->entry[i]);
	print("regs: image at 0x%lx\n", (uint64_t)_head);
	print("regs: device tree at 0x%lx, %s", g->entry[0], g->dt_ok ? "ok" : "not usable");
	if (g->dt_ok)
		print(", magic 0x%lx, %lu bytes", dt_cells(dtb, 1), dt_cells(dtb + 4, 1));
	print("\nregs: EL%lu, daif 0x%lx, mmu %s\n", sysreg_read(currentel) >> 2, sysreg_read(daif),
	      sysreg_read(sctlr_el1) & 1 ? "on" : "off");
	print("regs: mpidr 0x%lx, midr 0x%lx, counter %lu Hz\n", sysreg_read(mpidr_el1),
	      sysreg_read(midr_el1), sysreg_read(cntfrq_el0));
	print("regs: oslsr 0x%lx\n", sysreg_read(oslsr_el1));
	print("regs: %u cpus, %lu KiB of memory at 0x%lx\n", cpu_count(&g->dt), g->ram_size >> 10,
	      g->ram_base);
	print("regs: bootargs \"%s\"\n", g->bootargs);
	return !g->dt_ok || g->entry[1] || g->entry[2] || g->entry[3];
}
