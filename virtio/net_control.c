/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Commands of the network device (virtio 1.2, 5.1.6.5): which frames the guest wants, its address, how many
 * queues it uses, what it does for frames itself. A command is read once, from wherever its parts lie; one that
 * is unknown, was not negotiated or does not make sense is answered with an error, and nothing changes.
 */
#include <linux/virtio_net.h>
#include <string.h>
#include "net_parts.h"
#include "util/bits.h"

/* Commands before other sources of the loop have their turn. */
#define TURN 16

#define TAG_VLAN 0x8100 /* the Ethernet type of a tagged frame */
#define VLAN_NR  4096
#define OFF_TYPE 12
#define OFF_VLAN 14
#define ALL_GUEST_OFFLOADS                                                   \
	(1ULL << VIRTIO_NET_F_GUEST_CSUM | 1ULL << VIRTIO_NET_F_GUEST_TSO4 | \
	 1ULL << VIRTIO_NET_F_GUEST_TSO6 | 1ULL << VIRTIO_NET_F_GUEST_ECN)

/* Where reading a command stands. */
struct reader {
	const struct iovec *iov;
	unsigned int nr;
	size_t off;
};

/* The next @len bytes; returns whether there were as many. */
static bool next(struct reader *r, void *buf, size_t len)
{
	uint8_t *to = buf;

	while (len && r->nr) {
		size_t part = r->iov->iov_len - r->off;

		part = part < len ? part : len;
		memcpy(to, (const uint8_t *)r->iov->iov_base + r->off, part);
		to += part;
		len -= part;
		r->off += part;
		if (r->off == r->iov->iov_len) {
			r->iov++;
			r->nr--;
			r->off = 0;
		}
	}
	return !len;
}

/* --- Which frames --- */

void net_filter_reset(struct virtio_net_filter *filter)
{
	*filter = (struct virtio_net_filter){ .promisc = true };
}

static bool in_table(const struct virtio_net_filter *f, unsigned int first, unsigned int end,
		     const uint8_t *mac)
{
	for (unsigned int i = first; i < end; i++) {
		if (!memcmp(f->mac[i], mac, NET_MAC_SIZE))
			return true;
	}
	return false;
}

bool net_filter_wants(const struct virtio_net *net, const uint8_t frame[NET_FILTER_BYTES])
{
	static const uint8_t broadcast[NET_MAC_SIZE] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	const struct virtio_net_filter *f = &net->filter;

	if (f->promisc)
		return true;
	if (virtio_has(&net->dev, VIRTIO_NET_F_CTRL_VLAN) &&
	    (frame[OFF_TYPE] << 8 | frame[OFF_TYPE + 1]) == TAG_VLAN) {
		unsigned int vlan = (frame[OFF_VLAN] << 8 | frame[OFF_VLAN + 1]) % VLAN_NR;

		if (!(f->vlan[vlan / 8] & 1U << vlan % 8))
			return false;
	}
	if (!memcmp(frame, broadcast, sizeof(broadcast)))
		return !f->nobcast;
	if (frame[0] & 1)
		return !f->nomulti &&
		       (f->allmulti || f->many_multi || in_table(f, f->nr_uni, f->nr_macs, frame));
	return !f->nouni && (f->alluni || f->many_uni || in_table(f, 0, f->nr_uni, frame) ||
			     !memcmp(net->config, frame, NET_MAC_SIZE));
}

static bool set_rx(struct virtio_net *net, uint8_t command, struct reader *r)
{
	struct virtio_net_filter *f = &net->filter;
	bool *const mode[] = {
		[VIRTIO_NET_CTRL_RX_PROMISC] = &f->promisc,
		[VIRTIO_NET_CTRL_RX_ALLMULTI] = &f->allmulti,
		[VIRTIO_NET_CTRL_RX_ALLUNI] = &f->alluni,
		[VIRTIO_NET_CTRL_RX_NOMULTI] = &f->nomulti,
		[VIRTIO_NET_CTRL_RX_NOUNI] = &f->nouni,
		[VIRTIO_NET_CTRL_RX_NOBCAST] = &f->nobcast,
	};
	uint8_t on;

	if (command >= ARRAY_SIZE(mode) || !next(r, &on, sizeof(on)))
		return false;
	if (command > VIRTIO_NET_CTRL_RX_ALLMULTI &&
	    !virtio_has(&net->dev, VIRTIO_NET_F_CTRL_RX_EXTRA))
		return false;
	*mode[command] = on;
	return true;
}

/* One of the two tables; those that there is no room for are read and forgotten. */
static bool read_table(struct virtio_net_filter *f, struct reader *r, bool *many)
{
	uint8_t mac[NET_MAC_SIZE], count[4];
	uint32_t nr;

	if (!next(r, count, sizeof(count)))
		return false;
	nr = get_le32(count);
	*many = nr > VIRTIO_NET_MACS_MAX - f->nr_macs;
	for (; nr; nr--) {
		/* Ends with the command's bytes at the latest. */
		if (!next(r, mac, sizeof(mac)))
			return false;
		if (!*many)
			memcpy(f->mac[f->nr_macs++], mac, sizeof(mac));
	}
	return true;
}

