/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests that panic as Linux does, by word of the command line:
 *	device	writes 1 to the pvpanic device (the default), and then hangs
 *	saved	writes 2 there, as a kernel with a crash kernel does, and powers off
 *	off	writes 4 there, which powers off
 *	line	says so on the console, and then hangs
 *	slow	the same, a byte every 20 ms
 */
#include "guest.h"
#include "mmio.h"

#define LINE "[    1.234567] Kernel panic - not syncing: as asked for\n"

static void wait_ms(unsigned int ms)
{
	uint64_t end = sysreg_read(cntvct_el0) + sysreg_read(cntfrq_el0) / 1000 * ms;

	while (sysreg_read(cntvct_el0) < end)
		;
}

static void say(const char *text, unsigned int ms)
{
	char byte[2] = "";

	for (; *text; text++) {
		byte[0] = *text;
		print("%s", byte);
		wait_ms(ms);
	}
}

static void tell_device(struct guest *g, uint8_t event)
{
	int node = dt_compatible(&g->dt, -1, "qemu,pvpanic-mmio");
	uint64_t base, size;

	if (!dt_reg(&g->dt, node, 0, &base, &size)) {
		print("panic: there is no device\n");
		return;
	}
	print("panic: the device takes %x, is told %x\n", mmio_read8(base), event);
	mmio_write8(base, event);
}

int guest_main(struct guest *g)
{
	if (guest_has_arg(g, "saved")) {
		tell_device(g, 2);
		return 0;
	}
	if (guest_has_arg(g, "off"))
		tell_device(g, 4);
	else if (guest_has_arg(g, "line"))
		print(LINE);
	else if (guest_has_arg(g, "slow"))
		say(LINE, 20);
	else
		tell_device(g, 1);
	print("panic: hangs\n");
	for (;;)
		;
}
