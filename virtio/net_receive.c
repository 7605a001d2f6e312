/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames to the guest. The back end writes them straight into the guest's buffers, which are taken from the ring
 * ahead, as many as the longest frame may need: how long the next one is shows only when it has been read. A
 * buffer that was not needed serves the next frame.
 *
 * Where the guest has not given as much room, the end of a frame goes into a buffer of ours (pair->spill), from
 * where it follows when the guest gives more. So no frame is lost, and a guest with few buffers gets its
 * short frames at once.
 */
#include <linux/virtio_net.h>
#include <string.h>
#include "net_parts.h"
#include "util/bits.h"

/* An Ethernet frame of the usual MTU, with a VLAN's tag. */
#define USUAL_FRAME (14 + 4 + 1500)

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static bool mergeable(const struct virtio_net *net)
{
	return virtio_has(&net->dev, VIRTIO_NET_F_MRG_RXBUF);
}

/* How much room to have ready: each buffer alone takes a frame, or they do together. */
static size_t wanted_room(const struct virtio_net *net)
{
	unsigned int tso = NET_TSO4 | NET_TSO6;

	if (!mergeable(net))
		return 1;
	if (net->offloads & tso || net->backend.info.mtu > 1500)
		return NET_HDR_SIZE + NET_FRAME_MAX;
	return NET_HDR_SIZE + USUAL_FRAME;
}

/* Copies @len bytes from @buf to @off in a list of parts; returns how many there was room for. */
static size_t put(const struct iovec *iov, unsigned int nr, size_t off, const uint8_t *buf,
		  size_t len)
{
	size_t done = 0;

	for (; nr && done < len; iov++, nr--) {
		size_t part;

		if (off >= iov->iov_len) {
			off -= iov->iov_len;
			continue;
		}
		part = least(iov->iov_len - off, len - done);
		memcpy((uint8_t *)iov->iov_base + off, buf + done, part);
		done += part;
		off = 0;
	}
	return done;
}

static void get(const struct iovec *iov, size_t off, uint8_t *buf, size_t len)
{
	for (size_t done = 0; done < len; iov++) {
		size_t part;

		if (off >= iov->iov_len) {
			off -= iov->iov_len;
			continue;
		}
		part = least(iov->iov_len - off, len - done);
		memcpy(buf + done, (const uint8_t *)iov->iov_base + off, part);
		done += part;
		off = 0;
	}
}

void net_forget_buffers(struct virtio_net_pair *pair)
{
	pair->nr_buffers = pair->nr_parts = 0;
	pair->room = 0;
	pair->frame = pair->spilled = 0;
}

/* Takes one more buffer; returns whether there was one, and room to note it. */
static bool take_buffer(struct virtio_net_pair *pair)
{
	struct virtio_device *dev = &pair->net->dev;
	struct virtq_chain chain;

	if (pair->nr_parts > VIRTIO_NET_PARTS - VIRTIO_NET_QUEUE_SIZE ||
	    !virtio_pop(dev, net_rx_queue(pair), &chain, &pair->iov[pair->nr_parts],
			VIRTIO_NET_QUEUE_SIZE))
		return false;
	if (chain.nr_out || chain.in_len < NET_HDR_SIZE) {
		virtio_break(dev, "a buffer to receive in is %s",
			     chain.nr_out ? "one to read (5.1.6.3.1)" : "too short for a header");
		return false;
	}
	pair->buffer[pair->nr_buffers++] = (struct virtio_net_buffer){
		.head = chain.head,
		.nr = chain.nr_in,
		.len = chain.in_len,
	};
	pair->nr_parts += chain.nr_in;
	pair->room += chain.in_len;
	return true;
}

/* The first @nr buffers are the guest's again. */
static void drop_buffers(struct virtio_net_pair *pair, unsigned int nr)
{
	unsigned int parts = 0;

	for (unsigned int i = 0; i < nr; i++) {
		parts += pair->buffer[i].nr;
		pair->room -= pair->buffer[i].len;
	}
	pair->nr_buffers -= nr;
	pair->nr_parts -= parts;
	memmove(pair->buffer, pair->buffer + nr, pair->nr_buffers * sizeof(pair->buffer[0]));
	memmove(pair->iov, pair->iov + parts, pair->nr_parts * sizeof(pair->iov[0]));
}

