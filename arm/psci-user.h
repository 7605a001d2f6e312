/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * PSCI 0.2 to 1.3 (Arm DEN 0022) as lkvm itself answers it with --psci=user: which CPUs are on, and
 * what a call means. Pure: no system call, no thread. The answers are those that KVM gives.
 */
#ifndef LKVM_ARM_PSCI_USER_H
#define LKVM_ARM_PSCI_USER_H

#include <stdbool.h>
#include <stdint.h>

/* The function ids of PSCI, in either calling convention; none of another service is among them. */
#define PSCI_FN_32 0x84000000u
#define PSCI_FN_64 0xc4000000u
#define PSCI_FN_NR 0x20

/* x0 when a call comes back. */
enum psci_result {
	PSCI_SUCCESS = 0,
	PSCI_NOT_SUPPORTED = -1,
	PSCI_INVALID_PARAMETERS = -2,
	PSCI_DENIED = -3,
	PSCI_ALREADY_ON = -4,
	PSCI_INTERNAL_FAILURE = -6,
};

struct psci_call {
	uint32_t function; /* w0 */
	uint64_t arg[3];   /* x1 to x3 */
};

/* What is to be done beside giving the result back. */
enum psci_action {
	PSCI_ANSWER,  /* nothing */
	PSCI_START,   /* @cpu starts at @entry with @context in x0 */
	PSCI_STOP,    /* the caller is off from now on */
	PSCI_STANDBY, /* the caller sleeps until an interrupt, then gets the result */
	PSCI_SUSPEND, /* so does the machine; then the caller starts anew at @entry */
	PSCI_OFF,
	PSCI_HIBERNATE, /* off, its memory being saved */
	PSCI_RESET,
	PSCI_RESET2, /* @entry: the reset type, @context: the cookie */
};

struct psci_reply {
	enum psci_action action;
	int64_t result;
	unsigned int cpu;
	uint64_t entry, context;
};

/* A machine's CPUs. Arrays of @nr, the caller's. */
struct psci_cpus {
	uint32_t version;
	bool no_suspend; /* SYSTEM_SUSPEND, which is optional, is not offered */
	unsigned int nr;
	const uint64_t *mpidr; /* MPIDR_EL1 */
	bool *on;
};

/*
 * Judges @call of CPU @caller and says in @reply what it comes to. Keeps @cpus->on up to date: a CPU
 * that is to start is on at once, and one that stops off. Every value of @call is allowed.
 */
void psci_decide(const struct psci_cpus *cpus, unsigned int caller, const struct psci_call *call,
		 struct psci_reply *reply);

/* Whether a CPU other than @caller is on. */
bool psci_others_on(const struct psci_cpus *cpus, unsigned int caller);

#endif
