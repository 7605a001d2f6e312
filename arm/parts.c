/* SPDX-License-Identifier: BSD-2-Clause */
/* Which parts a machine has. */
#include "parts.h"
#include "util/bits.h"

const struct machine_part *const machine_parts[] = {
	&disks_part,   &rng_part,   &networks_part, &shares_part, &fs_part,
	&balloon_part, &vsock_part, &command_part,  NULL,
};

_Static_assert(ARRAY_SIZE(machine_parts) - 1 <= MACHINE_PARTS_MAX, "a machine's parts");
