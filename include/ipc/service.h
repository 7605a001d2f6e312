/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A VM as a service of its host (docs/embedded.md): on its own in the background, found by its process
 * number in a file, and heard of by a service manager.
 */
#ifndef LKVM_IPC_SERVICE_H
#define LKVM_IPC_SERVICE_H

#include <stdbool.h>
#include <sys/types.h>
#include "arm/machine.h"
#include "vm/loop.h"

/* What the user asked for, and how it stands. Starts as SERVICE_NONE. */
struct service {
	bool daemonize;
	const char *pidfile; /* or NULL */
	/* Private. */
	int parent; /* a pipe to the process that waits until the guest runs, or -1 */
	int pid_fd; /* of the pidfile, locked, or -1 */
	int notify; /* a socket connected to the service manager's, or -1 */
	const char *name;
	struct loop_source started;
	struct loop *loop;
	struct machine *machine; /* the one that runs, or NULL */
};

#define SERVICE_NONE \
	((struct service){ .parent = -1, .pid_fd = -1, .notify = -1, .started.fd = -1 })

/*
 * Before anything is opened and any thread is there. With s->daemonize the process becomes two: in the
 * one that the user started it returns 1 with *status for it to end with, when the other one's guest runs (0) or
 * has ended before (as lkvm run would have), and the other one goes on in a session of its own, without
 * standard input and output, and without standard error from when the guest runs. Takes the pidfile and connects
 * to NOTIFY_SOCKET. Returns 0 to whoever is to run the VM, or -errno with @e set; service_end() in any case.
 */
int service_start(struct service *s, int *status, struct err *e);

/* When the VM is gone: the pidfile goes too. */
void service_end(struct service *s);

/* For machine_add_control(), with the struct service: tells those who wait when the guest runs and when it ends. */
extern const struct machine_control service_control;

#endif
