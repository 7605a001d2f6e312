/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A guest that does what it likes to the PCI bus: a stream of accesses to config space and to the windows,
 * against two virtio functions with MSI-X. The first, in slot 0, starts with its BARs placed. Each access takes
 * ACCESS_SIZE bytes: what (direction, width, where), an offset, and a value. Odd ones are the host's
 * doings: interrupts, a configuration that changes, requests that come back.
 *
 * Checked after each: BARs are decoded only inside windows, doorbells stand where they are decoded, a line
 * is as high as the functions say, and messages go only where the table of a bus master sends them.
 */
#include <linux/pci_regs.h>
#include <linux/virtio_pci.h>
#include <stdlib.h>
#include <string.h>
#include "fake/ring.h"
#include "util/bits.h"
#include "virtio/pci.h"

#define NR          2
#define NR_QUEUES   2
#define LOW_BASE    0x10000000ULL
#define HIGH_BASE   0x8000000000ULL
#define WINDOW_SIZE 0x40000ULL
#define RAM_BASE    0x40000000ULL
#define RAM_SIZE    0x4000
#define BAR_REGS    4
#define ACCESS_SIZE 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct card {
	struct virtio_device dev;
	struct virtio_pci pci;
	uint8_t config[12];
	gpa_t bell[NR_QUEUES];
	bool held;
};

struct world {
	struct pci_host host;
	struct ram ram;
	struct card card[NR];
	bool level[4];
};

static void must(bool is_so)
{
	if (!is_so)
		abort();
}

static void set_line(void *ctx, uint32_t nr, bool level)
{
	struct world *w = ctx;

	must(w->level[nr] != level);
	w->level[nr] = level;
}

static void send(void *ctx, uint16_t requester, uint64_t addr, uint32_t data)
{
	struct card *card = ctx;
	struct msix *msix = &card->pci.msix;
	bool found = false;

	must(requester == card->pci.function.requester);
	must(msix_enabled(msix) && pci_is_bus_master(&card->pci.function));
	for (unsigned int i = 0; i < msix->nr; i++) {
		const struct msix_entry *e = &msix->entry[i];

		found |= !(e->control & 1) && e->data == data &&
			 ((uint64_t)e->addr_high << 32 | e->addr_low) == addr;
	}
	must(found);
}

static void place(void *ctx, unsigned int queue, gpa_t gpa, unsigned int len, bool match)
{
	struct card *card = ctx;

	must(queue < NR_QUEUES && !len && !match);
	card->bell[queue] = gpa;
}

static void unplace(void *ctx, unsigned int queue)
{
	struct card *card = ctx;

	must(queue < NR_QUEUES && card->bell[queue]);
	card->bell[queue] = 0;
}

static void config_write(struct virtio_device *dev, uint32_t off, uint32_t value, unsigned int len)
{
	must(len == 1 || len == 2 || len == 4);
	must(off < dev->config_size && len <= dev->config_size - off);
	memcpy(dev->config + off, &value, len);
}

static void notify(struct virtio_device *dev, unsigned int queue)
{
	must(queue < dev->nr_queues && virtio_runs(dev));
}

static bool stop(struct virtio_device *dev, int queue)
{
	must(queue == VIRTIO_ALL || (unsigned int)queue < dev->nr_queues);
	return !container_of(dev, struct card, dev)->held;
}

static const struct virtio_class class = { .name = "fuzz",
					   .id = 42,
					   .pci_class = 0xff0000,
					   .config_write = config_write,
					   .notify = notify,
					   .stop = stop };

static void write_config(struct world *w, unsigned int slot, unsigned int off, uint32_t value)
{
	pci_ecam_mmio.write(&w->host, slot << 15 | off, value, 4);
}

