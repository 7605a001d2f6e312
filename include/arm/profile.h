/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A host profile: what one host's KVM offers to guests, as plain data. arm/probe.c fills it from
 * scratch VMs; here it is written as a device tree, read back, and asked.
 * docs/host-profiles.md describes the file.
 */
#ifndef LKVM_ARM_PROFILE_H
#define LKVM_ARM_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "arm/capability.h"
#include "util/err.h"

#define PROFILE_VERSION    1
#define PROFILE_LABEL_SIZE 128
#define PROFILE_PSCI_MAX   16

/* No profile is larger: a file that is gets refused before memory is allocated for it. */
#define PROFILE_FILE_MAX 0x100000

struct profile_register {
	uint64_t id;
	uint64_t value; /* the low 64 bits */
	uint8_t *wide;  /* a register of more than 64 bits: all of it, as KVM lays it out; owned */
};

/* Every register of a fresh vCPU, by ascending id. */
struct profile_dump {
	uint32_t features; /* bits of struct kvm_vcpu_init it was initialised with */
	size_t nr;
	struct profile_register *reg; /* owned */
};

struct profile_firmware {
	uint64_t id;
	uint64_t value; /* in a fresh VM */
	/*
	 * What may be written: the bits of a service bitmap; for a mitigation bit n says that value n
	 * is taken; 0 for the PSCI version, which has its own list.
	 */
	uint64_t takes;
};

struct profile_mask {
	uint64_t id;
	uint64_t
		mask; /* bits that may be written, to values that promise no more than the host's */
};

struct host_profile {
	char kernel[PROFILE_LABEL_SIZE]; /* a label for people; nothing is concluded from it */
	uint32_t page_size;              /* bytes */
	uint32_t ipa_bits;               /* guest-physical address bits, at most */
	uint32_t max_vcpus;
	uint64_t counter_hz; /* CNTFRQ_EL0; 0: not known */

	uint32_t psci[PROFILE_PSCI_MAX]; /* versions, ascending */
	size_t nr_psci;
	uint32_t vcpu_features; /* bits of struct kvm_vcpu_init that a vCPU takes */
	bool smccc_filter;      /* calls can be sent to user space */
	bool pvtime;            /* a vCPU takes the address of a stolen-time record */
	bool its;
	uint32_t gicv2_iidr, gicv3_iidr; /* GICD_IIDR; 0: no such GIC */
	int32_t cap[CAPABILITY_NR];      /* by number; 0: not there */

	struct profile_firmware *firmware; /* by ascending id; owned */
	size_t nr_firmware;
	/* ID registers and caches, by ascending id; what is not here cannot be written. Owned. */
	struct profile_mask *mask;
	size_t nr_masks;
	bool masks_told; /* KVM told them; else they were found out by writing */

	struct profile_dump base; /* a vCPU without any optional feature */
	struct profile_dump full; /* with every one that lkvm can give to a guest */
};

/* An empty profile, safe to free. */
#define PROFILE_NONE ((struct host_profile){ 0 })

void profile_free(struct host_profile *p);

/*
 * Brings registers, firmware and masks into order and checks that none is there twice. Call it once
 * they are filled in. Returns 0, or -EINVAL with @e naming the register.
 */
int profile_sort(struct host_profile *p, struct err *e);

/*
 * The profile as a device tree of *size bytes, malloc()ed. Returns 0, or -errno with @e set.
 */
int profile_encode(const struct host_profile *p, void **blob, size_t *size, struct err *e);
/* The same into the file @path, whole or not at all. */
int profile_write(const struct host_profile *p, const char *path, struct err *e);

/*
 * Reads what profile_encode() made. @blob is hostile: every length is checked. What a newer lkvm put
 * in is ignored. Returns 0, or -EINVAL with @e naming @path and what is wrong; *p is PROFILE_NONE then.
 */
int profile_decode(struct host_profile *p, const void *blob, size_t size, const char *path,
		   struct err *e);
/* The same from the file @path; also -errno of reading it. */
int profile_read(struct host_profile *p, const char *path, struct err *e);

/* The words for vCPU feature bit @bit ("sve"), or NULL. */
const char *profile_feature_name(unsigned int bit);

/* The firmware register @id, or NULL. */
const struct profile_firmware *profile_firmware(const struct host_profile *p, uint64_t id);

/* Whether PSCI @version is offered. */
bool profile_has_psci(const struct host_profile *p, uint32_t version);

/* The bits of ID register @id that this host lets be written. */
uint64_t profile_writable(const struct host_profile *p, uint64_t id);

/*
 * The value of register @id in a fresh vCPU with @features on this host, put together from the two
 * dumps. False: such a vCPU does not have it. Of wide registers the low 64 bits.
 */
bool profile_value(const struct host_profile *p, uint32_t features, uint64_t id, uint64_t *value);

/* The vCPU features that `lkvm run` without options gives a VM on this host. */
uint32_t profile_default_features(const struct host_profile *p);

/* The vector lengths of SVE: bit n is (n + 1) * 128 bits. All 0 without SVE. */
void profile_sve_lengths(const struct host_profile *p, uint64_t vls[8]);

/* What `lkvm host` shows. @all: with every ID register, not only those that say something. */
void profile_print(const struct host_profile *p, bool all, FILE *out);
void profile_print_json(const struct host_profile *p, FILE *out);

#endif