static bool set_macs(struct virtio_net *net, uint8_t command, struct reader *r)
{
	struct virtio_net_filter f = net->filter;
	uint8_t mac[NET_MAC_SIZE];

	if (command == VIRTIO_NET_CTRL_MAC_ADDR_SET) {
		if (!virtio_has(&net->dev, VIRTIO_NET_F_CTRL_MAC_ADDR) ||
		    !next(r, mac, sizeof(mac)))
			return false;
		memcpy(net->config, mac, sizeof(mac));
		return true;
	}
	if (command != VIRTIO_NET_CTRL_MAC_TABLE_SET)
		return false;
	f.nr_macs = 0;
	if (!read_table(&f, r, &f.many_uni))
		return false;
	f.nr_uni = f.nr_macs;
	if (!read_table(&f, r, &f.many_multi))
		return false;
	net->filter = f;
	return true;
}

static bool set_vlan(struct virtio_net *net, uint8_t command, struct reader *r)
{
	uint8_t number[2], bit;
	uint16_t vlan;

	if (!next(r, number, sizeof(number)))
		return false;
	vlan = get_le16(number);
	if (vlan >= VLAN_NR || command > VIRTIO_NET_CTRL_VLAN_DEL)
		return false;
	bit = (uint8_t)(1U << vlan % 8);
	if (command == VIRTIO_NET_CTRL_VLAN_ADD)
		net->filter.vlan[vlan / 8] |= bit;
	else
		net->filter.vlan[vlan / 8] &= (uint8_t)~bit;
	return true;
}

/* --- Queues and offloads --- */

static bool set_pairs(struct virtio_net *net, uint8_t command, struct reader *r)
{
	unsigned int old = net->nr_active, nr;
	uint8_t count[2];

	if (command != VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET || !next(r, count, sizeof(count)))
		return false;
	nr = get_le16(count);
	if (nr < 1 || nr > net->backend.info.nr_pairs)
		return false;
	net->nr_active = nr;
	for (unsigned int i = nr; i < old; i++)
		net_watch(&net->pair[i], false, false);
	if (net->backend.set_pairs)
		net->backend.set_pairs(net->backend.ctx, nr);
	/* What was notified of while nobody listened. */
	for (unsigned int i = 2 * old; i < 2 * nr; i++)
		virtio_notify(&net->dev, i);
	return true;
}

static bool set_guest_offloads(struct virtio_net *net, uint8_t command, struct reader *r)
{
	uint64_t may = net->dev.features & ALL_GUEST_OFFLOADS, bits;
	uint8_t bytes[8];

	if (command != VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET || !next(r, bytes, sizeof(bytes)))
		return false;
	bits = get_le64(bytes);
	if (bits & ~may)
		return false;
	net_set_offloads(net, bits);
	return true;
}

/* Each class of commands, and the feature that it comes with. */
static const struct {
	uint8_t class, feature;
	bool (*run)(struct virtio_net *net, uint8_t command, struct reader *r);
} classes[] = {
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_F_CTRL_RX, set_rx },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_F_CTRL_VQ, set_macs },
	{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_F_CTRL_VLAN, set_vlan },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_F_MQ, set_pairs },
	{ VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, set_guest_offloads },
};

static uint8_t run(struct virtio_net *net, struct reader *r)
{
	struct virtio_net_ctrl_hdr head;

	if (!next(r, &head, sizeof(head)))
		return VIRTIO_NET_ERR;
	for (size_t i = 0; i < ARRAY_SIZE(classes); i++) {
		if (classes[i].class == head.class && virtio_has(&net->dev, classes[i].feature))
			return classes[i].run(net, head.cmd, r) ? VIRTIO_NET_OK : VIRTIO_NET_ERR;
	}
	return VIRTIO_NET_ERR;
}

void net_control(struct virtio_net *net)
{
	unsigned int queue = net_control_queue(net), left = TURN;
	struct iovec iov[VIRTIO_NET_QUEUE_SIZE];
	struct virtq_chain chain;

	while (left && virtio_pop(&net->dev, queue, &chain, iov, VIRTIO_NET_QUEUE_SIZE)) {
		struct reader r = { .iov = iov, .nr = chain.nr_out };

		if (!chain.in_len) {
			virtio_break(&net->dev, "a command has no room for its answer (5.1.6.5)");
			return;
		}
		*(uint8_t *)iov[chain.nr_out].iov_base = run(net, &r);
		virtio_push(&net->dev, queue, chain.head, 1);
		left--;
	}
	virtio_push_end(&net->dev, queue);
	net->control_waits = !left;
	if (!left)
		net_watch(&net->pair[0], net->pair[0].read, true);
}
