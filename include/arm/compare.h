/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether a VM of one host can run on another, told from their profiles alone: what KVM there would
 * make of each value that the VM has here, what that means for the guest, and which value would suit
 * both. docs/host-profiles.md has the rules in words.
 */
#ifndef LKVM_ARM_COMPARE_H
#define LKVM_ARM_COMPARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "arm/allow.h"
#include "arm/profile.h"
#include "util/err.h"

/* In the order of what it means for the guest. */
enum compare_class {
	COMPARE_SAME,       /* the same on both */
	COMPARE_CARRIED,    /* different, and the target takes the VM's value */
	COMPARE_HARMLESS,   /* the guest could notice, nothing it relies on is lost */
	COMPARE_UNSAFE,     /* the VM would go on with a promise to its guest broken */
	COMPARE_IMPOSSIBLE, /* the target cannot run what the guest was told it runs on */
};

/* "same", "carried", "harmless", "unsafe", "impossible". */
const char *compare_class_name(enum compare_class class);

struct finding {
	enum compare_class class;
	/* What KVM says when the register is written there: 0, EINVAL, ENOENT. */
	int write;
	uint64_t id;         /* of a register, or 0 */
	bool in_from, in_to; /* a register: whether the host has it */
	uint64_t from, to;   /* its values */
	bool gic;            /* it is about the interrupt controller that a VM has by default */
	char name[48];       /* the register's, or what else it is about */
	char text[200];      /* what it means */
	char remedy[80];     /* the option of `lkvm run` that avoids it, or "" */
	bool compat;         /* --compat avoids it */
	bool beside_compat; /* @remedy avoids it together with --compat, which names the other host */
};

struct comparison {
	size_t nr;
	struct finding *finding; /* the worst first, then by register; owned */
};

#define COMPARISON_NONE ((struct comparison){ 0 })

/*
 * What happens to a VM with the vCPU features @features that was started on @from with defaults and
 * goes to @to: one finding for each register that it has here, and one for each other matter in
 * which the hosts differ. Returns 0, *c being the caller's to comparison_free(); or -ENOMEM.
 */
int compare_profiles(const struct host_profile *from, const struct host_profile *to,
		     uint32_t features, struct comparison *c, struct err *e);
/*
 * The same for one VM: @from is what saved_profile() made of it, @features are its own.
 */
int compare_saved(const struct host_profile *from, const struct host_profile *to, uint32_t features,
		  struct comparison *c, struct err *e);

struct saved_machine;
struct machine_config;
/*
 * Adds what is wrong with the disks, on this host, of the VM that saved_machine_read() made @saved and @cfg of: each is opened and
 * locked as machine_run() would, and closed; but of a @live VM, which still has them, only looked at. Returns 0, or -errno with @e set if that
 * cannot be said.
 */
int compare_disks(const struct saved_machine *saved, const struct machine_config *cfg, bool live,
		  struct comparison *c, struct err *e);

/* What is unsafe and named by @allow counts as harmless. */
void comparison_allow(struct comparison *c, const struct allow *allow);
void comparison_free(struct comparison *c);

/* COMPARE_SAME if there are none. */
enum compare_class comparison_worst(const struct comparison *c);

/*
 * What KVM on @host says when @value is written to the register @id of a fresh vCPU with @features:
 * 0, EINVAL or ENOENT.
 */
int compare_write(const struct host_profile *host, uint32_t features, uint64_t id, uint64_t value);

/*
 * The value of ID register (or cache description) @id with which a VM with @features started on
 * @here can later run on @there: its own value here, lowered field by field where @there has less
 * or takes nothing but its own, and only where @here lets it be written.
 * Bits of *blocked are those of fields for which there is no such value (the result has @here's
 * there); of these, bits of *harmless are of vCPU features that the VM does not have.
 * A register that names the CPU keeps its value: no other says which errata the guest has to expect.
 * Returns false if a vCPU has no such register here, or none there: then nothing needs to be done.
 */
bool compare_common(const struct host_profile *here, const struct host_profile *there,
		    uint32_t features, uint64_t id, uint64_t *value, uint64_t *blocked,
		    uint64_t *harmless);

/* The newest PSCI version that both have, 0 if there is none. */
uint32_t compare_common_psci(const struct host_profile *a, const struct host_profile *b);

/* What is said of findings that the guest could notice, up to those of class @most; and how many there are of each class. */
void compare_print_findings(const struct comparison *c, enum compare_class most, FILE *out);
void compare_print_sum(const struct comparison *c, FILE *out);

/*
 * The report of `lkvm check`: whether the VM @from can go on at @to, why not, and what to do about it; as JSON for programs.
 */
void compare_print_check(const struct comparison *c, const char *from, const char *to, FILE *out);
void compare_print_check_json(const struct comparison *c, const char *from, const char *to,
			      FILE *out);

/*
 * The report of `lkvm host --compare`: differences of @a and @b side by side, then what becomes of a
 * VM with @pmu or without, each way. @name_a and @name_b are what the user calls them.
 * *a_to_b and *b_to_a say whether a VM started with defaults can go there.
 */
int compare_print(const struct host_profile *a, const char *name_a, const struct host_profile *b,
		  const char *name_b, bool pmu, FILE *out, bool *a_to_b, bool *b_to_a,
		  struct err *e);

#endif
