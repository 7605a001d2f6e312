/* SPDX-License-Identifier: BSD-2-Clause */
/* Resets the machine: SYSTEM_RESET, or the syscon-reboot node where PSCI is 0.1. */
#include "guest.h"

int guest_main(struct guest *g)
{
	print("reset: now\n");
	power_reset(g);
}
