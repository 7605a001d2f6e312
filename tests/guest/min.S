/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The smallest guest: powers off by PSCI 0.2 SYSTEM_OFF, by HVC. No Image header, position
 * independent. As long as that header all the same, and a little more, so that nobody who looks for
 * one reads past the end of the file.
 */
	.text
	mov	w0, #8
	movk	w0, #0x8400, lsl #16
	hvc	#0
1:	wfi
	b	1b
	.org	80

	.section .note.GNU-stack, "", %progbits
