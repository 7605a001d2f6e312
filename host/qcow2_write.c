/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2: writing. In place where the image alone uses a cluster, into new clusters otherwise, with the
 * rest of what the guest saw there copied around what it writes.
 */
#include <errno.h>
#include <inttypes.h>
#include "qcow2.h"

/* Clusters that may be written in place are counted once and are not ours. */
static int check_in_place(struct qcow2 *q, uint64_t host, uint64_t len)
{
	uint64_t cluster = host >> q->header.cluster_bits;
	uint64_t last = (host + len - 1) >> q->header.cluster_bits;

	for (; cluster <= last; cluster++) {
		uint64_t count;
		int ret = qcow2_refcount_get(q, cluster, &count);

		if (ret < 0)
			return ret;
		if (count != 1 || cluster >= q->end)
			return qcow2_damaged(q,
					     "cluster %#" PRIx64
					     " is used once, and counted %" PRIu64 " times",
					     cluster, count);
		if (qcow2_set_has(&q->own, cluster))
			return qcow2_damaged(q, "cluster %#" PRIx64 " is data and metadata at once",
					     cluster);
	}
	return 0;
}

/* Copies what the guest has at @off now to @host. */
static int copy_old(struct qcow2 *q, uint64_t off, uint64_t len, uint64_t host)
{
	struct iovec iov = { .iov_base = q->bounce, .iov_len = len };
	struct qcow2_iov at = { .iov = &iov, .nr = 1 };
	int ret = len ? qcow2_read(q, off, len, &at) : 0;

	return ret < 0 || !len ? ret : qcow2_write_at(q, q->bounce, len, host);
}

/* Bytes of the guest's for @nr new clusters at @cluster: from @off on, @len bytes. */
struct piece {
	uint64_t off, len;
	uint64_t cluster, nr;
	bool blank; /* the clusters read as zeroes, and so does what the guest has there */
};

/* Fills the new clusters, the guest's bytes last. */
static int fill(struct qcow2 *q, const struct piece *p, struct qcow2_iov *at)
{
	uint64_t host = p->cluster << q->header.cluster_bits;
	uint64_t head = p->off & (q->cluster_size - 1);
	uint64_t end = head + p->len, tail = (p->nr << q->header.cluster_bits) - end;
	int ret = 0;

	if (!p->blank)
		ret = copy_old(q, p->off - head, head, host);
	if (ret == 0 && !p->blank)
		ret = copy_old(q, p->off + p->len, tail, host + end);
	return ret < 0 ? ret : qcow2_writev(q, at, p->len, host + head);
}

/* What the guest has in extent @x, at @off, cannot be written where it is. *done: how much was written. */
static int write_new(struct qcow2 *q, uint64_t off, const struct qcow2_extent *x,
		     struct qcow2_iov *at, uint64_t *done)
{
	uint64_t head = off & (q->cluster_size - 1);
	uint64_t want = (head + x->len + q->cluster_size - 1) >> q->header.cluster_bits;
	bool reserved = x->kind == QCOW2_IS_ZERO && x->host && x->own;
	bool zero = x->kind == QCOW2_IS_ZERO ||
		    (x->kind == QCOW2_IS_HOLE && qcow2_hole_is_zero(q, off - head));
	struct piece p = { .off = off };
	struct qcow2_table *table;
	uint64_t old_end;
	int ret = qcow2_l2_for_write(q, off, &table);

	if (ret < 0)
		return ret;
	old_end = q->end;
	if (reserved) {
		p.cluster = x->host >> q->header.cluster_bits;
		p.nr = want;
		ret = check_in_place(q, x->host, x->len);
	} else {
		ret = qcow2_alloc(q, want, &p.cluster, &p.nr);
	}
	if (ret < 0)
		return ret;
	p.len = (p.nr << q->header.cluster_bits) - head;
	if (p.len > x->len)
		p.len = x->len;
	p.blank = zero && p.cluster >= old_end;
	ret = fill(q, &p, at);
	if (ret < 0) {
		if (!reserved)
			qcow2_unalloc(q, p.cluster, p.nr);
		return ret;
	}
	for (uint64_t i = 0; i < p.nr; i++)
		qcow2_l2_set(q, table, qcow2_l2_index(q, off) + (uint32_t)i,
			     (p.cluster + i) << q->header.cluster_bits | QCOW2_COPIED);
	*done = p.len;
	return 0;
}

int qcow2_write(struct qcow2 *q, uint64_t off, uint64_t len, struct qcow2_iov *at)
{
	while (len) {
		struct qcow2_extent x;
		uint64_t done = 0;
		int ret = qcow2_map(q, off, len, &x);

		if (ret < 0)
			return ret;
		if (x.kind == QCOW2_IS_DATA && x.own) {
			ret = check_in_place(q, x.host, x.len);
			if (ret == 0)
				ret = qcow2_writev(q, at, x.len, x.host);
			done = x.len;
		} else {
			ret = write_new(q, off, &x, at, &done);
		}
		if (ret < 0)
			return ret;
		off += done;
		len -= done;
	}
	return 0;
}
