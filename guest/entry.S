/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first instructions of a guest: arm64 Image header, entry of the boot CPU and of those that
 * CPU_ON starts, exception vectors. All is entered at EL1 with the MMU off and stays so.
 */
#include "cpu.h"

#define R_AARCH64_RELATIVE	1027

	.macro	address reg, symbol
	adrp	\reg, \symbol
	add	\reg, \reg, :lo12:\symbol
	.endm

	/* What every CPU needs before it may run C. */
	.macro	cpu_setup tmp
	address	\tmp, vectors
	msr	vbar_el1, \tmp
	mov	\tmp, #CNTKCTL_EVENTS
	msr	cntkctl_el1, \tmp
	isb
	.endm

	/* arm64 boot protocol, "Decompressed kernel image": 64 bytes */
	.section .head, "ax"
	.globl	_head
_head:
	b	start
	.long	0
	.quad	0			/* text_offset */
	.quad	_end - . + 16		/* image_size: from _head, bss and stacks included */
	.quad	0xa			/* flags: little endian, 4 KiB pages, anywhere in RAM */
	.quad	0
	.quad	0
	.quad	0
	.ascii	"ARM\x64"
	.long	0

start:
	msr	tpidr_el1, xzr		/* no struct guest yet */
	cpu_setup x9

	/* Add the distance from the link address to each pointer the linker left us in .rela. */
	address	x10, __rela_start
	address	x11, __rela_end
	address	x12, _head
	mov	x13, #LINK_ADDRESS
	sub	x12, x12, x13
1:	cmp	x10, x11
	b.hs	2f
	ldp	x13, x14, [x10], #16	/* r_offset, r_info */
	ldr	x15, [x10], #8		/* r_addend */
	cmp	w14, #R_AARCH64_RELATIVE
	b.ne	1b
	add	x15, x15, x12
	str	x15, [x13, x12]
	b	1b

2:	address	x10, __bss_start
	address	x11, __bss_end
3:	cmp	x10, x11
	b.hs	4f
	stp	xzr, xzr, [x10], #16
	b	3b

4:	address	x10, __boot_stack_top
	mov	sp, x10
	mov	x29, xzr
	stp	x2, x3, [sp, #-16]!	/* entry[4] of guest_start() */
	stp	x0, x1, [sp, #-16]!
	mov	x0, sp
	bl	guest_start
5:	wfi
	b	5b

	/* x0: context id, the address of this CPU's struct cpu and slot */
	.globl	secondary_start
secondary_start:
	cpu_setup x9
	add	sp, x0, #CPU_SLOT_SIZE
	ldr	x10, [x0, #CPU_SLOT_GUEST]
	msr	tpidr_el1, x10
	mov	x29, xzr
	bl	cpu_start
6:	wfi
	b	6b

	.section .text.vectors, "ax"
	.macro	vector nr
	.balign	0x80
	sub	sp, sp, #TRAP_FRAME_SIZE
	stp	x0, x1, [sp]
	mov	x0, #\nr
	b	trap_entry
	.endm

	.balign	0x800
vectors:
	.irp	nr, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vector	\nr
	.endr

	/* Fills a struct trap; what trap_handle() leaves in it is what execution goes on with. */
trap_entry:
	stp	x2, x3, [sp, #16]
	stp	x4, x5, [sp, #32]
	stp	x6, x7, [sp, #48]
	stp	x8, x9, [sp, #64]
	stp	x10, x11, [sp, #80]
	stp	x12, x13, [sp, #96]
	stp	x14, x15, [sp, #112]
	stp	x16, x17, [sp, #128]
	stp	x18, x19, [sp, #144]
	stp	x20, x21, [sp, #160]
	stp	x22, x23, [sp, #176]
	stp	x24, x25, [sp, #192]
	stp	x26, x27, [sp, #208]
	stp	x28, x29, [sp, #224]
	add	x1, sp, #TRAP_FRAME_SIZE
	stp	x30, x1, [sp, #240]
	mrs	x1, elr_el1
	mrs	x2, spsr_el1
	stp	x1, x2, [sp, #256]
	mrs	x1, esr_el1
	mrs	x2, far_el1
	stp	x1, x2, [sp, #272]
	str	x0, [sp, #288]
	mov	x0, sp
	bl	trap_handle
	ldp	x1, x2, [sp, #256]
	msr	elr_el1, x1
	msr	spsr_el1, x2
	ldr	x30, [sp, #240]
	ldp	x28, x29, [sp, #224]
	ldp	x26, x27, [sp, #208]
	ldp	x24, x25, [sp, #192]
	ldp	x22, x23, [sp, #176]
	ldp	x20, x21, [sp, #160]
	ldp	x18, x19, [sp, #144]
	ldp	x16, x17, [sp, #128]
	ldp	x14, x15, [sp, #112]
	ldp	x12, x13, [sp, #96]
	ldp	x10, x11, [sp, #80]
	ldp	x8, x9, [sp, #64]
	ldp	x6, x7, [sp, #48]
	ldp	x4, x5, [sp, #32]
	ldp	x2, x3, [sp, #16]
	ldp	x0, x1, [sp]
	add	sp, sp, #TRAP_FRAME_SIZE
	eret

	.section .note.GNU-stack, "", %progbits
