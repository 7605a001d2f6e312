/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Frames by a tap interface: a file of which each read and each write is one frame, a struct virtio_net_hdr
 * before it. Several queues are several files, and the kernel spreads what it has over those that are attached.
 * The kernel's files are opened and set up by tap_open.c.
 */
#include <errno.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include "tap_parts.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Frames that a queue gives before other sources of the loop have their turn. */
#define TURN 64

static struct tap_queue *queue_of(void *ctx, unsigned int pair)
{
	struct tap *tap = ctx;

	return &tap->queue[pair];
}

static bool tap_send(void *ctx, unsigned int pair, const struct iovec *iov, unsigned int nr,
		     size_t len)
{
	(void)len;
	/* What the kernel does not want (the interface is down, the header makes no sense) is lost. */
	return writev(queue_of(ctx, pair)->source.fd, iov, (int)nr) >= 0 || errno != EAGAIN;
}

static size_t tap_receive(void *ctx, unsigned int pair, const struct iovec *iov, unsigned int nr)
{
	struct tap_queue *queue = queue_of(ctx, pair);
	ssize_t len;

	if (!queue->left)
		return 0;
	len = readv(queue->source.fd, iov, (int)nr);
	if (len <= 0)
		return 0;
	queue->left--;
	return (size_t)len;
}

static void tap_watch(void *ctx, unsigned int pair, bool read, bool write)
{
	struct tap_queue *queue = queue_of(ctx, pair);

	queue->events = (read ? EPOLLIN : 0) | (write ? EPOLLOUT : 0);
	if (!queue->tap->lost)
		loop_modify(queue->tap->loop, &queue->source, queue->events);
}

static void tap_set_pairs(void *ctx, unsigned int nr)
{
	struct tap *tap = ctx;

	for (unsigned int i = 0; i < tap->nr && tap->nr > 1; i++) {
		struct tap_queue *queue = &tap->queue[i];
		struct ifreq ifr = {
			.ifr_flags = (short)(i < nr ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE),
		};

		if (queue->detached != (i >= nr) && ioctl(queue->source.fd, TUNSETQUEUE, &ifr) == 0)
			queue->detached = i >= nr;
	}
}

static void tap_set_offloads(void *ctx, unsigned int offloads)
{
	struct tap *tap = ctx;

	tap_offloads(tap->queue[0].source.fd, offloads);
}

struct net_backend tap_backend(struct tap *tap)
{
	return (struct net_backend){
		.send = tap_send,
		.receive = tap_receive,
		.watch = tap_watch,
		.set_pairs = tap_set_pairs,
		.set_offloads = tap_set_offloads,
		.ctx = tap,
		.info = { .nr_pairs = tap->nr,
			  .tx_offloads = TAP_OFFLOADS,
			  .rx_offloads = tap->rx_offloads,
			  .mtu = tap->mtu,
			  .up = !tap->lost },
	};
}

/* The interface is gone: somebody deleted it. */
static void lose(struct tap *tap)
{
	if (tap->lost)
		return;
	tap->lost = true;
	log_warning("network: the interface %s is gone; the guest's link is down", tap->name);
	for (unsigned int i = 0; i < tap->nr; i++)
		loop_modify(tap->loop, &tap->queue[i].source, 0);
	tap->frontend.link(tap->frontend.ctx, false);
}

void tap_ready(void *ctx, uint32_t events)
{
	struct tap_queue *queue = ctx;
	struct tap *tap = queue->tap;

	if (!tap->frontend.ready)
		return;
	pthread_mutex_lock(tap->frontend.lock);
	queue->left = TURN;
	if (events & EPOLLERR && queue->events && !queue->detached)
		lose(tap);
	else
		tap->frontend.ready(tap->frontend.ctx, queue->nr, events & EPOLLIN,
				    events & EPOLLOUT);
	pthread_mutex_unlock(tap->frontend.lock);
}

void tap_connect(struct tap *tap, struct net_frontend frontend)
{
	tap->frontend = frontend;
}

void tap_disconnect(struct tap *tap)
{
	tap->frontend = (struct net_frontend){ 0 };
	for (unsigned int i = 0; i < tap->nr; i++)
		tap_watch(tap, i, false, false);
}

const char *tap_name(const struct tap *tap)
{
	return tap->name;
}

int tap_fd(const struct tap *tap, unsigned int pair)
{
	return tap->queue[pair].source.fd;
}

void tap_close(struct tap *tap)
{
	if (!tap)
		return;
	for (unsigned int i = 0; i < tap->nr; i++) {
		loop_remove(tap->loop, &tap->queue[i].source);
		close_fd(&tap->queue[i].source.fd);
	}
	free(tap);
}
