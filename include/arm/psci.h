/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The Power State Coordination Interface (Arm DEN 0022) as KVM offers it: versions as text and
 * number, and the VM-wide firmware register that pins one.
 */
#ifndef LKVM_ARM_PSCI_H
#define LKVM_ARM_PSCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

/* As PSCI_VERSION returns it and KVM_REG_ARM_PSCI_VERSION holds it. */
#define PSCI_VERSION(major, minor) ((uint32_t)(major) << 16 | (minor))
#define PSCI_MAJOR(version)        ((version) >> 16)
#define PSCI_MINOR(version)        ((version)&0xffff)

/* No version asked for: the host's best. Not a version that PSCI has or will have. */
#define PSCI_AUTO 0

#define PSCI_TEXT_SIZE 8

/* "1.1" for PSCI_VERSION(1, 1), into @text, which is returned. */
const char *psci_format(uint32_t version, char text[PSCI_TEXT_SIZE]);

/*
 * Reads "0.1" ... "1.3" or "auto". Returns 0, or -EINVAL with @e naming @text and the versions that
 * there are; *version is untouched then.
 */
int psci_parse(const char *text, uint32_t *version, struct err *e);

/*
 * Pins the VM's PSCI version through @vcpu, an initialised vCPU of it (the register is VM-wide; call
 * this once, before any vCPU runs). @want: a version or PSCI_AUTO. The vCPUs' KVM_ARM_VCPU_PSCI_0_2
 * feature must match: clear for 0.1, else set. *effective is what the guest will find.
 * Returns 0, or -errno with @e naming the versions this host has.
 */
int psci_apply(int vcpu, uint32_t want, uint32_t *effective, struct err *e);

/*
 * The same for a VM whose PSCI calls lkvm answers itself (arm/psci-user.h): KVM hands them over, and
 * @want is one of 0.2 to 1.3, whatever the host's KVM offers. KVM's own register, which no guest gets
 * to see then, is pinned to 0.2, a value that every host takes. The vCPUs have the feature.
 */
int psci_apply_user(int vm, int vcpu, uint32_t want, uint32_t *effective, struct err *e);

/* Whether @version needs the vCPU feature KVM_ARM_VCPU_PSCI_0_2. */
static inline bool psci_needs_feature(uint32_t version)
{
	return version != PSCI_VERSION(0, 1);
}

#endif
