/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages of the vhost-user protocol. What arrives is judged as soon as its head is there. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include "vhost_user_message.h"

int vhost_user_send(int socket, struct vhost_user_message *m, int pass)
{
	union {
		struct cmsghdr head;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = m, .iov_len = VHOST_USER_HEAD + m->size };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t len;

	m->flags = VHOST_USER_VERSION;
	if (pass >= 0) {
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &pass, sizeof(pass));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	do
		len = sendmsg(socket, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	return (size_t)len == iov.iov_len ? 0 : -EAGAIN;
}

int vhost_user_receive(int socket, struct vhost_user_message *m, size_t *have, uint32_t request)
{
	const size_t want = VHOST_USER_HEAD + VHOST_USER_REPLY_SIZE;
	ssize_t len = recv(socket, (uint8_t *)m + *have, want - *have, MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (len <= 0)
		return -ECONNRESET;
	*have += (size_t)len;
	if (*have < VHOST_USER_HEAD)
		return 0;
	if (m->request != request || m->flags != (VHOST_USER_VERSION | VHOST_USER_REPLY) ||
	    m->size != VHOST_USER_REPLY_SIZE)
		return -EPROTO;
	if (*have < want)
		return 0;
	*have = 0;
	return 1;
}
