/* SPDX-License-Identifier: BSD-2-Clause */
/* Spins for ever with interrupts masked: nothing inside ends this machine. */
#include "guest.h"

int guest_main(struct guest *g)
{
	(void)g;
	__asm__ volatile("msr daifset, #15");
	print("hang: spinning\n");
	for (;;)
		__asm__ volatile("");
}
