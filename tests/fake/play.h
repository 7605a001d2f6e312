/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One machine_run() on the fake KVM with streams of its own: what came out, how it ended, and what
 * it left behind. Used by unit tests, after fake_start() and fake_guest().
 */
#ifndef LKVM_FAKE_PLAY_H
#define LKVM_FAKE_PLAY_H

#include <stdbool.h>
#include <stddef.h>
#include "arm/machine.h"

struct play {
	/* Set these, or leave them zero. */
	const void *input; /* on stdin, a pipe that ends there; NULL: /dev/null */
	size_t input_len;
	const char *keys;      /* typed on stdin, a terminal */
	bool terminal;         /* stdin is a terminal, even if nothing is typed */
	unsigned int fd_limit; /* descriptors below this number only; 0: as many as usual */

	enum machine_status status;
	struct err e;
	char *out; /* stdout; '\0' behind the last of @out_len bytes */
	size_t out_len;
	char *log; /* stderr */
	double seconds;

	/* What is left when it is over; all 0 if all is well. */
	int fds;
	unsigned int vcpus;
	bool ram, modes; /* guest memory is mapped; the terminal is not what it was */
	bool signals;    /* the thread's signal mask is not what it was */
};

/* Small, one CPU, on the fake's device; no message but errors and warnings needs a look. */
struct machine_config play_config(void);

/* Runs it. A run that takes longer than half a minute ends the test program. */
void play(struct play *p, const struct machine_config *cfg);
void play_free(struct play *p);

/* Whether nothing was left behind; says on stderr what was. */
bool play_is_clean(const struct play *p);

/* A temporary file with these bytes. Returns its path, to be given to temp_remove(). */
char *temp_file(const void *bytes, size_t len);
void temp_remove(char *path);
/* An empty directory; temp_remove() removes it if it is still, or again, empty. */
char *temp_dir(void);
/* The file's bytes, with '\0' behind; NULL if there is no such file. */
void *file_bytes(const char *path, size_t *len);
/* How many entries a directory has. */
unsigned int dir_entries(const char *path);

/*
 * Sends what is written to @fd to a memory file until capture_end(), which returns it as a string
 * of *@len bytes (NULL: not wanted).
 */
struct capture {
	int fd, saved, file;
};

void capture_start(struct capture *c, int fd);
char *capture_end(struct capture *c, size_t *len);

#endif
