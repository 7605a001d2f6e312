/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guests that go wrong, by word of the command line:
 *	undef	an undefined instruction (the default): reported by the library, then a reset
 *	fetch	jumps to where no memory is: likewise
 *	load	loads a pair from there, and catches nothing: likewise
 *	loop	puts its exception vectors there first, so that it faults for ever and only its host
 *		can end it
 */
#include "guest.h"

#define NOWHERE 0x0d000000ul

int guest_main(struct guest *g)
{
	if (guest_has_arg(g, "fetch")) {
		print("crash: fetch\n");
		((void (*)(void))NOWHERE)();
	} else if (guest_has_arg(g, "load")) {
		print("crash: load\n");
		__asm__ volatile("ldp x0, x1, [%0]" ::"r"(NOWHERE) : "x0", "x1");
	} else if (guest_has_arg(g, "loop")) {
		print("crash: loop\n");
		sysreg_write(vbar_el1, NOWHERE);
		__asm__ volatile("udf #0");
	} else {
		print("crash: undef\n");
		__asm__ volatile("udf #0");
	}
	print("crash: still alive\n");
	return 0;
}
