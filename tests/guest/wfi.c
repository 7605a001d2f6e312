/* SPDX-License-Identifier: BSD-2-Clause */
/* Sleeps for ever: no interrupt source is set up, so WFI has nothing to end it. */
#include "guest.h"

int guest_main(struct guest *g)
{
	(void)g;
	print("wfi: sleeping\n");
	for (;;)
		cpu_wfi();
}
