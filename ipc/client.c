/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Requests to the control sockets of VMs and their answers, of many VMs at once: one of them that hangs takes no more
 * time than all the others. Nothing here waits but one poll(). A call goes on like this:
 *
 *	(connect) --> send the request --> receive a head --> receive the rest --> done
 *
 * It is done, too, when anything fails: the connection is closed, and call->ret says how it went.
 */
#include <errno.h>
#include <libfdt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "ipc/client.h"
#include "socket.h"
#include "util/cleanup.h"
#include "vm/timer.h"

/* A listener whose queue is full is tried again so often. */
#define CONNECT_AGAIN_MS 10

#define NS_PER_MS 1000000ULL

static void finish(struct client_call *call, int ret)
{
	if (!call->keep || ret < 0)
		close_fd(&call->fd);
	free(call->blob);
	call->blob = NULL;
	call->ret = ret;
	call->state = CLIENT_CALL_DONE;
}

static void fail(struct client_call *call, int error)
{
	err_set(&call->e, error, "VM %s does not answer: %s", call->name,
		error == EAGAIN ? "it hangs" : strerror(error));
	finish(call, -error);
}

/*
 * Who has the socket, as the kernel knows it: also of one that hangs. A call that is repeated is for the same VM, and
 * not for one that has come to the name since.
 */
static void learn_process(struct client_call *call)
{
	struct ucred peer = { 0 };
	socklen_t len = sizeof(peer);

	getsockopt(call->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len);
	if (call->pid && call->pid != peer.pid) {
		finish(call, err_set(&call->e, ENOENT,
				     "VM %s is gone, and another one has its name", call->name));
	} else if (!call->pid && peer.pid > 0) {
		call->pid = peer.pid;
		call->process = (int)syscall(SYS_pidfd_open, peer.pid, 0);
	}
}

/* A listener whose queue is full leaves the call where it is. */
static void try_connect(struct client_call *call)
{
	struct socket_place place;
	int ret = socket_find(&place, call->name, &call->e);

	if (ret < 0) {
		finish(call, ret);
		return;
	}
	if (connect(call->fd, (const struct sockaddr *)&place.address, sizeof(place.address)) < 0) {
		ret = -errno;
		if (ret == -EAGAIN || ret == -EINTR)
			return;
		if (ret == -ENOENT || ret == -ECONNREFUSED)
			ret = err_set(&call->e, ENOENT, "there is no VM %s (nobody listens at %s)",
				      call->name, place.address.sun_path);
		else
			err_set(&call->e, -ret, "cannot reach VM %s at %s: %s", call->name,
				place.address.sun_path, strerror(-ret));
		finish(call, ret);
		return;
	}
	call->state = CLIENT_CALL_SEND;
	if (!socket_peer_is_ours(call->fd) && geteuid() != 0)
		finish(call,
		       err_set(&call->e, EPERM, "%s is another user's", place.address.sun_path));
	else
		learn_process(call);
}

static void begin(struct client_call *call, const struct request *request)
{
	struct dt dt = { 0 };

	free(call->reply.tree);
	call->reply = (struct reply){ 0 };
	call->e = (struct err){ 0 };
	call->state = CLIENT_CALL_CONNECT;
	call->done = 0;
	if (request_encode(request, &dt, &call->e) < 0) {
		dt_free(&dt);
		finish(call, -ENOMEM);
		return;
	}
	call->blob = dt.blob;
	call->size = fdt_totalsize(dt.blob);
	call->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (call->fd < 0)
		fail(call, errno);
	else
		try_connect(call);
}

