/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The default guest: what runs when no kernel is named. It shows what firmware the machine has,
 * checks that firmware and device tree agree, brings up every CPU, and powers off; a disagreement
 * is printed as the result, and the machine reset. One fact a line, so that scripts can read it.
 */
#include "default.h"
#include "guest.h"

bool fail(const char *format, ...)
{
	va_list args;

	print("result: FAILED: ");
	va_start(args, format);
	vprint(format, args);
	va_end(args);
	print("\n");
	return false;
}

static void show_psci(const struct guest *g)
{
	const char *s;
	unsigned int i;

	if (g->psci.node < 0) {
		print("psci: none\n");
		return;
	}
	if (psci_answers(&g->psci))
		print("psci: %u.%u", PSCI_MAJOR(g->psci.version), PSCI_MINOR(g->psci.version));
	else
		print("psci: no answer");
	print(", conduit %s, device tree", dt_string(&g->dt, g->psci.node, "method"));
	for (i = 0; (s = dt_string_at(&g->dt, g->psci.node, "compatible", i)); i++)
		print(" \"%s\"", s);
	print("\n");
}

/* Does the firmware have the version that the device tree promises? */
static bool check_psci(const struct psci *p)
{
	bool ok;

	if (p->node < 0)
		return fail("the device tree has no usable psci node");
	if (!psci_answers(p))
		return fail("PSCI_VERSION gives %d", (int)p->version);
	if (p->claimed == PSCI_V(1, 0))
		ok = PSCI_MAJOR(p->version) == 1;
	else
		ok = p->version == p->claimed;
	if (!ok)
		return fail("the device tree claims PSCI %u.%u, the firmware is %u.%u",
			    PSCI_MAJOR(p->claimed), PSCI_MINOR(p->claimed), PSCI_MAJOR(p->version),
			    PSCI_MINOR(p->version));
	if (!p->cpu_on || !p->cpu_off)
		return fail("the device tree names no cpu_on or cpu_off function");
	return true;
}

static void show_memory(const struct guest *g)
{
	if (g->ram_size % (1 << 20))
		print("memory: %lu KiB at 0x%lx\n", g->ram_size >> 10, g->ram_base);
	else
		print("memory: %lu MiB at 0x%lx\n", g->ram_size >> 20, g->ram_base);
}

int guest_main(struct guest *g)
{
	uart_enable_fifo(&g->console);
	print("lkvm: default guest\n");
	if (!g->dt_ok) {
		fail("no device tree at 0x%lx", g->entry[0]);
		return 1;
	}
	show_psci(g);
	if (!check_psci(&g->psci))
		return 1;
	show_services(&g->psci);
	show_memory(g);
	if (!check_cpus(g))
		return 1;
	print("result: ok\n");
	return 0;
}
