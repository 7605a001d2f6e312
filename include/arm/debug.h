/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A debugger's hold on a VM: vCPUs that stop and go one by one, their registers, memory as the guest sees it,
 * breakpoints and watchpoints. Whoever debugs is a machine_control; all is called on the thread of
 * machine_run() but what says otherwise.
 */
#ifndef LKVM_ARM_DEBUG_H
#define LKVM_ARM_DEBUG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"

struct machine;

/* What a vCPU is to do while the VM goes. */
enum debug_action {
	DEBUG_GO,
	DEBUG_STEP, /* one instruction, and then it has stopped */
	DEBUG_HOLD,
};

/* The numbers are those of gdb's Z packets. */
enum debug_point {
	DEBUG_BREAK, /* on an instruction, by a BRK in its place */
	DEBUG_BREAK_HW,
	DEBUG_WATCH_WRITE,
	DEBUG_WATCH_READ,
	DEBUG_WATCH_ACCESS,
	DEBUG_NR_POINTS,
};

enum debug_why { DEBUG_STEPPED, DEBUG_AT_POINT };

struct debug_stop {
	unsigned int cpu;
	enum debug_why why;
	enum debug_point point; /* DEBUG_AT_POINT */
	uint64_t addr;          /* of a watchpoint, as it was set */
};

/* A register as gdb has it. */
struct debug_register {
	const char *name, *type; /* gdb's */
	unsigned int size;       /* in bytes, DEBUG_REGISTER_MAX at most */
	/* Where the value comes from. */
	enum { DEBUG_REG_KVM, DEBUG_REG_STACK, DEBUG_REG_VECTOR, DEBUG_REG_MASK } kind;
	uint64_t id; /* KVM's; a vector's number; an address in the half that a mask is for */
};

#define DEBUG_REGISTER_MAX 16

/* The groups of registers, as gdb's features. */
struct debug_registers {
	const char *feature;
	const struct debug_register *reg;
	unsigned int nr;
};

/* All registers; numbered through in this order, from x0. The last has a NULL feature. */
extern const struct debug_registers debug_registers[];

/* x29, the stack pointer and the program counter by number. */
#define DEBUG_REG_FP 29
#define DEBUG_REG_SP 31
#define DEBUG_REG_PC 32

/* Register number @nr, or NULL: there is none. */
const struct debug_register *debug_register(unsigned int nr);

/*
 * Takes hold of @m, which goes on, or, if it does not run yet, will begin. @stopped is called when a vCPU has
 * stopped by itself, on its thread: debug_take_stop() is to follow soon. Returns 0, or -errno with @e set: this
 * host's KVM cannot, or somebody else has it.
 */
int debug_attach(struct machine *m, void (*stopped)(void *ctx), void *ctx, struct err *e);

/* All breakpoints are out, all vCPUs go on, and @stopped is not called any more. No harm without an attach. */
void debug_detach(struct machine *m);

/* Stops all vCPUs, if they are not. When it returns, registers and memory can be looked at and changed. */
void debug_halt(struct machine *m);

/* Lets vCPU i do action[i]; after debug_halt(). Returns 0, or -errno: then all stay as they are. */
int debug_go(struct machine *m, const enum debug_action *action);

/*
 * Which vCPU has stopped by itself since debug_go(); false: none. Halts the others. Those that have stopped at the
 * same time will do so again.
 */
bool debug_take_stop(struct machine *m, struct debug_stop *stop);

unsigned int debug_nr_cpus(const struct machine *m);

/* Whether PSCI has the vCPU switched on; in doubt it is. */
bool debug_cpu_is_on(struct machine *m, unsigned int cpu);

/* Register @nr, its size in bytes, little-endian. Return 0, or -errno: the vCPU does not have it, or it is read-only. */
int debug_get_register(struct machine *m, unsigned int cpu, unsigned int nr, void *value);
int debug_set_register(struct machine *m, unsigned int cpu, unsigned int nr, const void *value);

/*
 * @len bytes at @va as vCPU @cpu sees them, whatever it may write. Only RAM is reached: what a device does at an
 * access, a debugger must not cause. Return 0, or -EFAULT: not all of it is there; what is before may be done.
 */
int debug_read(struct machine *m, unsigned int cpu, uint64_t va, void *buf, size_t len);
int debug_write(struct machine *m, unsigned int cpu, uint64_t va, const void *buf, size_t len);

/*
 * Puts a point at @va, for all vCPUs, and takes it away. @len in bytes is a watchpoint's. A DEBUG_BREAK where nothing
 * is mapped yet (before the guest's kernel has switched its MMU on) becomes a DEBUG_BREAK_HW. What is there is not put
 * again, and what is not there not taken. Return 0, or -errno; -ENOSPC: the CPU has no more of these.
 */
int debug_insert(struct machine *m, unsigned int cpu, enum debug_point point, uint64_t va,
		 uint64_t len);
int debug_remove(struct machine *m, enum debug_point point, uint64_t va, uint64_t len);

/* The addresses that a call returned to, innermost first, by frame pointers: @at[0] is the program counter. */
unsigned int debug_backtrace(struct machine *m, unsigned int cpu, uint64_t *at, unsigned int max);

#endif
