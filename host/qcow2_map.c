/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: from the guest's bytes to the file's, by the L1 table and the L2 tables. */
#include <errno.h>
#include <inttypes.h>
#include "qcow2.h"

static uint64_t l1_index(const struct qcow2 *q, uint64_t off)
{
	return off >> (2 * q->header.cluster_bits - 3);
}

uint32_t qcow2_l2_index(const struct qcow2 *q, uint64_t off)
{
	return (uint32_t)(off >> q->header.cluster_bits) & ((uint32_t)(q->cluster_size / 8) - 1);
}

uint64_t qcow2_l2_entry(const struct qcow2_table *table, uint32_t index)
{
	return get_be64(table->bytes + 8 * index);
}

void qcow2_packed_place(const struct qcow2 *q, uint64_t entry, uint64_t *off, uint64_t *len)
{
	uint32_t shift = 62 - (q->header.cluster_bits - 8);
	uint64_t sectors = ((entry & (QCOW2_PACKED - 1)) >> shift) + 1;

	*off = entry & ((1ULL << shift) - 1) & (QCOW2_FILE_MAX - 1);
	*len = sectors * BLOCK_SECTOR - *off % BLOCK_SECTOR;
}

/* What an entry means, with @host that of its cluster's first byte. */
static int decode(struct qcow2 *q, uint64_t entry, struct qcow2_extent *x)
{
	*x = (struct qcow2_extent){ .entry = entry, .own = entry & QCOW2_COPIED };
	if (entry & QCOW2_PACKED) {
		x->kind = QCOW2_IS_PACKED;
		return 0;
	}
	x->host = entry & QCOW2_OFFSET;
	if (entry & QCOW2_ZERO)
		x->kind = QCOW2_IS_ZERO;
	else
		x->kind = x->host ? QCOW2_IS_DATA : QCOW2_IS_HOLE;
	if (entry & QCOW2_ZERO && q->header.version < 3)
		return qcow2_damaged(q, "version 2 with a zero cluster");
	if (x->host && !qcow2_off_ok(q, x->host))
		return qcow2_damaged(q, "an L2 entry leads to %#" PRIx64, x->host);
	return 0;
}

/* Whether @next, of the cluster that is @off bytes on, goes on with @x. */
static bool continues(const struct qcow2_extent *x, const struct qcow2_extent *next, uint64_t off)
{
	if (x->kind == QCOW2_IS_PACKED || next->kind != x->kind || next->own != x->own)
		return false;
	return x->host ? next->host == x->host + off : !next->host;
}

/* *table: the one for @off, or NULL: there is none. */
static int find_l2(struct qcow2 *q, uint64_t off, struct qcow2_table **table)
{
	uint64_t entry = q->l1.entries[l1_index(q, off)];

	*table = NULL;
	if (!(entry & QCOW2_OFFSET))
		return 0;
	if (!qcow2_off_ok(q, entry & QCOW2_OFFSET))
		return qcow2_damaged(q, "an L1 entry leads to %#" PRIx64, entry);
	return qcow2_cache_get(q, &q->l2, entry & QCOW2_OFFSET, table);
}

int qcow2_map(struct qcow2 *q, uint64_t off, uint64_t len, struct qcow2_extent *x)
{
	uint32_t i = qcow2_l2_index(q, off), nr = (uint32_t)(q->cluster_size / 8);
	uint64_t in_cluster = off & (q->cluster_size - 1), span;
	struct qcow2_table *table;
	struct qcow2_extent next;
	int ret = find_l2(q, off, &table);

	if (ret < 0)
		return ret;
	ret = decode(q, table ? qcow2_l2_entry(table, i) : 0, x);
	if (ret < 0)
		return ret;
	for (span = q->cluster_size; ++i < nr && span - in_cluster < len; span += q->cluster_size) {
		if (table &&
		    (decode(q, qcow2_l2_entry(table, i), &next) < 0 || !continues(x, &next, span)))
			break;
	}
	x->len = span - in_cluster < len ? span - in_cluster : len;
	if (x->host)
		x->host += in_cluster;
	return 0;
}

/* A new table in place of the one that @entry of L1 leads to (0: none). */
static int new_l2(struct qcow2 *q, uint64_t off, struct qcow2_table **table)
{
	uint32_t bits = q->header.cluster_bits, index = (uint32_t)l1_index(q, off);
	struct qcow2_table *old;
	uint64_t cluster, got;
	int ret = find_l2(q, off, &old);

	if (ret == 0)
		ret = qcow2_alloc(q, 1, &cluster, &got);
	if (ret < 0)
		return ret;
	ret = qcow2_set_add(&q->own, cluster);
	if (ret == 0)
		ret = qcow2_cache_new(q, &q->l2, cluster << bits, table);
	if (ret < 0) {
		qcow2_set_remove(&q->own, cluster);
		qcow2_unalloc(q, cluster, 1);
		return ret;
	}
	(*table)->fresh = true;
	if (old)
		memcpy((*table)->bytes, old->bytes, q->cluster_size);
	q->l1.entries[index] = cluster << bits | QCOW2_COPIED;
	if (q->l1.dirty_from == q->l1.dirty_to)
		q->l1.dirty_from = q->l1.dirty_to = index;
	if (index < q->l1.dirty_from)
		q->l1.dirty_from = index;
	if (index >= q->l1.dirty_to)
		q->l1.dirty_to = index + 1;
	if (old) {
		qcow2_set_remove(&q->own, old->off >> bits);
		qcow2_free_later(q, old->off >> bits, 1);
	}
	return 0;
}

int qcow2_l2_for_write(struct qcow2 *q, uint64_t off, struct qcow2_table **table)
{
	uint64_t entry = q->l1.entries[l1_index(q, off)], count;
	int ret;

	if (!(entry & QCOW2_COPIED) || !(entry & QCOW2_OFFSET))
		return new_l2(q, off, table);
	ret = qcow2_refcount_get(q, (entry & QCOW2_OFFSET) >> q->header.cluster_bits, &count);
	if (ret < 0)
		return ret;
	if (count != 1)
		return qcow2_damaged(q, "the L2 table at %#" PRIx64 " is counted %" PRIu64 " times",
				     entry & QCOW2_OFFSET, count);
	return find_l2(q, off, table);
}

/* The clusters that a compressed one lies in are shared with its neighbours: each counts them. */
static void free_entry(struct qcow2 *q, uint64_t entry)
{
	uint32_t bits = q->header.cluster_bits;
	uint64_t off = entry & QCOW2_OFFSET, len = q->cluster_size;

	if (entry & QCOW2_PACKED)
		qcow2_packed_place(q, entry, &off, &len);
	if (off == 0)
		return;
	/* The last sectors of a compressed cluster may be missing, no cluster may. */
	if ((off + len - 1) >> bits >= q->end) {
		qcow2_damaged(q, "an L2 entry leads to %#" PRIx64, off);
		return;
	}
	qcow2_free_later(q, off >> bits, ((off + len - 1) >> bits) - (off >> bits) + 1);
}

void qcow2_l2_set(struct qcow2 *q, struct qcow2_table *table, uint32_t index, uint64_t entry)
{
	uint64_t old = qcow2_l2_entry(table, index);

	put_be64(table->bytes + 8 * index, entry);
	qcow2_table_dirty(table, 8 * index, 8 * index + 8);
	if ((old & QCOW2_PACKED) || (old & QCOW2_OFFSET) != (entry & QCOW2_OFFSET))
		free_entry(q, old);
}
