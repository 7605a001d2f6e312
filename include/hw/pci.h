/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PCI Express host bridge with one bus: configuration space by ECAM (PCI Express Base
 * Specification, 7.2.2), and windows of memory in which the guest places BARs wherever and whenever
 * it likes. The bridge finds the BAR behind an access itself, under its own lock, so that a BAR moves in
 * place and the machine's bus never changes. What nobody answers reads as all ones.
 *
 * Locks: the bridge's is taken by the bus, and inside it the function's by the bridge, around each call
 * of the function's own and its BARs' operations. Interrupt lines have a lock of their own, inside of both.
 */
#ifndef LKVM_HW_PCI_H
#define LKVM_HW_PCI_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"
#include "vm/bus.h"
#include "vm/dt_in.h"
#include "vm/irq.h"

#define PCI_SLOTS       32
#define PCI_CONFIG_SIZE 256      /* of each function; the extended 4 KiB read as zero */
#define PCI_ECAM_SIZE   0x100000 /* one bus */
#define PCI_BARS        6
#define PCI_UNPLACED    UINT64_MAX /* a BAR's address while it is not decoded */

struct pci_bar {
	uint64_t size; /* a power of two, 16 or more; 0: there is none */
	bool is_64, prefetchable;
	const struct mmio_ops *ops; /* busy() is not used */
	void *dev;
	uint64_t gpa; /* where it is decoded, or PCI_UNPLACED; by pci_add() */
};

struct pci_function;

struct pci_function_ops {
	/*
	 * Before the guest reads, and after it has written, config bytes [@off, @off + @len), @len 1, 2 or 4 and within
	 * PCI_CONFIG_SIZE: the writable bits are in fn->config already. Either may be NULL.
	 */
	void (*config_read)(struct pci_function *fn, unsigned int off, unsigned int len);
	void (*config_written)(struct pci_function *fn, unsigned int off, unsigned int len);
	/* fn->bar[@bar].gpa has changed. May be NULL. */
	void (*bar_moved)(struct pci_function *fn, unsigned int bar);
};

struct pci_function {
	const struct pci_function_ops *ops;
	pthread_mutex_t *lock;
	struct pci_bar bar[PCI_BARS];
	uint8_t config[PCI_CONFIG_SIZE];   /* little-endian, as the guest reads it */
	uint8_t writable[PCI_CONFIG_SIZE]; /* the bits the guest may write */
	unsigned int cap_last, cap_end;    /* where the list of capabilities goes on */
	const struct pci_host *host;       /* by pci_add() */
	uint16_t requester;                /* bus, device and function number; by pci_add() */
	struct irq intx;                   /* level, by pci_add(); for pci_set_intx() */
	bool intx_asserted;
};

struct pci_window {
	gpa_t base;
	uint64_t size; /* 0: there is no such window */
};

struct pci_host {
	pthread_mutex_t lock;
	struct pci_function *function[PCI_SLOTS]; /* by slot; the first @nr are there */
	unsigned int nr;
	struct pci_window low,
		high;       /* below 4 GiB, and above; bus addresses are guest-physical ones */
	struct irq intx[4]; /* INTA of slot N is line N % 4; interrupt-map has to say the same */
	unsigned int intx_raised[4]; /* functions that hold each line high */
	pthread_mutex_t intx_lock;   /* of @intx_raised and the lines themselves */
};

/* Regions of the machine's bus, with host->lock: config space, and each window. All of a struct pci_host. */
extern const struct mmio_ops pci_ecam_mmio;
extern const struct mmio_ops pci_low_mmio, pci_high_mmio;

void pci_host_init(struct pci_host *host, struct pci_window low, struct pci_window high,
		   const struct irq intx[4]);
void pci_host_destroy(struct pci_host *host);

/*
 * Sets up @fn's config header: @class_code is class, subclass, interface. Lock, BARs, capabilities and
 * ops are the caller's to set next, then pci_add().
 */
void pci_function_init(struct pci_function *fn, uint16_t vendor, uint16_t device,
		       uint32_t class_code, uint8_t revision, uint16_t subsystem_vendor,
		       uint16_t subsystem);

/*
 * Appends a capability of @len bytes (its id and next pointer included) and returns its offset; read-only until
 * fn->writable says otherwise. The caller's list must fit: checked by assert.
 */
unsigned int pci_add_capability(struct pci_function *fn, uint8_t id, unsigned int len);

/*
 * Puts @fn, complete, on the bus in the next free slot, where it must stay as long as the guest runs.
 * Returns 0, or -ENOSPC with @e set.
 */
int pci_add(struct pci_host *host, struct pci_function *fn, struct err *e);

/*
 * What the guest has written to @fn's configuration space: a property in the node that is begun; and back, for a function as
 * after pci_add(): BARs are placed. That is refused if it is another function's. With the function's lock held.
 */
void pci_save(const struct pci_function *fn, struct dt *dt);
void pci_restore(struct pci_function *fn, struct dt_in *in, int node);

/* Whether the guest lets @fn write memory of its own accord: without that there are no messages. */
bool pci_is_bus_master(const struct pci_function *fn);

/* Whether [@off, @off + @len) has a byte of the @size at @at: for config_read() and config_written(). */
static inline bool pci_touches(unsigned int off, unsigned int len, unsigned int at,
			       unsigned int size)
{
	return off < at + size && at < off + len;
}

/*
 * The function's legacy interrupt (INTA), as a level; obeys Interrupt Disable and shows in the status register.
 * With the function's lock held; takes none but the lines' own.
 */
void pci_set_intx(struct pci_function *fn, bool level);

#endif
