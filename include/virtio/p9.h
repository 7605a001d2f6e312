/* SPDX-License-Identifier: BSD-2-Clause */
/* The 9P transport device over a struct p9_backend: a channel to a file server, which the guest finds by a tag. */
#ifndef LKVM_VIRTIO_P9_H
#define LKVM_VIRTIO_P9_H

#include "virtio/device.h"
#include "vm/p9dev.h"

#define VIRTIO_P9_QUEUE_SIZE 128
#define VIRTIO_P9_TAG_MAX    255 /* bytes */

struct virtio_p9_request;

struct virtio_p9 {
	struct virtio_device dev; /* first: the class gets it back from here */
	struct p9_backend backend;
	uint8_t config[2 + VIRTIO_P9_TAG_MAX];
	struct virtio_p9_request *request; /* room for every buffer of the queue, and one */
	unsigned int nr_used;              /* those from here on were never touched */
	struct work *free;                 /* of the others */
	unsigned int in_flight;            /* in the back end's hands */
	bool waiting;                      /* the queue was left with buffers in it */
};

/*
 * Makes the device; @tag has 1 to VIRTIO_P9_TAG_MAX bytes. Returns 0, or -ENOMEM with @e set;
 * virtio_p9_destroy() also after that.
 */
int virtio_p9_init(struct virtio_p9 *p9, const char *name, const struct ram *ram,
		   struct p9_backend backend, const char *tag, struct err *e);

/* Nothing is in the back end's hands any more. */
void virtio_p9_destroy(struct virtio_p9 *p9);

/* What the back end calls. */
struct p9_frontend virtio_p9_frontend(struct virtio_p9 *p9);

#endif
