/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A running VM, whatever its architecture: KVM's descriptors, RAM, the bus, vCPU threads, and how
 * it ends. One thread builds it, runs the loop and destroys it; the vCPU threads live inside vm_run().
 */
#ifndef LKVM_VM_VM_H
#define LKVM_VM_VM_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include "util/err.h"
#include "util/log.h"
#include "util/sandbox.h"
#include "vm/bus.h"
#include "vm/loop.h"
#include "vm/ram.h"

struct kvm_run;

/* Why a VM is no longer running. The first reason wins. */
enum vm_end {
	VM_RUNNING,
	VM_OFF,     /* the guest powered itself off */
	VM_RESET,   /* the guest asked for a reset */
	VM_CRASHED, /* the guest reported a crash */
	VM_STOPPED, /* somebody outside ended it */
	VM_FAILED,  /* the host's KVM could not go on */
};

struct vcpu;
struct tally;
struct timeline;

/* What makes vCPUs leave the guest, as it is counted. */
enum vcpu_exit {
	VCPU_EXIT_MMIO,
	VCPU_EXIT_SYSTEM_EVENT,
	VCPU_EXIT_HYPERCALL,
	VCPU_EXIT_UNDECODABLE, /* an access that KVM cannot decode */
	VCPU_EXIT_DEBUG,
	VCPU_EXIT_SIGNAL, /* kicked by another thread */
	VCPU_EXIT_OTHER,
	VCPU_NR_EXITS,
};

/* Its name: "mmio", "system event"... */
const char *vcpu_exit_name(enum vcpu_exit exit);

/*
 * What only the architecture understands of a vCPU's life. All are called on the vCPU's own
 * thread and must not block.
 */
struct vcpu_ops {
	/* KVM_EXIT_SYSTEM_EVENT and KVM_EXIT_HYPERCALL, as vcpu->run tells them. */
	void (*system_event)(void *ctx, struct vcpu *vcpu);
	void (*hypercall)(void *ctx, struct vcpu *vcpu);
	/* KVM_EXIT_DEBUG: only if KVM_SET_GUEST_DEBUG has asked for it. */
	void (*debug)(void *ctx, struct vcpu *vcpu);
	/*
	 * Whether the vCPU is to enter the guest now; if not, its thread sleeps until it is kicked.
	 * Asked before the first entry, after each of the exits above, and after vcpu_kick().
	 */
	bool (*ready)(void *ctx, struct vcpu *vcpu);
};

struct vcpu {
	struct vm *vm;
	unsigned int id;
	int fd;
	struct kvm_run *run; /* shared with KVM; the vCPU's thread only, but for immediate_exit */
	pthread_t thread;
	bool started;           /* there is a thread to join */
	pthread_t self;         /* the same thread, as it says itself */
	bool alive;             /* @self can be sent signals; both by vm->kick_lock */
	bool ready;             /* what ops->ready() said; the vCPU's thread only */
	atomic_bool held;       /* waits for a device that is busy */
	bool entered;           /* it was in the guest; the vCPU's thread only */
	struct log_limit limit; /* what the guest on this vCPU may make lkvm say */
	/* How often it left the guest; the vCPU's thread counts, any thread may look. */
	atomic_uint_fast64_t exits[VCPU_NR_EXITS];
};

struct vm {
	int fd;
	struct loop *loop; /* the caller's */
	struct ram ram;
	struct bus bus;
	struct vcpu *vcpu;
	unsigned int nr_vcpus;
	size_t run_size;           /* of each vcpu->run */
	const cpu_set_t *affinity; /* where vCPU threads run, or NULL; the caller's */
	enum sandbox sandbox;      /* and what they are confined to */
	const struct vcpu_ops *ops;
	void *ops_ctx;
	pthread_mutex_t kick_lock; /* around pthread_kill(): no signal to a thread that is gone */
	atomic_uint pauses;        /* vm_pause() without its vm_continue() */
	pthread_mutex_t pause_lock;
	pthread_cond_t pause_changed;
	unsigned int nr_threads,
		nr_parked; /* vCPU threads; those that wait for the pause's end; by pause_lock */
	struct timeline *timeline; /* of the first instruction, or NULL; the caller's */
	struct tally *tally;       /* of each vCPU's exits over time, or NULL; the caller's */
	atomic_int end;            /* enum vm_end */
	struct err failure;        /* set before @end becomes VM_FAILED is seen */
};

