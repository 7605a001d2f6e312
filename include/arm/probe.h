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

#endif
