/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The server's side of a VM's control socket (docs/control.md): takes commands from other processes of
 * the same user while the VM runs.
 */
#ifndef LKVM_IPC_CONTROL_H
#define LKVM_IPC_CONTROL_H

#include "arm/machine.h"

/* So many clients are served at once; one more, and the oldest is dropped. */
#define CONTROL_CLIENTS_MAX 8

/*
 * For machine_add_control(), without options. A socket that cannot be made is an error where cfg->named is set;
 * otherwise the VM runs without one, and a debug line says why.
 */
extern const struct machine_control control_server;

#endif
