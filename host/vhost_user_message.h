/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the vhost-user protocol, in the byte order of the host; and how they are sent and received. */
#ifndef LKVM_HOST_VHOST_USER_MESSAGE_H
#define LKVM_HOST_VHOST_USER_MESSAGE_H

#include <linux/vhost_types.h>
#include <stddef.h>
#include <stdint.h>

enum vhost_user_request {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
};

#define VHOST_USER_VERSION 1u /* flags, bits 0 and 1 */
#define VHOST_USER_REPLY   4u

/* Feature bit: there are protocol features, and queues are enabled one by one. */
#define VHOST_USER_F_PROTOCOL_FEATURES 30
#define VHOST_USER_PROTOCOL_F_MQ       0

struct vhost_user_memory {
	uint32_t nr, padding;
	struct {
		uint64_t gpa, size, user_addr, file_off;
	} region[1];
};

struct vhost_user_message {
	uint32_t request, flags;
	uint32_t size; /* of what follows */
	union {
		uint64_t u64;
		struct vhost_vring_state state;
		struct vhost_vring_addr addr;
		struct vhost_user_memory memory;
	} __attribute__((packed));
} __attribute__((packed));

#define VHOST_USER_HEAD offsetof(struct vhost_user_message, u64)
/* All replies that there are to our requests have eight bytes after the head. */
#define VHOST_USER_REPLY_SIZE 8

/*
 * Sends @m, whose request, size and content are set, with the descriptor @pass unless that is -1. Never blocks:
 * who lets messages pile up, few and small as they are, does not listen. Returns 0 or -errno.
 */
int vhost_user_send(int socket, struct vhost_user_message *m, int pass);

/*
 * Reads on in the reply to @request, of which *@have bytes are in @m already; descriptors that come with it are
 * closed. Never blocks. Returns 1: it is complete, and *@have 0 again; 0: there is more to come; -ECONNRESET:
 * hung up; -EPROTO: it is no such reply.
 */
int vhost_user_receive(int socket, struct vhost_user_message *m, size_t *have, uint32_t request);

#endif
