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
#include "vm/balloon.h"
#include "vm/dt.h"

#define MESSAGE_VERSION 1

/* No message is longer, in bytes. */
#define MESSAGE_MAX 65536
/* So many bytes of a message tell how long it is. */
#define MESSAGE_HEAD 8

#define MESSAGE_COMMAND_SIZE 32
#define MESSAGE_DISK_SIZE    32
#define MESSAGE_TEXT_SIZE    512

/* What a client asks for. Texts are plain ASCII and end with their terminator. */
struct request {
	char command[MESSAGE_COMMAND_SIZE];
	/* Arguments; what is empty or 0 is not sent, and what did not come is that. */
	char disk[MESSAGE_DISK_SIZE]; /* a number or a serial */
	uint64_t size;                /* bytes */
};

/* What a VM answers. */
struct reply {
	int32_t status; /* 0 or -errno */
	char text[MESSAGE_TEXT_SIZE];
	bool has_balloon; /* the following came, or is to be sent */
	struct balloon_state balloon;
};

/*
 * The size of the message that begins with the MESSAGE_HEAD bytes at @head, in bytes, which is more
 * than MESSAGE_HEAD; -EBADMSG if none does, -EMSGSIZE if it is too long.
 */
int message_size(const void *head);

/* Write one into @dt; dt_free() by the caller, also after a failure. Return 0, or -errno with @e. */
int request_encode(const struct request *request, struct dt *dt, struct err *e);
int reply_encode(const struct reply *reply, struct dt *dt, struct err *e);

/*
 * Read one from the @size bytes at @blob; properties that are not known are ignored. Return 0,
 * -EBADMSG for damage, -EPROTONOSUPPORT for another version than this one; both with @e set.
 */
int request_decode(struct request *request, const void *blob, size_t size, struct err *e);
int reply_decode(struct reply *reply, const void *blob, size_t size, struct err *e);

#endif
