/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The block device's requests (virtio 1.2, section 5.2.6), from a chain to what the image is asked.
 * Nothing is assumed about which descriptor holds what (2.7.4.2): the first 16 readable bytes are
 * the header, the last writable one is the status, and what lies between is data.
 */
#include <linux/virtio_blk.h>
#include "blk_chain.h"
#include "util/bits.h"

#define HEADER_SIZE  16 /* le32 type, le32 reserved, le64 sector */
#define SEGMENT_SIZE 16 /* of DISCARD and WRITE_ZEROES: le64 sector, le32 sectors, le32 flags */

/* Parts of a buffer that have not been looked at yet. */
struct parts {
	struct iovec *iov;
	unsigned int nr;
	uint32_t len;
};

/* Copies the first @len bytes out, each read once; there are as many. */
static void take(struct parts *parts, void *to, uint32_t len)
{
	uint8_t *buf = to;

	parts->len -= len;
	while (len) {
		struct iovec *part = parts->iov;
		size_t nr = part->iov_len < len ? part->iov_len : len;

		memcpy(buf, part->iov_base, nr);
		buf += nr;
		len -= (uint32_t)nr;
		if (nr < part->iov_len) {
			part->iov_base = (uint8_t *)part->iov_base + nr;
			part->iov_len -= nr;
		} else {
			parts->iov++;
			parts->nr--;
		}
	}
}

/* Takes the last byte away, which must be there, and returns its place. */
static uint8_t *take_last(struct parts *parts)
{
	struct iovec *part = &parts->iov[parts->nr - 1];

	parts->len--;
	part->iov_len--;
	if (!part->iov_len)
		parts->nr--;
	return (uint8_t *)part->iov_base + part->iov_len;
}

/* Copies as much of @len bytes in as there is room for; returns how much that is. */
static uint32_t put(const struct parts *parts, const void *from, uint32_t len)
{
	const uint8_t *buf = from;
	uint32_t done = 0;

	for (unsigned int i = 0; i < parts->nr && done < len; i++) {
		size_t nr = parts->iov[i].iov_len;

		nr = nr < len - done ? nr : len - done;
		memcpy(parts->iov[i].iov_base, buf + done, nr);
		done += (uint32_t)nr;
	}
	return done;
}

bool blk_writes_through(const struct virtio_blk *blk)
{
	if (virtio_has(&blk->dev, VIRTIO_BLK_F_CONFIG_WCE))
		return !blk->config[offsetof(struct virtio_blk_config, wce)];
	return !virtio_has(&blk->dev, VIRTIO_BLK_F_FLUSH);
}

/* Whether @len bytes at @sector lie on the disk; if so they are the request's range. */
static bool set_range(const struct virtio_blk *blk, struct block_request *io, uint64_t sector,
		      uint64_t len)
{
	uint64_t capacity = blk->backend.info.size / BLOCK_SECTOR;

	if (sector > capacity || len / BLOCK_SECTOR > capacity - sector)
		return false;
	io->off = sector * BLOCK_SECTOR;
	io->len = len;
	return true;
}

/* READ and WRITE: @data holds whole sectors. */
static int read_transfer(const struct virtio_blk *blk, struct virtio_blk_request *rq,
			 enum block_op op, uint64_t sector, const struct parts *data)
{
	if (data->len % BLOCK_SECTOR || !set_range(blk, &rq->io, sector, data->len))
		return VIRTIO_BLK_S_IOERR;
	rq->io.op = op;
	rq->io.iov = data->iov;
	rq->io.nr_iov = data->nr;
	if (op == BLOCK_READ)
		rq->written += data->len;
	return data->len ? BLK_SUBMIT : VIRTIO_BLK_S_OK;
}

/* DISCARD and WRITE_ZEROES (5.2.6.2): one segment, as the configuration says. */
static int read_segment(const struct virtio_blk *blk, struct virtio_blk_request *rq,
			enum block_op op, struct parts *out)
{
	uint32_t known = op == BLOCK_WRITE_ZEROES ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0;
	uint8_t segment[SEGMENT_SIZE];
	uint32_t nr, flags;

	if (out->len != SEGMENT_SIZE)
		return VIRTIO_BLK_S_IOERR;
	take(out, segment, SEGMENT_SIZE);
	nr = get_le32(segment + 8);
	flags = get_le32(segment + 12);
	if (flags & ~known)
		return VIRTIO_BLK_S_UNSUPP;
	if (nr > get_le32(blk->config +
			  (op == BLOCK_DISCARD
				   ? offsetof(struct virtio_blk_config, max_discard_sectors)
				   : offsetof(struct virtio_blk_config,
					      max_write_zeroes_sectors))) ||
	    !set_range(blk, &rq->io, get_le64(segment), (uint64_t)nr * BLOCK_SECTOR))
		return VIRTIO_BLK_S_IOERR;
	rq->io.op = op;
	rq->io.unmap = flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	return nr ? BLK_SUBMIT : VIRTIO_BLK_S_OK;
}

static int read_id(const struct virtio_blk *blk, struct virtio_blk_request *rq,
		   const struct parts *in)
{
	uint8_t id[VIRTIO_BLK_SERIAL_MAX] = { 0 };
	uint32_t nr;

	memcpy(id, blk->serial, strnlen(blk->serial, sizeof(id)));
	nr = put(in, id, sizeof(id));
	/* What the used ring counts has no gaps: the status comes after all the room for data. */
	rq->written = nr == in->len ? nr + 1 : nr;
	return VIRTIO_BLK_S_OK;
}

int blk_read_chain(const struct virtio_blk *blk, struct virtio_blk_request *rq,
		   const struct virtq_chain *chain)
{
	struct parts out = { chain->iov, chain->nr_out, chain->out_len };
	struct parts in = { chain->iov + chain->nr_out, chain->nr_in, chain->in_len };
	const struct block_info *info = &blk->backend.info;
	uint8_t header[HEADER_SIZE];
	uint64_t sector;

	if (out.len < HEADER_SIZE || !in.len)
		return -1;
	take(&out, header, HEADER_SIZE);
	rq->status = take_last(&in);
	rq->written = 1;
	rq->io.unmap = false;
	rq->io.durable = false;
	sector = get_le64(header + 8);

	switch (get_le32(header)) {
	case VIRTIO_BLK_T_IN:
		return read_transfer(blk, rq, BLOCK_READ, sector, &in);
	case VIRTIO_BLK_T_OUT:
		rq->io.durable = blk_writes_through(blk);
		return info->readonly ? VIRTIO_BLK_S_IOERR
				      : read_transfer(blk, rq, BLOCK_WRITE, sector, &out);
	case VIRTIO_BLK_T_FLUSH:
		rq->io.op = BLOCK_FLUSH;
		rq->io.off = 0;
		rq->io.len = 0;
		return BLK_SUBMIT;
	case VIRTIO_BLK_T_GET_ID:
		return read_id(blk, rq, &in);
	case VIRTIO_BLK_T_DISCARD:
		if (!virtio_has(&blk->dev, VIRTIO_BLK_F_DISCARD))
			return VIRTIO_BLK_S_UNSUPP;
		return read_segment(blk, rq, BLOCK_DISCARD, &out);
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (!virtio_has(&blk->dev, VIRTIO_BLK_F_WRITE_ZEROES))
			return VIRTIO_BLK_S_UNSUPP;
		rq->io.durable = blk_writes_through(blk);
		return read_segment(blk, rq, BLOCK_WRITE_ZEROES, &out);
	default:
		return VIRTIO_BLK_S_UNSUPP;
	}
}
