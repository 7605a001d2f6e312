/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The core of every virtio device. Transports call it for what the driver does to registers,
 * classes for buffers and configuration; always with the device's lock held.
 *
 *	status written	before			after
 *	bits		any			added, but for those whose condition is not met
 *	FEATURES_OK	features being chosen	settled
 *	DRIVER_OK	FEATURES_OK, not FAILED	class->start(); the device runs
 *	0		not started		power-on state
 *	0		started			class->stop(); power-on state, at once or (busy) later
 *
 * A broken device (NEEDS_RESET) or one that its driver gave up (FAILED) does not run; only a reset,
 * through class->stop() if it was started, brings it back.
 */
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include "util/bits.h"
#include "virtio/device.h"

#define BIT(nr) (1ULL << (nr))
#define CORE_FEATURES                                                 \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) | \
	 BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_RING_RESET))

#define DRIVER_BITS                                                                           \
	(VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER | VIRTIO_CONFIG_S_FEATURES_OK | \
	 VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FAILED)

#define NAME_SIZE sizeof(((struct virtio_device *)NULL)->name)

static bool has_status(const struct virtio_device *dev, uint8_t bit)
{
	return dev->status & bit;
}

/* class->start() was called, and class->stop() not yet. */
static bool started(const struct virtio_device *dev)
{
	return has_status(dev, VIRTIO_CONFIG_S_DRIVER_OK) && !dev->stopping;
}

bool virtio_runs(const struct virtio_device *dev)
{
	const uint8_t bits =
		VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED;

	return (dev->status & bits) == VIRTIO_CONFIG_S_DRIVER_OK && !dev->stopping;
}

/* The queue, or NULL if there is none of that number. */
static struct virtq *find(const struct virtio_device *dev, uint32_t queue)
{
	return queue < dev->nr_queues ? &dev->queue[queue] : NULL;
}

static void interrupt(struct virtio_device *dev, int queue)
{
	dev->nr_interrupts++;
	if (dev->transport)
		dev->transport->interrupt(dev->transport_ctx, queue);
}

/* --- A device's life --- */

static void init_queue(struct virtio_device *dev, uint32_t queue, enum virtio_queue_state state)
{
	struct virtq *q = &dev->queue[queue];
	bool elsewhere = q->elsewhere;

	virtq_init(q, q->ram, q->size_max);
	q->elsewhere = elsewhere;
	dev->queue_state[queue] = state;
}

int virtio_init(struct virtio_device *dev, const struct virtio_class *class, const char *name,
		const struct ram *ram, unsigned int nr_queues, uint16_t size_max, uint64_t offered,
		struct err *e)
{
	size_t len = strlen(name) < NAME_SIZE ? strlen(name) : NAME_SIZE - 1;

	*dev = (struct virtio_device){
		.class = class,
		.offered = offered | CORE_FEATURES,
		.queue = calloc(nr_queues, sizeof(*dev->queue)),
		.queue_state = calloc(nr_queues, sizeof(*dev->queue_state)),
		.nr_queues = nr_queues,
	};
	memcpy(dev->name, name, len);
	pthread_mutex_init(&dev->lock, NULL);
	if (!dev->queue || !dev->queue_state)
		return err_set(e, ENOMEM, "%s: no memory for its queues", name);
	for (unsigned int i = 0; i < nr_queues; i++)
		virtq_init(&dev->queue[i], ram, size_max);
	return 0;
}

void virtio_destroy(struct virtio_device *dev)
{
	free(dev->queue);
	free(dev->queue_state);
	pthread_mutex_destroy(&dev->lock);
}

void virtio_attach(struct virtio_device *dev, const struct virtio_transport *transport, void *ctx)
{
	dev->transport = transport;
	dev->transport_ctx = ctx;
}

/* Everything as after power-on, but for the generation: no driver is to see an old one again. */
static void reset_now(struct virtio_device *dev)
{
	dev->stopping = false;
	dev->status = 0;
	dev->features = 0;
	dev->config_news = false;
	for (uint32_t i = 0; i < dev->nr_queues; i++)
		init_queue(dev, i, VIRTIO_QUEUE_AS_SET_UP);
	if (dev->transport && dev->transport->reset_done)
		dev->transport->reset_done(dev->transport_ctx);
}

