/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What all virtio devices share (virtio 1.2, chapters 2 and 3): status, feature negotiation,
 * queues, configuration space, reset. Between a class (blk, console, rng: what the device does) and
 * a transport (mmio, pci: how the driver reaches its registers); neither knows the other.
 *
 * One lock a device. The bus takes it around register accesses, the loop around everything else; no
 * function here takes it, all are called with it held, unless they say otherwise.
 */
#ifndef LKVM_VIRTIO_DEVICE_H
#define LKVM_VIRTIO_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"
#include "util/log.h"
#include "virtio/virtq.h"

struct virtio_device;

/* For where a queue's number is expected: every queue; for interrupts: the configuration's. */
#define VIRTIO_ALL (-1)

/* What a kind of device does: a const table. A function that is NULL has nothing to do. */
struct virtio_class {
	const char *name;   /* "blk", in messages */
	uint16_t id;        /* 5: device types */
	uint32_t pci_class; /* PCI class, subclass and interface: 0x010000 */
	/* The driver wrote @len (1, 2, 4) bytes of the configuration; @off + @len <= config_size. */
	void (*config_write)(struct virtio_device *dev, uint32_t off, uint32_t value,
			     unsigned int len);
	/* DRIVER_OK: features are settled, queues enabled. */
	void (*start)(struct virtio_device *dev);
	/* @queue may have buffers. Only while the device runs and the queue is enabled. */
	void (*notify)(struct virtio_device *dev, unsigned int queue);
	/*
	 * Let go of the buffers of @queue (VIRTIO_ALL: of all): none is to be pushed any more. Returns
	 * true if none is in the host's hands; otherwise virtio_stopped() is called when that is so.
	 */
	bool (*stop)(struct virtio_device *dev, int queue);
};

/* How a device tells its driver something. */
struct virtio_transport {
	/* A used-buffer interrupt of @queue, or (VIRTIO_ALL) a configuration change. */
	void (*interrupt)(void *ctx, int queue);
	/* A reset that had to wait is done: virtio_busy() has become false. NULL: nobody waits. */
	void (*reset_done)(void *ctx);
};

struct virtio_device {
	pthread_mutex_t lock;
	const struct virtio_class *class;
	const struct virtio_transport *transport;
	void *transport_ctx;
	char name[32]; /* "blk0", in messages */

	uint64_t offered;  /* feature bits */
	uint64_t features; /* what the driver accepted; settled when FEATURES_OK is set */
	uint8_t status;    /* 2.1 */
	bool stopping;     /* a reset waits for class->stop() to come true */

	uint8_t *config; /* little-endian, the class's */
	uint32_t config_size;
	uint8_t generation; /* of @config (2.5.1) */

	struct virtq *queue;  /* @nr_queues */
	bool *queue_stopping; /* of each: a queue reset (2.6.1) waits */
	unsigned int nr_queues;
	struct log_limit limit; /* what the guest may make the device say */
};

/*
 * Makes a device of @class as after power-on, with @nr_queues queues of @size_max each. @offered are
 * the class's own feature bits; the core adds VERSION_1, INDIRECT_DESC, EVENT_IDX and RING_RESET.
 * @config stays the class's. Returns 0, or -ENOMEM with @e set; virtio_destroy() also after that.
 * Neither wants the lock.
 */
int virtio_init(struct virtio_device *dev, const struct virtio_class *class, const char *name,
		const struct ram *ram, unsigned int nr_queues, uint16_t size_max, uint64_t offered,
		struct err *e);
void virtio_destroy(struct virtio_device *dev);

/* Connects the transport; before the guest runs. */
void virtio_attach(struct virtio_device *dev, const struct virtio_transport *transport, void *ctx);

/* --- For classes --- */

/* Whether the driver accepted feature bit @bit. */
static inline bool virtio_has(const struct virtio_device *dev, unsigned int bit)
{
	return dev->features >> bit & 1;
}

/* Whether the device runs: DRIVER_OK, and neither broken nor being reset. */
bool virtio_runs(const struct virtio_device *dev);

