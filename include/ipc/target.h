/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which VMs a command is for, as people say it: NAME, -n NAME, or -a for all VMs of the user; and what all such commands do
 * with them.
 */
#ifndef LKVM_IPC_TARGET_H
#define LKVM_IPC_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include "ipc/client.h"
#include "util/opt.h"

struct target {
	const char *name;
	bool all;
};

/* A command whose bare word is a VM's name. */
struct target_words {
	const char *command;
	const struct opt *rows;
	size_t nr;
	const char *usage; /* what its help says before the options */
};

/*
 * Reads a command's words, argv[0] being the command, into @into, which begins with a struct target. Returns true if it is said
 * which VM is meant. Otherwise the help was printed or a mistake told, and *status is the command's exit status.
 */
bool target_parse(const struct target_words *words, void *into, int argc, char **argv, int *status);

/*
 * Makes the calls for client_call_all(), sorted by name: of one VM, whether it is there or not, or of all that have a
 * socket. Returns their number, 0 or more, or -errno with @e set. target_free() ends them.
 */
int target_find(const struct target *target, struct client_call **calls, struct err *e);
void target_free(struct client_call *calls, int nr);

/*
 * Whether @call found that there is no such VM: with --all it has ended meanwhile, or was killed long ago, and
 * nobody wants to hear of it. What is left of a killed one is removed.
 */
bool target_is_gone(const struct target *target, const struct client_call *call);

/* Prints one line: what the VM says, or why it does not. Returns whether it did what it should. */
bool target_report(const struct client_call *call);

/* Sends @command to the VMs and prints what each says. Returns a command's exit status. */
int target_command(const struct target *target, const char *command);

#endif
