/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 9P transport device: buffers become messages for the server behind it, and go back with its answers, one
 * interrupt for a batch. The virtio specification knows no more of it than its number (5); the rest is what
 * Linux's driver does: one queue, a message in the readable part of a buffer, room for the answer in the
 * writable one, and a configuration of a 16-bit length and a tag.
 *
 * Every buffer that the queue can hold has its room from the start, so no request allocates. One more is
 * for looking whether there is a buffer while all the others are in flight.
 */
#include <assert.h>
#include <errno.h>
#include <linux/virtio_9p.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include "util/bits.h"
#include "virtio/p9.h"

#define NR_REQUESTS (VIRTIO_P9_QUEUE_SIZE + 1)

/* Taken in one go: a guest that fills its queue as fast must not keep the loop for itself. */
#define BATCH_MAX 64

struct virtio_p9_request {
	struct p9_request io;
	uint16_t head;
	struct iovec iov[VIRTIO_P9_QUEUE_SIZE];
};

static struct virtio_p9 *to_p9(struct virtio_device *dev)
{
	return container_of(dev, struct virtio_p9, dev);
}

static struct virtio_p9_request *find_room(struct virtio_p9 *p9)
{
	struct work *room = p9->free;

	if (!room) {
		assert(p9->nr_used < NR_REQUESTS);
		return &p9->request[p9->nr_used++];
	}
	p9->free = room->next;
	return container_of(room, struct virtio_p9_request, io.work);
}

static void give_back(struct virtio_p9 *p9, struct virtio_p9_request *rq)
{
	rq->io.work.next = p9->free;
	p9->free = &rq->io.work;
}

/* Gives the buffer back, answered; the interrupt comes later. */
static void finish(struct virtio_p9 *p9, struct virtio_p9_request *rq)
{
	if (rq->io.result < 0)
		virtio_break(&p9->dev,
			     "a message of %u bytes, with room for %u, cannot be answered",
			     rq->io.out_len, rq->io.in_len);
	else
		virtio_push(&p9->dev, 0, rq->head, (uint32_t)rq->io.result);
	give_back(p9, rq);
}

/* Takes one buffer; returns whether there was one. */
static bool run_one(struct virtio_p9 *p9)
{
	struct virtio_p9_request *rq = find_room(p9);
	struct virtq_chain chain;

	if (!virtio_pop(&p9->dev, 0, &chain, rq->iov, ARRAY_SIZE(rq->iov))) {
		give_back(p9, rq);
		return false;
	}
	rq->head = chain.head;
	rq->io = (struct p9_request){
		.out = rq->iov,
		.nr_out = chain.nr_out,
		.out_len = chain.out_len,
		.in = rq->iov + chain.nr_out,
		.nr_in = chain.nr_in,
		.in_len = chain.in_len,
	};
	if (p9->backend.submit(p9->backend.ctx, &rq->io))
		finish(p9, rq);
	else
		p9->in_flight++;
	return true;
}

/* Takes what is in the queue; if that is more than its share, p9_done_end() soon goes on with it. */
static void run_queue(struct virtio_p9 *p9)
{
	for (unsigned int i = 0; i < BATCH_MAX; i++)
		if (!run_one(p9))
			return;
	p9->waiting = true;
	p9->backend.later(p9->backend.ctx);
}

static void p9_notify(struct virtio_device *dev, unsigned int queue)
{
	run_queue(to_p9(dev));
	virtio_push_end(dev, queue);
}

static bool p9_stop(struct virtio_device *dev, int queue)
{
	struct virtio_p9 *p9 = to_p9(dev);

	p9->waiting = false;
	if (queue == VIRTIO_ALL)
		p9->backend.reset(p9->backend.ctx);
	return !p9->in_flight;
}

static const struct virtio_class p9_class = {
	.name = "9p",
	.id = VIRTIO_ID_9P,
	.pci_class = 0x018000, /* mass storage, other */
	.notify = p9_notify,
	.stop = p9_stop,
};

static void p9_done(void *ctx, struct p9_request *io)
{
	struct virtio_p9 *p9 = ctx;

	finish(p9, container_of(io, struct virtio_p9_request, io));
	p9->in_flight--;
	if (!p9->in_flight)
		virtio_stopped(&p9->dev, VIRTIO_ALL);
}

static void p9_done_end(void *ctx)
{
	struct virtio_p9 *p9 = ctx;

	if (p9->waiting && virtio_runs(&p9->dev)) {
		p9->waiting = false;
		run_queue(p9);
	}
	virtio_push_end(&p9->dev, 0);
}

struct p9_frontend virtio_p9_frontend(struct virtio_p9 *p9)
{
	return (struct p9_frontend){
		.done = p9_done,
		.done_end = p9_done_end,
		.ctx = p9,
		.lock = &p9->dev.lock,
	};
}

int virtio_p9_init(struct virtio_p9 *p9, const char *name, const struct ram *ram,
		   struct p9_backend backend, const char *tag, struct err *e)
{
	size_t len = strnlen(tag, VIRTIO_P9_TAG_MAX);
	int ret;

	*p9 = (struct virtio_p9){ .backend = backend };
	ret = virtio_init(&p9->dev, &p9_class, name, ram, 1, VIRTIO_P9_QUEUE_SIZE,
			  1ULL << VIRTIO_9P_MOUNT_TAG, e);
	if (ret < 0)
		return ret;
	put_le16(p9->config, (uint16_t)len);
	memcpy(p9->config + 2, tag, len);
	p9->dev.config = p9->config;
	p9->dev.config_size = (uint32_t)(2 + len);
	p9->request = calloc(NR_REQUESTS, sizeof(*p9->request));
	if (!p9->request)
		return err_set(e, ENOMEM, "%s: no memory for its requests", name);
	return 0;
}

void virtio_p9_destroy(struct virtio_p9 *p9)
{
	free(p9->request);
	p9->request = NULL;
	virtio_destroy(&p9->dev);
}
