/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X: called by the device that has something to tell, by the bus for the BAR with the table, and by
 * the function when the guest has written the capability or the command register.
 *
 * A vector is sent at once, or its pending bit is set; every write that can lift a mask sends what is
 * pending and not masked any more:
 *
 *	MSI-X off					nothing is sent or remembered
 *	no bus master, function mask or vector mask	pending
 *	else						sent
 */
#include <assert.h>
#include <errno.h>
#include <linux/pci_regs.h>
#include <stdlib.h>
#include "hw/msix.h"
#include "util/bits.h"

#define BAR_SIZE_MIN (4 * KiB) /* a page of its own: the guest maps it */

static unsigned int flags(const struct msix *msix)
{
	return get_le16(msix->fn->config + msix->cap + PCI_MSIX_FLAGS);
}

bool msix_enabled(const struct msix *msix)
{
	return msix->fn && flags(msix) & PCI_MSIX_FLAGS_ENABLE;
}

/* Whether vectors that are not masked themselves may go out. */
static bool may_send(const struct msix *msix)
{
	return msix_enabled(msix) && !(flags(msix) & PCI_MSIX_FLAGS_MASKALL) &&
	       pci_is_bus_master(msix->fn);
}

static bool is_masked(const struct msix *msix, unsigned int nr)
{
	return msix->entry[nr].control & PCI_MSIX_ENTRY_CTRL_MASKBIT;
}

static void send(const struct msix *msix, unsigned int nr)
{
	const struct msix_entry *entry = &msix->entry[nr];

	if (msix->msi.send)
		msix->msi.send(msix->msi.ctx, msix->fn->requester,
			       (uint64_t)entry->addr_high << 32 | entry->addr_low, entry->data);
}

static void send_if_pending(struct msix *msix, unsigned int nr)
{
	uint64_t bit = 1ULL << nr % 64, *word = &msix->pending[nr / 64];

	if (!(*word & bit) || is_masked(msix, nr) || !may_send(msix))
		return;
	*word &= ~bit;
	send(msix, nr);
}

void msix_raise(struct msix *msix, unsigned int nr)
{
	if (!msix_enabled(msix) || nr >= msix->nr)
		return;
	msix->pending[nr / 64] |= 1ULL << nr % 64;
	send_if_pending(msix, nr);
}

static unsigned int pending_words(const struct msix *msix)
{
	return (msix->nr + 63) / 64;
}

void msix_forget(struct msix *msix)
{
	for (unsigned int i = 0; i < pending_words(msix); i++)
		msix->pending[i] = 0;
}

void msix_config_written(struct msix *msix, unsigned int off, unsigned int len)
{
	if (!msix->fn || !(pci_touches(off, len, PCI_COMMAND, 2) ||
			   pci_touches(off, len, msix->cap + PCI_MSIX_FLAGS, 2)))
		return;
	for (unsigned int i = 0; i < msix->nr; i++)
		send_if_pending(msix, i);
}

static uint32_t read_pending(const struct msix *msix, uint64_t off)
{
	if (off / 8 >= pending_words(msix))
		return 0;
	return (uint32_t)(msix->pending[off / 8] >> 8 * (off % 8));
}

/* The 32 bits at @off, a multiple of 4, of table or pending bits; zero between and after them. */
static uint32_t read_dword(const struct msix *msix, uint64_t off)
{
	uint64_t nr = off / PCI_MSIX_ENTRY_SIZE;
	const struct msix_entry *entry;

	if (off >= msix->pba)
		return read_pending(msix, off - msix->pba);
	if (nr >= msix->nr)
		return 0;
	entry = &msix->entry[nr];
	switch (off % PCI_MSIX_ENTRY_SIZE) {
	case PCI_MSIX_ENTRY_LOWER_ADDR:
		return entry->addr_low;
	case PCI_MSIX_ENTRY_UPPER_ADDR:
		return entry->addr_high;
	case PCI_MSIX_ENTRY_DATA:
		return entry->data;
	default:
		return entry->control;
	}
}

/* Pending bits are the device's: only the table is written. Reserved bits stay zero. */
static void write_dword(struct msix *msix, uint64_t off, uint32_t value)
{
	uint64_t nr = off / PCI_MSIX_ENTRY_SIZE;
	struct msix_entry *entry;

	if (nr >= msix->nr)
		return;
	entry = &msix->entry[nr];
	switch (off % PCI_MSIX_ENTRY_SIZE) {
	case PCI_MSIX_ENTRY_LOWER_ADDR:
		entry->addr_low = value & ~UINT32_C(3);
		break;
	case PCI_MSIX_ENTRY_UPPER_ADDR:
		entry->addr_high = value;
		break;
	case PCI_MSIX_ENTRY_DATA:
		entry->data = value;
		break;
	default:
		entry->control = value & PCI_MSIX_ENTRY_CTRL_MASKBIT;
		send_if_pending(msix, (unsigned int)nr);
	}
}

