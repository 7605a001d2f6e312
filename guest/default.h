/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of the default guest. */
#ifndef GUEST_DEFAULT_H
#define GUEST_DEFAULT_H

#include <stdbool.h>

struct guest;
struct psci;

/* Prints the guest's result as a failure, with its reason. Returns false. */
bool fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the firmware's services beside PSCI's basic ones. */
void show_services(const struct psci *p);

/*
 * Brings up each CPU of the device tree and switches it off again, one after another: hosts may
 * have far fewer CPUs than the guest. False, with the failure printed, at the first one that errs.
 */
bool check_cpus(struct guest *g);

#endif
