/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2 images, between the files of host/qcow2*.c; tests look in too. Terms are those of the
 * format's specification: a cluster is the unit of everything; the L1 table leads to L2 tables, which
 * say where each of the guest's clusters lies; the refcount table leads to refcount blocks, which
 * count the uses of each cluster of the file. The opening comment of qcow2.c draws the order of writing.
 *
 * An image is used by one thread at a time. Whatever comes from the file may be a lie: each offset is
 * checked where it is used.
 */
#ifndef LKVM_HOST_QCOW2_H
#define LKVM_HOST_QCOW2_H

#include <endian.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include "image.h"

#define QCOW2_MAGIC 0x514649fbU

/* Bits of L1 and L2 entries. */
#define QCOW2_COPIED (UINT64_C(1) << 63) /* used once, by us: may be written in place */
#define QCOW2_PACKED (UINT64_C(1) << 62) /* L2: compressed */
#define QCOW2_ZERO   UINT64_C(1)         /* L2, version 3: reads as zeroes, wherever it lies */
#define QCOW2_OFFSET UINT64_C(0x00fffffffffffe00)

/* Header fields that are written; big-endian. */
#define QCOW2_HEADER_REFTABLE  48 /* u64 offset, u32 clusters */
#define QCOW2_HEADER_AUTOCLEAR 88 /* u64 */

/* What is accepted; the table sizes are those of QEMU, which makes the images. */
#define QCOW2_CLUSTER_BITS_MIN 9
#define QCOW2_CLUSTER_BITS_MAX 21
#define QCOW2_L1_BYTES_MAX     (32U << 20)
#define QCOW2_REFTABLE_MAX     (8U << 20)
#define QCOW2_FILE_MAX         (UINT64_C(1) << 56) /* of offsets in the file */

/* Memory for tables: so many bytes of them, within these numbers. */
#define QCOW2_L2_CACHE       (8U << 20)
#define QCOW2_L2_TABLES_MIN  8
#define QCOW2_L2_TABLES_MAX  128
#define QCOW2_REF_CACHE      (2U << 20)
#define QCOW2_REF_BLOCKS_MIN 4
#define QCOW2_REF_BLOCKS_MAX 32
/* Runs of clusters that wait for a commit to become free. */
#define QCOW2_FREES 1024
/* How many clusters beyond the file's end may be counted as used: what a crash can have left. */
#define QCOW2_SLACK (UINT64_C(1) << 20)

/* How the file is reached; tests put their own here. As the system calls of the names. */
struct qcow2_io {
	ssize_t (*pwritev)(int fd, const struct iovec *iov, int nr, off_t off);
	int (*fdatasync)(int fd);
	int (*fallocate)(int fd, int mode, off_t off, off_t len);
};

/* What the header says, checked. */
struct qcow2_header {
	uint32_t version, cluster_bits, refcount_order;
	uint64_t size; /* of the guest's disk, rounded up to a sector */
	uint64_t l1_off, reftable_off;
	uint32_t l1_size; /* entries */
	uint32_t reftable_clusters;
	uint64_t autoclear;
	bool has_backing;
};

/* A table of big-endian numbers, one cluster, in memory. */
struct qcow2_table {
	uint64_t off;                  /* in the file; 0: none */
	uint64_t used;                 /* when, by qcow2.clock */
	uint32_t dirty_from, dirty_to; /* bytes; equal: clean */
	bool fresh;                    /* L2: the file's L1 does not lead here yet */
	uint8_t *bytes;
};

struct qcow2_cache {
	struct qcow2_table *tables;
	unsigned int nr;
};

/* Numbers of clusters, sorted. */
struct qcow2_set {
	uint64_t *nrs;
	size_t nr, room;
};

struct qcow2_run {
	uint64_t first, nr; /* clusters */
};

/* A big array of the file (L1, refcount table) in memory, in our byte order. */
struct qcow2_array {
	uint64_t *entries;
	uint64_t off; /* in the file */
	uint32_t nr;
	uint32_t dirty_from, dirty_to; /* entries; equal: clean */
};

enum qcow2_state {
	QCOW2_GOOD,
	QCOW2_DAMAGED, /* its metadata contradict each other: no more changes */
	QCOW2_LOST,    /* a sync failed: what the file holds is unknown, nothing more is written */
};

struct qcow2 {
	const struct qcow2_io *io;
	const struct disk_file *file;
	bool readonly, unsafe;
	enum qcow2_state state;
	bool said; /* that the image is damaged */