/* Table and pending bits are accessed by aligned words of 4 or 8 bytes; what other accesses do is open. */
static bool is_proper(uint64_t off, unsigned int len)
{
	return (len == 4 || len == 8) && off % len == 0;
}

static uint64_t msix_read(void *dev, uint64_t off, unsigned int len)
{
	const struct msix *msix = dev;
	uint64_t value;

	if (!is_proper(off, len))
		return 0;
	value = read_dword(msix, off);
	if (len == 8)
		value |= (uint64_t)read_dword(msix, off + 4) << 32;
	return value;
}

static void msix_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct msix *msix = dev;

	if (!is_proper(off, len))
		return;
	write_dword(msix, off, (uint32_t)value);
	if (len == 8)
		write_dword(msix, off + 4, value >> 32);
}

static const struct mmio_ops msix_mmio = { .read = msix_read, .write = msix_write };

/* Half of the BAR is the table's, so that the pending bits, far fewer, have a page of their own, too. */
static uint64_t bar_size(unsigned int nr)
{
	uint64_t size = BAR_SIZE_MIN;

	while (size / 2 < (uint64_t)nr * PCI_MSIX_ENTRY_SIZE)
		size *= 2;
	return size;
}

int msix_init(struct msix *msix, struct pci_function *fn, unsigned int bar, unsigned int nr,
	      struct msi msi, struct err *e)
{
	uint64_t size = bar_size(nr);

	assert(nr >= 1 && nr <= MSIX_VECTORS_MAX);
	*msix = (struct msix){ .msi = msi, .nr = nr, .pba = size / 2 };
	msix->entry = calloc(nr, sizeof(*msix->entry));
	msix->pending = calloc(pending_words(msix), sizeof(*msix->pending));
	if (!msix->entry || !msix->pending)
		return err_set(e, ENOMEM, "no memory for %u MSI-X vectors", nr);
	for (unsigned int i = 0; i < nr; i++)
		msix->entry[i].control = PCI_MSIX_ENTRY_CTRL_MASKBIT;
	msix->fn = fn;
	msix->cap = pci_add_capability(fn, PCI_CAP_ID_MSIX, PCI_CAP_MSIX_SIZEOF);
	put_le16(fn->config + msix->cap + PCI_MSIX_FLAGS, (uint16_t)(nr - 1));
	put_le16(fn->writable + msix->cap + PCI_MSIX_FLAGS,
		 PCI_MSIX_FLAGS_ENABLE | PCI_MSIX_FLAGS_MASKALL);
	put_le32(fn->config + msix->cap + PCI_MSIX_TABLE, bar);
	put_le32(fn->config + msix->cap + PCI_MSIX_PBA, (uint32_t)msix->pba | bar);
	fn->bar[bar] = (struct pci_bar){ .size = size, .ops = &msix_mmio, .dev = msix };
	return 0;
}

void msix_destroy(struct msix *msix)
{
	free(msix->entry);
	free(msix->pending);
	*msix = (struct msix){ 0 };
}

/* --- State --- */

void msix_save(const struct msix *msix, struct dt *dt)
{
	if (!msix->fn)
		return;
	dt_bytes(dt, "msix", msix->entry, msix->nr * sizeof(*msix->entry));
	dt_bytes(dt, "msix-pending", msix->pending, pending_words(msix) * sizeof(*msix->pending));
}

/* Written as the guest would; of bits that stand for no vector nobody ever asks. */
void msix_restore(struct msix *msix, struct dt_in *in, int node)
{
	size_t table = msix->nr * sizeof(*msix->entry), len = 0;
	size_t bits = pending_words(msix) * sizeof(*msix->pending), nr_bits = 0;

	if (!msix->fn)
		return;
	dt_in_bytes(in, node, "msix", msix->entry, table, &len);
	dt_in_bytes(in, node, "msix-pending", msix->pending, bits, &nr_bits);
	if (in->ret == 0 && (len != table || nr_bits != bits))
		dt_in_fail(in, "msix", "its length is wrong");
	for (unsigned int i = 0; i < msix->nr; i++) {
		msix->entry[i].addr_low &= ~UINT32_C(3);
		msix->entry[i].control &= PCI_MSIX_ENTRY_CTRL_MASKBIT;
	}
}
