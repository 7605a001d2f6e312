/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * KVM's capabilities that matter on arm64, by name, with the release that brought each: what `lkvm
 * host` shows, and says is missing. Whether a host has one is always asked, never derived.
 */
#ifndef LKVM_ARM_CAPABILITY_H
#define LKVM_ARM_CAPABILITY_H

#include <stddef.h>
#include <stdint.h>

/* The kernel's capability numbers are small; these are asked for, one by one. */
#define CAPABILITY_NR 320

struct capability {
	uint32_t cap;
	const char *name;  /* the kernel's, without KVM_CAP_ */
	const char *since; /* the Linux release that brought it to arm64 */
	const char *help;
};

extern const struct capability capabilities[];
extern const size_t nr_capabilities;

/* The row of number @cap or of @name, or NULL. */
const struct capability *capability_by_number(uint32_t cap);
const struct capability *capability_by_name(const char *name);

#endif
