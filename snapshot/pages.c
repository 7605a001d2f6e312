/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages on their way: a bitmap, and a place in it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "pages.h"

int pages_start(struct pages *p, const struct ram *ram)
{
	uint64_t words = ram_log_words(ram);

	*p = (struct pages){
		.ram = ram,
		.page = ram->log_page,
		.nr = ram->size / ram->log_page,
		.bitmap = calloc(words, sizeof(*p->bitmap)),
		.news = calloc(words, sizeof(*p->news)),
		.fresh = true,
	};
	if (!p->bitmap || !p->news)
		return -ENOMEM;
	for (uint64_t i = 0; i < p->nr; i++)
		p->bitmap[i / 64] |= 1ULL << i % 64;
	return 0;
}

void pages_free(struct pages *p)
{
	free(p->bitmap);
	free(p->news);
	*p = (struct pages){ 0 };
}

uint64_t pages_left(const struct pages *p)
{
	uint64_t left = 0;

	for (uint64_t i = p->at / 64; i < ram_log_words(p->ram); i++)
		left += (uint64_t)__builtin_popcountll(p->bitmap[i]);
	return left * p->page;
}

void pages_again(struct pages *p)
{
	for (uint64_t i = 0; i < ram_log_words(p->ram); i++) {
		p->bitmap[i] |= p->news[i];
		p->news[i] = 0;
	}
	p->fresh = false;
	p->at = 0;
}

/* The next page that is to be sent, or p->nr. */
static uint64_t find(const struct pages *p)
{
	uint64_t word = p->at / 64;
	uint64_t bits;

	if (p->at >= p->nr)
		return p->nr;
	bits = p->bitmap[word] & ~0ULL << p->at % 64;
	while (!bits && ++word < ram_log_words(p->ram))
		bits = p->bitmap[word];
	return bits ? word * 64 + (uint64_t)__builtin_ctzll(bits) : p->nr;
}

static bool is_zero(const struct pages *p, uint64_t nr)
{
	const uint8_t *page = p->ram->host + nr * p->page;

	return !page[0] && !memcmp(page, page + 1, p->page - 1);
}

int pages_next(struct pages *p, uint64_t max, uint64_t scan, struct pages_piece *piece)
{
	*piece = (struct pages_piece){ 0 };
	for (;;) {
		uint64_t nr = find(p);
		bool zero;

		if (piece->len &&
		    (nr * p->page != piece->off + piece->len || piece->len + p->page > max))
			return 1;
		p->at = nr;
		if (nr >= p->nr)
			return 0;
		if (scan < p->page)
			return piece->len ? 1 : -EAGAIN;
		scan -= p->page;
		zero = is_zero(p, nr);
		if (piece->len && zero != piece->zero)
			return 1;
		/* Cleared before it is read: what is written from now on is another round's. */
		p->bitmap[nr / 64] &= ~(1ULL << nr % 64);
		p->at = nr + 1;
		if (zero && p->fresh)
			continue;
		if (!piece->len)
			*piece = (struct pages_piece){ .off = nr * p->page, .zero = zero };
		piece->len += p->page;
	}
}
