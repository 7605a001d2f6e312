/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's own page tables, as its MMU would read them: the first stage of translation at EL1 and EL0 (Arm
 * ARM, D8 "The AArch64 Virtual Memory System Architecture"). Pure: registers in, an address out. The tables are
 * the guest's and may say anything.
 */
#ifndef LKVM_ARM_STAGE1_H
#define LKVM_ARM_STAGE1_H

#include <stdint.h>
#include "vm/ram.h"

struct stage1 {
	uint64_t sctlr, tcr, ttbr[2]; /* of EL1 */
	/* Copies @len bytes at @gpa; 0 or -errno: nothing can be read there. Called at most 5 times an address. */
	int (*read)(void *ctx, gpa_t gpa, void *buf, uint64_t len);
	void *ctx;
};

/*
 * Where @va is; permissions and memory types are not looked at. Returns 0, or -EFAULT: it is not mapped, or by
 * tables that no MMU would follow.
 */
int stage1_translate(const struct stage1 *s, uint64_t va, gpa_t *gpa);

/*
 * The bits of an address in @va's half that pointer authentication and tags take: the same in every
 * proper address. 0 while the MMU is off.
 */
uint64_t stage1_unused_bits(const struct stage1 *s, uint64_t va);

#endif
