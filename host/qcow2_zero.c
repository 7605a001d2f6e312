/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2: DISCARD and WRITE_ZEROES. Whole clusters by a word in the L2 table; version 2 has no word
 * for zeroes other than a hole with nothing under it. What remains of a WRITE_ZEROES is written.
 */
#include <errno.h>
#include "qcow2.h"

static int write_zeroes(struct qcow2 *q, uint64_t off, uint64_t len)
{
	while (len) {
		uint64_t here = len < q->cluster_size ? len : q->cluster_size;
		struct iovec iov = { .iov_base = q->zeroes, .iov_len = here };
		struct qcow2_iov at = { .iov = &iov, .nr = 1 };
		int ret = qcow2_write(q, off, here, &at);

		if (ret < 0)
			return ret;
		off += here;
		len -= here;
	}
	return 0;
}

/*
 * What a cluster's L2 entry becomes, at @off of the disk. False: no word will do, or none is
 * needed; *write then says which.
 */
static bool new_entry(const struct qcow2 *q, const struct block_request *req, uint64_t off,
		      const struct qcow2_extent *x, uint64_t *entry, bool *write)
{
	bool keep = req->op == BLOCK_WRITE_ZEROES && !req->unmap, bare = qcow2_hole_is_zero(q, off);
	bool keeps = keep && x->own && x->host;

	*write = false;
	if (x->kind == QCOW2_IS_HOLE && (bare || req->op == BLOCK_DISCARD))
		return false;
	if (x->kind == QCOW2_IS_ZERO && (keep || !x->host))
		return false;
	if (q->header.version >= 3 && (keeps || !bare)) {
		*entry = keeps ? x->host | QCOW2_COPIED | QCOW2_ZERO : QCOW2_ZERO;
		return true;
	}
	*entry = 0;
	*write = req->op == BLOCK_WRITE_ZEROES && (keeps || !bare);
	return bare && !keeps;
}

/* Clusters of extent @x, whole ones from @off. */
static int zero_extent(struct qcow2 *q, const struct block_request *req, uint64_t off,
		       const struct qcow2_extent *x)
{
	struct qcow2_extent one = *x;

	for (uint64_t done = 0; done < x->len; done += q->cluster_size) {
		uint64_t len = x->len - done < q->cluster_size ? x->len - done : q->cluster_size;
		struct qcow2_table *table;
		uint64_t entry;
		bool write;
		int ret = 0;

		one.host = x->host ? x->host + done : 0;
		if (new_entry(q, req, off + done, &one, &entry, &write)) {
			ret = qcow2_l2_for_write(q, off + done, &table);
			if (ret == 0)
				qcow2_l2_set(q, table, qcow2_l2_index(q, off + done), entry);
		} else if (write) {
			ret = write_zeroes(q, off + done, len);
		}
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* A part of one cluster. */
static int zero_part(struct qcow2 *q, const struct block_request *req, uint64_t off,
		     const struct qcow2_extent *x)
{
	if (req->op == BLOCK_DISCARD || x->kind == QCOW2_IS_ZERO ||
	    (x->kind == QCOW2_IS_HOLE && qcow2_hole_is_zero(q, off)))
		return 0;
	return write_zeroes(q, off, x->len);
}

int qcow2_zero(struct qcow2 *q, const struct block_request *req)
{
	uint64_t off = req->off, end = req->off + req->len;

	while (off < end) {
		uint64_t in_cluster = off & (q->cluster_size - 1), len = end - off;
		bool part = in_cluster || (len < q->cluster_size && end < q->header.size);
		struct qcow2_extent x;
		int ret;

		if (in_cluster && len > q->cluster_size - in_cluster)
			len = q->cluster_size - in_cluster;
		/* The last cluster of the disk is whole however little of it the disk needs. */
		if (len > q->cluster_size && end < q->header.size)
			len &= ~(q->cluster_size - 1);
		ret = qcow2_map(q, off, len, &x);
		if (ret == 0)
			ret = part ? zero_part(q, req, off, &x) : zero_extent(q, req, off, &x);
		if (ret < 0)
			return ret;
		off += x.len;
	}
	return 0;
}
