/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first process of a guest that runs one command: what its parts have of each other. lkvm builds the
 * initramfs that this runs from; include/guest/init.h says what is in it and what is said on the ports.
 */
#ifndef INIT_INIT_H
#define INIT_INIT_H

#include "sys.h"

#define SHARES_MAX 16
#define GROUPS_MAX 64

/* What to do: the strings are those of the file. */
struct config {
	char **argv, **env; /* NULL at the end */
	char *cwd;
	bool cwd_may_miss; /* then the command starts in / */
	bool tty;          /* one terminal in place of three pipes */
	bool stderr_apart; /* even so */
	bool root_rw;      /* no overlay: writes reach the host */
	bool dhcp;         /* its network devices ask for their addresses */
	char *root;        /* tag of the folder that is the root */
	char *hostname;
	struct {
		char *tag, *path;
	} share[SHARES_MAX];
	unsigned int nr_shares;
	unsigned int uid, gid, groups[GROUPS_MAX], nr_groups;
	char *modules; /* the first of their names, which follow each other; NULL: none */
	char *end;     /* behind the last string */
};

/* The streams of the command: the ports to the host; -1: not there. */
struct ports {
	int control, in, out, err, tty;
};

/* Reads the file; whatever is wrong with it ends all. */
void config_read(struct config *cfg);

/* Loads all modules, in order. */
void modules_load(const struct config *cfg);

/* A socket on which the kernel says that there is another device. Before the modules are loaded. */
int ports_watch(void);
/* Waits for the ports that @cfg wants and opens them. */
void ports_open(struct ports *ports, const struct config *cfg, int watch);

/* Makes the file system that the command sees, and goes there. */
void mounts_make(const struct config *cfg);

/* Raises the network devices, the loopback too, in the command's file system. */
void network_raise(const struct config *cfg);

/* The command's own end of its streams. */
struct streams {
	int fd[3];
	bool tty; /* the first is its terminal */
};

/* In the new process: becomes the command. Returns -errno if it cannot; *what is then what cannot be done. */
int command_exec(const struct config *cfg, const struct streams *streams, const char **what);

/* Runs the command, carries its bytes to and fro, and tells the host how it ended. */
void command_run(const struct config *cfg, const struct ports *ports);

/* Tells the host that "the guest cannot WHAT NAME: error", and waits for the end. @error is -errno. */
void fail(const char *what, const char *name, long error) __attribute__((noreturn));
/* From now on by the control port; before, on the console. */
void fail_by(int control);

/* One line on the control port: @word, @number and, unless NULL, @text and @name. */
void report(int control, const char *word, long number, const char *text, const char *name);
/* Nothing is left to do: lkvm ends the machine. */
void wait_for_end(void) __attribute__((noreturn));

/* str.c and more: decimal numbers. */
char *put_number(char *to, unsigned long number);
unsigned long get_number(const char **text);

#endif
