/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device: what it offers, its life, and frames from the guest. A queue is served until it is empty,
 * the back end has no room, or a turn is over:
 *
 *	notify --> transmit: pop --> backend.send --> push          (none left: the driver notifies)
 *	              ^                   | no room, or enough
 *	              '---- ready <------ backend.watch
 *
 * Receiving is net_receive.c's, commands are net_control.c's. With vhost the kernel moves the frames, and only
 * commands come here.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>
#include "net_parts.h"
#include "util/bits.h"

#define PCI_CLASS_ETHERNET 0x020000

/* Frames that a queue may send before other sources of the loop have their turn. */
#define TURN 64

/* What the guest is told of the link (5.1.4): Mbit/s. Nothing is bound to it. */
#define SPEED  10000
#define DUPLEX 1

#define FEATURE(name)     (1ULL << VIRTIO_NET_F_##name)
#define FIELD(net, field) ((net)->config + offsetof(struct virtio_net_config, field))

static struct virtio_net *to_net(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_net, dev);
}

unsigned int net_control_queue(const struct virtio_net *net)
{
	return virtio_has(&net->dev, VIRTIO_NET_F_MQ) ? 2 * net->backend.info.nr_pairs : 2;
}

void net_watch(struct virtio_net_pair *pair, bool read, bool write)
{
	const struct net_backend *backend = &pair->net->backend;

	if (pair->read == read && pair->write == write)
		return;
	pair->read = read;
	pair->write = write;
	backend->watch(backend->ctx, pair->nr, read, write);
}

/* Sends what the guest has queued, a turn's share at most. */
static void transmit(struct virtio_net_pair *pair)
{
	struct virtio_net *net = pair->net;
	unsigned int queue = net_tx_queue(pair), left = TURN;
	struct iovec iov[VIRTIO_NET_QUEUE_SIZE];
	struct virtq_chain chain;
	bool fits;

	while (left && net_has_credit(net, &net->limit.sent) &&
	       virtio_pop(&net->dev, queue, &chain, iov, VIRTIO_NET_QUEUE_SIZE)) {
		if (chain.nr_in || chain.out_len < NET_HDR_SIZE) {
			virtio_break(&net->dev, "a frame to send is %s",
				     chain.nr_in ? "one to write to (5.1.6.2.1)"
						 : "too short for its header");
			return;
		}
		fits = chain.out_len <= NET_HDR_SIZE + NET_FRAME_MAX;
		if (fits && !net->backend.send(net->backend.ctx, pair->nr, iov, chain.nr_out,
					       chain.out_len)) {
			virtq_unpop(&net->dev.queue[queue]);
			left = 0;
			break;
		}
		virtio_push(&net->dev, queue, chain.head, 0);
		if (fits) {
			bucket_spend(&net->limit.sent, chain.out_len - NET_HDR_SIZE);
			net->count.sent++;
			net->count.sent_bytes += chain.out_len - NET_HDR_SIZE;
		}
		left--;
	}
	virtio_push_end(&net->dev, queue);
	net_watch(pair, pair->read, !left || (pair->nr == 0 && net->control_waits));
}

bool net_has_credit(struct virtio_net *net, struct bucket *way)
{
	uint64_t early;

	if (!way->rate)
		return true;
	early = bucket_wait(way, 1, net->limit.clock.now(net->limit.clock.ctx));
	if (early)
		timer_set(&net->limit.timer, early);
	return !early;
}

static void net_notify(struct virtio_device *dev, unsigned int queue)
{
	struct virtio_net *net = to_net(dev);
	struct virtio_net_pair *pair = &net->pair[queue / 2];

	if (queue == net_control_queue(net)) {
		net_control(net);
		return;
	}
	if (queue < net->vhost.nr) {
		virtio_vhost_notify(&net->vhost, queue);
		return;
	}
	if (queue / 2 >= net->nr_active)
		return;
	if (queue == net_rx_queue(pair))
		net_receive(pair);
	else if (!pair->write)
		transmit(pair);
}

