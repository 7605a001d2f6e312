/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections of the socket device. What the guest sends goes straight to the host's stream; what that does not
 * take is kept, at most as much as the guest was promised room for. What the host sends waits in its stream until
 * the guest has room.
 *
 *	REQUESTED --RESPONSE--> OPEN --SHUTDOWN of both directions--> LINGERING --all bytes taken--> gone
 *
 * and from everywhere to gone by RST, a stream that breaks, or a reset of the device.
 */
#include <errno.h>
#include <linux/virtio_vsock.h>
#include <stdlib.h>
#include <string.h>
#include "vsock_conn.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))

/* The guest is told of room when half of the buffer has become free since it last was. */
#define TELL (VSOCK_BUFFER / 2)

static struct vsock_conn **bucket(const struct virtio_vsock *vsock, uint32_t guest_port,
				  uint32_t host_port)
{
	return (struct vsock_conn **)&vsock->bucket[(guest_port ^ host_port) % VSOCK_BUCKETS];
}

struct vsock_conn *vsock_find(const struct virtio_vsock *vsock, uint32_t guest_port,
			      uint32_t host_port)
{
	struct vsock_conn *conn = *bucket(vsock, guest_port, host_port);

	while (conn && (conn->guest_port != guest_port || conn->host_port != host_port))
		conn = conn->next;
	return conn;
}

struct vsock_conn *vsock_conn_new(struct virtio_vsock *vsock, uint32_t guest_port,
				  uint32_t host_port, enum vsock_state state)
{
	struct vsock_conn **list = bucket(vsock, guest_port, host_port), *conn;

	/* Whose guest has closed its end, and whose host does not read, has had its time. */
	if (vsock->nr_conns == VSOCK_CONNS_MAX && vsock->lingering)
		vsock_conn_drop(vsock->lingering);
	if (vsock->nr_conns == VSOCK_CONNS_MAX)
		return NULL;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return NULL;
	*conn = (struct vsock_conn){
		.vsock = vsock,
		.next = *list,
		.state = state,
		.guest_port = guest_port,
		.host_port = host_port,
	};
	*list = conn;
	vsock->nr_conns++;
	return conn;
}

/* Takes it out of its bucket, or from those that linger. */
static void unlink_conn(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->vsock;
	struct vsock_conn **at = conn->state == VSOCK_LINGERING
					 ? &vsock->lingering
					 : bucket(vsock, conn->guest_port, conn->host_port);

	while (*at != conn)
		at = &(*at)->next;
	*at = conn->next;
}

void vsock_conn_drop(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->vsock;

	vsock_conn_unqueue(conn);
	unlink_conn(conn);
	vsock->nr_conns--;
	if (conn->stream)
		vsock->backend.close(conn->stream);
	free(conn->buf);
	free(conn);
}

void vsock_conn_drop_all(struct virtio_vsock *vsock)
{
	for (unsigned int i = 0; i < VSOCK_BUCKETS; i++) {
		while (vsock->bucket[i])
			vsock_conn_drop(vsock->bucket[i]);
	}
	while (vsock->lingering)
		vsock_conn_drop(vsock->lingering);
}

void vsock_conn_queue(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->vsock;

	if (conn->queued || conn->state == VSOCK_LINGERING)
		return;
	conn->queued = true;
	conn->next_ready = NULL;
	*vsock->ready_last = conn;
	vsock->ready_last = &conn->next_ready;
}

void vsock_conn_unqueue(struct vsock_conn *conn)
{
	struct virtio_vsock *vsock = conn->vsock;
	struct vsock_conn **at = &vsock->ready;

	if (!conn->queued)
		return;
	while (*at != conn)
		at = &(*at)->next_ready;
	*at = conn->next_ready;
	if (!*at)
		vsock->ready_last = at;
	conn->queued = false;
}

/* 5.10.6.3: how much room the guest has. All modulo 2^32; a guest that counts wrongly has none. */
static uint32_t credit(const struct vsock_conn *conn)
{
	uint32_t in_flight = conn->sent - conn->peer_fwd;

	return in_flight < conn->peer_alloc ? conn->peer_alloc - in_flight : 0;
}

uint32_t vsock_conn_shutdown(const struct vsock_conn *conn)
{
	bool unread = !conn->end && !(conn->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV);

	if (conn->gone && !unread)
		return VIRTIO_VSOCK_SHUTDOWN_SEND | VIRTIO_VSOCK_SHUTDOWN_RCV;
	return conn->end ? VIRTIO_VSOCK_SHUTDOWN_SEND : 0;
}

