/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The common configuration structure of the PCI transport (virtio 1.2, section 4.1.4.3): a table of
 * fields. Most are a register of the core; the vectors are the transport's own.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include "pci-common.h"
#include "util/bits.h"

static uint32_t get_features_sel(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return pci->features_sel;
}

static void set_features_sel(struct virtio_pci *pci, unsigned int arg, uint32_t value)
{
	(void)arg;
	pci->features_sel = value;
}

static uint32_t get_features(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return virtio_get_offered(pci->dev, pci->features_sel);
}

static uint32_t get_accepted_sel(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return pci->accepted_sel;
}

static void set_accepted_sel(struct virtio_pci *pci, unsigned int arg, uint32_t value)
{
	(void)arg;
	pci->accepted_sel = value;
}

static uint32_t get_accepted(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return virtio_get_accepted(pci->dev, pci->accepted_sel);
}

static void set_accepted(struct virtio_pci *pci, unsigned int arg, uint32_t value)
{
	(void)arg;
	virtio_set_accepted(pci->dev, pci->accepted_sel, value);
}

/* A vector that there is not reads back as none: so the driver learns of it (4.1.5.1.2). */
static uint16_t vector_or_none(const struct virtio_pci *pci, uint32_t value)
{
	return value < pci->msix.nr ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
}

static uint32_t get_config_vector(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return pci->config_vector;
}

static void set_config_vector(struct virtio_pci *pci, unsigned int arg, uint32_t value)
{
	(void)arg;
	pci->config_vector = vector_or_none(pci, value);
}

static uint32_t get_nr_queues(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return pci->dev->nr_queues;
}

static uint32_t get_status(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return virtio_get_status(pci->dev);
}

static void set_status(struct virtio_pci *pci, unsigned int arg, uint32_t value)
{
	(void)arg;
	virtio_set_status(pci->dev, value);
}

static uint32_t get_generation(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return pci->dev->generation;
}

static uint32_t get_queue_sel(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return pci->queue_sel;
}

static void set_queue_sel(struct virtio_pci *pci, unsigned int arg, uint32_t value)
{
	(void)arg;
	pci->queue_sel = (uint16_t)value;
}

static uint32_t get_queue_size(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return virtio_queue_size(pci->dev, pci->queue_sel);
}

static void set_queue_size(struct virtio_pci *pci, unsigned int arg, uint32_t value)
{
	(void)arg;
	virtio_set_queue_size(pci->dev, pci->queue_sel, value);
}

static bool queue_exists(const struct virtio_pci *pci)
{
	return pci->queue_sel < pci->dev->nr_queues;
}

static uint32_t get_queue_vector(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return queue_exists(pci) ? pci->queue_vector[pci->queue_sel] : VIRTIO_MSI_NO_VECTOR;
}

static void set_queue_vector(struct virtio_pci *pci, unsigned int arg, uint32_t value)
{
	(void)arg;
	if (queue_exists(pci))
		pci->queue_vector[pci->queue_sel] = vector_or_none(pci, value);
}

static uint32_t get_queue_enable(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return virtio_queue_enabled(pci->dev, pci->queue_sel);
}

/* Here a driver only enables; it disables by a reset of the queue or the device (4.1.4.3.2). */
static void set_queue_enable(struct virtio_pci *pci, unsigned int arg, uint32_t value)
{
	(void)arg;
	if (value == 1)
		virtio_enable_queue(pci->dev, pci->queue_sel, true);
}

static uint32_t get_queue_notify_off(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return queue_exists(pci) ? pci->queue_sel : 0;
}

/* @arg of the six halves of addresses. */
#define LOW(area)  ((area) << 1)
#define HIGH(area) ((area) << 1 | 1)

static uint32_t get_queue_addr(const struct virtio_pci *pci, unsigned int arg)
{
	return virtio_queue_addr(pci->dev, pci->queue_sel, (enum virtio_area)(arg >> 1), arg & 1);
}

static void set_queue_addr(struct virtio_pci *pci, unsigned int arg, uint32_t value)
{
	virtio_set_queue_addr(pci->dev, pci->queue_sel, (enum virtio_area)(arg >> 1), arg & 1,
			      value);
}

static uint32_t get_queue_reset(const struct virtio_pci *pci, unsigned int arg)
{
	(void)arg;
	return virtio_queue_resetting(pci->dev, pci->queue_sel);
}

