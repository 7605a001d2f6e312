/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The messages of the control socket (docs/control.md): flattened device trees, each framed by its own
 * totalsize. Pure: bytes in, structures out, and back; the bytes may come from anywhere.
 */
#ifndef LKVM_IPC_MESSAGE_H
#define LKVM_IPC_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "util/err.h"
#include "vm/dt.h"

#define MESSAGE_VERSION 1

/* No message is longer, in bytes: the statistics of a VM with all its CPUs fit. */
#define MESSAGE_MAX 262144
/* So many bytes of a message tell how long it is. */
#define MESSAGE_HEAD 8

#define MESSAGE_COMMAND_SIZE 32
#define MESSAGE_DISK_SIZE    32
#define MESSAGE_TEXT_SIZE    512
#define MESSAGE_PATH_SIZE    384 /* an answer has it in its text */
#define MESSAGE_KEY_SIZE     2

/* What a client asks for. Texts are plain ASCII and end with their terminator. */
struct request {
	char command[MESSAGE_COMMAND_SIZE];
	/* Arguments; what is empty or 0 is not sent, and what did not come is that. */
	char disk[MESSAGE_DISK_SIZE]; /* a number or a serial */
	uint64_t size;                /* bytes */
	char path[MESSAGE_PATH_SIZE]; /* absolute, of a file */
	uint64_t cpu;                 /* the first of those that are meant */
	uint64_t columns, rows;       /* of a terminal */
	uint64_t time;                /* nanoseconds */
	char key[MESSAGE_KEY_SIZE];   /* of a keyboard */
};

/* What a VM answered. */
struct reply {
	int32_t status; /* 0 or -errno */
	char text[MESSAGE_TEXT_SIZE];
	/* The whole message, for message_number() and message_text(): what else the command tells. */
	void *tree;
};

/*
 * The size of the message that begins with the MESSAGE_HEAD bytes at @head, in bytes, which is more
 * than MESSAGE_HEAD; -EBADMSG if none does, -EMSGSIZE if it is too long.
 */
int message_size(const void *head);

/*
 * Writes a request, or what all messages begin with, into @dt; dt_free() by the caller, also after a failure. Return 0,
 * or -errno with @e.
 */
int request_encode(const struct request *request, struct dt *dt, struct err *e);
int message_start(struct dt *dt, struct err *e);

/*
 * What every reply has: @status, 0 or -errno, and a text for people. Once, first; what else a command tells follows by
 * dt_u64() and the like, properties before nodes, as a tree is written, and dt_finish().
 */
void message_answer(struct dt *dt, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Read one from the @size bytes at @blob; properties that are not known are ignored. reply->tree is left alone. Return 0,
 * -EBADMSG for damage, -EPROTONOSUPPORT for another version than this one; both with @e set.
 */
int request_decode(struct request *request, const void *blob, size_t size, struct err *e);
int reply_decode(struct reply *reply, const void *blob, size_t size, struct err *e);

/*
 * Properties of the sound tree of a reply, which may hold anything, in @node (0: the root). A number, of 32 or 64 bits: returns
 * 0, or -ENOENT with *value untouched. A plain ASCII text, which stays the tree's; NULL: there is none.
 */
int message_number(const void *tree, int node, const char *name, uint64_t *value);
const char *message_text(const void *tree, int node, const char *name);

#endif
