/* SPDX-License-Identifier: BSD-2-Clause */
/* What the commands of a control socket do to its VM: between the server (control.c) and their table (commands.c). */
#ifndef LKVM_IPC_COMMANDS_H
#define LKVM_IPC_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>
#include "ipc/message.h"

struct attach;
struct loop;
struct machine;

struct migration;
struct steered;

/* What becomes of a client's connection once it has its answer. */
struct follow {
	/* @fd, a connected stream socket that does not block, is its owner's from here on; NULL: more requests follow. */
	void (*take)(struct steered *vm, int fd, uint64_t arg);
	uint64_t arg;
};

/* The VM, as the commands know it. */
struct steered {
	const char *name;
	struct machine *machine;     /* of its life of now */
	uint64_t since;              /* when lkvm began with it; by clock_boottime */
	bool paused;                 /* by a command; over all lives */
	struct attach *attach;       /* who sees the console */
	struct migration *migration; /* the last that was begun, or NULL */
	struct loop *loop;
	struct follow follow; /* set by a command */
};

/*
 * Does what @request asks and writes the answer: into @dt, which message_start() began and the caller finishes. On the
 * loop's thread, while the machine runs.
 */
void commands_run(struct steered *vm, const struct request *request, struct dt *dt);

/* commands_debug.c: as the rows of the table. */
void command_debug(struct steered *vm, const struct request *request, struct dt *dt);
void command_sysrq(struct steered *vm, const struct request *request, struct dt *dt);

#endif
