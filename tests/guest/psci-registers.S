/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The psci guest's calls, with every register in view, and the places where firmware may let a CPU
 * begin: after CPU_ON, and after a suspend that lost its state. Constants are in psci-call.h.
 */
#include "psci-call.h"

	.macro	address reg, symbol
	adrp	\reg, \symbol
	add	\reg, \reg, :lo12:\symbol
	.endm

	/*
	 * void NAME(struct registers *r): loads x0..x30 from @r, makes the call, stores what they
	 * became. Only sp is trusted to survive; psci_resume comes back to it too.
	 */
	.macro	function name, instruction:vararg
	.globl	\name
\name:
	stp	x29, x30, [sp, #-112]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	str	x0, [sp, #96]
	address	x1, psci_sp
	mov	x2, sp
	str	x2, [x1]
	ldp	x2, x3, [x0, #16]
	ldp	x4, x5, [x0, #32]
	ldp	x6, x7, [x0, #48]
	ldp	x8, x9, [x0, #64]
	ldp	x10, x11, [x0, #80]
	ldp	x12, x13, [x0, #96]
	ldp	x14, x15, [x0, #112]
	ldp	x16, x17, [x0, #128]
	ldp	x18, x19, [x0, #144]
	ldp	x20, x21, [x0, #160]
	ldp	x22, x23, [x0, #176]
	ldp	x24, x25, [x0, #192]
	ldp	x26, x27, [x0, #208]
	ldp	x28, x29, [x0, #224]
	ldr	x30, [x0, #240]
	ldp	x0, x1, [x0]
	dsb	sy			/* CPUs that begin because of the call see what we wrote */
	\instruction
	b	back
	.endm

	.text
	function psci_hvc, hvc #0
	function psci_hvc_1, hvc #1
	function psci_smc, .inst 0xd4000003	/* smc #0, which some assemblers want a CPU for */

back:
	stp	x0, x1, [sp, #-16]!
	ldr	x0, [sp, #112]
	stp	x2, x3, [x0, #16]
	stp	x4, x5, [x0, #32]
	stp	x6, x7, [x0, #48]
	stp	x8, x9, [x0, #64]
	stp	x10, x11, [x0, #80]
	stp	x12, x13, [x0, #96]
	stp	x14, x15, [x0, #112]
	stp	x16, x17, [x0, #128]
	stp	x18, x19, [x0, #144]
	stp	x20, x21, [x0, #160]
	stp	x22, x23, [x0, #176]
	stp	x24, x25, [x0, #192]
	stp	x26, x27, [x0, #208]
	stp	x28, x29, [x0, #224]
	str	x30, [x0, #240]
	ldp	x1, x2, [sp], #16
	stp	x1, x2, [x0]
	ldp	x19, x20, [sp, #16]
	ldp	x21, x22, [sp, #32]
	ldp	x23, x24, [sp, #48]
	ldp	x25, x26, [sp, #64]
	ldp	x27, x28, [sp, #80]
	ldp	x29, x30, [sp], #112
	ret

	/* x0: context id. Comes back from the call that suspended, with x0 and x1 saying so. */
	.globl	psci_resume
psci_resume:
	address	x2, psci_sp
	ldr	x2, [x2]
	mov	sp, x2
	mov	x1, x0
	mov	w0, #RESUMED & 0xffff
	movk	w0, #RESUMED >> 16, lsl #16
	b	back

	/* Where CPU_ON lets a CPU begin: notes how it was entered, then goes the library's way. */
	.globl	psci_secondary
psci_secondary:
	address	x9, psci_arrival
	str	x0, [x9, #ARRIVAL_X0]
	mrs	x10, currentel
	str	x10, [x9, #ARRIVAL_EL]
	mrs	x10, spsel
	str	x10, [x9, #ARRIVAL_SPSEL]
	mrs	x10, daif
	str	x10, [x9, #ARRIVAL_DAIF]
	mrs	x10, sctlr_el1
	str	x10, [x9, #ARRIVAL_SCTLR]
	ldr	x0, [x9, #ARRIVAL_CPU]
	b	secondary_start

	.section .bss, "aw", %nobits
	.balign	8
psci_sp:
	.skip	8

	.section .note.GNU-stack, "", %progbits
