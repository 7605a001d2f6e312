/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What KVM is as the guest's firmware, beside the PSCI version: services that can be hidden and
 * levels of mitigation (Documentation/virt/kvm/arm/fw-pseudo-registers.rst). One table serves the
 * --firmware option, its help, the man page and `lkvm host`.
 */
#ifndef LKVM_ARM_FIRMWARE_H
#define LKVM_ARM_FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "util/err.h"

enum firmware_kind {
	FIRMWARE_SERVICE, /* a bit of a bitmap register: on or off */
	FIRMWARE_LEVEL, /* a mitigation: KVM accepts what does not exceed the host's, stores nothing */
	FIRMWARE_CAPABILITY, /* on once its capability is enabled for the VM, off otherwise */
};

struct firmware_row {
	const char *name; /* as in --firmware NAME=VALUE */
	enum firmware_kind kind;
	uint64_t reg;              /* KVM's register id; 0 for a capability */
	unsigned int bit;          /* FIRMWARE_SERVICE */
	int cap;                   /* FIRMWARE_CAPABILITY */
	const char *register_name; /* the kernel's: "STD_BMAP", "ARM_SYSTEM_SUSPEND" */
	const char *since;         /* the release that brought it */
	const char *help;
};

enum {
	FIRMWARE_TRNG,
	FIRMWARE_PVTIME,
	FIRMWARE_KVM_FEATURES,
	FIRMWARE_PTP,
	FIRMWARE_IMPL_VERSION,
	FIRMWARE_IMPL_CPUS,
	FIRMWARE_SYSTEM_SUSPEND,
	FIRMWARE_WORKAROUND_1,
	FIRMWARE_WORKAROUND_2,
	FIRMWARE_WORKAROUND_3,
	FIRMWARE_NR,
};

extern const struct firmware_row firmware_rows[FIRMWARE_NR];

/* What a VM is to have: for each row nothing (the host's own), or a value. Starts as { 0 }. */
struct firmware_pins {
	bool pinned[FIRMWARE_NR];
	uint64_t value[FIRMWARE_NR]; /* 0 or 1 for a service; the register's value for a level */
};

/*
 * Reads "NAME=VALUE" into @pins, a struct firmware_pins. VALUE is on or off for a service or capability, a word of
 * firmware_level_name() for a level. Returns 0, or -EINVAL with @e naming what was typed and what there is.
 * A setter for option rows: @pins is a struct firmware_pins.
 */
int firmware_parse(void *pins, const char *text, struct err *e);

/* "not-available", "available", "not-required", "unknown": a level register's value in a word. */
const char *firmware_level_name(unsigned int row, uint64_t value);

/* The bits of service register @reg that have a row. */
uint64_t firmware_services(uint64_t reg);

/*
 * Writes @pins through @vcpu, an initialised vCPU of a VM that has not run, and reads them back.
 * ID registers must be final: the ceiling of WORKAROUND_2 depends on them.
 * Returns 0, or -errno with @e saying what the host lacks and what it would take, or which pins
 * contradict each other.
 */
int firmware_apply(int vcpu, const struct firmware_pins *pins, struct err *e);

/*
 * Enables for the VM of descriptor @vm the capabilities that are services a guest finds, but those
 * pinned off. Returns 0, or -errno with @e naming one that was insisted on and is not there.
 */
int firmware_enable(int vm, const struct firmware_pins *pins, struct err *e);

/*
 * Whether the guest is to find the discovery of CPU implementations. Its two calls mean nothing without each
 * other, so that one pinned on stands for both.
 */
bool firmware_discovers_cpus(const struct firmware_pins *pins);

/* The table as --help and `lkvm host` show it. */
void firmware_print(FILE *out);

#endif
