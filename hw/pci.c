/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PCI Express host bridge and the configuration space of the functions behind it. The bus calls it for
 * the guest's accesses to config space and to the windows, devices call it to set themselves up.
 *
 * Config space is an array of bytes and one of the bits that the guest may write. That alone makes a BAR
 * answer the question for its size: bits below the size cannot be written, so all ones read back as
 * the mask. Where BARs are decoded is worked out anew after each write.
 */
#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <string.h>
#include "hw/pci.h"
#include "util/bits.h"

#define CAPS_START 0x40

static unsigned int command(const struct pci_function *fn)
{
	return get_le16(fn->config + PCI_COMMAND);
}

bool pci_is_bus_master(const struct pci_function *fn)
{
	return command(fn) & PCI_COMMAND_MASTER;
}

static uint64_t all_ones(unsigned int len)
{
	return UINT64_MAX >> (64 - 8 * len);
}

/* --- Interrupt lines --- */

/*
 * A line is high while any function holds it. Count and line change under one lock: otherwise a
 * function that lets go could lower the line after another one has raised it.
 */
static void set_line(void *ctx, uint32_t nr, bool level)
{
	struct pci_host *host = ctx;
	unsigned int *raised = &host->intx_raised[nr];

	pthread_mutex_lock(&host->intx_lock);
	if (level ? (*raised)++ == 0 : --*raised == 0)
		irq_set(&host->intx[nr], level);
	pthread_mutex_unlock(&host->intx_lock);
}

static void update_intx(struct pci_function *fn)
{
	bool asserted = get_le16(fn->config + PCI_STATUS) & PCI_STATUS_INTERRUPT &&
			!(command(fn) & PCI_COMMAND_INTX_DISABLE);

	if (asserted == fn->intx_asserted)
		return;
	fn->intx_asserted = asserted;
	irq_set(&fn->intx, asserted);
}

void pci_set_intx(struct pci_function *fn, bool level)
{
	unsigned int status = get_le16(fn->config + PCI_STATUS) & ~PCI_STATUS_INTERRUPT;

	put_le16(fn->config + PCI_STATUS, status | (level ? PCI_STATUS_INTERRUPT : 0));
	update_intx(fn);
}

/* --- BARs --- */

static uint8_t *bar_register(struct pci_function *fn, unsigned int nr)
{
	return fn->config + PCI_BASE_ADDRESS_0 + 4 * nr;
}

static bool holds(const struct pci_window *window, uint64_t addr, uint64_t size)
{
	uint64_t off = addr - window->base;

	return off < window->size && size <= window->size - off;
}

/* Where BAR @nr is decoded now: only if all of it lies in one window. */
static uint64_t decoded_at(const struct pci_host *host, struct pci_function *fn, unsigned int nr)
{
	const struct pci_bar *bar = &fn->bar[nr];
	uint64_t addr = get_le32(bar_register(fn, nr)) & ~UINT32_C(0xf);

	if (!(command(fn) & PCI_COMMAND_MEMORY))
		return PCI_UNPLACED;
	if (bar->is_64)
		addr |= (uint64_t)get_le32(bar_register(fn, nr + 1)) << 32;
	if (holds(&host->low, addr, bar->size) || holds(&host->high, addr, bar->size))
		return addr;
	return PCI_UNPLACED;
}

static void place_bars(const struct pci_host *host, struct pci_function *fn)
{
	for (unsigned int i = 0; i < PCI_BARS; i++) {
		uint64_t gpa = fn->bar[i].size ? decoded_at(host, fn, i) : PCI_UNPLACED;

		if (gpa == fn->bar[i].gpa)
			continue;
		fn->bar[i].gpa = gpa;
		if (fn->ops->bar_moved)
			fn->ops->bar_moved(fn, i);
	}
}

/* The BAR at @gpa and, in @fn, whose it is; of two that overlap the one in the lower slot. NULL: none. */
static const struct pci_bar *find_bar(const struct pci_host *host, uint64_t gpa,
				      struct pci_function **fn)
{
	for (unsigned int slot = 0; slot < host->nr; slot++) {
		*fn = host->function[slot];
		for (unsigned int i = 0; i < PCI_BARS; i++) {
			const struct pci_bar *bar = &(*fn)->bar[i];

			if (bar->gpa != PCI_UNPLACED && gpa - bar->gpa < bar->size)
				return bar;
		}
	}
	return NULL;
}

