/* SPDX-License-Identifier: BSD-2-Clause */
/* Between a memory balloon, the memory that it gives back, and those who ask how it stands. */
#ifndef LKVM_VM_BALLOON_H
#define LKVM_VM_BALLOON_H

#include <stdint.h>
#include "vm/ram.h"

/* The host's side. Called with the device's lock held; takes no longer than @len makes it. */
struct balloon_backend {
	/* The guest does not need these pages' content. Multiples of the RAM's page size, in RAM. */
	void (*discard)(void *ctx, gpa_t gpa, uint64_t len);
	void *ctx;
};

/* What a guest tells of its memory, by the numbers of virtio 1.2, section 5.5.6.3 (and later). */
enum balloon_stat {
	BALLOON_SWAP_IN,  /* bytes */
	BALLOON_SWAP_OUT, /* bytes */
	BALLOON_MAJOR_FAULTS,
	BALLOON_MINOR_FAULTS,
	BALLOON_FREE,      /* bytes */
	BALLOON_TOTAL,     /* bytes */
	BALLOON_AVAILABLE, /* bytes that new programs can have without swapping */
	BALLOON_CACHES,    /* bytes */
	BALLOON_HUGE_PAGES,
	BALLOON_HUGE_PAGE_FAILURES,
	BALLOON_OOM_KILLS, /* guests of Linux 6.12 and later */
	BALLOON_NR_STATS,
};

#define BALLOON_STAT_UNKNOWN UINT64_MAX

struct balloon_state {
	uint64_t target;  /* bytes that the guest is to give back */
	uint64_t actual;  /* bytes that its driver says it has given; its word */
	uint64_t answers; /* how often it has told the following in this life */
	uint64_t stat[BALLOON_NR_STATS];
};

#endif
