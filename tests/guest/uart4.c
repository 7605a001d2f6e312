/* SPDX-License-Identifier: BSD-2-Clause */
/* Prints a line on each serial port of the device tree, in the tree's order. */
#include "guest.h"

int guest_main(struct guest *g)
{
	const struct uart console = g->console;
	struct uart port;
	unsigned int nr = 0;
	int node = -1;

	while ((node = dt_next(&g->dt, node)) >= 0) {
		if (!uart_open(&port, &g->dt, node))
			continue;
		g->console = port; /* where print() goes */
		print("uart4: port %u at 0x%lx\n", nr++, port.base);
	}
	g->console = console;
	print("uart4: %u ports\n", nr);
	return 0;
}