/* An access that starts in a BAR and leaves it reads as zero and writes nothing. */
static uint64_t window_read(const struct pci_host *host, uint64_t gpa, unsigned int len)
{
	struct pci_function *fn;
	const struct pci_bar *bar = find_bar(host, gpa, &fn);
	uint64_t off, value = 0;

	if (!bar)
		return all_ones(len);
	off = gpa - bar->gpa;
	if (len > bar->size - off)
		return 0;
	pthread_mutex_lock(fn->lock);
	value = bar->ops->read(bar->dev, off, len);
	pthread_mutex_unlock(fn->lock);
	return value;
}

static void window_write(const struct pci_host *host, uint64_t gpa, uint64_t value,
			 unsigned int len)
{
	struct pci_function *fn;
	const struct pci_bar *bar = find_bar(host, gpa, &fn);
	uint64_t off;

	if (!bar)
		return;
	off = gpa - bar->gpa;
	if (len > bar->size - off)
		return;
	pthread_mutex_lock(fn->lock);
	bar->ops->write(bar->dev, off, value, len);
	pthread_mutex_unlock(fn->lock);
}

static uint64_t low_read(void *dev, uint64_t off, unsigned int len)
{
	struct pci_host *host = dev;

	return window_read(host, host->low.base + off, len);
}

static void low_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct pci_host *host = dev;

	window_write(host, host->low.base + off, value, len);
}

static uint64_t high_read(void *dev, uint64_t off, unsigned int len)
{
	struct pci_host *host = dev;

	return window_read(host, host->high.base + off, len);
}

static void high_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct pci_host *host = dev;

	window_write(host, host->high.base + off, value, len);
}

const struct mmio_ops pci_low_mmio = { .read = low_read, .write = low_write };
const struct mmio_ops pci_high_mmio = { .read = high_read, .write = high_write };

/* --- Configuration space --- */

static uint32_t config_read(struct pci_function *fn, unsigned int off, unsigned int len)
{
	uint32_t value = 0;

	if (fn->ops->config_read)
		fn->ops->config_read(fn, off, len);
	for (unsigned int i = 0; i < len; i++)
		value |= (uint32_t)fn->config[off + i] << 8 * i;
	return value;
}

static void config_write(const struct pci_host *host, struct pci_function *fn, unsigned int off,
			 uint32_t value, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++) {
		uint8_t bits = fn->writable[off + i], *byte = &fn->config[off + i];

		*byte = (*byte & ~bits) | (value >> 8 * i & bits);
	}
	place_bars(host, fn);
	update_intx(fn);
	if (fn->ops->config_written)
		fn->ops->config_written(fn, off, len);
}

/* ECAM: device in bits 19:15, function in 14:12, register in 11:0. There is but function 0. */
static struct pci_function *ecam_function(const struct pci_host *host, uint64_t off)
{
	return off >> 12 & 7 ? NULL : host->function[off >> 15 & (PCI_SLOTS - 1)];
}

/* An access that is not aligned could cross into another function; no root complex has to serve it. */
static uint64_t ecam_read(void *dev, uint64_t off, unsigned int len)
{
	struct pci_host *host = dev;
	struct pci_function *fn = ecam_function(host, off);
	unsigned int reg = off & 0xfff;
	uint64_t value;

	if (!fn || off % len)
		return all_ones(len);
	if (len == 8)
		return ecam_read(dev, off, 4) | ecam_read(dev, off + 4, 4) << 32;
	if (reg >= PCI_CONFIG_SIZE)
		return 0;
	pthread_mutex_lock(fn->lock);
	value = config_read(fn, reg, len);
	pthread_mutex_unlock(fn->lock);
	return value;
}

static void ecam_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct pci_host *host = dev;
	struct pci_function *fn = ecam_function(host, off);
	unsigned int reg = off & 0xfff;

	if (!fn || off % len || reg >= PCI_CONFIG_SIZE)
		return;
	if (len == 8) {
		ecam_write(dev, off, (uint32_t)value, 4);
		ecam_write(dev, off + 4, value >> 32, 4);
		return;
	}
	pthread_mutex_lock(fn->lock);
	config_write(host, fn, reg, (uint32_t)value, len);
	pthread_mutex_unlock(fn->lock);
}

const struct mmio_ops pci_ecam_mmio = { .read = ecam_read, .write = ecam_write };

/* --- Setting up --- */

void pci_host_init(struct pci_host *host, struct pci_window low, struct pci_window high,
		   const struct irq intx[4])
{
	*host = (struct pci_host){ .low = low, .high = high };
	memcpy(host->intx, intx, sizeof(host->intx));
	pthread_mutex_init(&host->lock, NULL);
	pthread_mutex_init(&host->intx_lock, NULL);
}

void pci_host_destroy(struct pci_host *host)
{
	pthread_mutex_destroy(&host->intx_lock);
	pthread_mutex_destroy(&host->lock);
}