static void reset(struct virtio_device *dev)
{
	bool was_started = started(dev);

	/* From here on nothing is pushed and nobody interrupted (2.4.1), whatever stop() does. */
	dev->stopping = true;
	if (was_started && dev->class->stop && !dev->class->stop(dev, VIRTIO_ALL))
		return;
	if (dev->stopping)
		reset_now(dev);
}

/* What waits for @queue's buffers: a reset of it, or its being disabled. */
static void queue_stopped(struct virtio_device *dev, uint32_t queue)
{
	if (dev->queue_state[queue] != VIRTIO_QUEUE_STOPPING)
		return;
	init_queue(dev, queue,
		   virtio_has(dev, VIRTIO_F_RING_RESET) ? VIRTIO_QUEUE_RESET
							: VIRTIO_QUEUE_AS_SET_UP);
}

static void stop_queue(struct virtio_device *dev, uint32_t queue)
{
	bool was_enabled = dev->queue[queue].enabled;

	init_queue(dev, queue, VIRTIO_QUEUE_STOPPING);
	if (was_enabled && started(dev) && dev->class->stop && !dev->class->stop(dev, (int)queue))
		return;
	queue_stopped(dev, queue);
}

void virtio_stopped(struct virtio_device *dev, int queue)
{
	if (queue == VIRTIO_ALL) {
		for (uint32_t i = 0; i < dev->nr_queues; i++)
			queue_stopped(dev, i);
		if (dev->stopping)
			reset_now(dev);
	} else if (find(dev, (uint32_t)queue)) {
		queue_stopped(dev, (uint32_t)queue);
	}
}

void virtio_break(struct virtio_device *dev, const char *fmt, ...)
{
	va_list args;

	if (dev->stopping || has_status(dev, VIRTIO_CONFIG_S_NEEDS_RESET))
		return;
	if (log_limit_ok(&dev->limit)) {
		va_start(args, fmt);
		log_vprint(LOG_WARNING, dev->name, fmt, args);
		va_end(args);
	}
	dev->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	if (has_status(dev, VIRTIO_CONFIG_S_DRIVER_OK)) /* 2.1.2 */
		interrupt(dev, VIRTIO_ALL);
}

/* --- Status and features --- */

uint8_t virtio_get_status(const struct virtio_device *dev)
{
	return dev->status;
}

bool virtio_busy(const struct virtio_device *dev)
{
	return dev->stopping;
}

static uint32_t half(uint64_t features, uint32_t sel)
{
	return sel < 2 ? (uint32_t)(features >> 32 * sel) : 0;
}

uint32_t virtio_get_offered(const struct virtio_device *dev, uint32_t sel)
{
	return half(dev->offered, sel);
}

uint32_t virtio_get_accepted(const struct virtio_device *dev, uint32_t sel)
{
	return half(dev->features, sel);
}

void virtio_set_accepted(struct virtio_device *dev, uint32_t sel, uint32_t value)
{
	const uint8_t too_late = VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_NEEDS_RESET;

	if (sel >= 2 || has_status(dev, too_late))
		return;
	dev->features &= ~(UINT64_C(0xffffffff) << 32 * sel);
	dev->features |= (uint64_t)value << 32 * sel;
}

/* Whether the device can work with what the driver accepted (2.2.2, 6.1). */
static bool features_fit(struct virtio_device *dev)
{
	uint64_t unknown = dev->features & ~dev->offered;

	if (!unknown && virtio_has(dev, VIRTIO_F_VERSION_1))
		return true;
	if (log_limit_ok(&dev->limit)) {
		if (unknown)
			log_warning(
				"%s: the driver accepts features 0x%llx, which were not offered",
				dev->name, (unsigned long long)unknown);
		else
			log_warning("%s: the driver is for devices older than virtio 1", dev->name);
	}
	return false;
}

