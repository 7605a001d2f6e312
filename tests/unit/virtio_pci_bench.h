/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A device of no particular class behind the PCI transport, in slot 1 of a host bridge whose BARs the
 * guest has placed, and what class, doorbells and messages were told.
 */
#ifndef LKVM_TESTS_VIRTIO_PCI_BENCH_H
#define LKVM_TESTS_VIRTIO_PCI_BENCH_H

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include "fake/ring.h"
#include "pci_bench.h"
#include "virtio/pci.h"

#define SLOT      1
#define NR_QUEUES 3
#define QUEUE_MAX 64
#define CLASS_ID  42
#define RAM_BASE  0x40000000ULL
#define RAM_SIZE  0x10000
#define MSIX_GPA  LOW_BASE
#define REGS_GPA  (HIGH_BASE + 0x10000)
#define MASTER    (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER)

struct bench {
	struct pci_bench pci;
	struct virtio_device other_dev, dev;
	struct virtio_pci other, vpci;
	struct ram ram;
	uint8_t config[6];

	unsigned int notified[NR_QUEUES], nr_stops, nr_config_writes, nr_sent;
	bool held; /* class->stop() has to wait */
	uint32_t config_off, config_value, sent_data;
	unsigned int config_len;
	gpa_t bell[NR_QUEUES]; /* 0: not placed */
	unsigned int bell_len, nr_bells;
	bool bell_match;
};

static inline struct bench *of_dev(struct virtio_device *dev)
{
	return container_of(dev, struct bench, dev);
}

static inline void class_config_write(struct virtio_device *dev, uint32_t off, uint32_t value,
				      unsigned int len)
{
	struct bench *b = of_dev(dev);

	b->nr_config_writes++;
	b->config_off = off;
	b->config_value = value;
	b->config_len = len;
}

static inline void class_notify(struct virtio_device *dev, unsigned int queue)
{
	of_dev(dev)->notified[queue]++;
}

static inline bool class_stop(struct virtio_device *dev, int queue)
{
	struct bench *b = of_dev(dev);

	(void)queue;
	b->nr_stops++;
	return !b->held;
}

static inline void class_save(const struct virtio_device *dev, struct dt *dt)
{
	(void)dev;
	(void)dt;
}

static inline void class_restore(struct virtio_device *dev, struct dt_in *in, int node)
{
	(void)dev;
	(void)in;
	(void)node;
}

static const struct virtio_class bench_class = { .name = "test",
						 .id = CLASS_ID,
						 .pci_class = 0x078000,
						 .config_write = class_config_write,
						 .notify = class_notify,
						 .stop = class_stop,
						 .save = class_save,
						 .restore = class_restore };

static inline void bell_place(void *ctx, unsigned int queue, gpa_t gpa, unsigned int len,
			      bool match)
{
	struct bench *b = ctx;

	b->bell[queue] = gpa;
	b->bell_len = len;
	b->bell_match = match;
	b->nr_bells++;
}

static inline void bell_remove(void *ctx, unsigned int queue)
{
	struct bench *b = ctx;

	b->bell[queue] = 0;
}

static inline void bench_send(void *ctx, uint16_t requester, uint64_t addr, uint32_t data)
{
	struct bench *b = ctx;

	if (requester != SLOT << 3 || addr != 0x1230)
		return;
	b->nr_sent++;
	b->sent_data = data;
}

/* Without MSI-X if @msi is false. Returns 0 for cmocka. */
static inline int bench_start(struct bench *b, bool msi)
{
	struct virtio_doorbells bells = { .place = bell_place, .remove = bell_remove, .ctx = b };
	struct virtio_doorbells no_bells = bells;
	struct msi way = { .send = msi ? bench_send : NULL, .ctx = b };

	memset(b, 0, sizeof(*b));
	bench_init(&b->pci);
	ring_ram(&b->ram, RAM_BASE, RAM_SIZE);
	/* Slot 0 is taken by a device without queues, so that slot 1 is told apart from 0. */
	if (virtio_init(&b->other_dev, &bench_class, "other0", &b->ram, 0, QUEUE_MAX, 0, NULL) ||
	    virtio_pci_init(&b->other, &b->other_dev, &b->pci.host, way, &no_bells, NULL))
		return -1;
	if (virtio_init(&b->dev, &bench_class, "test0", &b->ram, NR_QUEUES, QUEUE_MAX, 1ULL << 5,
			NULL))
		return -1;
	b->dev.config = b->config;
	b->dev.config_size = sizeof(b->config);
	if (virtio_pci_init(&b->vpci, &b->dev, &b->pci.host, way, &bells, NULL))
		return -1;
	set_bar(&b->pci, SLOT, 1, MSIX_GPA);
	set_bar64(&b->pci, SLOT, 4, REGS_GPA);
	set_command(&b->pci, SLOT, MASTER);
	return 0;
}

