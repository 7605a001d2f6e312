/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Between a virtio device and whoever serves its queues in its place: the kernel's vhost, or another process
 * that speaks vhost-user. The back end reads the driver's rings itself; the device sets them up, takes them away
 * and passes interrupts on. Neither knows the other's type.
 */
#ifndef LKVM_VM_VHOSTDEV_H
#define LKVM_VM_VHOSTDEV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "vm/ram.h"

/* Queues that one back end can serve. */
#define VHOST_QUEUES_MAX 64

/* A queue as its driver set it up: its areas are aligned and in RAM. */
struct vhost_queue {
	uint16_t size;
	uint16_t base; /* index of the next entry to take from the driver's ring */
	gpa_t desc, driver, device;
};

/*
 * The back end's side. Called by the device with the device's lock held; must not block. Queues are those of the
 * device, from 0 on.
 */
struct vhost_backend {
	/* Feature bits of the device that it can serve. */
	uint64_t features;
	/* The driver accepted @features, a part of the above. No queue is served now. Returns 0 or -errno. */
	int (*start)(void *ctx, uint64_t features);
	/* Serves @queue from now on. Returns 0 or -errno. */
	int (*start_queue)(void *ctx, unsigned int queue, const struct vhost_queue *q);
	/*
	 * Ends that: no more of its buffers is touched. Returns true if that is so already; false: stopped()
	 * follows.
	 */
	bool (*stop_queue)(void *ctx, unsigned int queue);
	/* The driver notified @queue, and the back end did not hear of it itself. */
	void (*kick)(void *ctx, unsigned int queue);
	void *ctx;
};

/* The device's side. Called on the loop's thread with @lock, the device's own, held. */
struct vhost_frontend {
	/* The driver is to be interrupted for @queue. */
	void (*called)(void *ctx, unsigned int queue);
	/* What stop_queue() began has come to its end. */
	void (*stopped)(void *ctx, unsigned int queue);
	/*
	 * The back end cannot go on: the device needs a reset, until which its queues stay the back end's. @why continues
	 * a sentence: "hung up".
	 */
	void (*failed)(void *ctx, const char *why);
	void *ctx;
	pthread_mutex_t *lock;
};

#endif
