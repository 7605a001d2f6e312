/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2 images, version 2 and 3: opening, closing, and requests to their parts. For host/disk.c.
 *
 * A new cluster gets its data at once, while nothing in the file leads to it. Counts and tables change in
 * memory, and go to the file with the guest's FLUSH (or when memory for them runs out), in four steps:
 *
 *	1  refcount blocks, new L2 tables, a refcount table that moved	nothing leads to these yet,
 *	   sync: the guest's data too					or counts are too high
 *	2  the way to new blocks: refcount table entries, or the header	only if there are any
 *	   sync
 *	3  the way to new data: L2 entries, L1 entries			each is whole, old or new
 *	   sync: now FLUSH is done
 *	4  counts of what step 3 left behind are lowered, in memory;	with the next step 1
 *	   what nobody uses any more may be taken again, and its
 *	   storage goes back to the host
 *
 * So whenever the host or lkvm dies, what the tables in the file lead to is counted, and is whole. At worst
 * clusters are counted that nothing leads to: leaks, which `qemu-img check -r leaks` finds. Lowered
 * counts and raised ones share a block, which may be written early: it counts too much or right.
 * The image's dirty bit is not needed and not set.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>
#include "qcow2.h"

static const struct qcow2_io system_io = {
	.pwritev = pwritev,
	.fdatasync = fdatasync,
	.fallocate = fallocate,
};

static void destroy(struct qcow2 *q)
{
	if (!q)
		return;
	destroy(q->base);
	qcow2_cache_free(&q->l2);
	qcow2_cache_free(&q->blocks);
	free(q->l1.entries);
	free(q->reftable.entries);
	free(q->own.nrs);
	free(q->bounce);
	free(q->zeroes);
	free(q->zipped);
	free(q->unzipped);
	free(q);
}

static int load_array(struct qcow2 *q, struct qcow2_array *array, uint64_t off, uint32_t nr,
		      struct err *e)
{
	int ret;

	array->off = off;
	array->nr = nr;
	array->entries = calloc(nr, sizeof(uint64_t));
	if (!array->entries)
		return err_set(e, ENOMEM, "no memory for its tables");
	ret = qcow2_read_at(q->file->fd, array->entries, 8ULL * nr, off);
	if (ret < 0)
		return err_set(e, -ret, "cannot read its tables");
	for (uint32_t i = 0; i < nr; i++)
		array->entries[i] = be64toh(array->entries[i]);
	return 0;
}

/* What only a writer needs. */
static int open_for_write(struct qcow2 *q, struct err *e)
{
	const struct qcow2_header *h = &q->header;
	uint32_t nr = h->reftable_clusters << (h->cluster_bits - 3);
	int ret = load_array(q, &q->reftable, h->reftable_off, nr, e);

	if (ret < 0)
		return ret;
	if (qcow2_cache_init(&q->blocks, q, QCOW2_REF_CACHE, QCOW2_REF_BLOCKS_MIN,
			     QCOW2_REF_BLOCKS_MAX) < 0)
		return err_set(e, ENOMEM, "no memory for its tables");
	return qcow2_set_fill(q, e);
}

static int open_one(struct qcow2 **image, const struct image_config *cfg, bool is_base,
		    struct err *e);

/* One level: what lies under a backing file would have to be named too. */
static int open_base(struct qcow2 *q, const struct image_config *cfg, bool is_base, struct err *e)
{
	struct image_config below = { .file = cfg->backing };
	int ret;

	if (!q->header.has_backing && cfg->backing)
		return err_set(e, EINVAL, "it has no backing file, and %s was named as one",
			       cfg->backing->path);
	if (!q->header.has_backing)
		return 0;
	if (is_base)
		return err_set(e, ENOTSUP,
			       "it has a backing file itself, and lkvm takes one level only; "
			       "`qemu-img convert -O qcow2` makes one image of all");
	if (!cfg->backing)
		return qcow2_refuse_backing(q->file, e);
	if (cfg->backing_format != DISK_FORMAT_QCOW2) {
		q->raw_base = cfg->backing;
		q->base_size = cfg->backing->size;
		return 0;
	}
	ret = open_one(&q->base, &below, true, e);
	if (ret < 0)
		return err_wrap(e, ret, "its backing file %s", cfg->backing->path);
	q->base_size = q->base->header.size;
	return 0;
}

