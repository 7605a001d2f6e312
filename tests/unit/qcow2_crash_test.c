/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2 images whose writer dies. Every write and sync of a run is recorded, with what the guest was
 * promised; then the file is put together again as a crash at any moment could have left it:
 *
 *	killed		all writes up to a moment
 *	no power	all up to the last sync, and of the later ones any sectors
 *
 * It must be consistent (leaks are allowed), each sector must hold what the last FLUSH covered or
 * something written since, and the image must go on working.
 */
#include "qcow2_world.h"

#define OPS_MAX     20000
#define SECTORS_MAX 4096
#define STEPS       120

/* One system call that changes the file. */
struct op {
	enum { OP_WRITE, OP_SYNC, OP_PUNCH } kind;
	uint64_t off, len;
	uint8_t *bytes;
};

/* What a sector was given: a number that fills it; 0: zeroes; or nothing certain. */
#define UNCERTAIN UINT32_MAX

struct value {
	uint32_t number;
	unsigned int begun; /* at this op */
	struct value *before;
};

struct recording {
	struct op ops[OPS_MAX];
	unsigned int nr;
	struct value *sector[SECTORS_MAX];  /* the last, and those before */
	unsigned int flushed[STEPS * 2][2]; /* FLUSH: begun and done at these ops */
	unsigned int nr_flushed;
};

/* The file's functions get no context: the one variable of this test. */
static struct recording *rec;

static void record(struct op op)
{
	assert_true(rec->nr < OPS_MAX);
	rec->ops[rec->nr++] = op;
}

static ssize_t record_pwritev(int fd, const struct iovec *iov, int nr, off_t off)
{
	struct op op = { .kind = OP_WRITE, .off = (uint64_t)off };

	for (int i = 0; i < nr; i++)
		op.len += iov[i].iov_len;
	op.bytes = malloc(op.len);
	assert_non_null(op.bytes);
	for (uint64_t done = 0; nr; nr--, iov++) {
		memcpy(op.bytes + done, iov->iov_base, iov->iov_len);
		done += iov->iov_len;
	}
	record(op);
	return pwrite(fd, op.bytes, op.len, off);
}

static int record_fdatasync(int fd)
{
	(void)fd;
	record((struct op){ .kind = OP_SYNC });
	return 0;
}

static int record_fallocate(int fd, int mode, off_t off, off_t len)
{
	record((struct op){ .kind = OP_PUNCH, .off = (uint64_t)off, .len = (uint64_t)len });
	return fallocate(fd, mode, off, len);
}

static const struct qcow2_io record_io = {
	.pwritev = record_pwritev,
	.fdatasync = record_fdatasync,
	.fallocate = record_fallocate,
};

static void set_sector(uint64_t sector, uint32_t number, unsigned int begun)
{
	struct value *v = malloc(sizeof(*v));

	assert_non_null(v);
	*v = (struct value){ .number = number, .begun = begun, .before = rec->sector[sector] };
	rec->sector[sector] = v;
}

static void fill_sector(uint8_t *sector, uint32_t number)
{
	for (unsigned int i = 0; i < 512; i += 4)
		memcpy(sector + i, &number, 4);
}

static void one_request(struct disk_image *image, uint64_t sectors, uint64_t *seed, uint32_t number)
{
	static uint8_t buf[64 * 512];
	uint64_t first = dice(seed) % sectors, nr = 1 + dice(seed) % (dice(seed) % 3 ? 4 : 40);
	uint32_t what = dice(seed) % 10, value = number;
	enum block_op op = what < 6 ? BLOCK_WRITE : what < 8 ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD;
	unsigned int begun = rec->nr;

	if (nr > sectors - first)
		nr = sectors - first;
	if (what == 9) {
		assert_int_equal(flush(image), 0);
		rec->flushed[rec->nr_flushed][0] = begun;
		rec->flushed[rec->nr_flushed++][1] = rec->nr;
		return;
	}
	if (op != BLOCK_WRITE)
		value = op == BLOCK_DISCARD ? UNCERTAIN : 0;
	for (uint64_t i = 0; i < nr; i++) {
		set_sector(first + i, value, begun);
		fill_sector(buf + 512 * i, number);
	}
	assert_int_equal(request(image, op, first * 512, op == BLOCK_WRITE ? buf : NULL, nr * 512,
				 dice(seed) % 2),
			 0);
}

