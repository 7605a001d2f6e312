/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The socket device: packets, unless vhost serves them. Those of the guest are served as they come, and never wait for anything: what the host
 * does not take is kept by its connection (vsock_conn.c). Connections that have something for the guest stand in a
 * queue, and each sends one packet in turn while there are buffers; what a host's program has written stays in
 * its socket until then and is read straight into the guest's memory.
 */
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_vsock.h>
#include <string.h>
#include "util/bits.h"
#include "vsock_conn.h"

#define PCI_CLASS_NETWORK_OTHER 0x028000

#define QUEUE_SIZE 256

/* A turn: so many bytes, where a packet counts for some more. */
#define TURN_BYTES  (512 * KiB)
#define PACKET_COST 512
#define DATA_MAX    (64 * KiB) /* of one packet */

/* Ports of the host's ends, where it is all the same which. */
#define PORT_FIRST 0x40000000U

enum { QUEUE_RX, QUEUE_TX, QUEUE_EVENT, NR_QUEUES };

static struct virtio_vsock *to_vsock(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_vsock, dev);
}

static void pay(struct virtio_vsock *vsock, uint64_t cost)
{
	vsock->budget -= cost < vsock->budget ? cost : vsock->budget;
}

/* --- To the guest --- */

/* RST for what @packet, the guest's, was about. */
static void refuse(struct virtio_vsock *vsock, const struct vsock_packet *packet)
{
	if (vsock->nr_resets < VSOCK_RESETS)
		vsock->reset[vsock->nr_resets++] = (struct vsock_reset){
			.cid = packet->dst_cid,
			.host_port = packet->dst_port,
			.guest_port = packet->src_port,
			.type = packet->type,
		};
}

/* The connection is over, and the guest told so. */
static void reset(struct vsock_conn *conn)
{
	const struct vsock_packet packet = {
		.dst_cid = VSOCK_CID_HOST,
		.dst_port = conn->host_port,
		.src_port = conn->guest_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
	};

	if (conn->state != VSOCK_LINGERING)
		refuse(conn->vsock, &packet);
	vsock_conn_drop(conn);
}

/* The next buffer to fill, which has room for more than a header. */
static bool next_buffer(struct virtio_vsock *vsock, struct virtq_chain *chain, struct iovec *iov)
{
	if (!virtio_pop(&vsock->dev, QUEUE_RX, chain, iov, QUEUE_SIZE))
		return false;
	if (!chain->nr_out && chain->in_len > VSOCK_HEADER)
		return true;
	virtio_break(&vsock->dev, "a buffer for packets is %s",
		     chain->nr_out ? "one to read (5.10.6.5)" : "too small");
	return false;
}

static void put_packet(struct virtio_vsock *vsock, const struct virtq_chain *chain,
		       const struct vsock_packet *packet)
{
	vsock_packet_write(chain, packet);
	virtio_push(&vsock->dev, QUEUE_RX, chain->head, VSOCK_HEADER + packet->len);
	pay(vsock, PACKET_COST + packet->len);
}

static void put_reset(struct virtio_vsock *vsock, const struct virtq_chain *chain)
{
	const struct vsock_reset reset = vsock->reset[0];

	memmove(vsock->reset, vsock->reset + 1, --vsock->nr_resets * sizeof(reset));
	put_packet(vsock, chain,
		   &(struct vsock_packet){
			   .src_cid = reset.cid,
			   .dst_cid = vsock->cid,
			   .src_port = reset.host_port,
			   .dst_port = reset.guest_port,
			   .type = reset.type,
			   .op = VIRTIO_VSOCK_OP_RST,
		   });
}

/*
 * Reads the stream into a buffer, behind the place of the header. Returns how many bytes; 0: there is nothing
 * to send, and the connection may be gone.
 */
static uint32_t read_stream(struct vsock_conn *conn, const struct virtq_chain *chain, uint32_t most)
{
	struct iovec iov[QUEUE_SIZE];
	ssize_t len;

	most = most < DATA_MAX ? most : DATA_MAX;
	len = conn->vsock->backend.receive(conn->stream, iov,
					   vsock_slice(iov, chain->iov, chain->nr_in, VSOCK_HEADER,
						       most));
	if (len > 0) {
		conn->sent += (uint32_t)len;
		return (uint32_t)len;
	}
	conn->readable = false;
	if (len == 0)
		conn->end = true;
	else if (len != -EAGAIN)
		reset(conn);
	return 0;
}

