/* SPDX-License-Identifier: BSD-2-Clause */
/* Where control sockets are and who may be at the other end: what server and client share. */
#ifndef LKVM_IPC_SOCKET_H
#define LKVM_IPC_SOCKET_H

#include <stdbool.h>
#include <sys/un.h>
#include "ipc/name.h"
#include "util/err.h"

/* A control socket's folder and its address, which holds the socket's path. */
struct socket_place {
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	struct sockaddr_un address;
};

struct socket_name {
	char text[NAME_MAX_LEN + 1];
};

/* Finds the place of VM @name's socket; makes nothing. Returns 0, or -errno with @e set. */
int socket_find(struct socket_place *place, const char *name, struct err *e);

/*
 * Binds VM @name's socket, which listens and does not block, at @place. Makes the folder if there is
 * none, and takes the place of a socket that nobody listens on any more. Returns the descriptor;
 * -EADDRINUSE if a living VM has the name, or another -errno; @e is set.
 */
int socket_listen(const struct socket_place *place, const char *name, struct err *e);

/*
 * Lists the sockets in the user's folder, dead ones too. Returns how many there are, and their VMs' names, sorted, in
 * *names, which the caller frees; or -errno with @e set.
 */
int socket_list(struct socket_name **names, struct err *e);

/* Removes VM @name's socket if nobody listens on it; with no folder or no right to it nothing happens. */
void socket_remove_dead(const char *name);

/* Whether the other end of @fd is a process of this user, or of root. */
bool socket_peer_is_ours(int fd);

#endif
