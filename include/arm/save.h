/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine's state as a device tree: written from a machine that stands still, and put in place of booting when one is
 * built. RAM is not in it: see snapshot/snapshot.h. docs/snapshots.md describes the tree.
 */
#ifndef LKVM_ARM_SAVE_H
#define LKVM_ARM_SAVE_H

#include <stddef.h>
#include <stdint.h>
#include "arm/machine.h"
#include "arm/profile.h"
#include "vm/dt.h"

/* A VM with 512 CPUs fits. A tree that is larger is none. */
#define SAVE_STATE_MAX 0x4000000

/* What a machine is built from in place of boot files. Of the caller, who keeps it for as long as the machine runs. */
struct saved_machine {
	const char *name; /* what messages call it */
	const void *fdt;  /* a sound tree */
	int ram;          /* the file that RAM is in, */
	uint64_t ram_off; /* from here on; a multiple of the host's page size; or */
	void **pages; /* RAM itself, anonymous memory of its size, which becomes the machine's: NULL then; or NULL */
	/*
	 * Asked when the machine is built, before its first instruction: 0, or -errno with @e set, and it does not run. NULL: it
	 * just runs.
	 */
	int (*arrived)(void *ctx, struct err *e);
	void *ctx;
	/* What the tree says of the machine, by saved_machine_read(). */
	uint32_t features; /* vCPU features, bits of struct kvm_vcpu_init, but for POWER_OFF */
	uint64_t sve[8];   /* vector lengths, as KVM_REG_ARM64_SVE_VLS has them */
	uint64_t saved_at; /* host's real time in ns, or 0: the state does not tell */
};

/*
 * Whether @m can be saved: it has no device whose state lkvm cannot save, and does nothing that it cannot. Returns 0, or
 * -EOPNOTSUPP with @e naming all such devices, or what else it is. The loop's thread.
 */
int machine_can_save(struct machine *m, struct err *e);

/*
 * Pauses the machine and brings its devices to a stand: what they have in the host's hands comes back, images have all that was
 * written to them, nothing new begins. Takes as long as the disks do, and is synchronous. Returns 0; or -errno with
 * @e set, and the machine goes on. If machine_can_save() says so. The loop's thread, which must not serve sources until
 * machine_thaw().
 */
int machine_freeze(struct machine *m, struct err *e);
/* It goes on; but one that was stopped meanwhile (machine_stop()) ends where it stood. */
void machine_thaw(struct machine *m);

/*
 * Writes all state of @m but RAM into @dt, nodes of the root; between machine_freeze() and machine_thaw(). Returns 0, or -errno with @e set. The loop's thread.
 */
int machine_save(struct machine *m, struct dt *dt, struct err *e);

/*
 * Of a frozen machine, somebody else may have the disks; until they are taken back it must not thaw. machine_take_back() returns 0,
 * or -errno with @e naming who has them. The loop's thread.
 */
void machine_yield(struct machine *m);
int machine_take_back(struct machine *m, struct err *e);

/* vm_log_writes() and vm_take_writes() of its RAM. */
int machine_log_writes(struct machine *m, bool on, struct err *e);
int machine_take_writes(struct machine *m, uint64_t *bitmap, struct err *e);

/* Its RAM. As long as @m is paused nothing in it changes. */
const struct ram *machine_ram(const struct machine *m);

/*
 * Reads from saved->fdt what the machine is: into @cfg (CPUs, memory, PSCI version, interrupt controller, ...), and the rest of
 * @saved. cfg->saved becomes @saved. What the tree says is checked as far as it can be without a host. Returns 0, or -errno
 * with @e set.
 */
int saved_machine_read(struct saved_machine *saved, struct machine_config *cfg, struct err *e);

/*
 * How far a counter of @hz counts from @saved_at to @now, both real time in ns: 0 if @now is earlier, as a host's clock may
 * be. Modulo 2^64, as counters are.
 */
uint64_t saved_ticks_away(uint64_t saved_at, uint64_t now, uint64_t hz);

/*
 * What the VM that saved_machine_read() made @saved and @cfg of has of its host, as a profile of a host that has just that: for
 * compare_saved(), with saved->features. A register that differs between its vCPUs has vCPU 0's value, or another's if
 * that is 0. Returns 0, *p being the caller's to profile_free(); or -errno with @e set and *p PROFILE_NONE.
 */
int saved_profile(const struct saved_machine *saved, const struct machine_config *cfg,
		  struct host_profile *p, struct err *e);

#endif