static inline void bench_stop(struct bench *b)
{
	virtio_destroy(&b->dev);
	virtio_destroy(&b->other_dev);
	virtio_pci_destroy(&b->vpci);
	virtio_pci_destroy(&b->other);
	pci_host_destroy(&b->pci.host);
	ring_ram_free(&b->ram);
}

static inline int setup(void **state)
{
	static struct bench b;

	*state = &b;
	return bench_start(&b, true);
}

static inline int teardown(void **state)
{
	bench_stop(*state);
	return 0;
}

/* --- What a driver does --- */

/* The offset of the structure's capability, or 0. */
static inline unsigned int find_structure(struct bench *b, uint8_t type)
{
	unsigned int at;

	for (unsigned int i = 0; (at = find_capability(&b->pci, SLOT, PCI_CAP_ID_VNDR, i)); i++)
		if (cfg_read(&b->pci, SLOT, at + VIRTIO_PCI_CAP_CFG_TYPE, 1) == type)
			return at;
	return 0;
}

static inline gpa_t structure(struct bench *b, uint8_t type)
{
	unsigned int at = find_structure(b, type);

	return REGS_GPA + cfg_read(&b->pci, SLOT, at + VIRTIO_PCI_CAP_OFFSET, 4);
}

static inline uint64_t get(struct bench *b, unsigned int off, unsigned int len)
{
	return mem_read(&b->pci, structure(b, VIRTIO_PCI_CAP_COMMON_CFG) + off, len);
}

static inline void put(struct bench *b, unsigned int off, uint64_t value, unsigned int len)
{
	mem_write(&b->pci, structure(b, VIRTIO_PCI_CAP_COMMON_CFG) + off, value, len);
}

static inline void status(struct bench *b, uint8_t value)
{
	put(b, VIRTIO_PCI_COMMON_STATUS, value, 1);
}

static inline void select_queue(struct bench *b, uint16_t queue)
{
	put(b, VIRTIO_PCI_COMMON_Q_SELECT, queue, 2);
}

/* VERSION_1, @more, FEATURES_OK. */
static inline void negotiate(struct bench *b, uint64_t more)
{
	uint64_t features = 1ULL << VIRTIO_F_VERSION_1 | more;

	status(b, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	status(b, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	for (unsigned int i = 0; i < 2; i++) {
		put(b, VIRTIO_PCI_COMMON_GFSELECT, i, 4);
		put(b, VIRTIO_PCI_COMMON_GF, (uint32_t)(features >> 32 * i), 4);
	}
	status(b, STATUS_READY);
}

/* Sets the selected queue up and enables it. */
static inline void enable_queue(struct bench *b, uint16_t queue)
{
	gpa_t base = RAM_BASE + 0x1000 * queue;

	put(b, VIRTIO_PCI_COMMON_Q_DESCLO, base, 8);
	put(b, VIRTIO_PCI_COMMON_Q_AVAILLO, base + 0x800, 8);
	put(b, VIRTIO_PCI_COMMON_Q_USEDLO, base + 0xc00, 8);
	put(b, VIRTIO_PCI_COMMON_Q_ENABLE, 1, 2);
}

/* All queues, each with the vector of its number plus one; the configuration's is 0. */
static inline void run_device(struct bench *b, uint64_t more)
{
	negotiate(b, more);
	put(b, VIRTIO_PCI_COMMON_MSIX, 0, 2);
	for (uint16_t i = 0; i < NR_QUEUES; i++) {
		select_queue(b, i);
		put(b, VIRTIO_PCI_COMMON_Q_MSIX, i + 1U, 2);
		enable_queue(b, i);
	}
	status(b, STATUS_RUNS);
	memset(b->notified, 0, sizeof(b->notified));
}

/* MSI-X on, each vector with its number as data. */
static inline void switch_msix_on(struct bench *b)
{
	unsigned int cap = find_capability(&b->pci, SLOT, PCI_CAP_ID_MSIX, 0);

	for (unsigned int i = 0; i <= NR_QUEUES; i++) {
		mem_write(&b->pci, MSIX_GPA + 16 * i, 0x1230, 8);
		mem_write(&b->pci, MSIX_GPA + 16 * i + 8, i, 8);
	}
	cfg_write(&b->pci, SLOT, cap + PCI_MSIX_FLAGS, PCI_MSIX_FLAGS_ENABLE, 2);
}

static inline void switch_msix_off(struct bench *b)
{
	cfg_write(&b->pci, SLOT,
		  find_capability(&b->pci, SLOT, PCI_CAP_ID_MSIX, 0) + PCI_MSIX_FLAGS, 0, 2);
}

static inline uint64_t read_isr(struct bench *b)
{
	return mem_read(&b->pci, structure(b, VIRTIO_PCI_CAP_ISR_CFG), 1);
}

/* As a class that has pushed a buffer, or changed its configuration. */
static inline void interrupt_queue(struct bench *b, int queue)
{
	pthread_mutex_lock(&b->dev.lock);
	b->dev.transport->interrupt(b->dev.transport_ctx, queue);
	pthread_mutex_unlock(&b->dev.lock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
