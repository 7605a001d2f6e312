/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every guest starts from. A guest is one file with a guest_main(); entry.S and start.c call
 * it with the machine as the device tree describes it:
 *
 *	int guest_main(struct guest *g)
 *	{
 *		print("hello from 0x%lx\n", g->ram_base);
 *		return 0;
 *	}
 *
 * When it returns 0 the machine is powered off, otherwise it is reset, which lkvm's status shows.
 */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu.h"
#include "dt.h"
#include "power.h"
#include "print.h"
#include "psci.h"
#include "uart.h"

/* What an exception found; entry.S fills it on the stack of the CPU that took it. */
struct trap {
	uint64_t x[31];
	uint64_t sp;
	uint64_t elr;
	uint64_t spsr;
	uint64_t esr;
	uint64_t far;
	uint64_t vector; /* 0..15: place in the vector table */
	uint64_t reserved;
};

#define ESR_EC(esr)  (((esr) >> 26) & 0x3f)
#define ESR_FSC(esr) ((esr)&0x3f) /* of an abort */
#define EC_IABT_CUR  0x21
#define EC_DABT_CUR  0x25
#define FSC_EXTERNAL 0x10 /* synchronous external abort */

struct guest {
	const uint64_t *entry; /* x0..x3 at entry; x0 is the device tree's address */
	struct dt dt;
	bool dt_ok;          /* else the rest is empty */
	struct uart console; /* of /chosen/stdout-path, or the first one there is */
	struct psci psci;
	struct power power;
	const char *bootargs; /* never NULL */
	uint64_t ram_base;    /* of the first bank */
	uint64_t ram_size;    /* of all banks */
	/*
	 * May be set: is asked about each exception, on the CPU that took it. True: go on with
	 * what *@t then says (usually elr moved on). Otherwise the exception is printed and the
	 * machine reset.
	 */
	bool (*on_trap)(struct guest *g, struct trap *t);
	void *on_trap_data;
	/* May be set: gets what print() prints, in pieces, and says whether the console gets it too. */
	bool (*on_print)(struct guest *g, const char *text, size_t size);
	volatile uint32_t dying; /* an exception is being reported */
};

/* The guest itself: one a program. */
int guest_main(struct guest *g);

/* The guest this CPU runs; NULL before guest_main(). */
static inline struct guest *guest_this(void)
{
	return (struct guest *)sysreg_read(tpidr_el1);
}

/* Is @word one of the words in the kernel's command line? */
bool guest_has_arg(const struct guest *g, const char *word);

/* The number behind "@name=" in the command line (decimal, or hexadecimal after 0x), or @other. */
uint64_t guest_arg(const struct guest *g, const char *name, uint64_t other);

#endif
