/* SPDX-License-Identifier: BSD-2-Clause */
/* A host bridge on a bench: its windows, what its interrupt lines did, and the guest's accesses. */
#ifndef LKVM_TESTS_PCI_BENCH_H
#define LKVM_TESTS_PCI_BENCH_H

#include <linux/pci_regs.h>
#include <string.h>
#include "hw/pci.h"
#include "util/bits.h"

#define LOW_BASE  0x10000000ULL
#define LOW_SIZE  0x01000000ULL
#define HIGH_BASE 0x8000000000ULL
#define HIGH_SIZE 0x01000000ULL

struct pci_bench {
	struct pci_host host;
	bool level[4];
	unsigned int changes[4];
};

static inline void bench_line(void *ctx, uint32_t nr, bool level)
{
	struct pci_bench *b = ctx;

	b->level[nr] = level;
	b->changes[nr]++;
}

static inline void bench_init(struct pci_bench *b)
{
	struct irq line[4];

	memset(b, 0, sizeof(*b));
	for (unsigned int i = 0; i < 4; i++)
		line[i] = (struct irq){ .set = bench_line, .ctx = b, .nr = i };
	pci_host_init(&b->host, (struct pci_window){ LOW_BASE, LOW_SIZE },
		      (struct pci_window){ HIGH_BASE, HIGH_SIZE }, line);
}

/* As the bus does, with the bridge's lock. */
static inline uint64_t bench_read(struct pci_bench *b, const struct mmio_ops *ops, uint64_t off,
				  unsigned int len)
{
	uint64_t value;

	pthread_mutex_lock(&b->host.lock);
	value = ops->read(&b->host, off, len);
	pthread_mutex_unlock(&b->host.lock);
	return value;
}

static inline void bench_write(struct pci_bench *b, const struct mmio_ops *ops, uint64_t off,
			       uint64_t value, unsigned int len)
{
	pthread_mutex_lock(&b->host.lock);
	ops->write(&b->host, off, value, len);
	pthread_mutex_unlock(&b->host.lock);
}

static inline uint64_t cfg_read(struct pci_bench *b, unsigned int slot, unsigned int off,
				unsigned int len)
{
	return bench_read(b, &pci_ecam_mmio, slot << 15 | off, len);
}

static inline void cfg_write(struct pci_bench *b, unsigned int slot, unsigned int off,
			     uint64_t value, unsigned int len)
{
	bench_write(b, &pci_ecam_mmio, slot << 15 | off, value, len);
}

static inline uint64_t mem_read(struct pci_bench *b, uint64_t gpa, unsigned int len)
{
	return gpa >= HIGH_BASE ? bench_read(b, &pci_high_mmio, gpa - HIGH_BASE, len)
				: bench_read(b, &pci_low_mmio, gpa - LOW_BASE, len);
}

static inline void mem_write(struct pci_bench *b, uint64_t gpa, uint64_t value, unsigned int len)
{
	if (gpa >= HIGH_BASE)
		bench_write(b, &pci_high_mmio, gpa - HIGH_BASE, value, len);
	else
		bench_write(b, &pci_low_mmio, gpa - LOW_BASE, value, len);
}

static inline void set_bar(struct pci_bench *b, unsigned int slot, unsigned int nr, uint32_t value)
{
	cfg_write(b, slot, PCI_BASE_ADDRESS_0 + 4 * nr, value, 4);
}

static inline void set_bar64(struct pci_bench *b, unsigned int slot, unsigned int nr,
			     uint64_t value)
{
	set_bar(b, slot, nr, (uint32_t)value);
	set_bar(b, slot, nr + 1, value >> 32);
}

static inline uint32_t get_bar(struct pci_bench *b, unsigned int slot, unsigned int nr)
{
	return (uint32_t)cfg_read(b, slot, PCI_BASE_ADDRESS_0 + 4 * nr, 4);
}

static inline void set_command(struct pci_bench *b, unsigned int slot, uint16_t value)
{
	cfg_write(b, slot, PCI_COMMAND, value, 2);
}

/* The offset of the @nth capability with @id that @slot's list has, or 0. */
static inline unsigned int find_capability(struct pci_bench *b, unsigned int slot, uint8_t id,
					   unsigned int nth)
{
	unsigned int at = (unsigned int)cfg_read(b, slot, PCI_CAPABILITY_LIST, 1);

	for (unsigned int steps = 0; at && steps < 48; steps++) {
		if (cfg_read(b, slot, at, 1) == id && nth-- == 0)
			return at;
		at = (unsigned int)cfg_read(b, slot, at + 1, 1);
	}
	return 0;
}

#endif
