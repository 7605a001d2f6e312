/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: the uses of each cluster of the file, kept in 1 to 64 bits each. */
#include <errno.h>
#include "qcow2.h"

/* Counts in a block are 2^this many. */
static uint32_t block_bits(const struct qcow2 *q)
{
	return q->header.cluster_bits + 3 - q->header.refcount_order;
}

static uint64_t get_count(const uint8_t *bytes, uint64_t i, uint32_t order)
{
	switch (order) {
	case 6:
		return get_be64(bytes + 8 * i);
	case 5:
		return get_be32(bytes + 4 * i);
	case 4:
		return (uint64_t)bytes[2 * i] << 8 | bytes[2 * i + 1];
	default: /* the first count of a byte is in its lowest bits */
		return bytes[i >> (3 - order)] >> ((i << order) & 7) & ((1U << (1U << order)) - 1);
	}
}

static void put_count(uint8_t *bytes, uint64_t i, uint32_t order, uint64_t count)
{
	uint32_t shift, mask;
	uint8_t *byte;

	switch (order) {
	case 6:
		put_be64(bytes + 8 * i, count);
		break;
	case 5:
		put_be32(bytes + 4 * i, (uint32_t)count);
		break;
	case 4:
		bytes[2 * i] = (uint8_t)(count >> 8);
		bytes[2 * i + 1] = (uint8_t)count;
		break;
	default:
		shift = (uint32_t)(i << order) & 7;
		mask = (1U << (1U << order)) - 1;
		byte = bytes + (i >> (3 - order));
		*byte = (uint8_t)((*byte & ~(mask << shift)) | (count & mask) << shift);
	}
}

uint64_t qcow2_block_of(const struct qcow2 *q, uint64_t cluster)
{
	return cluster >> block_bits(q);
}

uint64_t qcow2_block_start(const struct qcow2 *q, uint64_t block)
{
	return block << block_bits(q);
}

/* *table: the block that counts @cluster, or NULL: there is none. */
static int find_block(struct qcow2 *q, uint64_t cluster, struct qcow2_table **table)
{
	uint64_t i = qcow2_block_of(q, cluster);
	uint64_t off = i < q->reftable.nr ? q->reftable.entries[i] : 0;

	*table = NULL;
	return off ? qcow2_cache_get(q, &q->blocks, off, table) : 0;
}

int qcow2_refcount_get(struct qcow2 *q, uint64_t cluster, uint64_t *count)
{
	uint64_t i = cluster - qcow2_block_start(q, qcow2_block_of(q, cluster));
	struct qcow2_table *table;
	int ret = find_block(q, cluster, &table);

	if (ret == 0)
		*count = table ? get_count(table->bytes, i, q->header.refcount_order) : 0;
	return ret;
}

int qcow2_refcount_set(struct qcow2 *q, uint64_t cluster, uint64_t count)
{
	uint64_t i = cluster - qcow2_block_start(q, qcow2_block_of(q, cluster));
	uint32_t byte = (uint32_t)((i << q->header.refcount_order) >> 3);
	struct qcow2_table *table;
	int ret = find_block(q, cluster, &table);

	if (ret < 0 || !table)
		return ret < 0 ? ret : -EIO;
	put_count(table->bytes, i, q->header.refcount_order, count);
	qcow2_table_dirty(table, byte, byte + 1);
	return 0;
}

int qcow2_find_free(struct qcow2 *q, uint64_t from, uint64_t *cluster)
{
	uint32_t order = q->header.refcount_order;

	while (from <= q->end + QCOW2_SLACK) {
		uint64_t start = qcow2_block_start(q, qcow2_block_of(q, from));
		uint64_t nr = qcow2_block_start(q, 1), i = from - start;
		struct qcow2_table *table;
		int ret = find_block(q, from, &table);

		if (ret < 0)
			return ret;
		while (table && i < nr && get_count(table->bytes, i, order) != 0)
			i++;
		from = start + i;
		if (i < nr) {
			*cluster = from;
			return 0;
		}
	}
	return qcow2_damaged(q, "clusters far beyond its end are counted as used");
}