/* A queue that is being reset interrupts no more; its vector is back at its default, too (2.6.1.1). */
static void set_queue_reset(struct virtio_pci *pci, unsigned int arg, uint32_t value)
{
	(void)arg;
	if (value != 1 || !queue_exists(pci) || !virtio_has(pci->dev, VIRTIO_F_RING_RESET))
		return;
	pci->queue_vector[pci->queue_sel] = VIRTIO_MSI_NO_VECTOR;
	virtio_reset_queue(pci->dev, pci->queue_sel);
}

/*
 * Without a set(): read-only. queue_notify_data, which means something only with a feature that is not
 * offered, is not here and reads as zero.
 */
static const struct field {
	uint8_t off, len, arg;
	uint32_t (*get)(const struct virtio_pci *pci, unsigned int arg);
	void (*set)(struct virtio_pci *pci, unsigned int arg, uint32_t value);
} fields[] = {
	{ VIRTIO_PCI_COMMON_DFSELECT, 4, 0, get_features_sel, set_features_sel },
	{ VIRTIO_PCI_COMMON_DF, 4, 0, get_features, NULL },
	{ VIRTIO_PCI_COMMON_GFSELECT, 4, 0, get_accepted_sel, set_accepted_sel },
	{ VIRTIO_PCI_COMMON_GF, 4, 0, get_accepted, set_accepted },
	{ VIRTIO_PCI_COMMON_MSIX, 2, 0, get_config_vector, set_config_vector },
	{ VIRTIO_PCI_COMMON_NUMQ, 2, 0, get_nr_queues, NULL },
	{ VIRTIO_PCI_COMMON_STATUS, 1, 0, get_status, set_status },
	{ VIRTIO_PCI_COMMON_CFGGENERATION, 1, 0, get_generation, NULL },
	{ VIRTIO_PCI_COMMON_Q_SELECT, 2, 0, get_queue_sel, set_queue_sel },
	{ VIRTIO_PCI_COMMON_Q_SIZE, 2, 0, get_queue_size, set_queue_size },
	{ VIRTIO_PCI_COMMON_Q_MSIX, 2, 0, get_queue_vector, set_queue_vector },
	{ VIRTIO_PCI_COMMON_Q_ENABLE, 2, 0, get_queue_enable, set_queue_enable },
	{ VIRTIO_PCI_COMMON_Q_NOFF, 2, 0, get_queue_notify_off, NULL },
	{ VIRTIO_PCI_COMMON_Q_DESCLO, 4, LOW(VIRTIO_DESC), get_queue_addr, set_queue_addr },
	{ VIRTIO_PCI_COMMON_Q_DESCHI, 4, HIGH(VIRTIO_DESC), get_queue_addr, set_queue_addr },
	{ VIRTIO_PCI_COMMON_Q_AVAILLO, 4, LOW(VIRTIO_DRIVER), get_queue_addr, set_queue_addr },
	{ VIRTIO_PCI_COMMON_Q_AVAILHI, 4, HIGH(VIRTIO_DRIVER), get_queue_addr, set_queue_addr },
	{ VIRTIO_PCI_COMMON_Q_USEDLO, 4, LOW(VIRTIO_DEVICE), get_queue_addr, set_queue_addr },
	{ VIRTIO_PCI_COMMON_Q_USEDHI, 4, HIGH(VIRTIO_DEVICE), get_queue_addr, set_queue_addr },
	{ VIRTIO_PCI_COMMON_Q_RESET, 2, 0, get_queue_reset, set_queue_reset },
};

static const struct field *find_field(uint32_t off, unsigned int len)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i].off == off && fields[i].len == len)
			return &fields[i];
	return NULL;
}

/* Only addresses of queues are 64 bits wide. */
static bool is_address(uint32_t off)
{
	return off == VIRTIO_PCI_COMMON_Q_DESCLO || off == VIRTIO_PCI_COMMON_Q_AVAILLO ||
	       off == VIRTIO_PCI_COMMON_Q_USEDLO;
}

uint64_t virtio_pci_common_read(struct virtio_pci *pci, uint32_t off, unsigned int len)
{
	const struct field *field = find_field(off, len);

	if (len == 8 && is_address(off))
		return virtio_pci_common_read(pci, off, 4) | virtio_pci_common_read(pci, off + 4, 4)
								     << 32;
	return field ? field->get(pci, field->arg) : 0;
}

void virtio_pci_common_write(struct virtio_pci *pci, uint32_t off, uint64_t value, unsigned int len)
{
	const struct field *field = find_field(off, len);

	if (len == 8 && is_address(off)) {
		virtio_pci_common_write(pci, off, (uint32_t)value, 4);
		virtio_pci_common_write(pci, off + 4, value >> 32, 4);
	} else if (field && field->set) {
		field->set(pci, field->arg, (uint32_t)value);
	}
}
