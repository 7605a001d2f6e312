/* SPDX-License-Identifier: BSD-2-Clause */
/* The inside of include/arm/debug.h, between its files and the machine's. */
#ifndef LKVM_ARM_DEBUGGER_H
#define LKVM_ARM_DEBUGGER_H

#include <pthread.h>
#include "arm/debug.h"
#include "vm/ram.h"

struct machine;
struct vcpu;
struct stage1;

#define DEBUG_PATCHES_MAX 256
#define DEBUG_SLOTS_MAX   16 /* KVM's interface has so many of each kind */

/* BRK #0 */
#define INSN_BRK 0xd4200000u

/* A breakpoint that is an instruction. */
struct debug_patch {
	uint64_t va;
	gpa_t gpa;
	uint32_t old; /* what was there, as it lies in memory */
};

/* A point in the CPU's own registers. */
struct debug_slot {
	bool used;
	enum debug_point point; /* as it was asked for */
	uint64_t va, len;
};

struct debug_cpu {
	/* By debug.lock. */
	enum debug_action action;
	bool stopped; /* by itself, as @stop says */
	struct debug_stop stop;
	/* Changed while the VM is halted only. */
	bool armed;  /* KVM was told of points or a step */
	bool masked; /* PSTATE.I and F are ours, and @interrupts the guest's */
	uint64_t interrupts;
};

struct debug {
	pthread_mutex_t lock; /* vCPU threads ask and tell */
	struct debug_cpu *cpu;
	void (*stopped)(void *ctx); /* NULL: nobody is attached */
	void *ctx;
	bool halted;
	/* Changed while the VM is halted only. */
	struct debug_patch patch[DEBUG_PATCHES_MAX];
	unsigned int nr_patches;
	struct debug_slot breaks[DEBUG_SLOTS_MAX], watches[DEBUG_SLOTS_MAX];
	unsigned int nr_breaks, nr_watches; /* that this CPU has */
};

/* With the vCPUs there. debug_destroy() also after a failure, and without this. */
int debug_init(struct machine *m, struct err *e);
void debug_destroy(struct machine *m);

/* On the vCPU's thread: whether it may enter the guest, and what a KVM_EXIT_DEBUG means. */
bool debug_lets_go(struct machine *m, const struct vcpu *vcpu);
void debug_exit(struct machine *m, struct vcpu *vcpu);

/* debug_memory.c. The vCPU is out of the guest. Where @va is in RAM; -EFAULT: nowhere. */
int debug_translate(struct machine *m, unsigned int cpu, uint64_t va, gpa_t *gpa);
/* The MMU's registers. Returns 0 or -errno. */
int debug_stage1(struct machine *m, unsigned int cpu, struct stage1 *s);
/* The same, or by another CPU's tables where @cpu has none for the kernel's addresses. */
int debug_find_code(struct machine *m, unsigned int cpu, uint64_t va, gpa_t *gpa);
/* Replaces the instruction at @gpa for all CPUs' fetches. */
int debug_patch_code(struct machine *m, gpa_t gpa, uint32_t insn);

/* debug_points.c. On the vCPU's thread, or while it is halted. */
const struct debug_patch *debug_find_patch(const struct machine *m, gpa_t gpa);
/* The CPU's own breakpoint at @va, or NULL. */
const struct debug_slot *debug_find_break(const struct machine *m, uint64_t va);
/* The watchpoint that an access to @va has hit, or NULL. */
const struct debug_slot *debug_find_watch(const struct machine *m, uint64_t va);
void debug_remove_all(struct machine *m);
/* Gives the vCPU its points, and a step if it is to take one. Returns 0 or -errno. */
int debug_arm(struct machine *m, unsigned int cpu, bool step);

/* debug_step.c */

/*
 * Before and after a step: no interrupt comes in between, whose handler's first instruction would be the next one that
 * the person sees. Best effort.
 */
void debug_mask_interrupts(struct machine *m, unsigned int cpu);
void debug_unmask_interrupts(struct machine *m, unsigned int cpu);
/* The guest gets the exception with syndrome @esr, which it caused itself. Returns 0 or -errno. */
int debug_reflect(struct vcpu *vcpu, uint64_t esr);

#endif
