/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2: L2 tables and refcount blocks in memory, the latest used of each. A changed L2 table may only
 * be written by a commit. A refcount block may be written at any time: it only ever counts too much,
 * because a count is lowered after what was counted is gone from the file.
 */
#include <errno.h>
#include <stdlib.h>
#include "qcow2.h"
#include "util/bits.h"

int qcow2_cache_init(struct qcow2_cache *cache, const struct qcow2 *q, uint64_t bytes,
		     unsigned int min, unsigned int max)
{
	uint64_t nr = bytes >> q->header.cluster_bits;

	cache->nr = nr < min ? min : nr > max ? max : (unsigned int)nr;
	cache->tables = calloc(cache->nr, sizeof(*cache->tables));
	return cache->tables ? 0 : -ENOMEM;
}

void qcow2_cache_free(struct qcow2_cache *cache)
{
	for (unsigned int i = 0; cache->tables && i < cache->nr; i++)
		free(cache->tables[i].bytes);
	free(cache->tables);
}

void qcow2_table_dirty(struct qcow2_table *table, uint32_t from, uint32_t to)
{
	if (table->dirty_from == table->dirty_to) {
		table->dirty_from = from;
		table->dirty_to = to;
	}
	if (from < table->dirty_from)
		table->dirty_from = from;
	if (to > table->dirty_to)
		table->dirty_to = to;
}

/* By whole sectors: storage writes those at once, so no entry is ever half old and half new. */
int qcow2_table_write(struct qcow2 *q, struct qcow2_table *table)
{
	uint64_t from = align_down(table->dirty_from, BLOCK_SECTOR);
	uint64_t to = align_up(table->dirty_to, BLOCK_SECTOR);
	int ret;

	if (table->dirty_from == table->dirty_to)
		return 0;
	ret = qcow2_write_at(q, table->bytes + from, to - from, table->off + from);
	if (ret == 0)
		table->dirty_from = table->dirty_to = 0;
	return ret;
}

/* An empty place for the table at @off. */
static int make_place(struct qcow2 *q, struct qcow2_cache *cache, struct qcow2_table **table)
{
	struct qcow2_table *t = &cache->tables[0];
	int ret = 0;

	for (unsigned int i = 1; i < cache->nr && t->off; i++)
		if (!cache->tables[i].off || cache->tables[i].used < t->used)
			t = &cache->tables[i];
	if (t->off && t->dirty_from != t->dirty_to)
		ret = cache == &q->l2 ? qcow2_commit(q) : qcow2_table_write(q, t);
	if (ret < 0)
		return ret;
	if (!t->bytes)
		t->bytes = malloc(q->cluster_size);
	if (!t->bytes)
		return -ENOMEM;
	*t = (struct qcow2_table){ .used = ++q->clock, .bytes = t->bytes };
	*table = t;
	return 0;
}

int qcow2_cache_get(struct qcow2 *q, struct qcow2_cache *cache, uint64_t off,
		    struct qcow2_table **table)
{
	int ret;

	for (unsigned int i = 0; i < cache->nr; i++) {
		if (cache->tables[i].off != off)
			continue;
		*table = &cache->tables[i];
		(*table)->used = ++q->clock;
		return 0;
	}
	ret = make_place(q, cache, table);
	if (ret == 0)
		ret = qcow2_read_at(q->file->fd, (*table)->bytes, q->cluster_size, off);
	if (ret == 0)
		(*table)->off = off;
	return ret;
}

int qcow2_cache_new(struct qcow2 *q, struct qcow2_cache *cache, uint64_t off,
		    struct qcow2_table **table)
{
	int ret;

	qcow2_cache_forget(cache, off);
	ret = make_place(q, cache, table);
	if (ret < 0)
		return ret;
	memset((*table)->bytes, 0, q->cluster_size);
	(*table)->off = off;
	qcow2_table_dirty(*table, 0, (uint32_t)q->cluster_size);
	return 0;
}

void qcow2_cache_forget(struct qcow2_cache *cache, uint64_t off)
{
	for (unsigned int i = 0; i < cache->nr; i++)
		if (cache->tables[i].off == off)
			cache->tables[i] = (struct qcow2_table){ .bytes = cache->tables[i].bytes };
}
