/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Discovery of CPU implementations (Documentation/virt/kvm/arm/hypercalls.rst): two calls by which a guest
 * learns on which CPUs it may find itself, so that it works around the errata of all of them. KVM
 * announces the calls and leaves the answers to user space. Pure: no system call, no thread.
 */
#ifndef LKVM_ARM_IMPL_CPUS_H
#define LKVM_ARM_IMPL_CPUS_H

#include <stdbool.h>
#include <stdint.h>
#include "arm/compat.h"
#include "psci-user.h"

/* The function ids of both calls, one after the other; only the 64-bit convention has them. */
#define IMPL_CPUS_FN    0xc6000040u
#define IMPL_CPUS_FN_NR 2

/* This host's CPU, and that of the host that --compat names. */
#define IMPL_CPUS_MAX 2

/* What a guest is told. Starts as { 0 }. */
struct impl_cpus {
	unsigned int nr;
	struct impl_cpu cpu[IMPL_CPUS_MAX];
};

/* Adds @cpu, unless the list has it. At most IMPL_CPUS_MAX different ones. */
void impl_cpus_add(struct impl_cpus *list, const struct impl_cpu *cpu);

/*
 * Answers @call from @list into @x, the guest's x0 to x3. Returns false, with @x untouched, if it is
 * neither of the two calls. Every value of @call is allowed.
 */
bool impl_cpus_answer(const struct impl_cpus *list, const struct psci_call *call, uint64_t x[4]);

#endif
