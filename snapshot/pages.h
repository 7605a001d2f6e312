/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of RAM is still to be sent, and in which pieces. */
#ifndef LKVM_SNAPSHOT_PAGES_H
#define LKVM_SNAPSHOT_PAGES_H

#include <stdbool.h>
#include <stdint.h>
#include "vm/ram.h"

struct pages {
	const struct ram *ram;
	uint64_t page;    /* bytes behind a bit */
	uint64_t nr;      /* pages of RAM */
	uint64_t *bitmap; /* those to be sent; owned */
	uint64_t *news;   /* room for what is asked for next; owned */
	uint64_t at;      /* no page before it is left */
	bool fresh;       /* the other end's memory is still zero */
};

/* A piece of RAM. */
struct pages_piece {
	uint64_t off, len;
	bool zero; /* there is nothing else in it */
};

/* All of @ram is to be sent, whose writes are logged. Returns 0 or -ENOMEM; pages_free() also after that. */
int pages_start(struct pages *p, const struct ram *ram);
void pages_free(struct pages *p);

/* Bytes that are left. */
uint64_t pages_left(const struct pages *p);

/* What @news says is to be sent, too, from the first page on. */
void pages_again(struct pages *p);

/*
 * Takes the next piece of at most @max bytes, and looks at no more than @scan bytes for it. Returns 1; 0: none is left; -EAGAIN: none was found
 * yet.
 */
int pages_next(struct pages *p, uint64_t max, uint64_t scan, struct pages_piece *piece);

#endif
