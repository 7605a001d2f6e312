/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a guest, by whichever way its machine has. */
#include "guest.h"
#include "mmio.h"

static struct power_write find(const struct dt *dt, const char *compatible)
{
	int node = dt_compatible(dt, -1, compatible);
	int syscon = dt_phandle(dt, dt_u32(dt, node, "regmap", 0));
	struct power_write w = { 0 };
	uint64_t base, size;
	uint32_t offset = dt_u32(dt, node, "offset", 0);

	if (node >= 0 && dt_reg(dt, syscon, 0, &base, &size) && offset < size) {
		w.address = base + offset;
		w.value = dt_u32(dt, node, "value", dt_u32(dt, node, "mask", 0));
	}
	return w;
}

void power_open(struct power *p, const struct dt *dt)
{
	p->off = find(dt, "syscon-poweroff");
	p->reset = find(dt, "syscon-reboot");
}

static void end(const struct guest *g, uint32_t fn, const struct power_write *w)
	__attribute__((noreturn));

static void end(const struct guest *g, uint32_t fn, const struct power_write *w)
{
	if (g->psci.node >= 0 && g->psci.claimed >= PSCI_V(0, 2))
		psci_call(&g->psci, fn, 0, 0, 0);
	if (w->address)
		mmio_write32(w->address, w->value);

	/* Still here: nothing in the device tree ends this machine. Fail visibly where we can. */
	smccc_call(SMCCC_HVC, PSCI_SYSTEM_RESET, 0, 0, 0);
	for (;;)
		cpu_wfi();
}

void power_off(const struct guest *g)
{
	end(g, PSCI_SYSTEM_OFF, &g->power.off);
}

void power_reset(const struct guest *g)
{
	end(g, PSCI_SYSTEM_RESET, &g->power.reset);
}
