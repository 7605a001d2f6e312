/* SPDX-License-Identifier: BSD-2-Clause */
/* --incoming of lkvm run: a VM that comes from elsewhere, in place of one that starts. */
#ifndef LKVM_IPC_INCOMING_H
#define LKVM_IPC_INCOMING_H

#include "arm/machine.h"
#include "ipc/peer.h"
#include "snapshot/migrate.h"

struct arrival {
	const char *where; /* --incoming, or NULL */
	struct peer peer;
	struct incoming incoming;
};

#define ARRIVAL_NONE ((struct arrival){ .peer = PEER_NONE, .incoming = INCOMING_NONE })

/* Whether @cfg, as options made it, has nothing that a VM which comes has already. Returns 0, or -EINVAL with @e naming the option. */
int arrival_check(const struct machine_config *cfg, struct err *e);

/*
 * Waits for the VM, and takes it: machine_run() goes on with @cfg then, while @a stays where it is. Blocks. Returns 0, or -errno with @e set;
 * arrival_end() also after that. Without a->where nothing.
 */
int arrival_wait(struct arrival *a, struct machine_config *cfg, struct err *e);
/* @why: what the other end is told if the VM did not get as far as running here. */
void arrival_end(struct arrival *a, const char *why);

#endif
