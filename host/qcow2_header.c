/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2: the header, which anyone may have written. Each number is bounded here, before anything is
 * allocated or read by it; what this program cannot do is refused by its name. Header extensions and
 * the names of features are not read: nothing in them is needed.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include "qcow2.h"
#include "util/bits.h"
#include "util/file.h"

#define V2_LENGTH        72
#define V3_LENGTH        104
#define BACKING_NAME_MAX 1023

/* incompatible_features */
#define DIRTY         (UINT64_C(1) << 0)
#define CORRUPT       (UINT64_C(1) << 1)
#define EXTERNAL_DATA (UINT64_C(1) << 2)
#define COMPRESSION   (UINT64_C(1) << 3)
#define EXTENDED_L2   (UINT64_C(1) << 4)
#define KNOWN         (DIRTY | CORRUPT | EXTERNAL_DATA | COMPRESSION | EXTENDED_L2)

static int check_features(uint64_t features, const uint8_t *raw, uint32_t length, bool readonly,
			  struct err *e)
{
	static const struct {
		uint64_t bit;
		bool writing; /* refused for writing only */
		const char *text;
	} rows[] = {
		{ EXTERNAL_DATA, false, "its data are in another file, which lkvm cannot use" },
		{ EXTENDED_L2, false,
		  "it has extended L2 entries (subclusters), which lkvm cannot use; "
		  "`qemu-img convert -O qcow2` makes a copy without" },
		{ CORRUPT, true,
		  "it is marked as corrupt: it can be read (ro), or mended with `qemu-img check -r all`" },
		{ DIRTY, true,
		  "it was not closed and its reference counts may be wrong: mend it with "
		  "`qemu-img check -r all`, or attach it read-only (ro)" },
	};

	if (features & ~KNOWN)
		return err_set(
			e, ENOTSUP,
			"it needs features that lkvm does not know (incompatible bits %#" PRIx64
			")",
			features & ~KNOWN);
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (features & rows[i].bit && !(rows[i].writing && readonly))
			return err_set(e, ENOTSUP, "%s", rows[i].text);
	if (features & COMPRESSION)
		return err_set(e, ENOTSUP,
			       "its compression is %s, and lkvm knows zlib only; "
			       "`qemu-img convert -O qcow2` makes a copy without",
			       length > V3_LENGTH && raw[V3_LENGTH] == 1 ? "zstd"
									 : "of a kind unknown");
	return 0;
}

/* What version 3 added, from byte 72. */
static int read_v3(struct qcow2_header *h, const uint8_t *raw, bool readonly, struct err *e)
{
	uint32_t length = get_be32(raw + 100);
	int ret;

	if (length < V3_LENGTH || length % 8 || length > 1U << h->cluster_bits)
		return err_set(e, EINVAL, "its header claims to be %" PRIu32 " bytes long", length);
	ret = check_features(get_be64(raw + 72), raw, length, readonly, e);
	if (ret < 0)
		return ret;
	h->autoclear = get_be64(raw + QCOW2_HEADER_AUTOCLEAR);
	h->refcount_order = get_be32(raw + 96);
	if (h->refcount_order > 6)
		return err_set(e, EINVAL,
			       "its header claims reference counts of 2^%" PRIu32 " bits",
			       h->refcount_order);
	return 0;
}

/* Whether @len bytes at @off are in the file, behind the header's cluster, and begin on a cluster's border. */
static bool in_file(const struct qcow2_header *h, uint64_t off, uint64_t len, uint64_t file_size)
{
	uint64_t cluster_size = 1ULL << h->cluster_bits;

	return off >= cluster_size && !(off & (cluster_size - 1)) && off <= file_size &&
	       len <= file_size - off;
}

