/* SPDX-License-Identifier: BSD-2-Clause */
/* Five functions on a host bridge, each of which remembers what reached it. */
#ifndef LKVM_TESTS_PCI_CARD_H
#define LKVM_TESTS_PCI_CARD_H

#include <errno.h>
#include "pci_bench.h"

#define BAR_SIZE   0x1000ULL
#define BAR64_SIZE 0x4000ULL

/* A function with a 32-bit BAR 0, a 64-bit BAR 2 and two capabilities; it remembers what reached it. */
struct card {
	struct pci_function fn;
	pthread_mutex_t lock;
	unsigned int nr_reads, nr_writes, moves, config_reads, config_writes;
	uint64_t off, value;
	unsigned int len, moved_bar;
	bool unlocked; /* an operation came without the lock */
};

static inline void check_lock(struct card *card)
{
	if (pthread_mutex_trylock(&card->lock) != EBUSY)
		card->unlocked = true;
}

static inline uint64_t card_read(void *dev, uint64_t off, unsigned int len)
{
	struct card *card = dev;

	check_lock(card);
	card->nr_reads++;
	card->off = off;
	card->len = len;
	return card->value;
}

static inline void card_write(void *dev, uint64_t off, uint64_t value, unsigned int len)
{
	struct card *card = dev;

	check_lock(card);
	card->nr_writes++;
	card->off = off;
	card->value = value;
	card->len = len;
}

static const struct mmio_ops card_mmio = { .read = card_read, .write = card_write };

static inline void card_config_read(struct pci_function *fn, unsigned int off, unsigned int len)
{
	struct card *card = container_of(fn, struct card, fn);

	check_lock(card);
	card->config_reads++;
	card->off = off;
	card->len = len;
}

static inline void card_config_written(struct pci_function *fn, unsigned int off, unsigned int len)
{
	struct card *card = container_of(fn, struct card, fn);

	check_lock(card);
	card->config_writes++;
	card->off = off;
	card->len = len;
}

static inline void card_moved(struct pci_function *fn, unsigned int bar)
{
	struct card *card = container_of(fn, struct card, fn);

	check_lock(card);
	card->moves++;
	card->moved_bar = bar;
}

static const struct pci_function_ops card_ops = { .config_read = card_config_read,
						  .config_written = card_config_written,
						  .bar_moved = card_moved };

static inline void card_init(struct card *card)
{
	*card = (struct card){ 0 };
	pthread_mutex_init(&card->lock, NULL);
	pci_function_init(&card->fn, 0x1234, 0x5678, 0x020301, 7, 0x9abc, 0xdef0);
	card->fn.ops = &card_ops;
	card->fn.lock = &card->lock;
	card->fn.bar[0] = (struct pci_bar){ .size = BAR_SIZE, .ops = &card_mmio, .dev = card };
	card->fn.bar[2] = (struct pci_bar){ .size = BAR64_SIZE,
					    .is_64 = true,
					    .prefetchable = true,
					    .ops = &card_mmio,
					    .dev = card };
	pci_add_capability(&card->fn, PCI_CAP_ID_VNDR, 18);
	pci_add_capability(&card->fn, PCI_CAP_ID_MSIX, 12);
}

struct bench {
	struct pci_bench pci;
	struct card card[PCI_SLOTS + 1];
};

/* Five cards: slots 0 and 4 share a line. */
#define NR_CARDS 5

static inline int setup(void **state)
{
	static struct bench b;

	bench_init(&b.pci);
	for (unsigned int i = 0; i < NR_CARDS; i++) {
		card_init(&b.card[i]);
		if (pci_add(&b.pci.host, &b.card[i].fn, NULL) < 0)
			return -1;
	}
	*state = &b;
	return 0;
}

static inline int teardown(void **state)
{
	struct bench *b = *state;
	bool unlocked = false;

	for (unsigned int i = 0; i < NR_CARDS; i++)
		unlocked |= b->card[i].unlocked;
	pci_host_destroy(&b->pci.host);
	return unlocked ? -1 : 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
