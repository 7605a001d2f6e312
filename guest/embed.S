/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts the default guest's Image into lkvm; GUEST_DEFAULT_BIN is its path. */
	.section .rodata.guest_default, "a"
	.balign	64
	.globl	guest_default
	.type	guest_default, %object
guest_default:
	.incbin	GUEST_DEFAULT_BIN
	.size	guest_default, . - guest_default
	.globl	guest_default_end
guest_default_end:

	.section .note.GNU-stack, "", %progbits
