/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The control socket's server, a guest of the VM's event loop: it never waits. A client is in one of
 * these states, and nothing that it does or leaves undone reaches the VM or another client:
 *
 *	head --MESSAGE_HEAD bytes--> body --all of them: the command is run--> reply --sent--> head
 *
 * One that goes away or sends what is no message is dropped. One that hangs keeps its place until
 * CONTROL_CLIENTS_MAX others have come after it; there is no timer, which would wake an idle VM.
 */
#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "attach.h"
#include "commands.h"
#include "ipc/control.h"
#include "ipc/message.h"
#include "snapshot/migrate.h"
#include "socket.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "vm/loop.h"
#include "vm/timer.h"

enum client_state { CLIENT_HEAD, CLIENT_BODY, CLIENT_REPLY };

struct client {
	struct control *control;
	struct loop_source source; /* its fd is -1: the place is free */
	uint64_t nr;               /* clients are numbered as they come */
	enum client_state state;
	uint8_t head[MESSAGE_HEAD];
	uint8_t *body;        /* the request, or the reply; owned */
	size_t size, done;    /* of what the state is about, in bytes */
	struct follow follow; /* after this answer */
};

struct control {
	struct steered vm;
	struct loop *loop;
	struct socket_place place;
	struct loop_source listener;
	bool starved; /* accepting failed: not tried again before another client comes */
	struct client client[CONTROL_CLIENTS_MAX];
	uint64_t nr_clients; /* ever */
};

/* The answer to the message of @size bytes at @blob. @dt as for message_start(). */
static int answer(struct control *c, const void *blob, size_t size, struct dt *dt)
{
	struct request request;
	struct err e = { 0 };
	int ret = message_start(dt, NULL);
	int bad;

	if (ret < 0)
		return ret;
	bad = request_decode(&request, blob, size, &e);
	if (bad < 0)
		message_answer(dt, bad, "VM %s got %s", c->vm.name, e.text);
	else
		commands_run(&c->vm, &request, dt);
	return dt_finish(dt, NULL);
}

/* Clients. Each step returns 0, -EAGAIN: nothing more is to be done now, or -errno: drop it. */

static void client_drop(struct client *client)
{
	if (client->source.fd < 0)
		return;
	loop_remove(client->control->loop, &client->source);
	close_fd(&client->source.fd);
	free(client->body);
	client->body = NULL;
}

static int client_next(struct client *client, enum client_state state, size_t size, uint32_t events)
{
	client->state = state;
	client->size = size;
	client->done = 0;
	return loop_modify(client->control->loop, &client->source, events);
}

static int client_receive(struct client *client, uint8_t *to)
{
	ssize_t got = recv(client->source.fd, to + client->done, client->size - client->done, 0);

	if (got <= 0)
		return got < 0 ? -errno : -ECONNRESET;
	client->done += (size_t)got;
	return client->done == client->size ? 0 : -EAGAIN;
}

static int client_read_head(struct client *client)
{
	int size = client_receive(client, client->head);

	if (size == 0)
		size = message_size(client->head);
	if (size < 0)
		return size;
	client->body = malloc((size_t)size);
	if (!client->body)
		return -ENOMEM;
	memcpy(client->body, client->head, MESSAGE_HEAD);
	client->state = CLIENT_BODY;
	client->size = (size_t)size;
	return 0;
}

/* It has become somebody else's. */
static int client_leave(struct client *client)
{
	loop_remove(client->control->loop, &client->source);
	client->follow.take(&client->control->vm, take_fd(&client->source.fd), client->follow.arg);
	return 0;
}

static int client_write_reply(struct client *client)
{
	ssize_t put = send(client->source.fd, client->body + client->done,
			   client->size - client->done, MSG_NOSIGNAL);

	if (put < 0)
		return -errno;
	client->done += (size_t)put;
	if (client->done < client->size)
		return -EAGAIN;
	free(client->body);
	client->body = NULL;
	if (client->follow.take)
		return client_leave(client);
	return client_next(client, CLIENT_HEAD, MESSAGE_HEAD, EPOLLIN);
}

static int client_read_body(struct client *client)
{
	int ret = client_receive(client, client->body);
	struct dt dt = { 0 };

	if (ret < 0)
		return ret;
	ret = answer(client->control, client->body, client->size, &dt);
	if (ret < 0) {
		dt_free(&dt);
		return ret;
	}
	client->follow = client->control->vm.follow;
	client->control->vm.follow = (struct follow){ 0 };
	free(client->body);
	client->body = dt.blob;
	ret = client_next(client, CLIENT_REPLY, fdt_totalsize(dt.blob), EPOLLOUT);
	/* At once: the command may have ended the loop. */
	return ret < 0 ? ret : client_write_reply(client);
}

