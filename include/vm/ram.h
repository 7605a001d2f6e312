/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest RAM: one contiguous range of guest-physical addresses. Everything that reaches guest memory
 * does so by a copy or by a slice with a length; nothing else yields a host pointer.
 */
#ifndef LKVM_VM_RAM_H
#define LKVM_VM_RAM_H

#include <stdatomic.h>
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
	_Atomic(atomic_uint_fast64_t *)
		log;       /* what was written beside the guest; NULL: nobody asks */
	uint64_t log_page; /* bytes behind a bit of it: the host's page */
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

/*
 * Puts @pages, RAM's size of anonymous private memory that was mapped, in the place of all of RAM; they are RAM's then. Not for RAM that is
 * a file. Returns 0, or -errno with @e set.
 */
int ram_take_pages(const struct ram *ram, void *pages, struct err *e);

/*
 * A log of pages that somebody else than the guest writes to, which KVM does not see: it has a bit a page of the host, in words of
 * 64. ram_log_start() begins it, empty; it is kept until RAM ends. Returns 0, or -ENOMEM with @e set. One thread.
 */
int ram_log_start(struct ram *ram, struct err *e);
uint64_t ram_log_words(const struct ram *ram);
/* Moves what is in the log to @bitmap, beside what is there. */
void ram_log_take(const struct ram *ram, uint64_t *bitmap);
void ram_log_add(const struct ram *ram, const void *host, uint64_t len);

static inline bool ram_is_logged(const struct ram *ram)
{
	return atomic_load_explicit(&ram->log, memory_order_relaxed);
}

/* @len bytes at @host, in RAM, were written. Any thread; after the write. */
static inline void ram_written(const struct ram *ram, const void *host, uint64_t len)
{
	if (ram_is_logged(ram))
		ram_log_add(ram, host, len);
}

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