static int open_one(struct qcow2 **image, const struct image_config *cfg, bool is_base,
		    struct err *e)
{
	struct qcow2 *q = calloc(1, sizeof(*q));
	int ret;

	if (!q)
		return err_set(e, ENOMEM, "no memory");
	q->io = &system_io;
	q->file = cfg->file;
	q->readonly = cfg->file->readonly || is_base;
	q->unsafe = cfg->unsafe;
	ret = qcow2_header_read(&q->header, cfg->file, e);
	if (ret < 0)
		goto fail;
	q->cluster_size = 1ULL << q->header.cluster_bits;
	q->end = ((cfg->file->size - 1) >> q->header.cluster_bits) + 1;
	q->bounce = malloc(q->cluster_size);
	q->zeroes = calloc(1, q->cluster_size);
	ret = q->bounce && q->zeroes ? qcow2_cache_init(&q->l2, q, QCOW2_L2_CACHE,
							QCOW2_L2_TABLES_MIN, QCOW2_L2_TABLES_MAX)
				     : -ENOMEM;
	if (ret < 0) {
		err_set(e, -ret, "no memory");
		goto fail;
	}
	ret = load_array(q, &q->l1, q->header.l1_off, q->header.l1_size, e);
	if (ret == 0 && !q->readonly)
		ret = open_for_write(q, e);
	if (ret == 0)
		ret = open_base(q, cfg, is_base, e);
	if (ret < 0)
		goto fail;
	*image = q;
	return 0;
fail:
	destroy(q);
	return ret;
}

/* Before the first change: what others derived from the image's content is stale now. */
static int begin_change(struct qcow2 *q)
{
	static const uint8_t none[8];
	int ret;

	if (q->readonly)
		return -EROFS;
	if (q->state != QCOW2_GOOD)
		return -EIO;
	if (!q->header.autoclear)
		return 0;
	ret = qcow2_write_at(q, none, sizeof(none), QCOW2_HEADER_AUTOCLEAR);
	if (ret == 0)
		ret = qcow2_sync(q);
	if (ret == 0)
		q->header.autoclear = 0;
	return ret;
}

static int run(void *image, struct block_request *req)
{
	struct qcow2_iov at = { .iov = req->iov, .nr = req->nr_iov };
	struct qcow2 *q = image;
	int ret;

	if (req->off > q->header.size || req->len > q->header.size - req->off)
		return -EINVAL;
	if (req->op == BLOCK_READ)
		return qcow2_read(q, req->off, req->len, &at);
	if (req->op == BLOCK_FLUSH)
		return qcow2_commit(q);
	ret = begin_change(q);
	if (ret < 0)
		return ret;
	if (req->op == BLOCK_WRITE)
		return qcow2_write(q, req->off, req->len, &at);
	return qcow2_zero(q, req);
}

/* The second time is for the counts that the first lowered. */
static void close_image(void *image)
{
	struct qcow2 *q = image;

	if (qcow2_commit(q) == 0)
		qcow2_commit(q);
	destroy(q);
}

static const struct image_ops qcow2_ops = {
	.run = run,
	.close = close_image,
};

int qcow2_open(struct disk_image *image, const struct image_config *cfg, struct err *e)
{
	struct qcow2 *q;
	int ret;

	if (cfg->file->is_device)
		return err_set(
			e, ENOTSUP,
			"it is a block device, which cannot grow: lkvm keeps qcow2 images in "
			"files");
	if (cfg->file->io_align > 1 || cfg->file->memory_align > 1)
		return err_set(e, ENOTSUP,
			       "direct is for raw images: a qcow2 image cannot be so used");
	ret = open_one(&q, cfg, false, e);
	if (ret < 0)
		return ret;
	*image = (struct disk_image){
		.ops = &qcow2_ops,
		.ctx = q,
		.info = {
			.size = q->header.size,
			.logical_block = BLOCK_SECTOR,
			.physical_block = q->cluster_size < 4096 ? (uint32_t)q->cluster_size : 4096,
			.optimal_io = (uint32_t)q->cluster_size,
			.discard = !q->readonly && (q->header.version >= 3 || !q->base_size),
			.discard_align = (uint32_t)q->cluster_size,
		},
	};
	return 0;
}
