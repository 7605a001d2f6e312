/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What KVM's register ids mean: names (the Arm ARM's, and KVM's own for firmware registers), which
 * registers describe the CPU instead of holding state, and the fields of those with how two values
 * of one compare. Pure tables and arithmetic.
 */
#ifndef LKVM_ARM_REGISTERS_H
#define LKVM_ARM_REGISTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGISTER_NAME_SIZE 32

/* The largest register: an SVE vector. */
#define REGISTER_BYTES_MAX 256

enum register_kind {
	REGISTER_STATE,    /* what a guest changes: any value may be written */
	REGISTER_ID,       /* describes the CPU: op0 3, CRn 0, op1 0, 1 or 3, MPIDR_EL1 excepted */
	REGISTER_CACHE,    /* CCSIDR_EL1 of one cache */
	REGISTER_PSCI,     /* the PSCI version */
	REGISTER_LEVEL,    /* a mitigation's level (enum firmware_kind) */
	REGISTER_SERVICES, /* a bitmap of firmware services */
};

enum register_kind register_kind(uint64_t id);

/* Its size in bytes: a power of two up to REGISTER_BYTES_MAX; 0: an id no KVM has. */
size_t register_size(uint64_t id);

/* Its name, or "reg-" and 16 hexadecimal digits. Into @name, which is returned. */
const char *register_name(uint64_t id, char name[REGISTER_NAME_SIZE]);

/* The other way round; false if @name is neither. */
bool register_by_name(const char *name, uint64_t *id);

/* Whether both are of one numbered family and @next is the next in it: V3 follows V2. */
bool register_follows(uint64_t id, uint64_t next);

/*
 * The vCPU features (bits of struct kvm_vcpu_init) that the register belongs to: a vCPU without them
 * does not have it, whatever an old kernel lists. 0: every vCPU has it.
 */
uint32_t register_features(uint64_t id);

/* How two values of a field compare. */
enum field_rule {
	FIELD_UNSIGNED, /* more is more, the lower suits both */
	FIELD_SIGNED,   /* the same, 0xf being -1: less than nothing */
	FIELD_PMU,      /* unsigned, and 0xf is no architected PMU: as 0 */
	FIELD_HIGHER,   /* the higher suits both: granules of cache maintenance */
	FIELD_EXACT,    /* different is incompatible */
	FIELD_FREE,     /* describes and promises nothing: any value, where it may be written */
};

struct register_field {
	const char *name; /* NULL: bits without a meaning known to lkvm */
	uint8_t lsb, width;
	uint8_t rule;
	uint32_t features; /* the vCPU features it belongs to; 0: the CPU's own */
};

/*
 * The field of ID register @id that bit @bit belongs to. A bit outside of every known field is in an
 * unsigned one of four bits without a name.
 */
struct register_field register_field_at(uint64_t id, unsigned int bit);

/* Its name, or "[msb:lsb]". Into @text, which is returned. */
const char *register_field_name(struct register_field field, char text[REGISTER_NAME_SIZE]);

/* The field's bits in place, and its value moved down to bit 0. */
uint64_t register_field_mask(struct register_field field);
uint64_t register_field_get(struct register_field field, uint64_t value);

/* Whether a CPU with @have in this field does all that one with @want promises. Both moved down. */
bool register_field_covers(struct register_field field, uint64_t have, uint64_t want);

#endif
