/* SPDX-License-Identifier: BSD-2-Clause */
/* Asking a host's KVM what it offers, on VMs made for the purpose. */
#ifndef LKVM_ARM_PROBE_H
#define LKVM_ARM_PROBE_H

#include "arm/profile.h"
#include "util/err.h"

/*
 * Fills @p with what the KVM behind @dev offers. Everything is tried or read; nothing is concluded
 * from the kernel's version. About a dozen VMs of one vCPU come and go; none runs.
 * Returns 0, *p being the caller's to profile_free(); or -errno with @e set and *p PROFILE_NONE.
 */
int host_probe(const char *dev, struct host_profile *p, struct err *e);

/* How fast this host's counter runs, in Hz, as its guests are told; 0 on a machine of another kind. */
static inline uint64_t counter_frequency(void)
{
#ifdef __aarch64__
	uint64_t hz;

	asm("mrs %0, cntfrq_el0" : "=r"(hz));
	return hz;
#else
	return 0; /* a fake KVM on another machine */
#endif
}

#endif
