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

struct dt;
struct dt_in;
struct virtio_device;

/* For where a queue's number is expected: every queue; for interrupts: the configuration's. */
#define VIRTIO_ALL (-1)

/* What a kind of device counts, for people: a uint64_t of its structure, which begins with a struct virtio_device. */
struct virtio_counter {
	const char *name; /* a property's: "read-bytes" */
	size_t off;
};

/* What a kind of device does: a const table. A function that is NULL has nothing to do. */
struct virtio_class {
	const char *name;   /* "blk", in messages */
	uint16_t id;        /* 5: device types */
	uint32_t pci_class; /* PCI class, subclass and interface: 0x010000 */
	const struct virtio_counter
		*counters; /* up to one without a name; or NULL: it counts nothing */
	/*
	 * The driver wrote @len (1, 2, 4) bytes of the configuration; @off + @len <= config_size. At any
	 * time, also before the driver accepted anything.
	 */
	void (*config_write)(struct virtio_device *dev, uint32_t off, uint32_t value,
			     unsigned int len);
	/* DRIVER_OK: features are settled, queues enabled. */
	void (*start)(struct virtio_device *dev);
	/*
	 * @queue may have buffers. Only while the device runs and the queue is enabled; once, for each queue,
	 * after start(), and when it is enabled again after a reset of its own. The driver has been told not to notify again: what makes it do so is a
	 * virtio_pop() that finds nothing.
	 */
	void (*notify)(struct virtio_device *dev, unsigned int queue);
	/*
	 * Let go of the buffers of @queue (VIRTIO_ALL: of all): none is to be pushed any more. Returns
	 * true if none is in the host's hands; otherwise virtio_stopped() is called when that is so.
	 * Only after start(); VIRTIO_ALL may come while a single queue is still being stopped.
	 */
	bool (*stop)(struct virtio_device *dev, int queue);
	/* Of a device that is saved (virtio/save.h); a class without save() cannot be. */
	/*
	 * The device is frozen: buffers that were only taken ahead go back to their rings. Returns whether
	 * none is in the host's hands. NULL: so it always is.
	 */
	bool (*freeze)(struct virtio_device *dev);
	/* What the class has of state: properties, and behind them nodes. restore() has the core's in place already. */
	void (*save)(const struct virtio_device *dev, struct dt *dt);
	void (*restore)(struct virtio_device *dev, struct dt_in *in, int node);
	uint64_t features_anywhere; /* that need nothing of what is behind the device */
};

/* How a device tells its driver something. */
struct virtio_transport {
	/* A used-buffer interrupt of @queue, or (VIRTIO_ALL) a configuration change. */
	void (*interrupt)(void *ctx, int queue);
	/*
	 * A reset is complete: within virtio_set_status(), or later, if it had to wait; virtio_busy() is
	 * false. The transport's own state goes back to that of power-on. May be NULL.
	 */
	void (*reset_done)(void *ctx);
	/* The transport's own state, for virtio_save() and virtio_restore(). */
	void (*save)(void *ctx, struct dt *dt);
	void (*restore)(void *ctx, struct dt_in *in, int node);
};

/* Where a queue is between being set up and the next reset of the device. */
enum virtio_queue_state {
	VIRTIO_QUEUE_AS_SET_UP, /* enabled or not: for good, once the device runs */
	VIRTIO_QUEUE_STOPPING,  /* disabled, but some of its buffers are in the host's hands */
	VIRTIO_QUEUE_RESET,     /* reset on its own: may be set up again while the device runs */
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
	bool frozen;       /* takes no buffers: virtio/save.h */
	bool stopping;     /* a reset waits for class->stop() to come true */

	uint8_t *config; /* little-endian, the class's */
	uint32_t config_size;
	uint8_t generation; /* of @config (2.5.1) */

	bool config_news; /* @config changed, and no driver could be told yet */

