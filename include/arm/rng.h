/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's entropy device: what lkvm run's --rng and --rng-rate say. */
#ifndef LKVM_ARM_RNG_H
#define LKVM_ARM_RNG_H

#include <stdbool.h>
#include <stdint.h>
#include "arm/transport.h"
#include "util/err.h"

struct rng_options {
	bool present;
	uint64_t rate; /* bytes a second; 0: no limit */
	enum virtio_bus bus;
};

/*
 * Reads "--rng-rate SIZE", which asks for the device, too. Returns 0, or -errno with @e set.
 * A setter for option rows: @rng is a struct rng_options.
 */
int rng_parse_rate(void *rng, const char *value, struct err *e);

#endif
