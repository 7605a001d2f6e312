/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network device's state: its addresses, and what its driver has set by commands since it started. Frames that
 * are under way are not in it: the network may lose any.
 */
#include <linux/virtio_config.h>
#include <string.h>
#include "net_parts.h"
#include "util/bits.h"
#include "vm/dt_in.h"

static const struct dt_field fields[] = {
	DT_FIELD(virtio_net, offloads),
	DT_FIELD(virtio_net, nr_active),
};

static const struct dt_field filter_fields[] = {
	DT_FIELD(virtio_net_filter, promisc),  DT_FIELD(virtio_net_filter, allmulti),
	DT_FIELD(virtio_net_filter, alluni),   DT_FIELD(virtio_net_filter, nomulti),
	DT_FIELD(virtio_net_filter, nouni),    DT_FIELD(virtio_net_filter, nobcast),
	DT_FIELD(virtio_net_filter, many_uni), DT_FIELD(virtio_net_filter, many_multi),
	DT_FIELD(virtio_net_filter, nr_uni),   DT_FIELD(virtio_net_filter, nr_macs),
};

/* A frame that waits for more buffers than the guest has given is dropped: it is partly in one that goes back. */
bool net_freeze(struct virtio_device *dev)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, dev);

	for (unsigned int i = 0; i < net->backend.info.nr_pairs; i++) {
		struct virtio_net_pair *pair = &net->pair[i];

		for (; pair->nr_buffers; pair->nr_buffers--)
			virtq_unpop(&dev->queue[net_rx_queue(pair)]);
		net_forget_buffers(pair);
	}
	return true;
}

void net_save(const struct virtio_device *dev, struct dt *dt)
{
	const struct virtio_net *net = container_of(dev, struct virtio_net, dev);
	const struct virtio_net_filter *f = &net->filter;

	dt_bytes(dt, "mac", net->mac, sizeof(net->mac));
	dt_bytes(dt, "mac-now", net->config, NET_MAC_SIZE);
	dt_fields(dt, net, fields, ARRAY_SIZE(fields));
	dt_fields(dt, f, filter_fields, ARRAY_SIZE(filter_fields));
	dt_bytes(dt, "macs", f->mac, sizeof(f->mac));
	dt_bytes(dt, "vlans", f->vlan, sizeof(f->vlan));
}

/* All of @size bytes. */
static void get(struct dt_in *in, int node, const char *name, void *buf, size_t size)
{
	size_t len = size;

	dt_in_bytes(in, node, name, buf, size, &len);
	if (len != size)
		dt_in_fail(in, name, "its length is wrong");
}

/* The guest takes @wanted of what it has accepted. */
static void restore_offloads(struct virtio_net *net, struct dt_in *in, unsigned int wanted)
{
	net_set_offloads(net, net->dev.features);
	if (wanted & ~net->offloads || (wanted && !(wanted & NET_CSUM))) {
		dt_in_fail(in, "offloads", "no such value");
		return;
	}
	net->offloads = wanted;
	if (net->backend.set_offloads)
		net->backend.set_offloads(net->backend.ctx, wanted);
}

void net_restore(struct virtio_device *dev, struct dt_in *in, int node)
{
	struct virtio_net *net = container_of(dev, struct virtio_net, dev);
	struct virtio_net saved = { 0 };
	struct virtio_net_filter *f = &saved.filter;

	get(in, node, "mac", saved.mac, sizeof(saved.mac));
	get(in, node, "mac-now", saved.config, NET_MAC_SIZE);
	dt_in_fields(in, node, &saved, fields, ARRAY_SIZE(fields));
	dt_in_fields(in, node, f, filter_fields, ARRAY_SIZE(filter_fields));
	get(in, node, "macs", f->mac, sizeof(f->mac));
	get(in, node, "vlans", f->vlan, sizeof(f->vlan));
	if (in->ret == 0 && (f->nr_macs > VIRTIO_NET_MACS_MAX || f->nr_uni > f->nr_macs))
		dt_in_fail(in, "nr_macs", "no such value");
	if (in->ret < 0)
		return;
	memcpy(net->mac, saved.mac, sizeof(net->mac));
	memcpy(net->config, saved.config, NET_MAC_SIZE);
	dev->config_news = true; /* the link may be another's */
	/* The rest begins with the driver. */
	if (!(dev->status & VIRTIO_CONFIG_S_DRIVER_OK))
		return;
	if (saved.nr_active < 1 || saved.nr_active > net->backend.info.nr_pairs) {
		dt_in_fail(in, "nr_active", "no such value");
		return;
	}
	restore_offloads(net, in, saved.offloads);
	net->filter = *f;
	net->nr_active = saved.nr_active;
	if (net->backend.set_pairs)
		net->backend.set_pairs(net->backend.ctx, net->nr_active);
}
