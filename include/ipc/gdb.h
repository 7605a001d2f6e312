/* SPDX-License-Identifier: BSD-2-Clause */
/* A server for gdb's remote protocol (docs/debugging.md): --gdb of lkvm run. */
#ifndef LKVM_IPC_GDB_H
#define LKVM_IPC_GDB_H

#include <stdbool.h>
#include "arm/machine.h"
#include "ipc/address.h"

struct gdb_options {
	struct address address; /* of none there is no server */
	bool wait;              /* the VM does not start before gdb has come */
};

/*
 * Reads "--gdb VALUE": unix:PATH or tcp:[HOST]:PORT, and after a comma wait. Takes the place of what was read before.
 * Returns 0, or -errno with @e naming what is wrong.
 * A setter for option rows: @gdb is a struct gdb_options.
 */
int gdb_parse(void *gdb, const char *value, struct err *e);

/* For machine_add_control(), with a struct gdb_options. */
extern const struct machine_control gdb_server;

#endif
