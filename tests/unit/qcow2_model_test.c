/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2 images under random requests, beside plain memory under the same: they read alike at every
 * moment, and the image is consistent and without leaks when it is closed.
 */
#include "qcow2_world.h"

struct world {
	struct disk_image image;
	struct disk_file file;
	uint8_t *model, *buf;
	uint64_t size;
	uint64_t seed;
};

static void world_open(struct world *w, int fd)
{
	struct image_config cfg = { .file = &w->file };
	struct err e = { 0 };

	w->file = file_of(fd, false);
	if (qcow2_open(&w->image, &cfg, &e) < 0)
		fail_msg("%s", e.text);
	w->size = w->image.info.size;
}

static void step(struct world *w)
{
	uint64_t sectors = w->size / 512, first = dice(&w->seed) % sectors;
	uint64_t nr = 1 + dice(&w->seed) % (dice(&w->seed) % 4 ? 16 : 400);
	uint64_t off = first * 512, len = (nr > sectors - first ? sectors - first : nr) * 512;
	bool unmap = dice(&w->seed) % 2;

	switch (dice(&w->seed) % 12) {
	case 0 ... 4:
		for (uint64_t i = 0; i < len; i++)
			w->buf[i] = w->model[off + i] = (uint8_t)dice(&w->seed);
		assert_int_equal(request(&w->image, BLOCK_WRITE, off, w->buf, len, false), 0);
		break;
	case 5 ... 8:
		assert_int_equal(request(&w->image, BLOCK_READ, off, w->buf, len, false), 0);
		assert_memory_equal(w->buf, w->model + off, len);
		break;
	case 9:
		memset(w->model + off, 0, len);
		assert_int_equal(request(&w->image, BLOCK_WRITE_ZEROES, off, NULL, len, unmap), 0);
		break;
	case 10:
		/* What is read after is whatever it is: take it over. */
		assert_int_equal(request(&w->image, BLOCK_DISCARD, off, NULL, len, false), 0);
		assert_int_equal(request(&w->image, BLOCK_READ, off, w->model + off, len, false),
				 0);
		break;
	default:
		assert_int_equal(flush(&w->image), 0);
	}
}

static void read_all(struct world *w)
{
	for (uint64_t off = 0; off < w->size; off += 65536) {
		uint64_t len = w->size - off < 65536 ? w->size - off : 65536;

		assert_int_equal(request(&w->image, BLOCK_READ, off, w->buf, len, false), 0);
		assert_memory_equal(w->buf, w->model + off, len);
	}
}

static void play_on(struct shape shape, unsigned int steps)
{
	struct world w = { .seed = shape.cluster_bits * 100 + shape.refcount_order };
	int fd = make_image(&shape);

	world_open(&w, fd);
	w.model = calloc(1, w.size);
	w.buf = calloc(1, 1 << 20);
	assert_true(w.model && w.buf);
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int i = 0; i < steps; i++)
			step(&w);
		w.image.ops->close(w.image.ctx);
		assert_consistent(fd, 0);
		world_open(&w, fd);
		read_all(&w);
	}
	w.image.ops->close(w.image.ctx);
	free(w.model);
	free(w.buf);
	close(fd);
}

static void clusters_of_every_size_read_as_they_were_written(void **state)
{
	(void)state;
	for (uint32_t bits = 9; bits <= 21; bits++)
		play_on((struct shape){ .cluster_bits = bits, .size = (3 << 20) - 512 }, 150);
}

static void counts_of_every_width_are_kept(void **state)
{
	(void)state;
	for (uint32_t order = 0; order <= 6; order++)
		play_on((struct shape){ .cluster_bits = 9,
					.refcount_order = order,
					.order_given = true,
					.size = 2 << 20 },
			400);
}

static void version_2_does_without_the_zero_flag(void **state)
{
	(void)state;
	play_on((struct shape){ .version = 2, .cluster_bits = 12, .size = 2 << 20 }, 400);
}

static void the_refcount_table_grows(void **state)
{
	struct shape shape = { .cluster_bits = 9, .refcount_order = 6, .size = 16 << 20 };
	struct world w = { .seed = 1 };
	int fd = make_image(&shape);
	uint64_t l1 = raw_read64(fd, 40);

	(void)state;
	world_open(&w, fd);
	w.buf = calloc(1, 1 << 20);
	for (uint64_t off = 0; off < w.size; off += 1 << 20) {
		memset(w.buf, (int)(off >> 20) + 1, 1 << 20);
		assert_int_equal(request(&w.image, BLOCK_WRITE, off, w.buf, 1 << 20, false), 0);
	}
	w.image.ops->close(w.image.ctx);
	assert_consistent(fd, 0);
	assert_true(raw_read64(fd, 56) >> 32 > 1);
	assert_true(raw_read64(fd, 48) != 512);
	assert_int_equal(raw_read64(fd, 40), l1);
	world_open(&w, fd);
	for (uint64_t off = 0; off < w.size; off += 1 << 20) {
		assert_int_equal(request(&w.image, BLOCK_READ, off, w.buf, 1 << 20, false), 0);
		assert_int_equal(w.buf[0], (off >> 20) + 1);
		assert_int_equal(w.buf[(1 << 20) - 1], (off >> 20) + 1);
	}
	w.image.ops->close(w.image.ctx);
	free(w.buf);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clusters_of_every_size_read_as_they_were_written),
		cmocka_unit_test(counts_of_every_width_are_kept),
		cmocka_unit_test(version_2_does_without_the_zero_flag),
		cmocka_unit_test(the_refcount_table_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
