/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads and stores of every width where no device is: reads give 0, writes are ignored, nothing is
 * reported to the guest. "addr=0x..." in the command line tries that address instead.
 */
#include "abort.h"
#include "guest.h"
#include "mmio.h"

static bool try_address(uint64_t address, struct abort_log *log)
{
	uint64_t seen;
	int64_t byte = -1;

	mmio_write8(address, 0x5a);
	mmio_write16(address, 0x5a5a);
	mmio_write32(address, 0x5a5a5a5a);
	mmio_write64(address, 0x5a5a5a5a5a5a5a5a);
	seen = mmio_read8(address) | mmio_read16(address) | mmio_read32(address) |
	       mmio_read64(address);
	__asm__ volatile("ldrsb %0, [%1]" : "=r"(byte) : "r"(address) : "memory");
	seen |= (uint64_t)byte;

	print("nowhere: 0x%lx reads 0x%lx, %u aborts\n", address, seen, log->nr);
	return !seen && !log->nr;
}

int guest_main(struct guest *g)
{
	static const uint64_t addresses[] = { 0x0d000000, 0x0d000ff8, 0x0dfffff8 };
	uint64_t only = guest_arg(g, "addr", 0);
	struct abort_log log;
	bool ok = true;
	unsigned int i;

	abort_catch(g, &log);
	if (only)
		ok = try_address(only, &log);
	for (i = 0; !only && i < sizeof(addresses) / sizeof(addresses[0]); i++)
		ok = try_address(addresses[i], &log) && ok;
	print("nowhere: %s\n", ok ? "ok" : "FAILED");
	return !ok;
}
