/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * MSI-X (PCI Local Bus 3.0, section 6.8.2): a table of messages in a BAR, masks and pending bits. What
 * carries a message to the interrupt controller is a struct msi, a value like struct irq.
 *
 * All of it with the function's lock held.
 */
#ifndef LKVM_HW_MSIX_H
#define LKVM_HW_MSIX_H

#include "hw/pci.h"
#include "vm/irq.h"

#define MSIX_VECTORS_MAX 2048

struct msix_entry {
	uint32_t addr_low, addr_high, data, control;
};

struct msix {
	struct pci_function *fn; /* NULL: the function has no MSI-X */
	struct msi msi;
	unsigned int nr, cap; /* vectors; the capability's offset */
	uint64_t pba; /* offset of the pending bits in the BAR, whose first half is the table's */
	struct msix_entry *entry;
	uint64_t *pending;
};

/*
 * Gives @fn an MSI-X capability with @nr vectors (1 to MSIX_VECTORS_MAX), all masked; @bar, of 32 bits, becomes
 * the table's and the pending bits'. Before pci_add(). Returns 0, or -ENOMEM with @e set; msix_destroy() also after that.
 */
int msix_init(struct msix *msix, struct pci_function *fn, unsigned int bar, unsigned int nr,
	      struct msi msi, struct err *e);

/* { 0 } is fine. */
void msix_destroy(struct msix *msix);

/* Whether the guest has switched MSI-X on: INTx is silent then. False without MSI-X. */
bool msix_enabled(const struct msix *msix);

/*
 * Sends vector @nr, or remembers it while it is masked or the function is no bus master. A number
 * beyond the table sends nothing, nor does any while MSI-X is off.
 */
void msix_raise(struct msix *msix, unsigned int nr);

/* The events behind all vectors are gone (a reset): nothing is pending. */
void msix_forget(struct msix *msix);

/* Table and pending bits: properties in the node that is begun; and back, after pci_restore(). */
void msix_save(const struct msix *msix, struct dt *dt);
void msix_restore(struct msix *msix, struct dt_in *in, int node);

/* To be called from the function's config_written(): masks may have been lifted. */
void msix_config_written(struct msix *msix, unsigned int off, unsigned int len);

#endif