	struct virtq *queue;                  /* @nr_queues */
	enum virtio_queue_state *queue_state; /* of each */
	unsigned int nr_queues;
	struct log_limit limit; /* what the guest may make the device say */
	uint64_t nr_notifications, nr_interrupts;
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
 * is a buffer; if not, the driver has been asked to notify of the next one. Taking one can be undone
 * with virtq_unpop(), but the driver does not notify of it again.
 */
bool virtio_pop(struct virtio_device *dev, unsigned int queue, struct virtq_chain *chain,
		struct iovec *iov, unsigned int nr_iov);
/* Gives a buffer back; no interrupt yet. Ignored if the queue was reset or the device broke meanwhile. */
void virtio_push(struct virtio_device *dev, unsigned int queue, uint16_t head, uint32_t written);
/* The same, but the driver does not see it before the virtio_push() that follows. */
void virtio_fill(struct virtio_device *dev, unsigned int queue, uint16_t head, uint32_t written);
/* Interrupts the driver if it wants to know of what was pushed: once, after a batch. */
void virtio_push_end(struct virtio_device *dev, unsigned int queue);

/* The driver is interrupted: for who serves the queue elsewhere and knows that it wants to be. */
void virtio_call(struct virtio_device *dev, unsigned int queue);

/* The driver broke a rule of the class: NEEDS_RESET, and nothing more until reset (2.1.2). */
void virtio_break(struct virtio_device *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* dev->config has changed: a new generation, and an interrupt if the device runs. */
void virtio_config_changed(struct virtio_device *dev);

/*
 * Nothing of @queue (VIRTIO_ALL: of any queue) is in the host's hands any more: completes what waited
 * for class->stop(). Harmless if nothing waits.
 */
void virtio_stopped(struct virtio_device *dev, int queue);

/* --- For transports; a guest's writes come here unchecked --- */

/* 32 bits of the offered or accepted features, @sel 0 or 1; 0 beyond. Writing after FEATURES_OK is ignored. */
uint32_t virtio_get_offered(const struct virtio_device *dev, uint32_t sel);
uint32_t virtio_get_accepted(const struct virtio_device *dev, uint32_t sel);
void virtio_set_accepted(struct virtio_device *dev, uint32_t sel, uint32_t value);

/*
 * The status register (2.1, 3.1). Bits are set, never cleared; FEATURES_OK does not stick if what was
 * accepted was not offered or VERSION_1 is missing, DRIVER_OK not without FEATURES_OK. 0 resets: at
 * once, or, if buffers are in the host's hands, when they have come back; until then the status stays,
 * whatever is written, and virtio_busy() is true.
 */
uint8_t virtio_get_status(const struct virtio_device *dev);
void virtio_set_status(struct virtio_device *dev, uint32_t value);
bool virtio_busy(const struct virtio_device *dev);

/*
 * Queue registers; @queue may be any number: one that does not exist reads as 0 and is not written.
 * Size and addresses can only be changed while the queue is disabled and the device not yet running
 * (or the queue was reset).
 */
enum virtio_area { VIRTIO_DESC, VIRTIO_DRIVER, VIRTIO_DEVICE };
/*
 * What the device offers, and what the driver chose (until then, as offered). @value is refused (the
 * device breaks) unless a power of two, 1 to max.
 */
uint16_t virtio_queue_size_max(const struct virtio_device *dev, uint32_t queue);
uint16_t virtio_queue_size(const struct virtio_device *dev, uint32_t queue);
void virtio_set_queue_size(struct virtio_device *dev, uint32_t queue, uint32_t value);
/* 32 bits of an address; @high: the upper ones. */
uint32_t virtio_queue_addr(const struct virtio_device *dev, uint32_t queue, enum virtio_area area,
			   bool high);
void virtio_set_queue_addr(struct virtio_device *dev, uint32_t queue, enum virtio_area area,
			   bool high, uint32_t value);
/*
 * Enabling a queue before FEATURES_OK breaks the device. Disabling one is for mmio's QueueReady; if
 * the device runs, the queue reads as enabled until its buffers are back, and stays disabled.
 */
bool virtio_queue_enabled(const struct virtio_device *dev, uint32_t queue);
void virtio_enable_queue(struct virtio_device *dev, uint32_t queue, bool enable);
/* The queue_reset register (2.6.1), if RING_RESET was accepted; true while a reset is going on. */
bool virtio_queue_resetting(const struct virtio_device *dev, uint32_t queue);
void virtio_reset_queue(struct virtio_device *dev, uint32_t queue);

/* The driver notified @queue. */
void virtio_notify(struct virtio_device *dev, uint32_t queue);

/* The configuration space: bytes beyond its end read as zero and are not written. @len is 1, 2, 4 or 8. */
uint64_t virtio_config_read(const struct virtio_device *dev, uint64_t off, unsigned int len);
void virtio_config_write(struct virtio_device *dev, uint64_t off, uint64_t value, unsigned int len);

#endif