void pci_function_init(struct pci_function *fn, uint16_t vendor, uint16_t device,
		       uint32_t class_code, uint8_t revision, uint16_t subsystem_vendor,
		       uint16_t subsystem)
{
	*fn = (struct pci_function){ .cap_last = PCI_CAPABILITY_LIST, .cap_end = CAPS_START };
	put_le16(fn->config + PCI_VENDOR_ID, vendor);
	put_le16(fn->config + PCI_DEVICE_ID, device);
	put_le32(fn->config + PCI_CLASS_REVISION, class_code << 8 | revision);
	put_le16(fn->config + PCI_SUBSYSTEM_VENDOR_ID, subsystem_vendor);
	put_le16(fn->config + PCI_SUBSYSTEM_ID, subsystem);
	fn->config[PCI_INTERRUPT_PIN] = 1; /* INTA */
	put_le16(fn->writable + PCI_COMMAND,
		 PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE);
	fn->writable[PCI_INTERRUPT_LINE] = 0xff;
}

/* cap_last is where the pointer to the next one belongs: the header's first, then byte 1 of each. */
unsigned int pci_add_capability(struct pci_function *fn, uint8_t id, unsigned int len)
{
	unsigned int at = fn->cap_end;

	assert(len >= PCI_CAP_SIZEOF && len <= PCI_CONFIG_SIZE - at);
	fn->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
	fn->config[fn->cap_last] = (uint8_t)at;
	fn->config[at + PCI_CAP_LIST_ID] = id;
	fn->cap_last = at + PCI_CAP_LIST_NEXT;
	fn->cap_end = (unsigned int)align_up(at + len, 4);
	return at;
}

static void set_up_bar(struct pci_function *fn, unsigned int nr)
{
	struct pci_bar *bar = &fn->bar[nr];
	unsigned int off = PCI_BASE_ADDRESS_0 + 4 * nr;
	uint64_t mask = ~(bar->size - 1);

	bar->gpa = PCI_UNPLACED;
	if (!bar->size)
		return;
	assert(bar->size >= 16 && !(bar->size & (bar->size - 1)));
	assert(bar->is_64 ? nr + 1 < PCI_BARS && !bar[1].size : bar->size <= UINT32_MAX);
	fn->config[off] = (bar->is_64 ? PCI_BASE_ADDRESS_MEM_TYPE_64 : 0) |
			  (bar->prefetchable ? PCI_BASE_ADDRESS_MEM_PREFETCH : 0);
	put_le32(fn->writable + off, (uint32_t)mask);
	if (bar->is_64)
		put_le32(fn->writable + off + 4, mask >> 32);
}

int pci_add(struct pci_host *host, struct pci_function *fn, struct err *e)
{
	unsigned int slot = host->nr;

	if (slot == PCI_SLOTS)
		return err_set(e, ENOSPC, "the PCI bus has no place for more than %d devices",
			       PCI_SLOTS);
	for (unsigned int i = 0; i < PCI_BARS; i++)
		set_up_bar(fn, i);
	fn->host = host;
	fn->requester = (uint16_t)(slot << 3);
	fn->intx = (struct irq){ .set = set_line, .ctx = host, .nr = slot % 4 };
	host->function[slot] = fn;
	host->nr++;
	return 0;
}

/* --- State --- */

void pci_save(const struct pci_function *fn, struct dt *dt)
{
	dt_bytes(dt, "config", fn->config, sizeof(fn->config));
}

/* What is not the guest's to write has to be as it is here; but of the status register the interrupt is the device's. */
static bool is_same(const struct pci_function *fn, const uint8_t *config)
{
	for (unsigned int i = 0; i < PCI_CONFIG_SIZE; i++) {
		uint8_t other = fn->writable[i];

		if (i == PCI_STATUS)
			other |= PCI_STATUS_INTERRUPT;
		if ((fn->config[i] ^ config[i]) & ~other)
			return false;
	}
	return true;
}

void pci_restore(struct pci_function *fn, struct dt_in *in, int node)
{
	uint8_t config[PCI_CONFIG_SIZE] = { 0 };
	size_t len = 0;

	dt_in_bytes(in, node, "config", config, sizeof(config), &len);
	if (in->ret == 0 && (len != sizeof(config) || !is_same(fn, config)))
		dt_in_fail(in, "config", "it is another function's");
	if (in->ret < 0)
		return;
	for (unsigned int i = 0; i < PCI_CONFIG_SIZE; i++) {
		uint8_t bits = fn->writable[i];

		fn->config[i] = (fn->config[i] & ~bits) | (config[i] & bits);
	}
	place_bars(fn->host, fn);
	update_intx(fn);
}
