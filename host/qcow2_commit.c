/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: bringing what is in memory to the file, in the order that qcow2.c draws. */
#include <errno.h>
#include <stdlib.h>
#include "qcow2.h"

static bool array_is_dirty(const struct qcow2_array *array)
{
	return array->dirty_from != array->dirty_to;
}

/* Writes entries @from to @to. */
static int write_entries(struct qcow2 *q, const struct qcow2_array *array, uint32_t from,
			 uint32_t to)
{
	uint32_t per_cluster = (uint32_t)(q->cluster_size / 8);
	int ret = 0;

	while (from < to && ret == 0) {
		uint32_t nr = to - from < per_cluster ? to - from : per_cluster;

		for (uint32_t i = 0; i < nr; i++)
			put_be64(q->bounce + 8 * i, array->entries[from + i]);
		ret = qcow2_write_at(q, q->bounce, 8ULL * nr, array->off + 8ULL * from);
		from += nr;
	}
	return ret;
}

static int write_array(struct qcow2 *q, struct qcow2_array *array)
{
	int ret = write_entries(q, array, array->dirty_from, array->dirty_to);

	if (ret == 0)
		array->dirty_from = array->dirty_to = 0;
	return ret;
}

/* Step 1: what nothing in the file leads to yet, and counts. The guest's data are there already. */
static int write_unreferenced(struct qcow2 *q)
{
	int ret = 0;

	for (unsigned int i = 0; i < q->blocks.nr && ret == 0; i++)
		ret = qcow2_table_write(q, &q->blocks.tables[i]);
	for (unsigned int i = 0; i < q->l2.nr && ret == 0; i++)
		if (q->l2.tables[i].fresh)
			ret = qcow2_table_write(q, &q->l2.tables[i]);
	if (ret == 0 && q->reftable_moved)
		ret = write_entries(q, &q->reftable, 0, q->reftable.nr);
	return ret < 0 ? ret : qcow2_sync(q);
}

/* Step 2: the way to new refcount blocks. */
static int write_reftable(struct qcow2 *q)
{
	uint8_t header[12];
	int ret;

	if (q->reftable_moved) {
		put_be64(header, q->reftable.off);
		put_be32(header + 8, q->header.reftable_clusters);
		ret = qcow2_write_at(q, header, sizeof(header), QCOW2_HEADER_REFTABLE);
	} else if (array_is_dirty(&q->reftable)) {
		ret = write_array(q, &q->reftable);
	} else {
		return 0;
	}
	if (ret == 0)
		ret = qcow2_sync(q);
	if (ret < 0)
		return ret;
	q->reftable_moved = false;
	q->reftable.dirty_from = q->reftable.dirty_to = 0;
	return 0;
}

/* Step 3: the way to the guest's data. */
static int write_map(struct qcow2 *q)
{
	bool any = array_is_dirty(&q->l1);
	int ret = 0;

	for (unsigned int i = 0; i < q->l2.nr && ret == 0; i++) {
		any |= q->l2.tables[i].dirty_from != q->l2.tables[i].dirty_to;
		ret = qcow2_table_write(q, &q->l2.tables[i]);
	}
	if (!any || ret < 0)
		return ret;
	ret = write_array(q, &q->l1);
	if (ret == 0)
		ret = qcow2_sync(q);
	for (unsigned int i = 0; i < q->l2.nr && ret == 0; i++)
		q->l2.tables[i].fresh = false;
	return ret;
}

/* One use of a cluster less. Returns whether it is free now. */
static bool drop(struct qcow2 *q, uint64_t cluster)
{
	uint64_t count;

	if (qcow2_refcount_get(q, cluster, &count) < 0)
		return false;
	if (count == 0 || (count == 1 && qcow2_set_has(&q->own, cluster))) {
		qcow2_damaged(q, "cluster %#llx is used and counted %llu times",
			      (unsigned long long)cluster, (unsigned long long)count);
		return false;
	}
	if (qcow2_refcount_set(q, cluster, count - 1) < 0 || count > 1)
		return false;
	if (cluster < q->hint)
		q->hint = cluster;
	return true;
}

/* Step 4: nothing in the file uses these any more. A count that cannot be lowered is a leak, no more. */
static void drop_freed(struct qcow2 *q)
{
	uint32_t bits = q->header.cluster_bits;

	for (unsigned int i = 0; i < q->nr_frees; i++) {
		uint64_t cluster = q->frees[i].first, last = cluster + q->frees[i].nr, hole = 0;

		for (; cluster < last; cluster++) {
			if (drop(q, cluster)) {
				hole++;
				continue;
			}
			if (hole)
				qcow2_punch(q, (cluster - hole) << bits, hole << bits);
			hole = 0;
		}
		if (hole)
			qcow2_punch(q, (cluster - hole) << bits, hole << bits);
	}
	if (q->nr_frees)
		q->unzipped_entry = 0;
	q->nr_frees = 0;
}

int qcow2_commit(struct qcow2 *q)
{
	int ret;

	if (q->readonly)
		return 0;
	if (q->state == QCOW2_LOST)
		return -EIO;
	ret = write_unreferenced(q);
	if (ret == 0)
		ret = write_reftable(q);
	if (ret == 0)
		ret = write_map(q);
	if (ret == 0)
		drop_freed(q);
	return ret;
}

void qcow2_free_later(struct qcow2 *q, uint64_t first, uint64_t nr)
{
	struct qcow2_run *last = q->nr_frees ? &q->frees[q->nr_frees - 1] : NULL;

	if (last && last->first + last->nr == first) {
		last->nr += nr;
		return;
	}
	/* Without a commit there is no room: then they leak. */
	if (q->nr_frees == QCOW2_FREES && qcow2_commit(q) < 0)
		return;
	q->frees[q->nr_frees++] = (struct qcow2_run){ .first = first, .nr = nr };
}