static void net_ready(void *ctx, unsigned int nr, bool read, bool write)
{
	struct virtio_net *net = ctx;
	struct virtio_net_pair *pair = &net->pair[nr];

	if (read && pair->read)
		net_receive(pair);
	if (write && pair->write) {
		net_watch(pair, pair->read, false);
		if (nr == 0 && net->control_waits)
			net_control(net);
		if (!net->vhost.nr)
			transmit(pair);
	}
}

void virtio_net_due(void *ctx)
{
	struct virtio_net *net = ctx;

	for (unsigned int i = 0; i < net->nr_active && virtio_runs(&net->dev); i++) {
		net_receive(&net->pair[i]);
		if (!net->pair[i].write)
			transmit(&net->pair[i]);
	}
}

static void net_link(void *ctx, bool up)
{
	struct virtio_net *net = ctx;

	net->backend.info.up = up;
	put_le16(FIELD(net, status), up ? VIRTIO_NET_S_LINK_UP : 0);
	virtio_config_changed(&net->dev);
}

struct net_frontend virtio_net_frontend(struct virtio_net *net)
{
	return (struct net_frontend){
		.ready = net_ready, .link = net_link, .ctx = net, .lock = &net->dev.lock
	};
}

/* --- What the device offers, and what the driver makes of it --- */

/* A pair of an offload and the feature bits that stand for it, towards the host and towards the guest. */
static const struct {
	enum net_offload offload;
	unsigned int tx, rx;
} offloads[] = {
	{ NET_CSUM, VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM },
	{ NET_TSO4, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_GUEST_TSO4 },
	{ NET_TSO6, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_GUEST_TSO6 },
	{ NET_TSO_ECN, VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_GUEST_ECN },
};

static uint64_t features_of(const struct net_info *info)
{
	uint64_t features = FEATURE(MAC) | FEATURE(STATUS) | FEATURE(MRG_RXBUF) | FEATURE(CTRL_VQ) |
			    FEATURE(CTRL_RX) | FEATURE(CTRL_RX_EXTRA) | FEATURE(CTRL_VLAN) |
			    FEATURE(CTRL_MAC_ADDR) | FEATURE(SPEED_DUPLEX);

	if (info->mtu)
		features |= FEATURE(MTU);
	if (info->nr_pairs > 1)
		features |= FEATURE(MQ);
	if (info->rx_offloads)
		features |= FEATURE(CTRL_GUEST_OFFLOADS);
	for (size_t i = 0; i < ARRAY_SIZE(offloads); i++) {
		if (info->tx_offloads & offloads[i].offload)
			features |= 1ULL << offloads[i].tx;
		if (info->rx_offloads & offloads[i].offload)
			features |= 1ULL << offloads[i].rx;
	}
	return features;
}

void net_set_offloads(struct virtio_net *net, uint64_t features)
{
	unsigned int bits = 0;

	for (size_t i = 0; i < ARRAY_SIZE(offloads); i++)
		bits |= features >> offloads[i].rx & 1 ? offloads[i].offload : 0;
	/* Segments without checksums are nothing (5.1.3.1); a driver that wants them all the same gets neither. */
	net->offloads = bits & NET_CSUM ? bits : 0;
	if (net->backend.set_offloads)
		net->backend.set_offloads(net->backend.ctx, net->offloads);
}

static void set_mac(struct virtio_net *net)
{
	memcpy(FIELD(net, mac), net->mac, sizeof(net->mac));
}

static void net_start(struct virtio_device *dev)
{
	struct virtio_net *net = to_net(dev);

	net_set_offloads(net, dev->features);
	net_filter_reset(&net->filter);
	net->nr_active = 1;
	if (net->backend.set_pairs)
		net->backend.set_pairs(net->backend.ctx, 1);
	if (!net->vhost.nr)
		return;
	/* The kernel hears the doorbells of its queues alone. */
	if (virtio_has(dev, VIRTIO_NET_F_CTRL_VQ) && net_control_queue(net) < net->vhost.nr)
		virtio_break(dev, "with vhost and several queues the driver has to accept MQ");
	else
		virtio_vhost_start(&net->vhost);
}