/* Sends one packet of @conn. Returns false if there was none: the buffer is free, @conn may be gone. */
static bool put_conn(struct vsock_conn *conn, const struct virtq_chain *chain, uint16_t op,
		     uint32_t len)
{
	struct virtio_vsock *vsock = conn->vsock;
	struct vsock_packet packet = {
		.src_cid = VSOCK_CID_HOST,
		.dst_cid = vsock->cid,
		.src_port = conn->host_port,
		.dst_port = conn->guest_port,
		.type = VIRTIO_VSOCK_TYPE_STREAM,
		.op = op,
		.buf_alloc = VSOCK_BUFFER,
		.fwd_cnt = conn->forwarded,
	};

	if (op == VIRTIO_VSOCK_OP_RW) {
		packet.len = read_stream(conn, chain, len);
		if (!packet.len)
			return false;
		conn->asked = false;
	} else if (op == VIRTIO_VSOCK_OP_SHUTDOWN) {
		packet.flags = conn->host_shut = vsock_conn_shutdown(conn);
	} else if (op == VIRTIO_VSOCK_OP_CREDIT_REQUEST) {
		conn->asked = true;
	}
	conn->due &= ~(1U << op | 1U << VIRTIO_VSOCK_OP_CREDIT_UPDATE);
	conn->told = conn->forwarded;
	put_packet(vsock, chain, &packet);
	/* To the end of the queue. */
	vsock_conn_unqueue(conn);
	vsock_conn_queue(conn);
	return true;
}

/* The first connection in the queue that has something, and what. */
static struct vsock_conn *next_conn(struct virtio_vsock *vsock, uint16_t *op, uint32_t *len)
{
	while (vsock->ready) {
		*op = vsock_conn_next(vsock->ready, len);
		if (*op)
			break;
		vsock_conn_unqueue(vsock->ready);
	}
	return vsock->ready;
}

/* Sends what there is, until there are no buffers or the turn is over. */
static void pump(struct virtio_vsock *vsock)
{
	struct iovec iov[QUEUE_SIZE];
	struct virtq_chain chain;
	struct vsock_conn *conn;
	uint32_t len = 0;
	uint16_t op = 0;

	for (;;) {
		conn = next_conn(vsock, &op, &len);
		if ((!conn && !vsock->nr_resets) || !vsock->budget ||
		    !next_buffer(vsock, &chain, iov))
			break;
		if (vsock->nr_resets)
			put_reset(vsock, &chain);
		else if (!put_conn(conn, &chain, op, len))
			virtq_unpop(&vsock->dev.queue[QUEUE_RX]);
	}
	virtio_push_end(&vsock->dev, QUEUE_RX);
	if (!vsock->budget)
		timer_set(&vsock->again, 1);
}

/* --- From the guest: each returns whether the connection can go on --- */

static bool on_response(struct vsock_conn *conn, const struct vsock_packet *packet,
			const struct virtq_chain *chain)
{
	(void)packet;
	(void)chain;
	if (conn->state != VSOCK_REQUESTED)
		return false;
	conn->state = VSOCK_OPEN;
	conn->vsock->backend.accepted(conn->stream, conn->host_port);
	return true;
}

static bool on_data(struct vsock_conn *conn, const struct vsock_packet *packet,
		    const struct virtq_chain *chain)
{
	struct iovec iov[QUEUE_SIZE];
	unsigned int nr = vsock_slice(iov, chain->iov, chain->nr_out, VSOCK_HEADER, packet->len);

	pay(conn->vsock, packet->len);
	return vsock_conn_take(conn, iov, nr, packet->len);
}

static bool on_credit_update(struct vsock_conn *conn, const struct vsock_packet *packet,
			     const struct virtq_chain *chain)
{
	(void)packet;
	(void)chain;
	return conn->state == VSOCK_OPEN;
}

static bool on_credit_request(struct vsock_conn *conn, const struct vsock_packet *packet,
			      const struct virtq_chain *chain)
{
	(void)packet;
	(void)chain;
	conn->due |= 1U << VIRTIO_VSOCK_OP_CREDIT_UPDATE;
	return conn->state == VSOCK_OPEN;
}

