/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device accesses that the architecture does not describe to a hypervisor (no valid syndrome):
 * pairs, and those that write their address back. Each must come back as one synchronous external
 * abort, on a device and where there is none, and the machine must run on. Cache maintenance by
 * address is no access: it must do nothing.
 */
#include "abort.h"
#include "guest.h"

#define NOWHERE 0x0d000000ul

#define ACCESS(name, text)                                                                 \
	static void name(uint64_t address)                                                 \
	{                                                                                  \
		__asm__ volatile(                                                          \
			"mov x2, %0\n\tmov x0, xzr\n\tmov x1, xzr\n\t" text ::"r"(address) \
			: "x0", "x1", "x2", "memory");                                     \
	}

ACCESS(load_pair_32, "ldp w0, w1, [x2]")
ACCESS(load_pair_64, "ldp x0, x1, [x2]")
ACCESS(store_pair_32, "stp w0, w1, [x2]")
ACCESS(store_pair_64, "stp x0, x1, [x2]")
ACCESS(load_post, "ldrb w0, [x2], #1")
ACCESS(load_pre, "ldr w0, [x2, #4]!")
ACCESS(store_post, "strb w0, [x2], #1")
ACCESS(store_pre, "str w0, [x2, #4]!")
ACCESS(clean_invalidate, "dc civac, x2")

static const struct {
	const char *name;
	void (*access)(uint64_t address);
	bool aborts;
} accesses[] = {
	{ "ldp w", load_pair_32, true },         { "ldp x", load_pair_64, true },
	{ "stp w", store_pair_32, true },        { "stp x", store_pair_64, true },
	{ "ldrb post-index", load_post, true },  { "ldr pre-index", load_pre, true },
	{ "strb post-index", store_post, true }, { "str pre-index", store_pre, true },
	{ "dc civac", clean_invalidate, false },
};

static bool try_all(const char *where, uint64_t address, struct abort_log *log)
{
	bool ok = true;
	unsigned int i;

	for (i = 0; i < sizeof(accesses) / sizeof(accesses[0]); i++) {
		unsigned int nr;
		bool external;

		accesses[i].access(address);
		nr = log->nr;
		external = abort_was_external(log);
		if (external)
			print("ldp: %s, %s: external abort, far 0x%lx\n", where, accesses[i].name,
			      log->far);
		else
			print("ldp: %s, %s: %u aborts, esr 0x%lx\n", where, accesses[i].name, nr,
			      log->esr);
		if (accesses[i].aborts ? !external : nr)
			ok = false;
		log->esr = 0;
	}
	return ok;
}

int guest_main(struct guest *g)
{
	struct abort_log log;
	bool ok;

	abort_catch(g, &log);
	ok = try_all("nowhere", NOWHERE, &log);
	ok = try_all("uart", g->console.base, &log) && ok;
	print("ldp: %s\n", ok ? "ok" : "FAILED");
	return !ok;
}
