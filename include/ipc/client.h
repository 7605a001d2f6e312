/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands' side of a VM's control socket. */
#ifndef LKVM_IPC_CLIENT_H
#define LKVM_IPC_CLIENT_H

#include "ipc/message.h"

/* How long a VM may take to answer before it is said to hang. */
#define CLIENT_PATIENCE_SECONDS 5

/*
 * Sends @request to the VM called @name and waits for its answer, which may be that it fails
 * (reply->status). Returns 0, or -errno with @e naming the VM; -ENOENT: there is no such VM.
 */
int client_call(const char *name, const struct request *request, struct reply *reply,
		struct err *e);

#endif
