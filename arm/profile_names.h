/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of nodes and properties of a host profile's device tree, for its writer and its reader. */
#ifndef LKVM_ARM_PROFILE_NAMES_H
#define LKVM_ARM_PROFILE_NAMES_H

#define PROFILE_COMPATIBLE   "lkvm,host-profile"
#define PROFILE_VERSION_NAME "version"
#define PROFILE_KERNEL       "kernel"
#define PROFILE_FEATURES     "vcpu-features"
#define PROFILE_SMCCC_FILTER "smccc-filter"
#define PROFILE_PVTIME       "pvtime"

#define PROFILE_LIMITS     "limits"
#define PROFILE_PAGE_SIZE  "page-size"
#define PROFILE_IPA_BITS   "ipa-bits"
#define PROFILE_MAX_VCPUS  "max-vcpus"
#define PROFILE_COUNTER_HZ "counter-frequency"

#define PROFILE_PSCI     "psci"
#define PROFILE_VERSIONS "versions"

#define PROFILE_GIC   "gic"
#define PROFILE_GICV2 "gicv2-iidr"
#define PROFILE_GICV3 "gicv3-iidr"
#define PROFILE_ITS   "its"

#define PROFILE_FIRMWARE     "firmware"
#define PROFILE_CAPABILITIES "capabilities"
#define PROFILE_CAP_PREFIX   "cap-"
#define PROFILE_WRITABLE     "writable"
#define PROFILE_TOLD         "told-by-kvm"
#define PROFILE_BASE         "base"
#define PROFILE_FULL         "full"
#define PROFILE_REGISTERS    "registers"

#endif
