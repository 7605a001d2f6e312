/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's side of a socket device as unix sockets, which takes no privilege:
 *
 *	PATH	a program of the host connects and sends "CONNECT port\n", gets "OK port\n", and is then connected
 *		with whoever listens at that port in the guest; or it is hung up on
 *	PATH_N	a program of the host listens there, and the guest connects with port N of CID 2
 */
#ifndef LKVM_HOST_VSOCK_UNIX_H
#define LKVM_HOST_VSOCK_UNIX_H

#include "util/err.h"
#include "vm/loop.h"
#include "vm/vsockdev.h"

/* So many clients that have not said yet what they want; one more, and the oldest is dropped. */
#define VSOCK_UNIX_NEW_MAX 32

struct vsock_unix;

/*
 * Listens at @path, which stays the caller's. A socket file that is left of a VM that was killed is replaced; that
 * of a living one, and any other file, is refused. Returns it, or NULL with @e set. Clients wait until there is a
 * device.
 */
struct vsock_unix *vsock_unix_open(const char *path, struct loop *loop, struct err *e);

/* For a device. Valid until vsock_unix_close(). */
struct vsock_backend vsock_unix_backend(struct vsock_unix *u);

/*
 * Connects the device, before the loop runs; and ends that, when it does not run any more and the device is gone,
 * which has closed the streams of its connections.
 */
void vsock_unix_connect(struct vsock_unix *u, struct vsock_frontend frontend);
void vsock_unix_disconnect(struct vsock_unix *u);

/* Removes the socket's file. NULL is fine. */
void vsock_unix_close(struct vsock_unix *u);

#endif