static bool (*const handlers[])(struct vsock_conn *conn, const struct vsock_packet *packet,
				const struct virtq_chain *chain) = {
	[VIRTIO_VSOCK_OP_RESPONSE] = on_response,
	[VIRTIO_VSOCK_OP_RW] = on_data,
	[VIRTIO_VSOCK_OP_CREDIT_UPDATE] = on_credit_update,
	[VIRTIO_VSOCK_OP_CREDIT_REQUEST] = on_credit_request,
};

/* A packet of a connection that there is. */
static void serve_conn(struct vsock_conn *conn, const struct vsock_packet *packet,
		       const struct virtq_chain *chain)
{
	struct virtio_vsock *vsock = conn->vsock;
	uint16_t op = packet->op;

	conn->peer_alloc = packet->buf_alloc;
	conn->peer_fwd = packet->fwd_cnt;
	if (op == VIRTIO_VSOCK_OP_RST) {
		vsock_conn_drop(conn);
	} else if (op == VIRTIO_VSOCK_OP_SHUTDOWN) {
		if (vsock_conn_close(conn, packet->flags))
			vsock_conn_queue(conn);
		else
			refuse(vsock, packet);
	} else if (op < ARRAY_SIZE(handlers) && handlers[op] && handlers[op](conn, packet, chain)) {
		vsock_conn_queue(conn);
	} else {
		reset(conn);
	}
}

/* REQUEST: the guest calls a port of the host. */
static void serve_request(struct virtio_vsock *vsock, const struct vsock_packet *packet)
{
	struct vsock_conn *conn =
		vsock_conn_new(vsock, packet->src_port, packet->dst_port, VSOCK_OPEN);

	if (conn)
		conn->stream = vsock->backend.connect(vsock->backend.ctx, packet->dst_port, conn);
	if (!conn || !conn->stream) {
		refuse(vsock, packet);
		if (conn)
			vsock_conn_drop(conn);
		return;
	}
	conn->peer_alloc = packet->buf_alloc;
	conn->peer_fwd = packet->fwd_cnt;
	conn->due = 1U << VIRTIO_VSOCK_OP_RESPONSE;
	conn->readable = true;
	vsock_conn_queue(conn);
}

/* Serves the packet in a buffer. Returns false if it is none: the device is broken. */
static bool serve(struct virtio_vsock *vsock, const struct virtq_chain *chain)
{
	struct vsock_packet packet;
	struct vsock_conn *conn;

	if (chain->nr_in || chain->out_len < VSOCK_HEADER) {
		virtio_break(&vsock->dev, "what is sent is no packet (5.10.6)");
		return false;
	}
	vsock_packet_read(chain, &packet);
	if (packet.len > chain->out_len - VSOCK_HEADER) {
		virtio_break(&vsock->dev, "a packet ends before its %u bytes of data", packet.len);
		return false;
	}
	pay(vsock, PACKET_COST);
	if (packet.src_cid != vsock->cid)
		return true;
	conn = packet.dst_cid == VSOCK_CID_HOST && packet.type == VIRTIO_VSOCK_TYPE_STREAM
		       ? vsock_find(vsock, packet.src_port, packet.dst_port)
		       : NULL;
	if (conn)
		serve_conn(conn, &packet, chain);
	else if (packet.op == VIRTIO_VSOCK_OP_REQUEST && packet.dst_cid == VSOCK_CID_HOST &&
		 packet.type == VIRTIO_VSOCK_TYPE_STREAM)
		serve_request(vsock, &packet);
	else if (packet.op != VIRTIO_VSOCK_OP_RST)
		refuse(vsock, &packet);
	return true;
}

static void receive(struct virtio_vsock *vsock)
{
	struct iovec iov[QUEUE_SIZE];
	struct virtq_chain chain;

	while (vsock->budget && virtio_pop(&vsock->dev, QUEUE_TX, &chain, iov, QUEUE_SIZE)) {
		if (!serve(vsock, &chain))
			return;
		virtio_push(&vsock->dev, QUEUE_TX, chain.head, 0);
	}
	virtio_push_end(&vsock->dev, QUEUE_TX);
}

static void vsock_notify(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_vsock *vsock = to_vsock(dev);

	if (queue == QUEUE_EVENT)
		return;
	if (vsock->vhost.nr) {
		virtio_vhost_notify(&vsock->vhost, queue);
		return;
	}
	vsock->budget = TURN_BYTES;
	if (queue == QUEUE_TX)
		receive(vsock);
	pump(vsock);
}

