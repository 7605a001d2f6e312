/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A 9P2000.L server for one folder of the host. Everything that a client can name lies beneath that folder:
 * names are looked up one at a time, symbolic links are the client's to follow and never the server's, and
 * nothing but regular files and folders is ever opened.
 */
#ifndef LKVM_HOST_P9_H
#define LKVM_HOST_P9_H

#include <stdbool.h>
#include "util/err.h"
#include "vm/p9dev.h"

#define P9_MSIZE_MAX (512 * 1024)

/* The message that asks for the answer to another one, or that there be none: oldtag[2]. */
#define P9_TFLUSH 108

struct p9_config {
	const char *dir;
	bool ro;               /* nothing of the folder can be changed */
	unsigned int fids_max; /* that a client may have at once */
};

struct p9_session;

/* Opens the folder. Returns NULL with @e naming it and what is wrong. */
struct p9_session *p9_session_open(const struct p9_config *cfg, struct err *e);

/* Nothing is being answered any more. NULL is fine. */
void p9_session_close(struct p9_session *s);

/*
 * The calling thread opens and changes by name nothing but what lies in the shared folder from here on, where the kernel can see to
 * that (landlock(7)). Any thread; the process has no_new_privs. Returns 0 or -errno.
 */
int p9_session_confine(const struct p9_session *s);

/* Reads the header of @req's message into it. Returns 0 or -EBADMSG: it is no message, or nobody can answer it. */
int p9_read_header(struct p9_request *req);

/*
 * Answers @req, whose header is read, and sets req->result; a Tflush at once. May wait for the host's
 * storage. Any thread, several at once.
 */
void p9_answer(struct p9_session *s, struct p9_request *req);

/* The same with nothing but an error (> 0: an errno value). Does not wait. */
void p9_refuse(struct p9_request *req, int error);

/* Every message but the one that agrees on a version is refused from now on. Any thread; does not wait. */
void p9_session_reset(struct p9_session *s);

/* The same, and closes all that was open; may wait. Nothing is being answered. */
void p9_session_clear(struct p9_session *s);

/*
 * Raises this process's limit of open files as far as @nr sessions have a use for it and the host allows.
 * Returns how many fids each may have then.
 */
unsigned int p9_fids_max(unsigned int nr);

#endif
