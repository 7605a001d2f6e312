/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One command run in a guest, in the host's own files: what lkvm run's words behind "--" and the options that
 * belong to them say, and how it ended. docs/run-command.md.
 */
#ifndef LKVM_ARM_COMMAND_H
#define LKVM_ARM_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "guest/init.h"
#include "host/tail.h"
#include "util/err.h"

struct machine_config;

/* What lkvm's own exit status is when a command could not be executed, or not be found; as a shell's. */
#define COMMAND_NOT_EXECUTABLE 126
#define COMMAND_NOT_FOUND      127
/* And when it was killed: this and the signal's number. */
#define COMMAND_KILLED 128

/* Starts as { 0 }. */
struct guest_command {
	char **argv;         /* NULL at the end; the caller's. NULL: there is no command */
	const char *root;    /* the folder that is its root; NULL: the host's */
	bool root_rw;        /* what it writes there is written on the host */
	const char *modules; /* folder of the kernel's modules, "none", or NULL: the usual */
	bool other_user;     /* @uid and @gid instead of the caller's */
	uint32_t uid, gid;
	char **env; /* NAME=VALUE, @nr_env of them; they and the next are malloc()ed */
	uint32_t nr_env;
	char **rw; /* folders shared read-write, by their real names, @nr_rw of them */
	uint32_t nr_rw;

	/* By command_prepare(): */
	char *kernel, *params;
	uint32_t first_share;   /* the root's; those of @rw follow */
	bool tty, stderr_apart; /* it has a terminal; its stderr is something else */
	struct tail console;    /* the kernel's last words */

	char line[INIT_LINE_MAX]; /* of what the guest says on the control port, so far */
	size_t line_len;

	/* How it ended: */
	bool done; /* @status is the command's, or what a shell would say */
	int status;
	int error; /* an errno value: why it was not executed, or what failed before; 0: neither */
	char failed[INIT_LINE_MAX]; /* what failed before, or "" */
};

/*
 * Read "--env NAME[=VALUE]", "--rw DIR" and "--user UID[:GID]". Return 0, or -errno with @e saying what is wrong.
 * A setter for option rows: @c is a struct guest_command.
 */
int command_add_env(void *c, const char *value, struct err *e);
int command_add_rw(void *c, const char *value, struct err *e);
int command_set_user(void *c, const char *value, struct err *e);

/*
 * Makes @cfg, whose options have all been read, the machine that runs @c: its kernel, command line, shared
 * folders and console. Returns 0, or -errno with @e set.
 */
int command_prepare(struct guest_command *c, struct machine_config *cfg, struct err *e);

/*
 * The guest says @len bytes on the control port (guest/init.h). Its first line that means something sets @done;
 * what comes then is not looked at.
 */
void command_hear(struct guest_command *c, const uint8_t *buf, size_t len);

/* lkvm was told to end by @signal. On the thread of machine_run(). */
void command_stopped(struct guest_command *c, int signal);

/* lkvm's status after a machine_run() that did not fail; @e says why, if it is not the command's own. */
int command_status(const struct guest_command *c, struct err *e);

void command_free(struct guest_command *c);

#endif