/* The file after the first @cut ops. @power: sectors of those after the last sync at random. */
static int crashed(int base, unsigned int cut, bool power, uint64_t *seed)
{
	int fd = memfd_create("crashed", MFD_CLOEXEC);
	unsigned int synced = 0;
	struct stat st;
	void *whole;

	assert_int_equal(fstat(base, &st), 0);
	whole = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, base, 0);
	assert_true(whole != MAP_FAILED);
	raw_write(fd, 0, whole, (size_t)st.st_size);
	munmap(whole, (size_t)st.st_size);
	for (unsigned int i = 0; i < cut; i++)
		if (rec->ops[i].kind == OP_SYNC)
			synced = i;
	for (unsigned int i = 0; i < cut; i++) {
		const struct op *op = &rec->ops[i];
		bool all = !power || i < synced;

		if (op->kind == OP_PUNCH && (all || dice(seed) % 2))
			fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)op->off,
				  (off_t)op->len);
		for (uint64_t done = 0; op->kind == OP_WRITE && done < op->len;) {
			uint64_t here = 512 - (op->off + done) % 512;

			if (here > op->len - done)
				here = op->len - done;
			if (all || dice(seed) % 2)
				raw_write(fd, op->off + done, op->bytes + done, here);
			done += here;
		}
	}
	return fd;
}

static void check_sector(uint64_t sector, const uint8_t *bytes, unsigned int cut)
{
	int64_t covered = -1; /* no FLUSH yet */
	uint32_t number;
	bool certain = true;
	uint8_t whole[512];

	memcpy(&number, bytes, 4);
	fill_sector(whole, number);
	assert_memory_equal(bytes, whole, 512);
	for (unsigned int i = 0; i < rec->nr_flushed; i++)
		if (rec->flushed[i][1] <= cut)
			covered = rec->flushed[i][0];
	for (struct value *v = rec->sector[sector]; v; v = v->before) {
		if (v->begun > cut)
			continue;
		if (v->number == UNCERTAIN)
			certain = false;
		if (v->number == number || (!certain && number == 0))
			return;
		/* What makes no system call begins at the same op as a FLUSH after it. */
		if (v->begun <= covered && certain)
			fail_msg("sector %llu is %u after a crash at %u, and was flushed as %u",
				 (unsigned long long)sector, number, cut, v->number);
	}
	assert_int_equal(number, 0);
}

static void check_crash(int fd, unsigned int cut, uint64_t *seed)
{
	struct disk_file file = file_of(fd, false);
	struct image_config cfg = { .file = &file };
	static uint8_t sector[512];
	struct disk_image image;
	struct verdict v = judge_image(fd);
	struct err e = { 0 };
	uint64_t sectors;

	if (v.errors)
		fail_msg("a crash at op %u makes %u errors, the first: %s", cut, v.errors, v.first);
	if (qcow2_open(&image, &cfg, &e) < 0)
		fail_msg("%s", e.text);
	sectors = image.info.size / 512;
	for (uint64_t i = 0; i < sectors; i++) {
		assert_int_equal(request(&image, BLOCK_READ, i * 512, sector, 512, false), 0);
		check_sector(i, sector, cut);
	}
	for (unsigned int i = 0; i < 10; i++)
		assert_int_equal(request(&image, BLOCK_WRITE, dice(seed) % sectors * 512, sector,
					 512, false),
				 0);
	image.ops->close(image.ctx);
	v = judge_image(fd);
	if (v.errors)
		fail_msg("going on after a crash at op %u: %s", cut, v.first);
	close(fd);
}

static void forget_recording(void)
{
	for (unsigned int i = 0; i < rec->nr; i++)
		free(rec->ops[i].bytes);
	for (unsigned int i = 0; i < SECTORS_MAX; i++) {
		while (rec->sector[i]) {
			struct value *v = rec->sector[i];

			rec->sector[i] = v->before;
			free(v);
		}
	}
	free(rec);
}

/* One case. */
struct crash {
	struct shape shape;
	uint64_t seed;
	unsigned int tables; /* so many of each kind in memory, or 0: as many as usual */
	uint64_t hint;       /* the first cluster to be taken, or 0 */
	bool no_punch;       /* what was freed keeps its bytes */
	uint64_t packed;     /* so many of the guest's clusters are there, compressed */
	uint64_t garbage;    /* so many free clusters are full of what looks like L2 entries */
};