	struct qcow2_header header;
	uint64_t cluster_size;
	uint64_t
		end; /* clusters: none at or beyond this was ever used; the file reads as zeroes there */

	const struct disk_file *raw_base; /* what lies under this image: one of these, or neither */
	struct qcow2 *base;
	uint64_t base_size;

	struct qcow2_array l1, reftable;
	bool reftable_moved; /* the header does not say so yet */
	struct qcow2_cache l2, blocks;
	uint64_t clock;
	struct qcow2_set own; /* clusters of the active metadata; not of a read-only image */
	uint64_t hint;        /* no cluster below is free */
	struct qcow2_run frees[QCOW2_FREES];
	unsigned int nr_frees;
	bool no_punch; /* the host's file system cannot */

	uint8_t *bounce, *zeroes; /* a cluster each */
	uint8_t *zipped;          /* two clusters */
	uint8_t *unzipped;        /* the cluster behind L2 entry @unzipped_entry (0: none) */
	uint64_t unzipped_entry;
};

static inline uint32_t get_be32(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return be32toh(v);
}

static inline uint64_t get_be64(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return be64toh(v);
}

static inline void put_be32(void *p, uint32_t v)
{
	v = htobe32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void put_be64(void *p, uint64_t v)
{
	v = htobe64(v);
	memcpy(p, &v, sizeof(v));
}

/* qcow2_file.c: bytes of the file. All return 0 or -errno. */

/* Where a request's memory is being read or filled. */
struct qcow2_iov {
	const struct iovec *iov;
	unsigned int nr;
	size_t skip; /* bytes of iov[0] that are done */
};

/* Puts @len bytes of @buf (NULL: zeroes) into @at and moves on. */
void qcow2_iov_fill(struct qcow2_iov *at, const void *buf, uint64_t len);
/* Reads into @at; what is beyond the end of the file are zeroes. */
int qcow2_readv(int fd, struct qcow2_iov *at, uint64_t len, uint64_t off);
int qcow2_read_at(int fd, void *buf, uint64_t len, uint64_t off);
int qcow2_writev(struct qcow2 *q, struct qcow2_iov *at, uint64_t len, uint64_t off);
int qcow2_write_at(struct qcow2 *q, const void *buf, uint64_t len, uint64_t off);
/* A failure is final: the state becomes QCOW2_LOST. */
int qcow2_sync(struct qcow2 *q);
/* Gives a range's storage back to the host, if it can be done. */
void qcow2_punch(struct qcow2 *q, uint64_t off, uint64_t len);
/* The image contradicts itself: says so, once, and ends writing. Returns -EIO. */
int qcow2_damaged(struct qcow2 *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Whether a cluster-sized thing may lie at @off: on a cluster's border, behind the header, within the file. */
bool qcow2_off_ok(const struct qcow2 *q, uint64_t off);

/* qcow2_header.c */

/* Reads and checks the header, all but a backing file. Returns 0, or -errno with @e set. */
int qcow2_header_read(struct qcow2_header *h, const struct disk_file *file, struct err *e);
/* Refuses an image with a backing file that the user did not name; the message says how. */
int qcow2_refuse_backing(const struct disk_file *file, struct err *e);

/* qcow2_set.c */
bool qcow2_set_has(const struct qcow2_set *set, uint64_t nr);
/* 0 or -ENOMEM. Twice is fine. */
int qcow2_set_add(struct qcow2_set *set, uint64_t nr);
void qcow2_set_remove(struct qcow2_set *set, uint64_t nr);
/*
 * Fills q->own with the header, both arrays and all that they lead to. -EINVAL with @e set: an entry
 * leads nowhere, or two to one place.
 */
int qcow2_set_fill(struct qcow2 *q, struct err *e);

/* qcow2_cache.c */

/* Room for tables of at most @bytes in all, but from @min to @max of them. */
int qcow2_cache_init(struct qcow2_cache *cache, const struct qcow2 *q, uint64_t bytes,
		     unsigned int min, unsigned int max);
void qcow2_cache_free(struct qcow2_cache *cache);
/*
 * *table: the one at @off, read if need be. It stays until as many others were asked for as the
 * cache has room for: at least the three last ones stay. May commit. 0 or -errno.
 */
int qcow2_cache_get(struct qcow2 *q, struct qcow2_cache *cache, uint64_t off,
		    struct qcow2_table **table);
/* The same for a new one, all zeroes and dirty; the file is not read. */
int qcow2_cache_new(struct qcow2 *q, struct qcow2_cache *cache, uint64_t off,
		    struct qcow2_table **table);
/* Forgets the table at @off, if it is there, as it is. */
void qcow2_cache_forget(struct qcow2_cache *cache, uint64_t off);
/* Bytes @from to @to of @table were changed. */
void qcow2_table_dirty(struct qcow2_table *table, uint32_t from, uint32_t to);
/* Writes what is dirty of it. */
int qcow2_table_write(struct qcow2 *q, struct qcow2_table *table);

/* qcow2_commit.c */

/* Makes everything written so far last, in the order that qcow2.c draws. 0 or -errno. */
int qcow2_commit(struct qcow2 *q);
/* A use of @nr clusters from @first ends with the next commit. May commit: what led there is changed first. */
void qcow2_free_later(struct qcow2 *q, uint64_t first, uint64_t nr);

/* qcow2_refcount.c */

/* *count: the uses of a cluster. */
int qcow2_refcount_get(struct qcow2 *q, uint64_t cluster, uint64_t *count);
/* Its block must be there. */
int qcow2_refcount_set(struct qcow2 *q, uint64_t cluster, uint64_t count);
/* *cluster: the first from @from on that is counted 0 times, or by no block. */
int qcow2_find_free(struct qcow2 *q, uint64_t from, uint64_t *cluster);
/* The index of the block that counts @cluster, and the first cluster that @block counts. */
uint64_t qcow2_block_of(const struct qcow2 *q, uint64_t cluster);
uint64_t qcow2_block_start(const struct qcow2 *q, uint64_t block);

/* qcow2_alloc.c */

/* Takes 1 to @want clusters in a row: *got of them from *first, counted once each. */
int qcow2_alloc(struct qcow2 *q, uint64_t want, uint64_t *first, uint64_t *got);
/* Gives back what was allocated and never used. */
void qcow2_unalloc(struct qcow2 *q, uint64_t first, uint64_t nr);

/* qcow2_map.c */

enum qcow2_kind {
	QCOW2_IS_HOLE,   /* what the backing file has there, or zeroes */
	QCOW2_IS_ZERO,   /* zeroes; @host may be reserved for it */
	QCOW2_IS_DATA,   /* in the file at @host */
	QCOW2_IS_PACKED, /* compressed; @entry says where */
};

/* A range of the guest's disk that is of one kind, and lies in one piece. */
struct qcow2_extent {
	enum qcow2_kind kind;
	bool own;       /* DATA, ZERO: @host may be written in place */
	uint64_t host;  /* DATA: where the range's first byte is; ZERO: likewise, or 0 */
	uint64_t len;   /* bytes */
	uint64_t entry; /* of L2, of the first cluster */
};

/* What is at @off, for at most @len bytes, both within the disk. 0 or -errno. */
int qcow2_map(struct qcow2 *q, uint64_t off, uint64_t len, struct qcow2_extent *x);
/* *table: the L2 table for @off, to be changed: made or copied if need be. */
int qcow2_l2_for_write(struct qcow2 *q, uint64_t off, struct qcow2_table **table);
/* The index of the guest's byte @off in its L2 table. */
uint32_t qcow2_l2_index(const struct qcow2 *q, uint64_t off);
uint64_t qcow2_l2_entry(const struct qcow2_table *table, uint32_t index);
/* Sets an entry, then frees what the old one led to. */
void qcow2_l2_set(struct qcow2 *q, struct qcow2_table *table, uint32_t index, uint64_t entry);
/* Where a compressed cluster's bytes are: from *off, at most *len. */
void qcow2_packed_place(const struct qcow2 *q, uint64_t entry, uint64_t *off, uint64_t *len);

/* qcow2_read.c */

/* Reads the guest's bytes into @at; what is beyond the disk's end are zeroes. */
int qcow2_read(struct qcow2 *q, uint64_t off, uint64_t len, struct qcow2_iov *at);
/* Whether holes from @off on are zeroes: nothing is under them. */
bool qcow2_hole_is_zero(const struct qcow2 *q, uint64_t off);

/* qcow2_write.c: the guest's changes, within its disk. */
int qcow2_write(struct qcow2 *q, uint64_t off, uint64_t len, struct qcow2_iov *at);
/* qcow2_zero.c: DISCARD and WRITE_ZEROES. */
int qcow2_zero(struct qcow2 *q, const struct block_request *req);

#endif
