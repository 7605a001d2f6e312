/* SPDX-License-Identifier: BSD-2-Clause */
/* qcow2: reading, from the image's clusters, compressed or not, and from what lies under it. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <zlib.h>
#include "qcow2.h"

/* Raw deflate, with a window of at most this many bits. */
#define WINDOW_BITS (-15)

static int inflate_cluster(uint8_t *out, uint64_t out_len, uint8_t *in, uint64_t in_len)
{
	z_stream z = { .next_in = in, .avail_in = (uInt)in_len };
	int ret;

	z.next_out = out;
	z.avail_out = (uInt)out_len;
	if (inflateInit2(&z, WINDOW_BITS) != Z_OK)
		return -ENOMEM;
	ret = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	/* The stream may go on with nothing more to say; what counts is a whole cluster. */
	return (ret == Z_STREAM_END || ret == Z_BUF_ERROR) && z.avail_out == 0 ? 0 : -EIO;
}

/* Makes q->unzipped the cluster that @entry leads to. */
static int unzip(struct qcow2 *q, uint64_t entry)
{
	uint64_t off, len;
	int ret;

	if (q->unzipped_entry == entry)
		return 0;
	qcow2_packed_place(q, entry, &off, &len);
	if (off < q->cluster_size || off >> q->header.cluster_bits >= q->end)
		return qcow2_damaged(q, "a compressed cluster is at %#" PRIx64, off);
	q->unzipped_entry = 0;
	if (!q->unzipped)
		q->unzipped = malloc(q->cluster_size);
	/* With clusters of 512 bytes, the file's last sectors more. */
	if (!q->zipped)
		q->zipped = malloc(2 * q->cluster_size + BLOCK_SECTOR);
	if (!q->unzipped || !q->zipped)
		return -ENOMEM;
	ret = qcow2_read_at(q->file->fd, q->zipped, len, off);
	if (ret < 0)
		return ret;
	ret = inflate_cluster(q->unzipped, q->cluster_size, q->zipped, len);
	if (ret == -EIO)
		return qcow2_damaged(q, "the compressed cluster at %#" PRIx64 " does not unpack",
				     off);
	if (ret == 0)
		q->unzipped_entry = entry;
	return ret;
}

bool qcow2_hole_is_zero(const struct qcow2 *q, uint64_t off)
{
	return off >= q->base_size;
}

static int read_base(struct qcow2 *q, uint64_t off, uint64_t len, struct qcow2_iov *at)
{
	uint64_t there = off < q->base_size ? q->base_size - off : 0;
	int ret = 0;

	if (there > len)
		there = len;
	if (there && q->base)
		ret = qcow2_read(q->base, off, there, at);
	else if (there)
		ret = qcow2_readv(q->raw_base->fd, at, there, off);
	if (ret == 0)
		qcow2_iov_fill(at, NULL, len - there);
	return ret;
}

int qcow2_read(struct qcow2 *q, uint64_t off, uint64_t len, struct qcow2_iov *at)
{
	while (len) {
		uint64_t in_cluster = off & (q->cluster_size - 1);
		struct qcow2_extent x;
		int ret;

		if (off >= q->header.size) {
			qcow2_iov_fill(at, NULL, len);
			return 0;
		}
		ret = qcow2_map(q, off, len < q->header.size - off ? len : q->header.size - off,
				&x);
		if (ret < 0)
			return ret;
		switch (x.kind) {
		case QCOW2_IS_HOLE:
			ret = read_base(q, off, x.len, at);
			break;
		case QCOW2_IS_ZERO:
			qcow2_iov_fill(at, NULL, x.len);
			break;
		case QCOW2_IS_DATA:
			ret = qcow2_readv(q->file->fd, at, x.len, x.host);
			break;
		case QCOW2_IS_PACKED:
			ret = unzip(q, x.entry);
			if (ret == 0)
				qcow2_iov_fill(at, q->unzipped + in_cluster, x.len);
			break;
		}
		if (ret < 0)
			return ret;
		off += x.len;
		len -= x.len;
	}
	return 0;
}
