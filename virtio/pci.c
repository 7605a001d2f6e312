/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI transport: capabilities, notification, interrupts, and the way from config space to the BARs. The
 * host bridge calls it with the device's lock held, the device to interrupt. The registers of the common
 * configuration are in pci-common.c.
 *
 *	BAR 4, 64 bits, prefetchable	common	  0x0000	BAR 1	MSI-X
 *					ISR	  0x1000
 *					device	  0x2000
 *					notify	  0x3000, four bytes a queue
 *
 * A page each, so that a guest may map them apart. BAR numbers are those of QEMU's devices.
 */
#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stddef.h>
#include <stdlib.h>
#include "pci-common.h"
#include "util/bits.h"

#define VENDOR      0x1af4
#define DEVICE_BASE 0x1040 /* and the device's type (4.1.2) */
#define REVISION    1      /* not a transitional device (4.1.2.1) */

#define BAR_MSIX    1
#define BAR_REGS    4
#define PAGE        0x1000
#define NOTIFY      0x3000
#define NOTIFY_SIZE 4 /* notify_off_multiplier */

#define ISR_QUEUE  1
#define ISR_CONFIG VIRTIO_PCI_ISR_CONFIG

/* --- Interrupts (4.1.4.5, 4.1.5.1) --- */

/* INTx follows the ISR status, but only while MSI-X is off. */
static void update_intx(struct virtio_pci *pci)
{
	pci_set_intx(&pci->function, pci->isr && !msix_enabled(&pci->msix));
}

/* VIRTIO_MSI_NO_VECTOR is beyond any table, and sends nothing. */
static void interrupt(void *ctx, int queue)
{
	struct virtio_pci *pci = ctx;
	bool messages = msix_enabled(&pci->msix);

	if (queue == VIRTIO_ALL)
		pci->isr |= ISR_CONFIG;
	else if (!messages)
		pci->isr |= ISR_QUEUE;
	if (messages)
		msix_raise(&pci->msix,
			   queue == VIRTIO_ALL ? pci->config_vector : pci->queue_vector[queue]);
	else
		update_intx(pci);
}

static void reset_done(void *ctx)
{
	struct virtio_pci *pci = ctx;

	pci->features_sel = 0;
	pci->accepted_sel = 0;
	pci->queue_sel = 0;
	pci->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (unsigned int i = 0; i < pci->dev->nr_queues; i++)
		pci->queue_vector[i] = VIRTIO_MSI_NO_VECTOR;
	pci->isr = 0;
	msix_forget(&pci->msix);
	update_intx(pci);
}

static const struct dt_field state[] = {
	DT_FIELD(virtio_pci, features_sel), DT_FIELD(virtio_pci, accepted_sel),
	DT_FIELD(virtio_pci, queue_sel),    DT_FIELD(virtio_pci, config_vector),
	DT_FIELD(virtio_pci, isr),
};

static size_t vectors_size(const struct virtio_pci *pci)
{
	return pci->dev->nr_queues * sizeof(pci->queue_vector[0]);
}

static void save(void *ctx, struct dt *dt)
{
	const struct virtio_pci *pci = ctx;

	dt_begin(dt, "pci");
	dt_fields(dt, pci, state, ARRAY_SIZE(state));
	dt_bytes(dt, "vectors", pci->queue_vector, vectors_size(pci));
	pci_save(&pci->function, dt);
	msix_save(&pci->msix, dt);
	dt_end(dt);
}

/* A vector that there is not sends nothing, whatever its number. */
static void restore(void *ctx, struct dt_in *in, int parent)
{
	struct virtio_pci *pci = ctx;
	int node = dt_in_node(in, parent, "pci", NULL);
	size_t len = 0;

	dt_in_fields(in, node, pci, state, ARRAY_SIZE(state));
	dt_in_bytes(in, node, "vectors", pci->queue_vector, vectors_size(pci), &len);
	if (in->ret == 0 && len != vectors_size(pci))
		dt_in_fail(in, "vectors", "its length is wrong");
	pci_restore(&pci->function, in, node);
	msix_restore(&pci->msix, in, node);
	if (in->ret == 0)
		update_intx(pci);
}

static const struct virtio_transport transport = {
	.interrupt = interrupt, .reset_done = reset_done, .save = save, .restore = restore
};

/* --- The structures in the BAR --- */

static uint64_t isr_read(struct virtio_pci *pci, uint32_t off, unsigned int len)
{
	uint8_t isr = pci->isr;

	(void)len;
	if (off)
		return 0;
	pci->isr = 0;
	update_intx(pci);
	return isr;
}

