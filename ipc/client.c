/* SPDX-License-Identifier: BSD-2-Clause */
/* One request to a VM's control socket and its answer. What answers is not trusted to be a VM. */
#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "ipc/client.h"
#include "socket.h"
#include "util/cleanup.h"

/* A connection to VM @name, each of whose steps takes no longer than CLIENT_PATIENCE_SECONDS. */
static int connect_to(const char *name, struct err *e)
{
	const struct timeval patience = { .tv_sec = CLIENT_PATIENCE_SECONDS };
	autofd int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct socket_place place;
	int ret = socket_find(&place, name, e);

	if (ret < 0)
		return ret;
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0)
		return err_sys(e, "cannot reach VM %s", name);
	if (connect(fd, (const struct sockaddr *)&place.address, sizeof(place.address)) < 0) {
		if (errno == ENOENT || errno == ECONNREFUSED)
			return err_set(e, ENOENT, "there is no VM %s (nobody listens at %s)", name,
				       place.address.sun_path);
		return err_sys(e, "cannot reach VM %s at %s", name, place.address.sun_path);
	}
	if (!socket_peer_is_ours(fd) && geteuid() != 0)
		return err_set(e, EPERM, "%s is another user's", place.address.sun_path);
	return take_fd(&fd);
}

static int send_all(int fd, const uint8_t *from, size_t size)
{
	while (size) {
		ssize_t put = send(fd, from, size, MSG_NOSIGNAL);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		from += put;
		size -= (size_t)put;
	}
	return 0;
}

static int receive_all(int fd, uint8_t *to, size_t size)
{
	while (size) {
		ssize_t got = recv(fd, to, size, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ECONNRESET;
		to += got;
		size -= (size_t)got;
	}
	return 0;
}

static int receive_reply(int fd, struct reply *reply, struct err *e)
{
	uint8_t head[MESSAGE_HEAD];
	autofree uint8_t *blob = NULL;
	int size = receive_all(fd, head, sizeof(head));
	int ret;

	if (size == 0)
		size = message_size(head);
	if (size < 0)
		return err_set(e, -size, "%s", size == -EAGAIN ? "it hangs" : strerror(-size));
	blob = malloc((size_t)size);
	if (!blob)
		return err_sys(e, "cannot read");
	memcpy(blob, head, sizeof(head));
	ret = receive_all(fd, blob + sizeof(head), (size_t)size - sizeof(head));
	if (ret < 0)
		return err_set(e, -ret, "%s", ret == -EAGAIN ? "it hangs" : strerror(-ret));
	return reply_decode(reply, blob, (size_t)size, e);
}

int client_call(const char *name, const struct request *request, struct reply *reply, struct err *e)
{
	autofd int fd = connect_to(name, e);
	struct dt dt = { 0 };
	int ret;

	if (fd < 0)
		return fd;
	ret = request_encode(request, &dt, e);
	if (ret == 0) {
		ret = send_all(fd, dt.blob, fdt_totalsize(dt.blob));
		if (ret < 0)
			err_set(e, -ret, "%s", strerror(-ret));
	}
	dt_free(&dt);
	if (ret == 0)
		ret = receive_reply(fd, reply, e);
	return ret < 0 ? err_wrap(e, ret, "VM %s does not answer", name) : 0;
}