/* Clusters whose sectors were written before the first request. */
static void prepare(int base, const struct crash *c)
{
	uint64_t sectors = (1U << c->shape.cluster_bits) / 512;
	uint8_t *bytes = malloc(sectors * 512);

	assert_non_null(bytes);
	for (uint64_t cluster = 0; cluster < c->packed; cluster++) {
		for (uint64_t i = 0; i < sectors; i++) {
			fill_sector(bytes + i * 512, 1000 + (uint32_t)cluster);
			set_sector(cluster * sectors + i, 1000 + (uint32_t)cluster, 0);
		}
		raw_pack(base, &c->shape, cluster, bytes);
	}
	for (uint64_t i = 0; i < sectors * 64; i++)
		put_be64(bytes + 8 * i, QCOW2_COPIED | cluster_at(&c->shape, AT_L1));
	for (uint64_t i = 0; i < c->garbage; i++)
		raw_count(base, &c->shape, raw_append(base, &c->shape, bytes, sectors * 512), 0);
	record((struct op){ .kind = OP_SYNC });
	rec->flushed[rec->nr_flushed++][1] = rec->nr;
	free(bytes);
}

static void crash_at_any_moment(struct crash c)
{
	int base = make_image(&c.shape), fd;
	uint64_t seed = c.seed;
	struct disk_image image;
	struct disk_file file;
	struct qcow2 *q;

	rec = calloc(1, sizeof(*rec));
	assert_non_null(rec);
	prepare(base, &c);
	fd = crashed(base, 0, false, &seed);
	image = open_image(&file, fd, (struct image_config){ 0 });
	q = image.ctx;
	q->io = &record_io;
	q->hint = c.hint;
	q->no_punch = c.no_punch;
	if (c.tables)
		q->l2.nr = q->blocks.nr = c.tables;
	for (uint32_t i = 0; i < STEPS; i++)
		one_request(&image, image.info.size / 512, &seed, i + 1);
	image.ops->close(image.ctx);
	assert_consistent(fd, 0);
	for (unsigned int cut = 0; cut <= rec->nr; cut++) {
		check_crash(crashed(base, cut, false, &seed), cut, &seed);
		check_crash(crashed(base, cut, true, &seed), cut, &seed);
	}
	forget_recording();
	close(fd);
	close(base);
}

static void what_was_flushed_survives_any_crash(void **state)
{
	(void)state;
	crash_at_any_moment((struct crash){
		.seed = 1,
		.shape = { .cluster_bits = 9, .size = 200 << 10 },
	});
	crash_at_any_moment((struct crash){
		.seed = 2,
		.shape = { .cluster_bits = 12, .size = 300 << 10 },
	});
}

static void so_it_does_on_a_host_that_keeps_what_is_freed(void **state)
{
	(void)state;
	crash_at_any_moment((struct crash){
		.seed = 6,
		.shape = { .cluster_bits = 10, .size = 1000 << 10 },
		.no_punch = true,
		.garbage = 300,
	});
}

static void so_it_does_when_it_was_compressed(void **state)
{
	(void)state;
	crash_at_any_moment((struct crash){
		.seed = 7,
		.shape = { .cluster_bits = 12, .size = 200 << 10 },
		.packed = 50,
	});
}

static void so_it_does_when_tables_are_written_early(void **state)
{
	(void)state;
	crash_at_any_moment((struct crash){
		.seed = 3,
		.shape = { .cluster_bits = 9, .size = 400 << 10 },
		.tables = 4,
	});
}

static void so_it_does_when_the_refcount_table_grows(void **state)
{
	(void)state;
	crash_at_any_moment((struct crash){
		.seed = 4,
		.shape = { .cluster_bits = 9, .refcount_order = 6, .size = 400 << 10 },
		.hint = 4000,
	});
}

static void so_it_does_in_version_2(void **state)
{
	(void)state;
	crash_at_any_moment((struct crash){
		.seed = 5,
		.shape = { .version = 2, .cluster_bits = 10, .size = 200 << 10 },
	});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_flushed_survives_any_crash),
		cmocka_unit_test(so_it_does_on_a_host_that_keeps_what_is_freed),
		cmocka_unit_test(so_it_does_when_it_was_compressed),
		cmocka_unit_test(so_it_does_when_tables_are_written_early),
		cmocka_unit_test(so_it_does_when_the_refcount_table_grows),
		cmocka_unit_test(so_it_does_in_version_2),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