static void open_world(struct world *w)
{
	struct pci_window low = { LOW_BASE, WINDOW_SIZE }, high = { HIGH_BASE, WINDOW_SIZE };
	struct irq line[4];

	memset(w, 0, sizeof(*w));
	ring_ram(&w->ram, RAM_BASE, RAM_SIZE);
	for (unsigned int i = 0; i < 4; i++)
		line[i] = (struct irq){ .set = set_line, .ctx = w, .nr = i };
	pci_host_init(&w->host, low, high, line);
	for (unsigned int i = 0; i < NR; i++) {
		struct card *card = &w->card[i];
		struct virtio_doorbells bells = { .place = place, .remove = unplace, .ctx = card };
		struct msi msi = { .send = send, .ctx = card };

		must(!virtio_init(&card->dev, &class, "fuzz", &w->ram, NR_QUEUES, 16, 0, NULL));
		card->dev.config = card->config;
		card->dev.config_size = sizeof(card->config);
		card->dev.limit = (struct log_limit){ .window_start = INT64_MAX, .nr = 1000 };
		must(!virtio_pci_init(&card->pci, &card->dev, &w->host, msi, &bells, NULL));
	}
	write_config(w, 0, PCI_BASE_ADDRESS_1, LOW_BASE);
	write_config(w, 0, PCI_BASE_ADDRESS_4, 0);
	write_config(w, 0, PCI_BASE_ADDRESS_5, HIGH_BASE >> 32);
	write_config(w, 0, PCI_COMMAND, PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
}

static void close_world(struct world *w)
{
	for (unsigned int i = 0; i < NR; i++) {
		virtio_destroy(&w->card[i].dev);
		virtio_pci_destroy(&w->card[i].pci);
	}
	pci_host_destroy(&w->host);
	ring_ram_free(&w->ram);
}

static bool in_window(uint64_t base, const struct pci_bar *bar)
{
	return bar->gpa >= base && bar->gpa - base <= WINDOW_SIZE - bar->size;
}

static void check_card(struct card *card)
{
	const struct pci_function *fn = &card->pci.function;
	const struct pci_bar *regs = &fn->bar[BAR_REGS];

	for (unsigned int i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *bar = &fn->bar[i];

		if (bar->gpa == PCI_UNPLACED)
			continue;
		must(fn->config[PCI_COMMAND] & PCI_COMMAND_MEMORY && bar->gpa % bar->size == 0);
		must(in_window(LOW_BASE, bar) || (bar->is_64 && in_window(HIGH_BASE, bar)));
	}
	for (unsigned int i = 0; i < NR_QUEUES; i++)
		must(card->bell[i] == (regs->gpa == PCI_UNPLACED ? 0 : regs->gpa + 0x3000 + 4 * i));
	must(get_le16(fn->config) == 0x1af4 && fn->config[PCI_HEADER_TYPE] == 0);
	must(!(fn->config[PCI_STATUS] & PCI_STATUS_INTERRUPT) ==
	     (!card->pci.isr || msix_enabled(&card->pci.msix)));
}

static void check(struct world *w)
{
	for (unsigned int i = 0; i < NR; i++) {
		const struct pci_function *fn = &w->card[i].pci.function;

		check_card(&w->card[i]);
		must(w->level[i] ==
		     (fn->config[PCI_STATUS] & PCI_STATUS_INTERRUPT &&
		      !(get_le16(fn->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE)));
	}
}

/* What the host's side of a device does, by @what. */
static void host_acts(struct card *card, unsigned int what)
{
	struct virtio_device *dev = &card->dev;

	pthread_mutex_lock(&dev->lock);
	switch (what % 4) {
	case 0:
		virtio_config_changed(dev);
		break;
	case 1:
		if (virtio_runs(dev))
			dev->transport->interrupt(dev->transport_ctx, (int)(what / 4 % NR_QUEUES));
		break;
	case 2:
		card->held = !card->held;
		break;
	default:
		if (dev->stopping)
			virtio_stopped(dev, VIRTIO_ALL);
		for (unsigned int i = 0; i < NR_QUEUES; i++)
			virtio_stopped(dev, (int)i);
	}
	pthread_mutex_unlock(&dev->lock);
}

/* Config space of the two slots, or a window. */
static void access_bus(struct world *w, uint8_t what, uint32_t off, uint64_t value)
{
	static const struct mmio_ops *const windows[] = { &pci_low_mmio, &pci_high_mmio };
	unsigned int len = 1U << (what >> 2 & 3), where = what >> 4 & 3;
	const struct mmio_ops *ops = where < 2 ? &pci_ecam_mmio : windows[where - 2];
	uint64_t got;

	off = where < 2 ? where << 15 | (off & 0x7fff) : off & (WINDOW_SIZE - 1);
	if (off > WINDOW_SIZE - len)
		return;
	if (what & 2) {
		ops->write(&w->host, off, value, len);
		return;
	}
	got = ops->read(&w->host, off, len);
	must(len == 8 || got >> 8 * len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w;

	open_world(&w);
	for (; size >= ACCESS_SIZE; data += ACCESS_SIZE, size -= ACCESS_SIZE) {
		if (data[0] & 1)
			host_acts(&w.card[data[0] >> 1 & 1], data[1]);
		else
			access_bus(&w, data[0], get_le32(data) >> 8, get_le64(data + 4));
		check(&w);
	}
	close_world(&w);
	return 0;
}
