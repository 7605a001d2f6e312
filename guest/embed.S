/* SPDX-License-Identifier: BSD-2-Clause */
/* Puts the default guest's Image and the program guest/init into lkvm, from the paths in the two macros. */
	.section .rodata.guest_default, "a"
	.balign	64
	.globl	guest_default
	.type	guest_default, %object
guest_default:
	.incbin	GUEST_DEFAULT_BIN
	.size	guest_default, . - guest_default
	.globl	guest_default_end
guest_default_end:

	.section .rodata.guest_init, "a"
	.balign	64
	.globl	guest_init
	.type	guest_init, %object
guest_init:
	.incbin	GUEST_INIT
	.size	guest_init, . - guest_init
	.globl	guest_init_end
guest_init_end:

	.section .note.GNU-stack, "", %progbits
