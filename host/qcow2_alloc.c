/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2: taking clusters of the file. The first free ones are taken; behind the last there are always
 * more, and with them come new refcount blocks, each in a cluster that it counts itself, and a bigger
 * refcount table when it is full.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include "qcow2.h"

/* A cluster of ours that no data may be in; @cluster is counted as free. */
static int check_free(struct qcow2 *q, uint64_t cluster)
{
	if (cluster >= QCOW2_FILE_MAX >> q->header.cluster_bits)
		return -EFBIG;
	if (qcow2_set_has(&q->own, cluster))
		return qcow2_damaged(q,
				     "cluster %#" PRIx64 " holds metadata and is counted as free",
				     cluster);
	return 0;
}

static void used_up_to(struct qcow2 *q, uint64_t cluster)
{
	if (q->end < cluster)
		q->end = cluster;
}

/* A new refcount block for the range that has none, in cluster @at. */
static int place_block(struct qcow2 *q, uint64_t block, uint64_t at)
{
	struct qcow2_array *reftable = &q->reftable;
	struct qcow2_table *table;
	int ret = check_free(q, at);

	if (ret == 0)
		ret = qcow2_set_add(&q->own, at);
	if (ret < 0)
		return ret;
	ret = qcow2_cache_new(q, &q->blocks, at << q->header.cluster_bits, &table);
	if (ret < 0) {
		qcow2_set_remove(&q->own, at);
		return ret;
	}
	used_up_to(q, at + 1);
	reftable->entries[block] = at << q->header.cluster_bits;
	if (reftable->dirty_from == reftable->dirty_to)
		reftable->dirty_from = reftable->dirty_to = (uint32_t)block;
	if (block < reftable->dirty_from)
		reftable->dirty_from = (uint32_t)block;
	if (block >= reftable->dirty_to)
		reftable->dirty_to = (uint32_t)block + 1;
	return 0;
}

/*
 * Blocks for all ranges of the clusters from @start, of which the first @nr are a refcount table.
 * The blocks follow it. *end: behind the last.
 */
static int place_blocks(struct qcow2 *q, uint64_t start, uint64_t nr, uint64_t *end)
{
	int ret = 0;

	*end = start + nr;
	for (uint64_t block = qcow2_block_of(q, start);
	     ret == 0 && block <= qcow2_block_of(q, *end - 1); block++) {
		if (block >= q->reftable.nr)
			return -EFBIG;
		ret = place_block(q, block, (*end)++);
	}
	for (uint64_t cluster = start; ret == 0 && cluster < *end; cluster++)
		ret = qcow2_refcount_set(q, cluster, 1);
	return ret;
}

/* Takes back what place_blocks() did. */
static void displace_blocks(struct qcow2 *q, uint64_t start, uint64_t end)
{
	for (uint64_t cluster = start; cluster < end; cluster++) {
		qcow2_set_remove(&q->own, cluster);
		qcow2_cache_forget(&q->blocks, cluster << q->header.cluster_bits);
	}
}

/* How many clusters the next refcount table has. 0: it is as big as may be. */
static uint32_t next_size(const struct qcow2 *q)
{
	uint32_t old = q->header.reftable_clusters;
	uint32_t max = QCOW2_REFTABLE_MAX >> q->header.cluster_bits;
	uint32_t size = old + old / 2 + 1;

	if (old >= max)
		return 0;
	return size < max ? size : max;
}

/* A bigger refcount table at cluster @at, the first that the old one cannot count. */
static int grow_reftable(struct qcow2 *q, uint64_t at)
{
	uint32_t bits = q->header.cluster_bits, clusters = next_size(q);
	struct qcow2_array old = q->reftable;
	uint32_t old_clusters = q->header.reftable_clusters;
	uint64_t end = at;
	int ret = 0;

	if (clusters == 0)
		return -EFBIG;
	q->reftable = (struct qcow2_array){ .off = at << bits, .nr = clusters << (bits - 3) };
	q->reftable.entries = calloc(q->reftable.nr, sizeof(uint64_t));
	if (!q->reftable.entries) {
		q->reftable = old;
		return -ENOMEM;
	}
	memcpy(q->reftable.entries, old.entries, old.nr * sizeof(uint64_t));
	for (uint64_t i = 0; i < clusters && ret == 0; i++) {
		ret = check_free(q, at + i);
		if (ret == 0)
			ret = qcow2_set_add(&q->own, at + i);
	}
	if (ret == 0)
		ret = place_blocks(q, at, clusters, &end);
	if (ret < 0) {
		displace_blocks(q, at, end > at + clusters ? end : at + clusters);
		free(q->reftable.entries);
		q->reftable = old;
		return ret;
	}
	used_up_to(q, end);
	q->reftable_moved = true;
	q->header.reftable_clusters = clusters;
	free(old.entries);
	for (uint32_t i = 0; i < old_clusters; i++)
		qcow2_set_remove(&q->own, (old.off >> bits) + i);
	qcow2_free_later(q, old.off >> bits, old_clusters);
	return 0;
}

/* A block that counts @cluster, at the cost of that cluster. */
static int add_block(struct qcow2 *q, uint64_t cluster)
{
	uint64_t block = qcow2_block_of(q, cluster);
	int ret;

	if (block >= q->reftable.nr)
		return grow_reftable(q, cluster);
	ret = place_block(q, block, cluster);
	return ret < 0 ? ret : qcow2_refcount_set(q, cluster, 1);
}

static bool has_block(const struct qcow2 *q, uint64_t cluster)
{
	uint64_t block = qcow2_block_of(q, cluster);

	return block < q->reftable.nr && q->reftable.entries[block];
}

/* How many of the @want clusters from @first are free and have a block. */
static int count_free(struct qcow2 *q, uint64_t first, uint64_t want, uint64_t *nr)
{
	for (*nr = 0; *nr < want && has_block(q, first + *nr); (*nr)++) {
		uint64_t count;
		int ret = qcow2_refcount_get(q, first + *nr, &count);

		if (ret < 0)
			return ret;
		if (count != 0)
			return 0;
		ret = check_free(q, first + *nr);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int qcow2_alloc(struct qcow2 *q, uint64_t want, uint64_t *first, uint64_t *got)
{
	int ret;

	for (;;) {
		ret = qcow2_find_free(q, q->hint, first);
		if (ret < 0)
			return ret;
		q->hint = *first;
		if (has_block(q, *first))
			break;
		ret = add_block(q, *first);
		if (ret < 0)
			return ret;
	}
	ret = count_free(q, *first, want, got);
	for (uint64_t i = 0; i < *got && ret == 0; i++) {
		ret = qcow2_refcount_set(q, *first + i, 1);
		if (ret < 0)
			qcow2_unalloc(q, *first, i);
	}
	if (ret < 0)
		return ret;
	q->hint = *first + *got;
	used_up_to(q, *first + *got);
	return 0;
}

void qcow2_unalloc(struct qcow2 *q, uint64_t first, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++)
		qcow2_refcount_set(q, first + i, 0);
	if (first < q->hint)
		q->hint = first;
}
