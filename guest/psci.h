/* SPDX-License-Identifier: BSD-2-Clause */
/* The Power State Coordination Interface (Arm DEN 0022), as the device tree offers it. */
#ifndef GUEST_PSCI_H
#define GUEST_PSCI_H

#include <stdbool.h>
#include <stdint.h>

#include "smccc.h"

struct dt;

#define PSCI_V(major, minor) ((uint32_t)(major) << 16 | (minor))
#define PSCI_MAJOR(version)  ((version) >> 16)
#define PSCI_MINOR(version)  ((version)&0xffff)

/* Function ids from 0.2 on; the 64-bit ones where both exist. 0.1's are in the device tree. */
#define PSCI_VERSION        0x84000000u
#define PSCI_CPU_SUSPEND    0xc4000001u
#define PSCI_CPU_OFF        0x84000002u
#define PSCI_CPU_ON         0xc4000003u
#define PSCI_AFFINITY_INFO  0xc4000004u
#define PSCI_SYSTEM_OFF     0x84000008u
#define PSCI_SYSTEM_RESET   0x84000009u
#define PSCI_FEATURES       0x8400000au /* 1.0 */
#define PSCI_SYSTEM_SUSPEND 0xc400000eu /* 1.0 */
#define PSCI_SYSTEM_RESET2  0xc4000012u /* 1.1 */
#define PSCI_SYSTEM_OFF2    0xc4000015u /* 1.3 */

enum {
	PSCI_SUCCESS = 0,
	PSCI_NOT_SUPPORTED = -1,
	PSCI_INVALID_PARAMETERS = -2,
	PSCI_DENIED = -3,
	PSCI_ALREADY_ON = -4,
	PSCI_ON_PENDING = -5,
	PSCI_INTERNAL_FAILURE = -6,
	PSCI_NOT_PRESENT = -7,
	PSCI_DISABLED = -8,
	PSCI_INVALID_ADDRESS = -9,
};

/* What AFFINITY_INFO says */
enum { PSCI_AFFINITY_ON, PSCI_AFFINITY_OFF, PSCI_AFFINITY_ON_PENDING };

struct psci {
	int node; /* in the device tree; negative: there is no PSCI */
	enum smccc_conduit conduit;
	uint32_t claimed; /* least version the node claims: 0.1, 0.2 or 1.0 */
	uint32_t version; /* what the firmware says; 0.1 cannot be asked */
	uint32_t cpu_on;  /* function ids; 0: there is no such function */
	uint32_t cpu_off;
};

/* Reads the node and asks the firmware for its version. False: no usable node. */
bool psci_open(struct psci *p, const struct dt *dt);

/* Did the firmware know PSCI_VERSION? If not, version is the error it gave. */
static inline bool psci_answers(const struct psci *p)
{
	return (int32_t)p->version >= 0;
}

/* Calls function @fn; PSCI's result. */
int psci_call(const struct psci *p, uint32_t fn, uint64_t a1, uint64_t a2, uint64_t a3);

/* Starts the CPU with @affinity at @entry with @context in its x0. */
int psci_cpu_on(const struct psci *p, uint64_t affinity, uint64_t entry, uint64_t context);

/* Stops this CPU; comes back only with an error. */
int psci_cpu_off(const struct psci *p);

/* AFFINITY_INFO of one CPU. Needs version 0.2. */
int psci_affinity_info(const struct psci *p, uint64_t affinity);

/* Does PSCI_FEATURES know @fn? Never before version 1.0, which brought the function. */
bool psci_has(const struct psci *p, uint32_t fn);

/*
 * Version of the SMC Calling Convention, major << 16 | minor. 1.0 where it cannot be asked, which
 * means PSCI before 1.0, or SMCCC_VERSION unknown to PSCI_FEATURES.
 */
uint32_t psci_smccc_version(const struct psci *p);

#endif
