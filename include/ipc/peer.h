/* SPDX-License-Identifier: BSD-2-Clause */
/* The other end of a migration, as its user names it: unix:PATH, tcp:[HOST]:PORT, or exec:COMMAND, by whose input and output it is reached. */
#ifndef LKVM_IPC_PEER_H
#define LKVM_IPC_PEER_H

#include <sys/types.h>
#include "util/err.h"

struct peer {
	int fd;    /* a connected stream socket, which does not block */
	pid_t pid; /* of a COMMAND, or 0 */
};

#define PEER_NONE ((struct peer){ .fd = -1 })

/*
 * Reaches who listens at @where, or waits for the one who comes; a COMMAND is started. Both block. Return 0, or -errno with @e naming @where;
 * peer_close() ends it, also after that.
 */
int peer_connect(struct peer *peer, const char *where, struct err *e);
int peer_accept(struct peer *peer, const char *where, struct err *e);
/* Closes it, and waits for a COMMAND to end. PEER_NONE is fine. */
void peer_close(struct peer *peer);

#endif
