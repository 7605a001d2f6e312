/* SPDX-License-Identifier: BSD-2-Clause */
/* Fields of an ID register as bits in place: between compare_value.c and compare.c. */
#ifndef LKVM_ARM_COMPARE_VALUE_H
#define LKVM_ARM_COMPARE_VALUE_H

#include <stdbool.h>
#include <stdint.h>
#include "arm/profile.h"

/* The bits of fields of @id in which a host with @limit, of which @mask may be written, refuses @value. */
uint64_t compare_refused_bits(uint64_t id, uint64_t limit, uint64_t mask, uint64_t value);

/* Those of @among that are in fields which tell of vCPU features beyond @features. */
uint64_t compare_foreign_bits(uint64_t id, uint64_t among, uint32_t features);

/* The services of register @id that a KVM without it has all the same; @steal_time: it has KVM_CAP_STEAL_TIME, which is older. */
uint64_t compare_unlisted_services(uint64_t id, bool steal_time);

/*
 * Whether the guest misses nothing where KVM has no register @id, since @value is what is so without it: no service but those
 * above, a mitigation that does not answer, PSCI 0.2, nothing.
 */
bool compare_is_dispensable(uint64_t id, uint64_t value, bool steal_time);

/* Whether VMs there can be told of several CPUs (impl-cpus). */
bool compare_tells_cpus(const struct host_profile *host);

/* Whether the register says which CPU this is: MIDR_EL1, REVIDR_EL1, AIDR_EL1. */
bool compare_names_cpu(uint64_t id);

#endif