uint16_t vsock_conn_next(const struct vsock_conn *conn, uint32_t *len)
{
	bool read = conn->readable && !conn->end && !(conn->guest_shut & VIRTIO_VSOCK_SHUTDOWN_RCV);

	*len = credit(conn);
	if (conn->due & 1U << VIRTIO_VSOCK_OP_REQUEST)
		return VIRTIO_VSOCK_OP_REQUEST;
	if (conn->state != VSOCK_OPEN)
		return 0;
	if (conn->due & 1U << VIRTIO_VSOCK_OP_RESPONSE)
		return VIRTIO_VSOCK_OP_RESPONSE;
	if (conn->due & 1U << VIRTIO_VSOCK_OP_CREDIT_UPDATE)
		return VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	if (read && *len)
		return VIRTIO_VSOCK_OP_RW;
	if (read && !conn->asked)
		return VIRTIO_VSOCK_OP_CREDIT_REQUEST;
	if (vsock_conn_shutdown(conn) & ~conn->host_shut)
		return VIRTIO_VSOCK_OP_SHUTDOWN;
	return 0;
}

/* --- From the guest to the host --- */

static void count_forwarded(struct vsock_conn *conn, uint32_t len)
{
	conn->forwarded += len;
	if (conn->forwarded - conn->told >= TELL) {
		conn->due |= 1U << VIRTIO_VSOCK_OP_CREDIT_UPDATE;
		vsock_conn_queue(conn);
	}
}

/* Puts bytes behind those that are kept; there is room. */
static bool keep(struct vsock_conn *conn, const struct iovec *iov, unsigned int nr, uint32_t skip)
{
	if (!conn->buf) {
		conn->buf = malloc(VSOCK_BUFFER);
		conn->first = 0;
	}
	if (!conn->buf)
		return false;
	for (unsigned int i = 0; i < nr; i++) {
		const uint8_t *from = iov[i].iov_base;
		size_t left = iov[i].iov_len;

		if (skip >= left) {
			skip -= (uint32_t)left;
			continue;
		}
		from += skip;
		left -= skip;
		skip = 0;
		while (left) {
			uint32_t at = (conn->first + conn->nr) % VSOCK_BUFFER;
			size_t part = MIN(left, VSOCK_BUFFER - at);

			memcpy(conn->buf + at, from, part);
			conn->nr += (uint32_t)part;
			from += part;
			left -= part;
		}
	}
	return true;
}

bool vsock_conn_take(struct vsock_conn *conn, const struct iovec *iov, unsigned int nr,
		     uint32_t len)
{
	const struct vsock_backend *backend = &conn->vsock->backend;
	ssize_t taken = 0;

	if (conn->state != VSOCK_OPEN || conn->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND ||
	    len > VSOCK_BUFFER - conn->nr)
		return false;
	if (!conn->nr && len)
		taken = backend->send(conn->stream, iov, nr);
	if (taken < 0 && taken != -EAGAIN)
		return false;
	if (taken > 0)
		count_forwarded(conn, (uint32_t)taken);
	else
		taken = 0;
	return taken == len || keep(conn, iov, nr, (uint32_t)taken);
}

bool vsock_conn_flush(struct vsock_conn *conn)
{
	const struct vsock_backend *backend = &conn->vsock->backend;

	while (conn->nr) {
		uint32_t part = MIN(conn->nr, VSOCK_BUFFER - conn->first);
		const struct iovec iov[] = { { conn->buf + conn->first, part },
					     { conn->buf, conn->nr - part } };
		ssize_t taken = backend->send(conn->stream, iov, part < conn->nr ? 2 : 1);

		if (taken <= 0)
			return taken == -EAGAIN;
		conn->first = (conn->first + (uint32_t)taken) % VSOCK_BUFFER;
		conn->nr -= (uint32_t)taken;
		count_forwarded(conn, (uint32_t)taken);
	}
	free(conn->buf);
	conn->buf = NULL;
	if (conn->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND)
		backend->shutdown(conn->stream);
	return true;
}

bool vsock_conn_close(struct vsock_conn *conn, uint32_t flags)
{
	const uint32_t both = VIRTIO_VSOCK_SHUTDOWN_SEND | VIRTIO_VSOCK_SHUTDOWN_RCV;

	conn->guest_shut |= flags & both;
	if (conn->guest_shut != both) {
		if (!conn->nr && conn->guest_shut & VIRTIO_VSOCK_SHUTDOWN_SEND)
			conn->vsock->backend.shutdown(conn->stream);
		return true;
	}
	if (!conn->nr || conn->state != VSOCK_OPEN) {
		vsock_conn_drop(conn);
		return false;
	}
	vsock_conn_unqueue(conn);
	unlink_conn(conn);
	conn->state = VSOCK_LINGERING;
	conn->next = conn->vsock->lingering;
	conn->vsock->lingering = conn;
	return false;
}
