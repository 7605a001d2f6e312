/* SPDX-License-Identifier: BSD-2-Clause */
/* Stopping VMs and seeing them gone: what lkvm stop does. */
#ifndef LKVM_IPC_STOP_H
#define LKVM_IPC_STOP_H

#include "ipc/target.h"

/* How long a guest may take to power off. */
#define STOP_TIMEOUT_MS 30000

/*
 * Stops @target: by the power button, and, when @timeout_ms have passed, from outside; with @force at once, a VM that hangs
 * too. Returns when they are gone, or do not go, and prints how each went. Returns a command's exit status.
 */
int stop_target(const struct target *target, bool force, uint64_t timeout_ms);

#endif
