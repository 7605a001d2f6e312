/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the socket device have of each other: its packets, and its connections. */
#ifndef LKVM_VIRTIO_VSOCK_CONN_H
#define LKVM_VIRTIO_VSOCK_CONN_H

#include "virtio/vsock.h"

#define VSOCK_HEADER 44 /* bytes of a packet before its data (5.10.6) */

/* A packet's header. */
struct vsock_packet {
	uint64_t src_cid, dst_cid;
	uint32_t src_port, dst_port;
	uint32_t len; /* bytes of data */
	uint16_t type, op;
	uint32_t flags;
	uint32_t buf_alloc, fwd_cnt; /* the sender's buffer, and how much has ever left it */
};

/* --- vsock_packet.c --- */

/* The header in what the guest sends, which has VSOCK_HEADER bytes or more. */
void vsock_packet_read(const struct virtq_chain *chain, struct vsock_packet *p);
/* The header into a buffer of the guest's that has as much room. */
void vsock_packet_write(const struct virtq_chain *chain, const struct vsock_packet *p);

/* The first @len bytes behind @skip of @nr parts, in @to (of as many). Returns how many parts these are. */
unsigned int vsock_slice(struct iovec *to, const struct iovec *from, unsigned int nr, uint64_t skip,
			 uint64_t len);

/* --- vsock_conn.c --- */

enum vsock_state {
	VSOCK_REQUESTED, /* a client waits for the guest's answer */
	VSOCK_OPEN,
	VSOCK_LINGERING, /* the guest is done with it; only the rest of its bytes waits for the host */
};

struct vsock_conn {
	struct virtio_vsock *vsock;
	struct vsock_conn *next;       /* in its bucket, or among those that linger */
	struct vsock_conn *next_ready; /* in vsock->ready, if @queued */
	bool queued;
	enum vsock_state state;
	struct vsock_stream *stream;
	uint32_t guest_port, host_port;

	uint32_t due;                  /* packets to send: a bit for each op */
	uint32_t guest_shut;           /* VIRTIO_VSOCK_SHUTDOWN_...: what the guest has said */
	uint32_t host_shut;            /* and what it was told */
	bool readable, end, gone;      /* of the stream: see vm/vsockdev.h */
	bool asked;                    /* the guest, for its credit */
	uint32_t peer_alloc, peer_fwd; /* the guest's buffer, as of its last packet */
	uint32_t sent;                 /* bytes to the guest, modulo 2^32 */
	uint32_t forwarded, told;      /* bytes from the guest to the host; when it was last told */
	uint8_t *buf;                  /* VSOCK_BUFFER bytes, a ring, if any are kept */
	uint32_t first, nr;            /* of @buf */
};

/* The connection of these ports, or NULL. */
struct vsock_conn *vsock_find(const struct virtio_vsock *vsock, uint32_t guest_port,
			      uint32_t host_port);

/* A new one without a stream, or NULL: there are too many, or no memory. */
struct vsock_conn *vsock_conn_new(struct virtio_vsock *vsock, uint32_t guest_port,
				  uint32_t host_port, enum vsock_state state);

/* It is over, without a word to the guest: its stream is closed. */
void vsock_conn_drop(struct vsock_conn *conn);
void vsock_conn_drop_all(struct virtio_vsock *vsock);

/* It may have something for the guest: vsock.c will look. */
void vsock_conn_queue(struct vsock_conn *conn);
void vsock_conn_unqueue(struct vsock_conn *conn);

/*
 * What it has for the guest now, as an op, or 0: nothing. VIRTIO_VSOCK_OP_RW: the stream is to be read, at most
 * *len bytes.
 */
uint16_t vsock_conn_next(const struct vsock_conn *conn, uint32_t *len);
/* The flags of its SHUTDOWN, as it stands. */
uint32_t vsock_conn_shutdown(const struct vsock_conn *conn);

/*
 * The guest sends @len bytes, whose parts are @iov. Returns false if there is no connection for them: it sends more
 * than it may, or the host takes no more.
 */
bool vsock_conn_take(struct vsock_conn *conn, const struct iovec *iov, unsigned int nr,
		     uint32_t len);

/* The stream may take more of what is kept. Returns false if it is broken. */
bool vsock_conn_flush(struct vsock_conn *conn);

/*
 * The guest closes directions (@flags of SHUTDOWN). Returns false if both are closed now: then the connection is
 * gone or lingers, and the guest is to be told.
 */
bool vsock_conn_close(struct vsock_conn *conn, uint32_t flags);

#endif
