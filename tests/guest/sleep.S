/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PSCI 1.0 SYSTEM_SUSPEND of the only CPU that is on, with nothing set up to wake it; once it is
 * woken, SYSTEM_OFF. A call that comes back instead ends in SYSTEM_RESET. As long as min.S, for the
 * same reason.
 */
	.text
	movz	w0, #0xc400, lsl #16	/* SYSTEM_SUSPEND */
	movk	w0, #0x000e
	adr	x1, awake
	mov	x2, #0
	hvc	#0
	movz	w0, #0x8400, lsl #16	/* SYSTEM_RESET */
	movk	w0, #0x0009
	hvc	#0
1:	wfi
	b	1b

awake:
	movz	w0, #0x8400, lsl #16	/* SYSTEM_OFF */
	movk	w0, #0x0008
	hvc	#0
	b	1b
	.org	80

	.section .note.GNU-stack, "", %progbits