static uint64_t device_read(struct virtio_pci *pci, uint32_t off, unsigned int len)
{
	return virtio_config_read(pci->dev, off, len);
}

static void device_write(struct virtio_pci *pci, uint32_t off, uint64_t value, unsigned int len)
{
	virtio_config_write(pci->dev, off, value, len);
}

static uint64_t reads_zero(struct virtio_pci *pci, uint32_t off, unsigned int len)
{
	(void)pci;
	(void)off;
	(void)len;
	return 0;
}

static void not_written(struct virtio_pci *pci, uint32_t off, uint64_t value, unsigned int len)
{
	(void)pci;
	(void)off;
	(void)value;
	(void)len;
}

/* The address alone tells the queue: so it is for a doorbell, and a value is one thing more to distrust. */
static void notify_write(struct virtio_pci *pci, uint32_t off, uint64_t value, unsigned int len)
{
	(void)value;
	(void)len;
	if (off % NOTIFY_SIZE == 0)
		virtio_notify(pci->dev, off / NOTIFY_SIZE);
}

/* In the order of their pages. */
static const struct structure {
	uint8_t type, cap_len;
	uint64_t (*read)(struct virtio_pci *pci, uint32_t off, unsigned int len);
	void (*write)(struct virtio_pci *pci, uint32_t off, uint64_t value, unsigned int len);
} structures[] = {
	{ VIRTIO_PCI_CAP_COMMON_CFG, sizeof(struct virtio_pci_cap), virtio_pci_common_read,
	  virtio_pci_common_write },
	{ VIRTIO_PCI_CAP_ISR_CFG, sizeof(struct virtio_pci_cap), isr_read, not_written },
	{ VIRTIO_PCI_CAP_DEVICE_CFG, sizeof(struct virtio_pci_cap), device_read, device_write },
	{ VIRTIO_PCI_CAP_NOTIFY_CFG, sizeof(struct virtio_pci_notify_cap), reads_zero,
	  notify_write },
};

#define REGS_SIZE (ARRAY_SIZE(structures) * PAGE)

static uint64_t regs_read(void *dev, uint64_t off, unsigned int len)
{
	return structures[off / PAGE].read(dev, off % PAGE, len);
}

static void regs_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	structures[off / PAGE].write(dev, off % PAGE, value, len);
}

static const struct mmio_ops regs_mmio = { .read = regs_read, .write = regs_write };

/* --- The function --- */

static struct virtio_pci *of_function(struct pci_function *fn)
{
	return container_of(fn, struct virtio_pci, function);
}

/*
 * The access that the PCI configuration access capability (4.1.4.9) describes now: its BAR with offset and
 * length, or NULL if that is no access.
 */
static const struct pci_bar *window_bar(const struct virtio_pci *pci, uint32_t *off, uint32_t *len)
{
	const uint8_t *cap = pci->function.config + pci->cfg_cap;
	uint8_t nr = cap[VIRTIO_PCI_CAP_BAR];
	const struct pci_bar *bar = nr < PCI_BARS ? &pci->function.bar[nr] : NULL;

	*off = get_le32(cap + VIRTIO_PCI_CAP_OFFSET);
	*len = get_le32(cap + VIRTIO_PCI_CAP_LENGTH);
	if (!bar || (*len != 1 && *len != 2 && *len != 4) || *off % *len)
		return NULL;
	return *off < bar->size && *len <= bar->size - *off ? bar : NULL;
}

static bool touches_window(const struct virtio_pci *pci, unsigned int off, unsigned int len)
{
	return pci_touches(off, len,
			   pci->cfg_cap + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data), 4);
}

static uint8_t *window_data(struct virtio_pci *pci)
{
	return pci->function.config + pci->cfg_cap +
	       offsetof(struct virtio_pci_cfg_cap, pci_cfg_data);
}

static void config_read(struct pci_function *fn, unsigned int off, unsigned int len)
{
	struct virtio_pci *pci = of_function(fn);
	const struct pci_bar *bar;
	uint32_t at, size;

	if (!touches_window(pci, off, len))
		return;
	bar = window_bar(pci, &at, &size);
	put_le32(window_data(pci), bar ? (uint32_t)bar->ops->read(bar->dev, at, size) : 0);
}

static void config_written(struct pci_function *fn, unsigned int off, unsigned int len)
{
	struct virtio_pci *pci = of_function(fn);
	const struct pci_bar *bar;
	uint32_t at, size, value;

	msix_config_written(&pci->msix, off, len);
	update_intx(pci);
	if (!touches_window(pci, off, len))
		return;
	bar = window_bar(pci, &at, &size);
	value = get_le32(window_data(pci));
	if (bar)
		bar->ops->write(bar->dev, at, size == 4 ? value : value & ((1U << 8 * size) - 1),
				size);
}