#define VM_NONE                                                \
	((struct vm){ .fd = -1,                                \
		      .kick_lock = PTHREAD_MUTEX_INITIALIZER,  \
		      .pause_lock = PTHREAD_MUTEX_INITIALIZER, \
		      .pause_changed = PTHREAD_COND_INITIALIZER })

/*
 * Creates the VM on the open KVM device @kvm with KVM's machine @type. @loop serves its devices.
 * Returns 0, or -errno with @e set. vm_destroy() ends it, also after a failure.
 */
int vm_create(struct vm *vm, int kvm, unsigned long type, struct loop *loop, struct err *e);

/* Gives the VM its RAM (see ram_create()). Once. */
int vm_add_ram(struct vm *vm, gpa_t base, uint64_t size, const char *hugetlbfs, bool shared,
	       struct err *e);

/*
 * From now on it is kept which pages of RAM are written to, by the guest or by devices; or no longer. Costs the guest an exit for
 * the first write to each page. Returns 0, or -errno with @e set. The loop's thread.
 */
int vm_log_writes(struct vm *vm, bool on, struct err *e);
/*
 * Which those are since it began, or since this was last asked: a bit each in @bitmap, of ram_log_words(). What was written
 * before the call is seen by who reads the pages after it. Returns 0, or -errno with @e set. The loop's thread.
 */
int vm_take_writes(struct vm *vm, uint64_t *bitmap, struct err *e);

/* Creates vCPUs 0..nr-1, not yet initialised. Once. */
int vm_add_vcpus(struct vm *vm, int kvm, unsigned int nr, struct err *e);

/* Who serves the exits of the vCPUs' architecture. Once, before vm_run(). */
void vm_set_ops(struct vm *vm, const struct vcpu_ops *ops, void *ctx);

/*
 * Makes the vCPU leave KVM_RUN, or its sleep, or not enter again, before it has seen that the VM has
 * ended and asked ops->ready(). Any thread, while vm_run() runs.
 */
void vcpu_kick(struct vcpu *vcpu);

/* The processor's time that its thread has taken, the guest's included, in ns. While vm_run() runs; the loop's thread. */
uint64_t vcpu_cpu_time(const struct vcpu *vcpu);

/*
 * A device may be busy no longer (mmio_ops.busy): vCPUs that wait for one look again. Any thread, also with
 * the device's lock held; when nobody waits, nothing happens.
 */
void vm_release(struct vm *vm);

/*
 * Keeps all vCPUs out of the guest until vm_continue() was called as often. When it returns, each has left it, what
 * it left it for is done, and its registers are as the guest has them between two instructions, so that they can be
 * read and set from here; but one that waits for a busy device is still at the access. Devices go on. Before
 * vm_run(), vCPUs will wait before their first instruction. The loop's thread, or before it runs.
 */
void vm_pause(struct vm *vm);
void vm_continue(struct vm *vm);

/*
 * Starts the vCPU threads and runs the loop until something ends the VM; all vCPU threads are gone
 * when it returns. Once. VM_FAILED comes with @e set.
 */
enum vm_end vm_run(struct vm *vm, struct err *e);

/* Ends the VM for @why (not VM_RUNNING, not VM_FAILED). Any thread, any number of times. */
void vm_stop(struct vm *vm, enum vm_end why);

/* Ends it with VM_FAILED and a text. Any thread. */
void vm_fail(struct vm *vm, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Frees everything. VM_NONE and a half-built VM are fine; it must not be running. */
void vm_destroy(struct vm *vm);

#endif