/* Reads a frame into the buffers that there are; returns whether there was one that the guest can have. */
static bool read_frame(struct virtio_net_pair *pair)
{
	const struct net_backend *backend = &pair->net->backend;
	size_t room = mergeable(pair->net) ? pair->room : pair->buffer[0].len;
	unsigned int nr = mergeable(pair->net) ? pair->nr_parts : pair->buffer[0].nr;
	const struct iovec behind = pair->iov[nr];

	pair->iov[nr] = (struct iovec){ .iov_base = pair->spill, .iov_len = sizeof(pair->spill) };
	pair->frame = backend->receive(backend->ctx, pair->nr, pair->iov, nr + 1);
	pair->iov[nr] = behind;
	if (!pair->frame)
		return false;
	pair->spill_off = 0;
	pair->spilled = pair->frame > room ? pair->frame - room : 0;
	return true;
}

/*
 * Brings what spilled into buffers that the guest has given since. Returns false if it has to give more. A frame
 * that is longer than all its buffers together is dropped.
 */
static bool complete(struct virtio_net_pair *pair)
{
	const struct virtq *q = &pair->net->dev.queue[net_rx_queue(pair)];

	while (pair->spilled) {
		unsigned int first = pair->nr_parts;
		size_t len;

		if (!mergeable(pair->net) || pair->nr_buffers >= q->size ||
		    first > VIRTIO_NET_PARTS - VIRTIO_NET_QUEUE_SIZE) {
			pair->frame = pair->spilled = 0;
			break;
		}
		if (!take_buffer(pair))
			return false;
		len = put(&pair->iov[first], pair->nr_parts - first, 0,
			  pair->spill + pair->spill_off, pair->spilled);
		pair->spill_off += len;
		pair->spilled -= len;
	}
	return true;
}

static bool wants(const struct virtio_net_pair *pair)
{
	uint8_t head[NET_FILTER_BYTES];

	if (pair->net->filter.promisc)
		return true;
	if (pair->frame < NET_HDR_SIZE + sizeof(head))
		return false;
	get(pair->iov, NET_HDR_SIZE, head, sizeof(head));
	return net_filter_wants(pair->net, head);
}

/* Gives the guest the buffers that hold the frame, all at once: it finds their number in the header. */
static void deliver(struct virtio_net_pair *pair)
{
	struct virtio_device *dev = &pair->net->dev;
	unsigned int queue = net_rx_queue(pair), nr = 0;
	uint8_t count[2];

	pair->net->count.received++;
	bucket_spend(&pair->net->limit.received, pair->frame - NET_HDR_SIZE);
	pair->net->count.received_bytes += pair->frame - NET_HDR_SIZE;
	for (size_t left = pair->frame; left; nr++)
		left -= least(left, pair->buffer[nr].len);
	put_le16(count, (uint16_t)nr);
	put(pair->iov, pair->nr_parts, offsetof(struct virtio_net_hdr_v1, num_buffers), count,
	    sizeof(count));
	for (unsigned int i = 0; i + 1 < nr; i++) {
		virtio_fill(dev, queue, pair->buffer[i].head, pair->buffer[i].len);
		pair->frame -= pair->buffer[i].len;
	}
	virtio_push(dev, queue, pair->buffer[nr - 1].head, (uint32_t)pair->frame);
	drop_buffers(pair, nr);
}

void net_receive(struct virtio_net_pair *pair)
{
	struct virtio_net *net = pair->net;
	size_t wanted = wanted_room(net);
	bool read = false;

	while (virtio_runs(&net->dev)) {
		if (!pair->frame) {
			if (!net_has_credit(net, &net->limit.received))
				break;
			while (pair->room < wanted && take_buffer(pair))
				;
			if (!pair->nr_buffers || !virtio_runs(&net->dev))
				break;
			read = !read_frame(pair);
			if (read)
				break;
		}
		if (!complete(pair))
			break;
		if (pair->frame && wants(pair))
			deliver(pair);
		else if (pair->frame)
			net->count.filtered++;
		pair->frame = 0;
	}
	virtio_push_end(&net->dev, net_rx_queue(pair));
	net_watch(pair, read, pair->write);
}
