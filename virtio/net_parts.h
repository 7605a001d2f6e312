/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of the network device, sending, receiving and commands, have of each other. */
#ifndef LKVM_VIRTIO_NET_PARTS_H
#define LKVM_VIRTIO_NET_PARTS_H

#include "virtio/net.h"

/* The numbers of a pair's queues (5.1.2). */
static inline unsigned int net_rx_queue(const struct virtio_net_pair *pair)
{
	return 2 * pair->nr;
}

static inline unsigned int net_tx_queue(const struct virtio_net_pair *pair)
{
	return 2 * pair->nr + 1;
}

/* The command queue's number: it follows the pairs that there are to the driver (5.1.2). */
unsigned int net_control_queue(const struct virtio_net *net);

/* Tells the back end what to watch for, if that is news. */
void net_watch(struct virtio_net_pair *pair, bool read, bool write);

/* The guest takes the offloads that these feature bits stand for, and no others. */
void net_set_offloads(struct virtio_net *net, uint64_t features);

/* net_save.c: of the class. */
bool net_freeze(struct virtio_device *dev);
void net_save(const struct virtio_device *dev, struct dt *dt);
void net_restore(struct virtio_device *dev, struct dt_in *in, int node);

/* net.c */

/* Whether the limit of this @way lets one more frame through; if not, the timer comes when it does. */
bool net_has_credit(struct virtio_net *net, struct bucket *way);

/* net_receive.c */

/* Gives the guest what the back end has, as far as the guest has buffers. */
void net_receive(struct virtio_net_pair *pair);
/* Lets go of the buffers that were taken. */
void net_forget_buffers(struct virtio_net_pair *pair);

/* net_control.c: commands, and what comes of them. */

/* Executes what is in the command queue, or a turn's share of it. */
void net_control(struct virtio_net *net);
/* As after a reset. */
void net_filter_reset(struct virtio_net_filter *filter);
/* Whether the guest wants a frame that begins with these bytes. */
#define NET_FILTER_BYTES 16
bool net_filter_wants(const struct virtio_net *net, const uint8_t frame[NET_FILTER_BYTES]);

#endif
