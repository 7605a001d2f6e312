/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gdb's server in the VM's loop: one client, whose bytes become packets here and commands in gdb_session.c. It halts
 * the VM when it comes. When it goes, however it does, the VM goes on without breakpoints. It never waits: a client
 * that does not take its answer gets no other.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/un.h>
#include <unistd.h>
#include "gdb_session.h"
#include "ipc/gdb.h"
#include "socket.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "vm/loop.h"

/* An answer, acknowledgements, and what tells of the end. */
#define OUT_MAX (GDB_PACKET_MAX + 64)

struct gdb {
	const char *vm_name;
	const struct gdb_options *options;
	struct loop *loop;
	struct machine *machine; /* the one that runs, or NULL */
	bool held;               /* it is paused until the first client */
	struct loop_source listener, stops;
	/* Of the client. */
	struct loop_source client; /* its fd is -1: there is none */
	struct gdb_session session;
	struct gdb_reader reader;
	struct gdb_writer writer; /* the last packet sent */
	uint8_t in[4096], out[OUT_MAX];
	size_t in_at, in_len, out_len;
};

/* The end of a client: the VM goes on. */
static void drop(struct gdb *g)
{
	if (g->client.fd < 0)
		return;
	loop_remove(g->loop, &g->client);
	close_fd(&g->client.fd);
	gdb_session_end(&g->session);
	log_debug("VM %s: gdb is gone", g->vm_name);
}