static int check_tables(const struct qcow2_header *h, uint64_t file_size, struct err *e)
{
	uint64_t per_entry = 1ULL << (2 * h->cluster_bits - 3); /* bytes of disk a L1 entry */
	uint64_t l1_bytes = 8ULL * h->l1_size;
	uint64_t reftable_bytes = (uint64_t)h->reftable_clusters << h->cluster_bits;

	if (h->size == 0)
		return err_set(e, EINVAL, "its disk is empty");
	if (h->size > INT64_MAX - 511 || l1_bytes > QCOW2_L1_BYTES_MAX)
		return err_set(e, EFBIG, "it is too big: a disk of %" PRIu64 " bytes", h->size);
	if ((h->size - 1) / per_entry >= h->l1_size)
		return err_set(e, EINVAL,
			       "its L1 table has %" PRIu32 " entries, too few for %" PRIu64
			       " bytes",
			       h->l1_size, h->size);
	if (!in_file(h, h->l1_off, l1_bytes, file_size))
		return err_set(e, EINVAL, "its L1 table is outside of the file (at %#" PRIx64 ")",
			       h->l1_off);
	if (reftable_bytes == 0 || reftable_bytes > QCOW2_REFTABLE_MAX)
		return err_set(e, EINVAL, "its refcount table has %" PRIu32 " clusters",
			       h->reftable_clusters);
	if (!in_file(h, h->reftable_off, reftable_bytes, file_size))
		return err_set(e, EINVAL,
			       "its refcount table is outside of the file (at %#" PRIx64 ")",
			       h->reftable_off);
	return 0;
}

int qcow2_header_read(struct qcow2_header *h, const struct disk_file *file, struct err *e)
{
	uint8_t raw[V3_LENGTH + 8] = { 0 };
	uint64_t size = file->size;
	int ret;

	ret = file_read_at(file->fd, raw, size < sizeof(raw) ? size : sizeof(raw), 0);
	if (ret < 0)
		return err_set(e, -ret, "cannot read its header");
	if (size < V2_LENGTH || get_be32(raw) != QCOW2_MAGIC)
		return err_set(e, EINVAL, "it is not a qcow2 image");
	*h = (struct qcow2_header){
		.version = get_be32(raw + 4),
		.cluster_bits = get_be32(raw + 20),
		.size = get_be64(raw + 24),
		.l1_size = get_be32(raw + 36),
		.l1_off = get_be64(raw + 40),
		.reftable_off = get_be64(raw + QCOW2_HEADER_REFTABLE),
		.reftable_clusters = get_be32(raw + QCOW2_HEADER_REFTABLE + 8),
		.refcount_order = 4,
		.has_backing = get_be64(raw + 8) != 0,
	};
	if (h->version != 2 && h->version != 3)
		return err_set(e, ENOTSUP,
			       "it is qcow2 of version %" PRIu32 ", and lkvm knows 2 and 3",
			       h->version);
	if (h->cluster_bits < QCOW2_CLUSTER_BITS_MIN || h->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
		return err_set(e, EINVAL, "its header claims clusters of 2^%" PRIu32 " bytes",
			       h->cluster_bits);
	if (get_be32(raw + 32) != 0)
		return err_set(e, ENOTSUP, "it is encrypted, which lkvm cannot read");
	if (h->version >= 3) {
		ret = read_v3(h, raw, file->readonly, e);
		if (ret < 0)
			return ret;
	}
	ret = check_tables(h, size, e);
	if (ret < 0)
		return ret;
	h->size = align_up(h->size, BLOCK_SECTOR);
	return 0;
}

/* The name is for a person to read; it is never opened. */
int qcow2_refuse_backing(const struct disk_file *file, struct err *e)
{
	char name[BACKING_NAME_MAX + 1] = "";
	uint8_t raw[20];
	uint64_t off;
	uint32_t len;

	if (file_read_at(file->fd, raw, sizeof(raw), 0) < 0)
		return err_set(e, EIO, "cannot read its header");
	off = get_be64(raw + 8);
	len = get_be32(raw + 16);
	if (len > BACKING_NAME_MAX || file_read_at(file->fd, name, len, off) < 0)
		return err_set(e, EINVAL, "it has a backing file, whose name is damaged");
	for (uint32_t i = 0; i < len; i++)
		if (!isprint((unsigned char)name[i]))
			name[i] = '?';
	return err_set(e, EINVAL,
		       "it has a backing file, which must be named: add backing=FILE and "
		       "backing-format=raw or qcow2 (the image calls it \"%.200s\")",
		       name);
}
