/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A flat guest that leaves for KVM or for its VMM COUNT times and powers off (PSCI 0.2 SYSTEM_OFF). The
 * difference between two counts is what the exits alone cost. With ADDR it reads the byte there, a
 * register of a device; without, it calls PSCI_VERSION, which KVM answers by itself.
 */
	.text
#ifdef ADDR
	ldr	x10, =ADDR
#endif
	ldr	x9, =COUNT
1:
#ifdef ADDR
	ldrb	w0, [x10]
#else
	mov	w0, #0x84000000
	hvc	#0
#endif
	subs	x9, x9, #1
	b.ne	1b

	mov	w0, #8
	movk	w0, #0x8400, lsl #16
	hvc	#0
2:	wfi
	b	2b
	.ltorg
	.org	128

	.section .note.GNU-stack, "", %progbits