void virtio_vsock_again(void *ctx)
{
	struct virtio_vsock *vsock = ctx;

	virtio_notify(&vsock->dev, QUEUE_TX);
	virtio_notify(&vsock->dev, QUEUE_RX);
}

static void vsock_start(struct virtio_device *dev)
{
	struct virtio_vsock *vsock = to_vsock(dev);

	if (vsock->vhost.nr)
		virtio_vhost_start(&vsock->vhost);
}

static bool vsock_stop(struct virtio_device *dev, int queue)
{
	struct virtio_vsock *vsock = to_vsock(dev);

	if (vsock->vhost.nr)
		return virtio_vhost_stop(&vsock->vhost, queue);
	if (queue == VIRTIO_ALL) {
		vsock_conn_drop_all(vsock);
		vsock->nr_resets = 0;
		timer_set(&vsock->again, 0);
	}
	return true;
}

/* --- From the host --- */

static struct vsock_conn *from_client(void *ctx, uint32_t port, struct vsock_stream *stream)
{
	struct virtio_vsock *vsock = ctx;
	struct vsock_conn *conn;

	if (!virtio_runs(&vsock->dev))
		return NULL;
	do
		vsock->next_port =
			vsock->next_port == UINT32_MAX ? PORT_FIRST : vsock->next_port + 1;
	while (vsock_find(vsock, port, vsock->next_port));
	conn = vsock_conn_new(vsock, port, vsock->next_port, VSOCK_REQUESTED);
	if (!conn)
		return NULL;
	conn->stream = stream;
	conn->due = 1U << VIRTIO_VSOCK_OP_REQUEST;
	conn->readable = true;
	vsock_conn_queue(conn);
	vsock->budget = TURN_BYTES;
	pump(vsock);
	return conn;
}

static void stream_ready(void *ctx, struct vsock_conn *conn, unsigned int what)
{
	struct virtio_vsock *vsock = ctx;
	bool lingers = conn->state == VSOCK_LINGERING;

	if (what & VSOCK_READABLE)
		conn->readable = true;
	if (what & VSOCK_GONE)
		conn->gone = true;
	if (what & VSOCK_WRITABLE && conn->nr && !vsock_conn_flush(conn))
		reset(conn);
	else if (conn->gone && (lingers || conn->state == VSOCK_REQUESTED))
		reset(conn);
	else if (lingers && !conn->nr)
		vsock_conn_drop(conn);
	else
		vsock_conn_queue(conn);
	vsock->budget = TURN_BYTES;
	pump(vsock);
}

struct vsock_frontend virtio_vsock_frontend(struct virtio_vsock *vsock)
{
	return (struct vsock_frontend){ .connect = from_client,
					.ready = stream_ready,
					.ctx = vsock,
					.lock = &vsock->dev.lock };
}

static const struct virtio_class vsock_class = {
	.name = "vsock",
	.id = VIRTIO_ID_VSOCK,
	.pci_class = PCI_CLASS_NETWORK_OTHER,
	.start = vsock_start,
	.notify = vsock_notify,
	.stop = vsock_stop,
};

int virtio_vsock_init(struct virtio_vsock *vsock, const char *name, const struct ram *ram,
		      uint64_t cid, struct vsock_backend backend, struct timer again, struct err *e)
{
	int ret;

	*vsock = (struct virtio_vsock){
		.backend = backend,
		.again = again,
		.ready_last = &vsock->ready,
		.next_port = PORT_FIRST - 1,
		.cid = cid,
	};
	put_le64(vsock->config, cid);
	ret = virtio_init(&vsock->dev, &vsock_class, name, ram, NR_QUEUES, QUEUE_SIZE, 0, e);
	vsock->dev.config = vsock->config;
	vsock->dev.config_size = sizeof(vsock->config);
	return ret;
}

void virtio_vsock_use_vhost(struct virtio_vsock *vsock, struct vhost_backend vhost)
{
	virtio_vhost_init(&vsock->vhost, &vsock->dev, vhost, QUEUE_EVENT, 0);
}

void virtio_vsock_destroy(struct virtio_vsock *vsock)
{
	vsock_conn_drop_all(vsock);
	virtio_destroy(&vsock->dev);
}
