/* SPDX-License-Identifier: BSD-2-Clause */
/* The console of a running VM, at somebody else's terminal: lkvm console. */
#ifndef LKVM_IPC_CONSOLE_H
#define LKVM_IPC_CONSOLE_H

#include "util/err.h"

/*
 * Attaches stdin and stdout to the console of VM @name, until the person leaves, or the VM ends. A terminal on stdin is raw
 * meanwhile, and Ctrl-A the escape key; anything else is typed as it is, and a second of silence after its end ends it.
 * Returns 0, or -errno with @e naming the VM.
 */
int console_attach(const char *name, struct err *e);

#endif