/* Sends what there is to be sent, as far as the client takes it; false: it is gone. */
static bool flush(struct gdb *g)
{
	ssize_t put;

	if (!g->out_len)
		return true;
	put = send(g->client.fd, g->out, g->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (put < 0 && errno != EAGAIN && errno != EINTR)
		return false;
	if (put > 0) {
		g->out_len -= (size_t)put;
		memmove(g->out, g->out + put, g->out_len);
	}
	return true;
}

/* False: it does not fit, behind what the client has not taken. */
static bool put(struct gdb *g, const void *bytes, size_t len)
{
	if (len > sizeof(g->out) - g->out_len)
		return false;
	memcpy(g->out + g->out_len, bytes, len);
	g->out_len += len;
	return true;
}

static bool put_packet(struct gdb *g)
{
	return put(g, g->writer.packet, g->writer.len);
}

static bool acknowledge(struct gdb *g, char how)
{
	return g->session.no_ack || put(g, &how, 1);
}

/* False: the client is to be dropped. */
static bool serve_packet(struct gdb *g)
{
	enum gdb_then then;

	if (!acknowledge(g, '+'))
		return false;
	then = gdb_session_command(&g->session, g->reader.payload, g->reader.len, &g->writer);
	if (then == GDB_SILENT)
		return true;
	if (!put_packet(g))
		return false;
	if (then == GDB_REPLY)
		return true;
	flush(g);
	if (then == GDB_KILL) {
		log_info("VM %s: stopped by gdb", g->vm_name);
		machine_stop(g->machine);
	}
	return false;
}

static bool serve_byte(struct gdb *g, uint8_t byte)
{
	switch (gdb_read(&g->reader, byte)) {
	case GDB_PACKET:
		return serve_packet(g);
	case GDB_INTERRUPT:
		return !gdb_session_interrupt(&g->session, &g->writer) || put_packet(g);
	case GDB_AGAIN:
		return g->session.no_ack || put_packet(g);
	case GDB_DAMAGED:
		return acknowledge(g, '-');
	default:
		return true;
	}
}

/* Takes what has come, a packet only when the answer to the last is out. */
static bool serve(struct gdb *g)
{
	while (g->in_at < g->in_len && !g->out_len) {
		if (!serve_byte(g, g->in[g->in_at++]) || !flush(g))
			return false;
	}
	if (g->in_at == g->in_len)
		g->in_at = g->in_len = 0;
	return loop_modify(g->loop, &g->client, g->out_len ? EPOLLOUT : EPOLLIN) == 0;
}

static bool receive(struct gdb *g)
{
	ssize_t got =
		recv(g->client.fd, g->in + g->in_len, sizeof(g->in) - g->in_len, MSG_DONTWAIT);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR;
	g->in_len += (size_t)got;
	return got > 0;
}

static void client_ready(void *ctx, uint32_t events)
{
	struct gdb *g = ctx;
	bool fine = flush(g);

	if (fine && !g->in_len && (events & ~(uint32_t)EPOLLOUT))
		fine = receive(g);
	if (!fine || !serve(g))
		drop(g);
}

/* A vCPU's thread. */
static void tell_stopped(void *ctx)
{
	struct gdb *g = ctx;

	eventfd_write(g->stops.fd, 1);
}

static void stops_ready(void *ctx, uint32_t events)
{
	struct gdb *g = ctx;
	eventfd_t nr;

	(void)events;
	eventfd_read(g->stops.fd, &nr);
	if (g->client.fd < 0 || !gdb_session_stopped(&g->session, &g->writer))
		return;
	if (!put_packet(g) || !flush(g) || !serve(g))
		drop(g);
}

static bool peer_may(const struct gdb *g, int fd)
{
	const int on = 1;

	if (g->options->address.address.ss_family == AF_UNIX)
		return socket_peer_is_ours(fd);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return true;
}

static void accept_client(void *ctx, uint32_t events)
{
	struct gdb *g = ctx;
	autofd int fd = accept4(g->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct err e = { 0 };

	(void)events;
	/* A second one finds the door closed at once. */
	if (fd < 0 || g->client.fd >= 0 || !g->machine || !peer_may(g, fd))
		return;
	if (gdb_session_start(&g->session, g->machine, tell_stopped, g, &e) < 0) {
		log_warning("VM %s: gdb cannot be served: %s", g->vm_name, e.text);
		gdb_session_end(&g->session);
		return;
	}
	if (g->held)
		machine_continue(g->machine);
	g->held = false;
	memset(&g->reader, 0, sizeof(g->reader));
	g->writer.len = g->in_at = g->in_len = g->out_len = 0;
	g->client = (struct loop_source){ .fd = fd, .ready = client_ready, .ctx = g };
	if (loop_add(g->loop, &g->client, EPOLLIN) < 0) {
		g->client.fd = -1;
		gdb_session_end(&g->session);
		return;
	}
	take_fd(&fd);
	log_debug("VM %s: gdb has come", g->vm_name);
}

/* What the machine calls. */

static void tell_end(struct gdb *g)
{
	gdb_begin(&g->writer);
	gdb_put(&g->writer, "W00");
	gdb_end(&g->writer);
	if (g->session.running && put_packet(g))
		flush(g);
}

static void gdb_running(void *state, struct machine *m)
{
	struct gdb *g = state;

	if (!m && g->client.fd >= 0) {
		tell_end(g);
		drop(g);
	}
	g->machine = m;
	g->held = m && g->options->wait;
	if (g->held)
		machine_pause(m);
}

static void gdb_close(void *state)
{
	struct gdb *g = state;

	drop(g);
	loop_remove(g->loop, &g->listener);
	loop_remove(g->loop, &g->stops);
	if (g->options->address.address.ss_family == AF_UNIX && g->listener.fd >= 0)
		unlink(((const struct sockaddr_un *)&g->options->address.address)->sun_path);
	close_fd(&g->listener.fd);
	close_fd(&g->stops.fd);
	free(g);
}

/* What to type for "target remote". */
static const char *place(const struct gdb *g, char *text, size_t size)
{
	struct sockaddr_storage address = g->options->address.address;
	socklen_t len = sizeof(address);
	const struct sockaddr_un *path = (const struct sockaddr_un *)&g->options->address.address;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&address;
	char host[INET6_ADDRSTRLEN] = "";

	if (address.ss_family == AF_UNIX)
		return path->sun_path;
	if (g->listener.fd >= 0)
		getsockname(g->listener.fd, (struct sockaddr *)&address, &len);
	if (address.ss_family == AF_INET)
		inet_ntop(AF_INET, &v4->sin_addr, host, sizeof(host));
	else
		inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof(host));
	snprintf(text, size, address.ss_family == AF_INET ? "%s:%u" : "[%s]:%u", host,
		 ntohs(address.ss_family == AF_INET ? v4->sin_port : v6->sin6_port));
	return text;
}

static int start(struct gdb *g, struct err *e)
{
	const struct gdb_options *options = g->options;
	char text[INET6_ADDRSTRLEN + 16];
	int ret = address_listen(&options->address);

	if (ret < 0)
		return err_set(e, -ret, "--gdb: cannot listen at %s: %s",
			       place(g, text, sizeof(text)), strerror(-ret));
	g->listener = (struct loop_source){ .fd = ret, .ready = accept_client, .ctx = g };
	g->stops = (struct loop_source){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
					 .ready = stops_ready,
					 .ctx = g };
	if (g->stops.fd < 0)
		return err_sys(e, "--gdb: cannot be served");
	ret = loop_add(g->loop, &g->listener, EPOLLIN);
	if (ret == 0)
		ret = loop_add(g->loop, &g->stops, EPOLLIN);
	if (ret < 0)
		return err_set(e, -ret, "--gdb: cannot be served: %s", strerror(-ret));
	log_info("VM %s %s for gdb: target remote %s", g->vm_name,
		 options->wait ? "waits" : "listens", place(g, text, sizeof(text)));
	return 0;
}

static int gdb_open(void *options, const struct machine_config *cfg, struct loop *loop,
		    void **state, struct err *e)
{
	struct gdb *g = calloc(1, sizeof(*g));
	int ret;

	if (!g)
		return err_sys(e, "--gdb: cannot be served");
	g->vm_name = cfg->name;
	g->options = options;
	g->loop = loop;
	g->client.fd = g->listener.fd = g->stops.fd = -1;
	ret = start(g, e);
	if (ret < 0)
		gdb_close(g);
	else
		*state = g;
	return ret;
}

const struct machine_control gdb_server = {
	.open = gdb_open,
	.running = gdb_running,
	.close = gdb_close,
};
