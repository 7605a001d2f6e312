/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of VMs: what people type, and what a VM's control socket is called after. */
#ifndef LKVM_IPC_NAME_H
#define LKVM_IPC_NAME_H

#include "util/err.h"

#define NAME_MAX_LEN 64

/*
 * A setter for option rows: stores @value at @field, a const char *, if it is a name. Returns 0, or
 * -EINVAL with @e saying what a name is.
 */
int name_set(void *field, const char *value, struct err *e);

#endif
