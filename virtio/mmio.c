/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio over MMIO, version 2 (virtio 1.2, section 4.2). Called by the bus for the guest's accesses,
 * and by virtio/device.c for interrupts, with the device's lock held.
 */
#include <linux/virtio_mmio.h>
#include "util/bits.h"
#include "virtio/mmio.h"
#include "vm/dt_in.h"

/* What the distribution's header lacks (4.2.2). */
#define QUEUE_RESET 0x0c0

#define MAGIC   0x74726976 /* "virt" */
#define VERSION 2
#define VENDOR  0x4d564b4c /* "LKVM" */

/* The three addresses of the selected queue, two registers each. */
static const struct {
	uint16_t off;
	bool high;
	enum virtio_area area;
} addr_regs[] = {
	{ VIRTIO_MMIO_QUEUE_DESC_LOW, false, VIRTIO_DESC },
	{ VIRTIO_MMIO_QUEUE_DESC_HIGH, true, VIRTIO_DESC },
	{ VIRTIO_MMIO_QUEUE_AVAIL_LOW, false, VIRTIO_DRIVER },
	{ VIRTIO_MMIO_QUEUE_AVAIL_HIGH, true, VIRTIO_DRIVER },
	{ VIRTIO_MMIO_QUEUE_USED_LOW, false, VIRTIO_DEVICE },
	{ VIRTIO_MMIO_QUEUE_USED_HIGH, true, VIRTIO_DEVICE },
};

/* Each interrupt is an edge of its own: the driver may have read the status before this bit was set. */
static void raise_interrupt(void *ctx, int queue)
{
	struct virtio_mmio *mmio = ctx;

	mmio->interrupt_status |=
		queue == VIRTIO_ALL ? VIRTIO_MMIO_INT_CONFIG : VIRTIO_MMIO_INT_VRING;
	irq_set(&mmio->irq, true);
}

static void reset_done(void *ctx)
{
	struct virtio_mmio *mmio = ctx;

	mmio->interrupt_status = 0;
	mmio->features_sel = mmio->accepted_sel = mmio->queue_sel = 0;
	if (mmio->waits && mmio->released)
		mmio->released(mmio->released_ctx);
	mmio->waits = false;
}

static const struct dt_field state[] = {
	DT_FIELD(virtio_mmio, features_sel),
	DT_FIELD(virtio_mmio, accepted_sel),
	DT_FIELD(virtio_mmio, queue_sel),
	DT_FIELD(virtio_mmio, interrupt_status),
};

static void save(void *ctx, struct dt *dt)
{
	dt_begin(dt, "mmio");
	dt_fields(dt, ctx, state, ARRAY_SIZE(state));
	dt_end(dt);
}

/* Edges that were raised are the interrupt controller's. */
static void restore(void *ctx, struct dt_in *in, int node)
{
	dt_in_fields(in, dt_in_node(in, node, "mmio", NULL), ctx, state, ARRAY_SIZE(state));
}

static const struct virtio_transport transport = {
	.interrupt = raise_interrupt,
	.reset_done = reset_done,
	.save = save,
	.restore = restore,
};

static uint32_t read_reg(const struct virtio_mmio *mmio, uint64_t off)
{
	const struct virtio_device *dev = mmio->dev;

	switch (off) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return VERSION;
	case VIRTIO_MMIO_DEVICE_ID:
		return dev->class->id;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return virtio_get_offered(dev, mmio->features_sel);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return virtio_queue_size_max(dev, mmio->queue_sel);
	case VIRTIO_MMIO_QUEUE_READY:
		return virtio_queue_enabled(dev, mmio->queue_sel);
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return mmio->interrupt_status;
	case VIRTIO_MMIO_STATUS:
		return virtio_get_status(dev);
	case VIRTIO_MMIO_SHM_LEN_LOW: /* no shared memory region exists, whichever is selected */
	case VIRTIO_MMIO_SHM_LEN_HIGH:
	case VIRTIO_MMIO_SHM_BASE_LOW:
	case VIRTIO_MMIO_SHM_BASE_HIGH:
		return UINT32_MAX;
	case QUEUE_RESET:
		return virtio_queue_resetting(dev, mmio->queue_sel);
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return dev->generation;
	default:
		return 0;
	}
}

static void write_status(struct virtio_mmio *mmio, uint32_t value)
{
	virtio_set_status(mmio->dev, value);
	mmio->waits = virtio_busy(mmio->dev);
}

static void write_queue_addr(struct virtio_mmio *mmio, uint64_t off, uint32_t value)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(addr_regs); i++)
		if (addr_regs[i].off == off)
			virtio_set_queue_addr(mmio->dev, mmio->queue_sel, addr_regs[i].area,
					      addr_regs[i].high, value);
}

static void write_reg(struct virtio_mmio *mmio, uint64_t off, uint32_t value)
{
	switch (off) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		mmio->features_sel = value;
		return;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		virtio_set_accepted(mmio->dev, mmio->accepted_sel, value);
		return;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		mmio->accepted_sel = value;
		return;
	case VIRTIO_MMIO_QUEUE_SEL:
		mmio->queue_sel = value;
		return;
	case VIRTIO_MMIO_QUEUE_NUM:
		virtio_set_queue_size(mmio->dev, mmio->queue_sel, value);
		return;
	case VIRTIO_MMIO_QUEUE_READY:
		virtio_enable_queue(mmio->dev, mmio->queue_sel, value & 1);
		return;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		virtio_notify(mmio->dev, value);
		return;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		mmio->interrupt_status &= ~value;
		return;
	case VIRTIO_MMIO_STATUS:
		write_status(mmio, value);
		return;
	case QUEUE_RESET:
		if (value == 1)
			virtio_reset_queue(mmio->dev, mmio->queue_sel);
		return;
	default:
		write_queue_addr(mmio, off, value);
	}
}

/* Registers are 32 bits wide and nothing else (4.2.2.2); between them there is none. */
static uint64_t mmio_read(void *ctx, uint64_t off, unsigned int len)
{
	struct virtio_mmio *mmio = ctx;

	if (off >= VIRTIO_MMIO_CONFIG)
		return virtio_config_read(mmio->dev, off - VIRTIO_MMIO_CONFIG, len);
	return len == 4 ? read_reg(mmio, off) : 0;
}

static void mmio_write(void *ctx, uint64_t off, uint64_t value, unsigned int len)
{
	struct virtio_mmio *mmio = ctx;

	if (off >= VIRTIO_MMIO_CONFIG)
		virtio_config_write(mmio->dev, off - VIRTIO_MMIO_CONFIG, value, len);
	else if (len == 4)
		write_reg(mmio, off, (uint32_t)value);
}

static bool mmio_busy(void *ctx)
{
	struct virtio_mmio *mmio = ctx;

	return virtio_busy(mmio->dev);
}

const struct mmio_ops virtio_mmio_ops = {
	.read = mmio_read,
	.write = mmio_write,
	.busy = mmio_busy,
};

void virtio_mmio_init(struct virtio_mmio *mmio, struct virtio_device *dev, gpa_t base,
		      struct irq irq, const struct virtio_doorbells *doorbells,
		      void (*released)(void *ctx), void *released_ctx)
{
	*mmio = (struct virtio_mmio){
		.dev = dev,
		.irq = irq,
		.released = released,
		.released_ctx = released_ctx,
	};
	virtio_attach(dev, &transport, mmio);
	for (unsigned int i = 0; i < dev->nr_queues; i++)
		doorbells->place(doorbells->ctx, i, base + VIRTIO_MMIO_QUEUE_NOTIFY, 4, true);
}