/* One step of sending. */
static void put_request(struct client_call *call)
{
	ssize_t put =
		send(call->fd, call->blob + call->done, call->size - call->done, MSG_NOSIGNAL);

	if (put < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (put < 0) {
		fail(call, errno);
		return;
	}
	call->done += (size_t)put;
	if (call->done < call->size)
		return;
	free(call->blob);
	call->blob = NULL;
	call->done = 0;
	call->state = CLIENT_CALL_HEAD;
}

/* The answer is here as a whole. */
static void take_reply(struct client_call *call)
{
	int ret = reply_decode(&call->reply, call->blob, call->size, &call->e);

	if (ret < 0) {
		err_wrap(&call->e, ret, "VM %s does not answer", call->name);
	} else {
		call->reply.tree = call->blob;
		call->blob = NULL;
	}
	finish(call, ret);
}

/* One step of receiving: the head, and then, with room for all of it, the rest. */
static void get_reply(struct client_call *call)
{
	bool is_head = call->state == CLIENT_CALL_HEAD;
	size_t size = is_head ? sizeof(call->head) : call->size;
	uint8_t *to = is_head ? call->head : call->blob;
	ssize_t got = recv(call->fd, to + call->done, size - call->done, 0);
	int ret;

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		fail(call, got < 0 ? errno : ECONNRESET);
		return;
	}
	call->done += (size_t)got;
	if (call->done < size)
		return;
	if (!is_head) {
		take_reply(call);
		return;
	}
	ret = message_size(call->head);
	call->blob = ret < 0 ? NULL : malloc((size_t)ret);
	if (!call->blob) {
		fail(call, ret < 0 ? -ret : ENOMEM);
		return;
	}
	call->size = (size_t)ret;
	memcpy(call->blob, call->head, sizeof(call->head));
	call->state = CLIENT_CALL_BODY;
}

static void step(struct client_call *call)
{
	switch (call->state) {
	case CLIENT_CALL_DONE:
		break;
	case CLIENT_CALL_CONNECT:
		try_connect(call);
		break;
	case CLIENT_CALL_SEND:
		put_request(call);
		break;
	case CLIENT_CALL_HEAD:
	case CLIENT_CALL_BODY:
		get_reply(call);
		break;
	}
}

/* Waits for any of the calls that go on, and lets them. Returns false if there are none, or time is up. */
static bool turn(struct client_call *calls, struct pollfd *fds, size_t nr, uint64_t end)
{
	uint64_t now = clock_boottime.now(NULL);
	uint64_t ms = now < end ? (end - now + NS_PER_MS - 1) / NS_PER_MS : 0;
	bool any = false;

	for (size_t i = 0; i < nr; i++) {
		bool connects = calls[i].state == CLIENT_CALL_CONNECT;

		any |= calls[i].state != CLIENT_CALL_DONE;
		fds[i].fd = connects ? -1 : calls[i].fd;
		fds[i].events = calls[i].state == CLIENT_CALL_SEND ? POLLOUT : POLLIN;
		if (connects && ms > CONNECT_AGAIN_MS)
			ms = CONNECT_AGAIN_MS;
	}
	if (!any || now >= end)
		return false;
	poll(fds, nr, (int)ms);
	for (size_t i = 0; i < nr; i++) {
		if (calls[i].state == CLIENT_CALL_CONNECT || (fds[i].fd >= 0 && fds[i].revents))
			step(&calls[i]);
	}
	return true;
}

void client_call_all(struct client_call *calls, size_t nr, const struct request *request,
		     unsigned int patience_ms)
{
	uint64_t end = clock_boottime.now(NULL) + patience_ms * NS_PER_MS;
	autofree struct pollfd *fds = calloc(nr + 1, sizeof(*fds));

	for (size_t i = 0; i < nr; i++)
		begin(&calls[i], request);
	while (fds && turn(calls, fds, nr, end))
		;
	for (size_t i = 0; i < nr; i++) {
		if (calls[i].state != CLIENT_CALL_DONE)
			fail(&calls[i], fds ? EAGAIN : ENOMEM);
	}
}

void client_end(struct client_call *calls, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		finish(&calls[i], calls[i].ret);
		close_fd(&calls[i].process);
		free(calls[i].reply.tree);
		calls[i].reply.tree = NULL;
	}
}

int client_call(const char *name, const struct request *request, struct reply *reply, struct err *e)
{
	struct client_call call = CLIENT_CALL_NONE;

	snprintf(call.name, sizeof(call.name), "%s", name);
	client_call_all(&call, 1, request, CLIENT_PATIENCE_MS);
	if (call.ret == 0) {
		*reply = call.reply;
		call.reply.tree = NULL;
	} else if (e) {
		*e = call.e;
	}
	client_end(&call, 1);
	return call.ret;
}
