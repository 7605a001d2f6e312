/* SPDX-License-Identifier: BSD-2-Clause */
/* Switching the machine off and resetting it. */
#ifndef GUEST_POWER_H
#define GUEST_POWER_H

#include <stdint.h>

struct dt;
struct guest;

/* One register write, as syscon-poweroff and syscon-reboot nodes describe it; address 0: none. */
struct power_write {
	uint64_t address;
	uint32_t value;
};

struct power {
	struct power_write off;
	struct power_write reset;
};

/* Looks for the nodes. */
void power_open(struct power *p, const struct dt *dt);

/*
 * By PSCI SYSTEM_OFF or SYSTEM_RESET from version 0.2 on, else by the syscon nodes. Where there is
 * neither, the firmware is asked for a reset all the same, and then this CPU sleeps.
 */
void power_off(const struct guest *g) __attribute__((noreturn));
void power_reset(const struct guest *g) __attribute__((noreturn));

#endif
