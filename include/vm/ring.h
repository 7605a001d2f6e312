/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A bounded queue of bytes over memory of its owner: a UART's FIFOs, the console's buffers. It
 * starts again at its first byte whenever it runs empty, so a large ring that is never far behind
 * touches little memory. Not locked.
 */
#ifndef LKVM_VM_RING_H
#define LKVM_VM_RING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct ring {
	uint8_t *buf;
	size_t size; /* bytes at @buf */
	size_t head; /* the oldest byte; below @size */
	size_t nr;   /* bytes held */
};

/* Appends the first bytes of @buf that fit and returns how many those are. */
static inline size_t ring_put(struct ring *ring, const uint8_t *buf, size_t len)
{
	size_t tail = ring->head + ring->nr, first;

	if (tail >= ring->size)
		tail -= ring->size;
	if (len > ring->size - ring->nr)
		len = ring->size - ring->nr;
	first = len < ring->size - tail ? len : ring->size - tail;
	memcpy(ring->buf + tail, buf, first);
	memcpy(ring->buf, buf + first, len - first);
	ring->nr += len;
	return len;
}

/*
 * The oldest bytes that lie in one piece; *len is their number, 0 for an empty ring. They stay
 * valid and unchanged until ring_drop(), whatever is put meanwhile.
 */
static inline const uint8_t *ring_peek(const struct ring *ring, size_t *len)
{
	*len = ring->nr < ring->size - ring->head ? ring->nr : ring->size - ring->head;
	return ring->buf + ring->head;
}

/* Forgets the @nr oldest bytes; @nr is at most ring->nr. */
static inline void ring_drop(struct ring *ring, size_t nr)
{
	ring->nr -= nr;
	ring->head = ring->nr ? (ring->head + nr) % ring->size : 0;
}

#endif