static void stop_queue(struct virtio_net *net, unsigned int queue)
{
	struct virtio_net_pair *pair = &net->pair[queue / 2];

	if (queue / 2 >= net->backend.info.nr_pairs)
		return;
	if (queue == net_rx_queue(pair)) {
		net_forget_buffers(pair);
		net_watch(pair, false, pair->write);
	} else {
		net_watch(pair, pair->read, false);
	}
}

/* Nothing is ever in the back end's hands, unless vhost serves. */
static bool net_stop(struct virtio_device *dev, int queue)
{
	struct virtio_net *net = to_net(dev);

	if (queue != VIRTIO_ALL) {
		stop_queue(net, (unsigned int)queue);
		return !net->vhost.nr || virtio_vhost_stop(&net->vhost, queue);
	}
	net->control_waits = false;
	for (unsigned int i = 0; i < 2 * net->backend.info.nr_pairs; i++)
		stop_queue(net, i);
	set_mac(net);
	return !net->vhost.nr || virtio_vhost_stop(&net->vhost, VIRTIO_ALL);
}

static const struct virtio_counter net_counters[] = {
	{ "sent", offsetof(struct virtio_net, count.sent) },
	{ "sent-bytes", offsetof(struct virtio_net, count.sent_bytes) },
	{ "received", offsetof(struct virtio_net, count.received) },
	{ "received-bytes", offsetof(struct virtio_net, count.received_bytes) },
	{ "filtered", offsetof(struct virtio_net, count.filtered) },
	{ 0 },
};

static const struct virtio_class net_class = {
	.name = "net",
	.id = VIRTIO_ID_NET,
	.pci_class = PCI_CLASS_ETHERNET,
	.counters = net_counters,
	.start = net_start,
	.notify = net_notify,
	.stop = net_stop,
	.freeze = net_freeze,
	.save = net_save,
	.restore = net_restore,
};

static void fill_config(struct virtio_net *net)
{
	const struct net_info *info = &net->backend.info;

	set_mac(net);
	put_le16(FIELD(net, status), info->up ? VIRTIO_NET_S_LINK_UP : 0);
	put_le16(FIELD(net, max_virtqueue_pairs), (uint16_t)info->nr_pairs);
	put_le16(FIELD(net, mtu), info->mtu);
	put_le32(FIELD(net, speed), SPEED);
	*FIELD(net, duplex) = DUPLEX;
}

int virtio_net_init(struct virtio_net *net, const char *name, const struct ram *ram,
		    struct net_backend backend, const uint8_t mac[NET_MAC_SIZE], struct err *e)
{
	unsigned int nr = backend.info.nr_pairs;
	int ret;

	*net = (struct virtio_net){ .backend = backend };
	ret = virtio_init(&net->dev, &net_class, name, ram, 2 * nr + 1, VIRTIO_NET_QUEUE_SIZE,
			  features_of(&backend.info), e);
	if (ret < 0)
		return ret;
	memcpy(net->mac, mac, sizeof(net->mac));
	net->dev.config = net->config;
	net->dev.config_size = sizeof(net->config);
	fill_config(net);
	net->pair = calloc(nr, sizeof(*net->pair));
	if (!net->pair)
		return err_set(e, ENOMEM, "%s: no memory for its queues", name);
	for (unsigned int i = 0; i < nr; i++) {
		net->pair[i].net = net;
		net->pair[i].nr = i;
	}
	return 0;
}

void virtio_net_set_limit(struct virtio_net *net, uint64_t bytes, struct clock clock,
			  struct timer timer)
{
	uint64_t now = clock.now(clock.ctx);

	net->limit = (struct virtio_net_limit){ .sent = bucket_of(bytes, now),
						.received = bucket_of(bytes, now),
						.clock = clock,
						.timer = timer };
}

void virtio_net_use_vhost(struct virtio_net *net, struct vhost_backend vhost)
{
	uint64_t own = features_of(&net->backend.info) & ~FEATURE(MRG_RXBUF);

	virtio_vhost_init(&net->vhost, &net->dev, vhost, 2 * net->backend.info.nr_pairs,
			  own | 1ULL << VIRTIO_F_RING_RESET);
}

void virtio_net_destroy(struct virtio_net *net)
{
	free(net->pair);
	net->pair = NULL;
	virtio_destroy(&net->dev);
}