/* Also notifies the queues: some drivers make buffers available, and notify, too early (3.1.1). */
static void start(struct virtio_device *dev)
{
	if (dev->class->start)
		dev->class->start(dev);
	if (dev->config_news && virtio_runs(dev))
		interrupt(dev, VIRTIO_ALL);
	dev->config_news = false;
	for (uint32_t i = 0; i < dev->nr_queues; i++)
		virtio_notify(dev, i);
}

void virtio_set_status(struct virtio_device *dev, uint32_t value)
{
	uint8_t added = value & DRIVER_BITS & ~dev->status;

	if (dev->stopping)
		return;
	if (!value) {
		reset(dev);
		return;
	}
	if (has_status(dev, VIRTIO_CONFIG_S_NEEDS_RESET))
		added &= VIRTIO_CONFIG_S_FAILED;
	if (added & VIRTIO_CONFIG_S_FEATURES_OK && !features_fit(dev))
		added &= ~VIRTIO_CONFIG_S_FEATURES_OK;
	if (!((dev->status | added) & VIRTIO_CONFIG_S_FEATURES_OK) ||
	    (dev->status | added) & VIRTIO_CONFIG_S_FAILED)
		added &= ~VIRTIO_CONFIG_S_DRIVER_OK;
	dev->status |= added;
	if (added & VIRTIO_CONFIG_S_DRIVER_OK)
		start(dev);
}

/* --- Queues, as the transports see them --- */

/* Whether the driver may set the queue up now. */
static bool may_set_up(const struct virtio_device *dev, uint32_t queue)
{
	if (dev->stopping || has_status(dev, VIRTIO_CONFIG_S_NEEDS_RESET))
		return false;
	if (dev->queue[queue].enabled)
		return false;
	return !has_status(dev, VIRTIO_CONFIG_S_DRIVER_OK) ||
	       dev->queue_state[queue] == VIRTIO_QUEUE_RESET;
}

uint16_t virtio_queue_size_max(const struct virtio_device *dev, uint32_t queue)
{
	const struct virtq *q = find(dev, queue);

	return q ? q->size_max : 0;
}

uint16_t virtio_queue_size(const struct virtio_device *dev, uint32_t queue)
{
	const struct virtq *q = find(dev, queue);

	return q ? q->size : 0;
}

void virtio_set_queue_size(struct virtio_device *dev, uint32_t queue, uint32_t value)
{
	struct virtq *q = find(dev, queue);

	if (!q || !may_set_up(dev, queue))
		return;
	if (!value || value > q->size_max || value & (value - 1))
		virtio_break(dev, "the driver wants a queue of %u entries", value);
	else
		q->size = (uint16_t)value;
}

static gpa_t *area_of(struct virtq *q, enum virtio_area area)
{
	gpa_t *const areas[] = {
		[VIRTIO_DESC] = &q->desc,
		[VIRTIO_DRIVER] = &q->driver,
		[VIRTIO_DEVICE] = &q->device,
	};

	return areas[area];
}

uint32_t virtio_queue_addr(const struct virtio_device *dev, uint32_t queue, enum virtio_area area,
			   bool high)
{
	struct virtq *q = find(dev, queue);

	return q ? half(*area_of(q, area), high) : 0;
}

void virtio_set_queue_addr(struct virtio_device *dev, uint32_t queue, enum virtio_area area,
			   bool high, uint32_t value)
{
	struct virtq *q = find(dev, queue);
	unsigned int shift = high ? 32 : 0;
	gpa_t *addr;

	if (!q || !may_set_up(dev, queue))
		return;
	addr = area_of(q, area);
	*addr = (*addr & ~(UINT64_C(0xffffffff) << shift)) | (uint64_t)value << shift;
}

bool virtio_queue_enabled(const struct virtio_device *dev, uint32_t queue)
{
	const struct virtq *q = find(dev, queue);

	return q && (q->enabled || dev->queue_state[queue] == VIRTIO_QUEUE_STOPPING);
}