/*
 * virtq_pop() of a queue, for a class: what breaks a rule breaks the device. Returns whether there
 * is a buffer.
 */
bool virtio_pop(struct virtio_device *dev, unsigned int queue, struct virtq_chain *chain,
		struct iovec *iov, unsigned int nr_iov);
/* Gives a buffer back; no interrupt yet. Ignored if the queue was reset or the device broke meanwhile. */
void virtio_push(struct virtio_device *dev, unsigned int queue, uint16_t head, uint32_t written);
/* Interrupts the driver if it wants to know of what was pushed: once, after a batch. */
void virtio_push_end(struct virtio_device *dev, unsigned int queue);

/* The driver broke a rule of the class: NEEDS_RESET, and nothing more until reset (2.1.2). */
void virtio_break(struct virtio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* dev->config has changed: a new generation, and an interrupt if the device runs. */
void virtio_config_changed(struct virtio_device *dev);

/* Nothing is in the host's hands any more: completes whatever reset waited for class->stop(). */
void virtio_stopped(struct virtio_device *dev, int queue);

/* --- For transports; a guest's writes come here unchecked --- */

/* 32 bits of the offered or accepted features, @sel 0 or 1; 0 beyond. Writing after FEATURES_OK is ignored. */
uint32_t virtio_get_offered(const struct virtio_device *dev, uint32_t sel);
uint32_t virtio_get_accepted(const struct virtio_device *dev, uint32_t sel);
void virtio_set_accepted(struct virtio_device *dev, uint32_t sel, uint32_t value);

/*
 * The status register (2.1, 3.1). FEATURES_OK does not stick if what was accepted was not offered or
 * VERSION_1 is missing. 0 resets: at once, or, if buffers are in the host's hands, when they have
 * come back; until then the status stays and virtio_busy() is true.
 */
uint8_t virtio_get_status(const struct virtio_device *dev);
void virtio_set_status(struct virtio_device *dev, uint32_t value);
bool virtio_busy(const struct virtio_device *dev);

/*
 * Queue registers; @queue may be any number: one that does not exist reads as 0 and is not written. Size and
 * addresses can only be changed while the queue is disabled and the device not yet running (or the queue was reset).
 */
enum virtio_area { VIRTIO_DESC, VIRTIO_DRIVER, VIRTIO_DEVICE };
/* As offered until the driver chooses; @value is refused (the device breaks) unless a power of two, 1 to max. */
uint16_t virtio_queue_size_max(const struct virtio_device *dev, uint32_t queue);
uint16_t virtio_queue_size(const struct virtio_device *dev, uint32_t queue);
void virtio_set_queue_size(struct virtio_device *dev, uint32_t queue, uint32_t value);
/* 32 bits of an address; @high: the upper ones. */
uint32_t virtio_queue_addr(const struct virtio_device *dev, uint32_t queue, enum virtio_area area,
			   bool high);
void virtio_set_queue_addr(struct virtio_device *dev, uint32_t queue, enum virtio_area area,
			   bool high, uint32_t value);
bool virtio_queue_enabled(const struct virtio_device *dev, uint32_t queue);
/* 1 enables. 0 is for mmio's QueueReady, which disables a queue of a device that does not run. */
void virtio_enable_queue(struct virtio_device *dev, uint32_t queue, bool enable);
/* The queue_reset register (2.6.1), if RING_RESET was accepted; reads true while a reset is going on. */
bool virtio_queue_resetting(const struct virtio_device *dev, uint32_t queue);
void virtio_reset_queue(struct virtio_device *dev, uint32_t queue);

/* The driver notified @queue. */
void virtio_notify(struct virtio_device *dev, uint32_t queue);

/* The configuration space: bytes beyond its end read as zero and are not written. @len is 1, 2, 4 or 8. */
uint64_t virtio_config_read(const struct virtio_device *dev, uint64_t off, unsigned int len);
void virtio_config_write(struct virtio_device *dev, uint64_t off, uint64_t value, unsigned int len);

#endif