static void bar_moved(struct pci_function *fn, unsigned int bar)
{
	struct virtio_pci *pci = of_function(fn);
	const struct virtio_doorbells *bells = &pci->doorbells;
	uint64_t gpa = fn->bar[bar].gpa;

	if (bar != BAR_REGS)
		return;
	for (unsigned int i = 0; i < pci->dev->nr_queues; i++) {
		if (gpa == PCI_UNPLACED)
			bells->remove(bells->ctx, i);
		else
			bells->place(bells->ctx, i, gpa + NOTIFY + (gpa_t)NOTIFY_SIZE * i, 0,
				     false);
	}
}

static const struct pci_function_ops function_ops = { .config_read = config_read,
						      .config_written = config_written,
						      .bar_moved = bar_moved };

/* --- Setting up --- */

static unsigned int add_structure(struct pci_function *fn, uint8_t type, unsigned int cap_len,
				  uint32_t off, uint32_t len)
{
	unsigned int at = pci_add_capability(fn, PCI_CAP_ID_VNDR, cap_len);
	uint8_t *cap = fn->config + at;

	cap[VIRTIO_PCI_CAP_LEN] = (uint8_t)cap_len;
	cap[VIRTIO_PCI_CAP_CFG_TYPE] = type;
	cap[VIRTIO_PCI_CAP_BAR] = len ? BAR_REGS : 0;
	put_le32(cap + VIRTIO_PCI_CAP_OFFSET, off);
	put_le32(cap + VIRTIO_PCI_CAP_LENGTH, len);
	return at;
}

static void add_capabilities(struct virtio_pci *pci)
{
	struct pci_function *fn = &pci->function;
	uint8_t *writable;

	for (unsigned int i = 0; i < ARRAY_SIZE(structures); i++) {
		const struct structure *s = &structures[i];
		unsigned int at = add_structure(fn, s->type, s->cap_len, i * PAGE, PAGE);

		if (s->type == VIRTIO_PCI_CAP_NOTIFY_CFG)
			put_le32(fn->config + at + VIRTIO_PCI_NOTIFY_CAP_MULT, NOTIFY_SIZE);
	}
	pci->cfg_cap =
		add_structure(fn, VIRTIO_PCI_CAP_PCI_CFG, sizeof(struct virtio_pci_cfg_cap), 0, 0);
	writable = fn->writable + pci->cfg_cap;
	writable[VIRTIO_PCI_CAP_BAR] = 0xff;
	put_le32(writable + VIRTIO_PCI_CAP_OFFSET, UINT32_MAX);
	put_le32(writable + VIRTIO_PCI_CAP_LENGTH, UINT32_MAX);
	put_le32(writable + offsetof(struct virtio_pci_cfg_cap, pci_cfg_data), UINT32_MAX);
}

int virtio_pci_init(struct virtio_pci *pci, struct virtio_device *dev, struct pci_host *host,
		    struct msi msi, const struct virtio_doorbells *doorbells, struct err *e)
{
	struct pci_function *fn = &pci->function;
	uint16_t id = DEVICE_BASE + dev->class->id;
	int ret;

	assert(dev->nr_queues <= VIRTIO_PCI_QUEUES_MAX);
	*pci = (struct virtio_pci){ .dev = dev, .doorbells = *doorbells };
	pci->queue_vector = calloc(dev->nr_queues + 1, sizeof(*pci->queue_vector));
	if (!pci->queue_vector)
		return err_set(e, ENOMEM, "%s: no memory", dev->name);
	pci_function_init(fn, VENDOR, id, dev->class->pci_class, REVISION, VENDOR, id);
	fn->ops = &function_ops;
	fn->lock = &dev->lock;
	fn->bar[BAR_REGS] = (struct pci_bar){ .size = REGS_SIZE,
					      .is_64 = true,
					      .prefetchable = true,
					      .ops = &regs_mmio,
					      .dev = pci };
	add_capabilities(pci);
	if (msi.send) {
		ret = msix_init(&pci->msix, fn, BAR_MSIX, dev->nr_queues + 1, msi, e);
		if (ret < 0)
			return err_wrap(e, ret, "%s", dev->name);
	}
	reset_done(pci);
	virtio_attach(dev, &transport, pci);
	ret = pci_add(host, fn, e);
	return ret < 0 ? err_wrap(e, ret, "%s", dev->name) : 0;
}

void virtio_pci_destroy(struct virtio_pci *pci)
{
	msix_destroy(&pci->msix);
	free(pci->queue_vector);
	pci->queue_vector = NULL;
}