void virtio_enable_queue(struct virtio_device *dev, uint32_t queue, bool enable)
{
	struct virtq *q = find(dev, queue);

	if (!q || dev->stopping)
		return;
	if (!enable) {
		if (q->enabled)
			stop_queue(dev, queue);
		return;
	}
	if (!may_set_up(dev, queue))
		return;
	if (!has_status(dev, VIRTIO_CONFIG_S_FEATURES_OK))
		virtio_break(dev, "the driver enables queue %u before FEATURES_OK", queue);
	else if (!virtq_enable(q, virtio_has(dev, VIRTIO_RING_F_EVENT_IDX),
			       virtio_has(dev, VIRTIO_RING_F_INDIRECT_DESC)))
		virtio_break(dev, "queue %u cannot be enabled: %s", queue, q->broken);
	else
		dev->queue_state[queue] = VIRTIO_QUEUE_AS_SET_UP;
	virtio_notify(dev, queue); /* if the device runs: the queue was reset on its own */
}

bool virtio_queue_resetting(const struct virtio_device *dev, uint32_t queue)
{
	return find(dev, queue) && dev->queue_state[queue] == VIRTIO_QUEUE_STOPPING;
}

void virtio_reset_queue(struct virtio_device *dev, uint32_t queue)
{
	if (!find(dev, queue) || dev->stopping || virtio_queue_resetting(dev, queue))
		return;
	if (has_status(dev, VIRTIO_CONFIG_S_FEATURES_OK) && virtio_has(dev, VIRTIO_F_RING_RESET))
		stop_queue(dev, queue);
}

/* --- Buffers --- */

void virtio_notify(struct virtio_device *dev, uint32_t queue)
{
	struct virtq *q = find(dev, queue);

	if (!q || !q->enabled || dev->frozen || !virtio_runs(dev) || !dev->class->notify)
		return;
	dev->nr_notifications++;
	virtq_disable_notify(q);
	dev->class->notify(dev, queue);
}

bool virtio_pop(struct virtio_device *dev, unsigned int queue, struct virtq_chain *chain,
		struct iovec *iov, unsigned int nr_iov)
{
	struct virtq *q = &dev->queue[queue];
	int ret;

	if (dev->frozen || !virtio_runs(dev))
		return false;
	ret = virtq_pop(q, chain, iov, nr_iov);
	if (!ret && virtq_enable_notify(q))
		ret = virtq_pop(q, chain, iov, nr_iov);
	if (ret < 0)
		virtio_break(dev, "queue %u: %s", queue, q->broken);
	return ret > 0;
}

void virtio_push(struct virtio_device *dev, unsigned int queue, uint16_t head, uint32_t written)
{
	if (virtio_runs(dev))
		virtq_push(&dev->queue[queue], head, written);
}

void virtio_fill(struct virtio_device *dev, unsigned int queue, uint16_t head, uint32_t written)
{
	if (virtio_runs(dev))
		virtq_fill(&dev->queue[queue], head, written);
}

void virtio_push_end(struct virtio_device *dev, unsigned int queue)
{
	if (virtio_runs(dev) && virtq_wants_interrupt(&dev->queue[queue]))
		interrupt(dev, (int)queue);
}

void virtio_call(struct virtio_device *dev, unsigned int queue)
{
	if (virtio_runs(dev) && dev->queue[queue].enabled)
		interrupt(dev, (int)queue);
}

/* --- Configuration --- */

void virtio_config_changed(struct virtio_device *dev)
{
	dev->generation++;
	if (virtio_runs(dev))
		interrupt(dev, VIRTIO_ALL);
	else
		dev->config_news = true; /* a reset, which comes first, makes it old */
}

uint64_t virtio_config_read(const struct virtio_device *dev, uint64_t off, unsigned int len)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < len; i++)
		if (off < dev->config_size && i < dev->config_size - off)
			value |= (uint64_t)dev->config[off + i] << 8 * i;
	return value;
}

void virtio_config_write(struct virtio_device *dev, uint64_t off, uint64_t value, unsigned int len)
{
	const uint8_t broken = VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED;

	if (len == 8) {
		virtio_config_write(dev, off, (uint32_t)value, 4);
		virtio_config_write(dev, off + 4, value >> 32, 4);
		return;
	}
	if (dev->stopping || has_status(dev, broken) || !dev->class->config_write)
		return;
	if (off < dev->config_size && len <= dev->config_size - off)
		dev->class->config_write(dev, (uint32_t)off, (uint32_t)value, len);
}
