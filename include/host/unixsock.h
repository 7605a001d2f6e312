/* SPDX-License-Identifier: BSD-2-Clause */
/* Listening sockets that are files: what is left of a program that was killed is in nobody's way. */
#ifndef LKVM_HOST_UNIXSOCK_H
#define LKVM_HOST_UNIXSOCK_H

#include <sys/un.h>

/*
 * Makes a stream socket for this user alone at @address, which listens (for @backlog clients) and does not block. A
 * socket at which nobody listens any more gives way. Whoever may do the same at the same time is kept out by a lock
 * of the caller's. Returns the descriptor, or -errno; -EADDRINUSE: somebody listens there; -EEXIST: what is
 * there is no socket.
 */
int unix_listen(const struct sockaddr_un *address, int backlog);

/*
 * Takes what is at @address away if it is a socket at which nobody listens any more; under the same lock. Returns 0, or
 * -errno, as unix_listen().
 */
int unix_remove_dead(const struct sockaddr_un *address);

#endif
