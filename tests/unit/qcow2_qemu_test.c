/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * qcow2 images that qemu-img made, of many kinds: they are read as qemu-img reads them; after random
 * requests, beside plain memory under the same, qemu-img finds no error in them and reads what
 * the memory holds. Where there is no qemu-img, this is skipped.
 */
#include <stdarg.h>
#include "qcow2_world.h"

#define SIZE       (6ULL << 20)
#define LEAKS_ONLY 3 /* status of qemu-img check */

struct world {
	char dir[64];
	uint8_t *model, *buf;
	uint64_t seed;
};

/* Runs a command of the shell in the world's folder: its status. */
static int shell(const struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int shell(const struct world *w, const char *fmt, ...)
{
	char line[1024];
	int len = snprintf(line, sizeof(line), "cd %s && { ", w->dir), status;
	va_list ap;

	va_start(ap, fmt);
	len += vsnprintf(line + len, sizeof(line) - (size_t)len, fmt, ap);
	va_end(ap);
	snprintf(line + len, sizeof(line) - (size_t)len, "; } >log 2>&1");
	status = system(line);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int open_in(const struct world *w, const char *name, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", w->dir, name);
	fd = open(path, flags | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	return fd;
}

/* Text-like and blank parts, so that some clusters compress and some are holes. */
static void make_source(struct world *w)
{
	int fd = open_in(w, "source.raw", O_RDWR | O_CREAT | O_TRUNC);

	for (uint64_t off = 0; off < SIZE; off += 4096) {
		uint32_t kind = dice(&w->seed) % 3;

		for (uint64_t i = 0; i < 4096; i++)
			w->model[off + i] = kind == 0   ? 0
					    : kind == 1 ? (uint8_t)(off >> 12)
							: (uint8_t)dice(&w->seed);
	}
	raw_write(fd, 0, w->model, SIZE);
	close(fd);
}

static void step(struct world *w, struct disk_image *image)
{
	uint64_t sectors = SIZE / 512, first = dice(&w->seed) % sectors;
	uint64_t nr = 1 + dice(&w->seed) % (dice(&w->seed) % 4 ? 16 : 600);
	uint64_t off = first * 512, len = (nr > sectors - first ? sectors - first : nr) * 512;
	uint32_t what = dice(&w->seed) % 10;

	if (what < 5) {
		memset(w->model + off, (int)dice(&w->seed), len);
		memcpy(w->buf, w->model + off, len);
		assert_int_equal(request(image, BLOCK_WRITE, off, w->buf, len, false), 0);
	} else if (what < 6) {
		memset(w->model + off, 0, len);
		assert_int_equal(request(image, BLOCK_WRITE_ZEROES, off, NULL, len,
					 dice(&w->seed) % 2),
				 0);
	} else if (what < 7) {
		assert_int_equal(request(image, BLOCK_DISCARD, off, NULL, len, false), 0);
		assert_int_equal(request(image, BLOCK_READ, off, w->model + off, len, false), 0);
	} else if (what < 8) {
		assert_int_equal(flush(image), 0);
	} else {
		assert_int_equal(request(image, BLOCK_READ, off, w->buf, len, false), 0);
		assert_memory_equal(w->buf, w->model + off, len);
	}
}

static void check_whole(struct world *w, struct disk_image *image)
{
	assert_int_equal(image->info.size, SIZE);
	assert_int_equal(request(image, BLOCK_READ, 0, w->buf, SIZE, false), 0);
	assert_memory_equal(w->buf, w->model, SIZE);
}

/* What @make leaves behind as i.qcow2 holds what source.raw does. */
static void play_on(struct world *w, const char *make, enum disk_format base)
{
	struct image_config cfg = { 0 };
	struct disk_file file, backing;
	struct disk_image image;
	int fd, fd_base = -1, status;

	make_source(w);
	if (shell(w, "rm -f *.qcow2; %s", make) != 0)
		fail_msg("cannot be made: %s", make);
	fd = open_in(w, "i.qcow2", O_RDWR);
	if (base != DISK_FORMAT_UNSAID) {
		fd_base = open_in(w, base == DISK_FORMAT_RAW ? "source.raw" : "b.qcow2", O_RDONLY);
		backing = file_of(fd_base, true);
		cfg.backing = &backing;
		cfg.backing_format = base;
	}
	image = open_image(&file, fd, cfg);
	check_whole(w, &image);
	for (unsigned int i = 0; i < 300; i++)
		step(w, &image);
	check_whole(w, &image);
	image.ops->close(image.ctx);
	close(fd);

	status = shell(w, "qemu-img check -q -f qcow2 i.qcow2");
	/* A bitmap that is out of date by now may be lost. */
	if (status != 0 && !(status == LEAKS_ONLY && strstr(make, "bitmap")))
		fail_msg("qemu-img finds errors or leaks: %s", make);
	fd = open_in(w, "model.raw", O_RDWR | O_CREAT);
	raw_write(fd, 0, w->model, SIZE);
	close(fd);
	if (shell(w, "qemu-img compare -q -f qcow2 -F raw i.qcow2 model.raw") != 0)
		fail_msg("qemu-img reads something else: %s", make);
	if (strstr(make, "snapshot -c") &&
	    (shell(w, "qemu-img snapshot -a s i.qcow2 && qemu-img check -q i.qcow2") != 0 ||
	     shell(w, "qemu-img compare -q -f qcow2 -F raw i.qcow2 source.raw") != 0))
		fail_msg("the snapshot was changed: %s", make);
	if (fd_base >= 0)
		close(fd_base);
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	strcpy(w->dir, "/tmp/lkvm-qcow2-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->model = malloc(SIZE);
	w->buf = malloc(SIZE);
	assert_true(w->model && w->buf);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	shell(w, "rm -rf %s", w->dir);
	free(w->model);
	free(w->buf);
	free(w);
	return 0;
}

static void need_qemu_img(const struct world *w)
{
	if (shell(w, "qemu-img --version") != 0)
		skip();
}

#define CONVERT "qemu-img convert -f raw -O qcow2 "

static void plain_images(void **state)
{
	static const char *const options[] = {
		"cluster_size=512",
		"cluster_size=4k",
		"cluster_size=64k",
		"cluster_size=2M",
		"compat=0.10",
		"compat=0.10,cluster_size=1k",
		"cluster_size=1k,refcount_bits=1",
		"cluster_size=1k,refcount_bits=2",
		"cluster_size=512,refcount_bits=8",
		"cluster_size=512,refcount_bits=64",
		"lazy_refcounts=on",
	};

	need_qemu_img(*state);
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		char make[200];

		snprintf(make, sizeof(make), CONVERT "-o %s source.raw i.qcow2", options[i]);
		play_on(*state, make, DISK_FORMAT_UNSAID);
	}
}

static void preallocated_images(void **state)
{
	need_qemu_img(*state);
	play_on(*state,
		"qemu-img create -q -f qcow2 -o preallocation=metadata i.qcow2 6M && "
		"qemu-img convert -n -f raw -O qcow2 source.raw i.qcow2",
		DISK_FORMAT_UNSAID);
}

static void compressed_images(void **state)
{
	need_qemu_img(*state);
	play_on(*state, CONVERT "-c source.raw i.qcow2", DISK_FORMAT_UNSAID);
	play_on(*state, CONVERT "-c -o cluster_size=512 source.raw i.qcow2", DISK_FORMAT_UNSAID);
	play_on(*state, CONVERT "-c -o cluster_size=4k,compat=0.10 source.raw i.qcow2",
		DISK_FORMAT_UNSAID);
	play_on(*state, CONVERT "-c -o cluster_size=2M source.raw i.qcow2", DISK_FORMAT_UNSAID);
}

static void images_with_snapshots(void **state)
{
	need_qemu_img(*state);
	play_on(*state, CONVERT "source.raw i.qcow2 && qemu-img snapshot -c s i.qcow2",
		DISK_FORMAT_UNSAID);
	play_on(*state,
		CONVERT "-c -o cluster_size=4k source.raw i.qcow2 && "
			"qemu-img snapshot -c s i.qcow2 && qemu-img snapshot -c t i.qcow2",
		DISK_FORMAT_UNSAID);
	play_on(*state,
		CONVERT "-o cluster_size=512,compat=0.10 source.raw i.qcow2 && "
			"qemu-img snapshot -c s i.qcow2",
		DISK_FORMAT_UNSAID);
}

static void images_over_others(void **state)
{
	need_qemu_img(*state);
	play_on(*state, "qemu-img create -q -f qcow2 -b source.raw -F raw i.qcow2",
		DISK_FORMAT_RAW);
	play_on(*state,
		CONVERT "-c source.raw b.qcow2 && "
			"qemu-img create -q -f qcow2 -b b.qcow2 -F qcow2 -o cluster_size=4k "
			"i.qcow2",
		DISK_FORMAT_QCOW2);
	play_on(*state,
		CONVERT "source.raw b.qcow2 && qemu-img create -q -f qcow2 -b b.qcow2 -F qcow2 "
			"-o compat=0.10,cluster_size=8k i.qcow2",
		DISK_FORMAT_QCOW2);
}

static void an_image_with_a_bitmap(void **state)
{
	need_qemu_img(*state);
	play_on(*state, CONVERT "source.raw i.qcow2 && qemu-img bitmap --add i.qcow2 dirty",
		DISK_FORMAT_UNSAID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(plain_images, set_up, tear_down),
		cmocka_unit_test_setup_teardown(preallocated_images, set_up, tear_down),
		cmocka_unit_test_setup_teardown(compressed_images, set_up, tear_down),
		cmocka_unit_test_setup_teardown(images_with_snapshots, set_up, tear_down),
		cmocka_unit_test_setup_teardown(images_over_others, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_image_with_a_bitmap, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
