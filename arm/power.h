/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine's power as the guest moves it by PSCI: CPUs on and off, standby, sleep and wake-up,
 * off and reset. Serves what KVM leaves to user space, and with --psci=user all of PSCI.
 */
#ifndef LKVM_ARM_POWER_H
#define LKVM_ARM_POWER_H

#include <pthread.h>
#include "impl-cpus.h"
#include "psci-user.h"
#include "util/err.h"
#include "util/log.h"

struct machine;
struct power_cpu;

struct power {
	pthread_mutex_t lock;  /* around everything below and each power_cpu */
	struct psci_cpus cpus; /* --psci=user; its @on is NULL where KVM keeps the count */
	struct impl_cpus impl; /* what the discovery calls tell; empty: KVM answers them */
	struct power_cpu *cpu;
	/* SYSTEM_SUSPEND while KVM keeps the count: the caller waits for what the others say. */
	int asker; /* vCPU, or -1 */
	unsigned int nr_asked;
	bool others_on;
};

/* Takes the vCPUs' PSCI of @m, whose vCPUs are initialised. power_destroy() also after a failure. */
int power_init(struct machine *m, struct err *e);
void power_destroy(struct machine *m);

/*
 * Wakes a machine that sleeps in SYSTEM_SUSPEND, as an interrupt would; returns whether it slept. Any
 * thread, while it runs.
 */
bool power_wake(struct machine *m);

/* Whether it sleeps. Any thread, while it runs. */
bool power_sleeps(struct machine *m);

#endif
