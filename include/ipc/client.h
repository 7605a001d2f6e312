/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands' side of VMs' control sockets. What answers is not trusted to be a VM. */
#ifndef LKVM_IPC_CLIENT_H
#define LKVM_IPC_CLIENT_H

#include <sys/types.h>
#include "ipc/message.h"
#include "ipc/name.h"

/* How long a VM may take to answer before it is said to hang. */
#define CLIENT_PATIENCE_MS 5000

enum client_call_state {
	CLIENT_CALL_DONE,
	CLIENT_CALL_CONNECT,
	CLIENT_CALL_SEND,
	CLIENT_CALL_HEAD,
	CLIENT_CALL_BODY,
};

/* One VM and what came of asking it. Starts as CLIENT_CALL_NONE with its name; client_end() ends it. */
struct client_call {
	char name[NAME_MAX_LEN + 1];
	int ret;            /* 0: @reply came; or -errno with @e naming the VM */
	struct err e;       /* -ENOENT: there is no such VM; -EAGAIN: it hangs */
	struct reply reply; /* which may be that it fails (status) */
	pid_t pid;          /* of the process that serves it, 0: not known */
	int process;        /* a pidfd of the same: readable when it has ended; -1: not known */
	bool keep; /* of an answered call @fd stays open, the caller's, for what follows the answer */
	/* The conversation: client.c's. */
	enum client_call_state state;
	int fd;
	uint8_t *blob; /* what is sent, or comes; owned */
	size_t size, done;
	uint8_t head[MESSAGE_HEAD];
};

#define CLIENT_CALL_NONE ((struct client_call){ .process = -1, .fd = -1 })

/*
 * Sends @request to all @nr VMs at once and waits for their answers, @patience_ms at the most, however many hang. May be
 * called again with the same calls and another request.
 */
void client_call_all(struct client_call *calls, size_t nr, const struct request *request,
		     unsigned int patience_ms);
/* Ends each of them; the array stays the caller's. */
void client_end(struct client_call *calls, size_t nr);

/*
 * The same for one VM, with CLIENT_PATIENCE_MS. Returns 0 with @reply, whose tree is the caller's to free(), or -errno
 * with @e naming the VM.
 */
int client_call(const char *name, const struct request *request, struct reply *reply,
		struct err *e);

#endif
