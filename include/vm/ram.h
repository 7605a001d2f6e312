/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest RAM: one contiguous range of guest-physical addresses. Everything that reaches guest memory
 * does so by a copy or by a slice with a length; nothing else yields a host pointer.
 */
#ifndef LKVM_VM_RAM_H
#define LKVM_VM_RAM_H

#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"

/* A guest-physical address. */
typedef uint64_t gpa_t;

struct ram {
	uint8_t *host; /* page aligned; 2 MiB aligned relative to @base where possible */
	gpa_t base;
	uint64_t size;      /* bytes, a multiple of @page_size */
	uint64_t page_size; /* of the backing: the host's page, or the huge page of hugetlbfs */
	int fd;             /* the file it is, from its start on, mapped shared; -1: no file */
};

/*
 * Reserves @size bytes (rounded up to the backing's page) at guest address @base. The memory is zero
 * and costs nothing until it is touched. @hugetlbfs: a hugetlbfs mount to take it from, or NULL. @shared: it is
 * a file, which other processes can map; that of a hugetlbfs is one in any case. Returns 0, or -errno with @e set.
 */
int ram_create(struct ram *ram, gpa_t base, uint64_t size, const char *hugetlbfs, bool shared,
	       struct err *e);

/*
 * Whether pages of RAM that are touched from now on may be huge ones (transparent huge pages). A
 * guest's accesses are faster with them, but the first byte of each costs 2 MiB of cleared memory. For shared memory
 * the host decides (shmem_enabled), too.
 */
void ram_use_huge_pages(const struct ram *ram, bool use);

/*
 * Gives the host's memory behind @len bytes at @gpa back: multiples of @page_size, in RAM. They read as zero
 * from then on, and take memory again when they are touched. Takes as long as there are pages. Returns 0, or
 * -errno: then they stay. Any thread.
 */
int ram_discard(const struct ram *ram, gpa_t gpa, uint64_t len);

/*
 * Puts the content of the file @fd from @off on, a multiple of the host's page size, in the place of all of RAM. Nothing is
 * read before it is touched, and nothing the guest writes goes back to the file, which must stay as long as RAM is. Not for
 * RAM that is a file itself. Returns 0, or -errno with @e set.
 */
int ram_map_file(const struct ram *ram, int fd, uint64_t off, struct err *e);

/* Gives the memory back. { 0 } and an already destroyed ram are fine. */
void ram_destroy(struct ram *ram);

/* One past the last byte. */
static inline gpa_t ram_end(const struct ram *ram)
{
	return ram->base + ram->size;
}

/* Host address of @len bytes at @gpa, or NULL if any of them lies outside. Any thread. */
void *ram_slice(const struct ram *ram, gpa_t gpa, uint64_t len);

/* Copies into guest memory: 0, or -EFAULT if the range is not all RAM (then nothing is written). */
int ram_write(const struct ram *ram, gpa_t gpa, const void *buf, uint64_t len);

/* Copies out of guest memory: 0, or -EFAULT (then @buf is untouched). */
int ram_read(const struct ram *ram, gpa_t gpa, void *buf, uint64_t len);

#endif