/* One step an event: a client with much to say does not keep the loop from the VM's devices. */
static void client_ready(void *ctx, uint32_t events)
{
	static int (*const step[])(struct client * client) = {
		[CLIENT_HEAD] = client_read_head,
		[CLIENT_BODY] = client_read_body,
		[CLIENT_REPLY] = client_write_reply,
	};
	struct client *client = ctx;
	int ret = step[client->state](client);

	(void)events;
	if (ret < 0 && ret != -EAGAIN && ret != -EINTR) {
		if (ret != -ECONNRESET)
			log_debug("VM %s: a client of its control socket is dropped: %s",
				  client->control->vm.name, strerror(-ret));
		client_drop(client);
	}
}

/* A free place, made by dropping the oldest client if there is none. */
static struct client *find_place(struct control *c)
{
	struct client *oldest = &c->client[0];

	for (size_t i = 0; i < ARRAY_SIZE(c->client); i++) {
		struct client *client = &c->client[i];

		if (client->source.fd < 0)
			return client;
		if (client->nr < oldest->nr)
			oldest = client;
	}
	client_drop(oldest);
	return oldest;
}

/*
 * A client that cannot be accepted, for want of descriptors, stays in the queue: told of it again and
 * again, the loop would spin.
 */
static void listener_starve(struct control *c, bool starved)
{
	if (starved != c->starved)
		loop_modify(c->loop, &c->listener, EPOLLIN | (starved ? EPOLLET : 0));
	c->starved = starved;
}

static void accept_client(void *ctx, uint32_t events)
{
	struct control *c = ctx;
	autofd int fd = accept4(c->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *client;

	(void)events;
	if (fd < 0) {
		listener_starve(c, errno != EAGAIN && errno != EINTR && errno != ECONNABORTED);
		return;
	}
	listener_starve(c, false);
	if (!socket_peer_is_ours(fd))
		return;
	client = find_place(c);
	*client = (struct client){
		.control = c,
		.source = { .fd = fd, .ready = client_ready, .ctx = client },
		.nr = c->nr_clients++,
		.state = CLIENT_HEAD,
		.size = MESSAGE_HEAD,
	};
	if (loop_add(c->loop, &client->source, EPOLLIN) < 0)
		client->source.fd = -1;
	else
		take_fd(&fd);
}

/* What the machine calls. */

static void control_running(void *state, struct machine *m)
{
	struct control *c = state;

	if (!m) {
		migration_free(c->vm.migration);
		c->vm.migration = NULL;
	}
	c->vm.machine = m;
	attach_running(c->vm.attach, m);
	/* A VM that was reset while it was being paused is still paused. */
	if (m && c->vm.paused)
		machine_pause(m);
}

static void control_close(void *state)
{
	struct control *c = state;

	for (size_t i = 0; i < ARRAY_SIZE(c->client); i++)
		client_drop(&c->client[i]);
	attach_close(c->vm.attach);
	/* Before it is closed: a socket without a listener is anybody's to replace. */
	unlink(c->place.address.sun_path);
	loop_remove(c->loop, &c->listener);
	close_fd(&c->listener.fd);
	free(c);
}

static int listen_for(struct control *c, struct err *e)
{
	int ret = socket_find(&c->place, c->vm.name, e);

	if (ret < 0)
		return ret;
	ret = socket_listen(&c->place, c->vm.name, e);
	if (ret < 0)
		return ret;
	c->listener = (struct loop_source){ .fd = ret, .ready = accept_client, .ctx = c };
	ret = loop_add(c->loop, &c->listener, EPOLLIN);
	if (ret < 0) {
		unlink(c->place.address.sun_path);
		close_fd(&c->listener.fd);
		return err_set(e, -ret, "cannot serve the control socket: %s", strerror(-ret));
	}
	return 0;
}

static int control_open(void *options, const struct machine_config *cfg, struct loop *loop,
			void **state, struct err *e)
{
	autofree struct control *c = calloc(1, sizeof(*c));
	struct err why = { 0 };
	int ret;

	(void)options;
	if (!c)
		return err_sys(e, "cannot serve a control socket");
	c->vm = (struct steered){ .name = cfg->name, .since = clock_boottime.now(NULL) };
	c->vm.loop = c->loop = loop;
	for (size_t i = 0; i < ARRAY_SIZE(c->client); i++)
		c->client[i] = (struct client){ .control = c, .source = { .fd = -1 } };
	c->vm.attach = attach_open(loop, e);
	if (!c->vm.attach)
		return -ENOMEM;
	ret = listen_for(c, &why);
	if (ret < 0)
		attach_close(c->vm.attach);
	if (ret < 0 && cfg->named)
		return err_set(e, -ret, "%s", why.text);
	if (ret < 0) {
		log_debug("VM %s has no control socket: %s", cfg->name, why.text);
		return 0;
	}
	*state = c;
	c = NULL;
	return 0;
}

const struct machine_control control_server = {
	.open = control_open,
	.running = control_running,
	.close = control_close,
};
