/* SPDX-License-Identifier: BSD-2-Clause */
/* Where a program listens: a socket that is a file, or a port of TCP. */
#ifndef LKVM_IPC_ADDRESS_H
#define LKVM_IPC_ADDRESS_H

#include <sys/socket.h>
#include "util/err.h"

struct address {
	struct sockaddr_storage address;
	socklen_t len; /* 0: none */
};

/*
 * Reads @word, "unix:PATH" or "tcp:[HOST]:PORT", HOST an address in digits, without one this host alone; it is changed in the process.
 * Returns 0, or -errno with @e naming what is wrong.
 */
int address_parse(struct address *a, char *word, struct err *e);

/* Returns a socket that listens there, for one at a time, and does not block; or -errno. A dead unix socket gives way. */
int address_listen(const struct address *a);

#endif
