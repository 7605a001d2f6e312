/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Disk images on the machine's real file systems: what is refused and in which words, locks, and
 * each kind of request by each of the ways there are: at once (a file in memory), io_uring,
 * threads.
 */
#include <dlfcn.h>
#include "disk_world.h"
#include "../../host/disk_engine.h"

struct io_uring;

/* Calls of io_uring_submit() until one is told to come back later; 0: none is. */
static int submits_until_busy;

/* In place of the library's. */
int io_uring_submit(struct io_uring *ring);
int io_uring_submit(struct io_uring *ring)
{
	int (*real)(struct io_uring *) = dlsym(RTLD_NEXT, "io_uring_submit");

	if (submits_until_busy && !--submits_until_busy)
		return -EAGAIN;
	return real(ring);
}

/* --- Opening --- */

static void expect_refused(struct world *w, const char *words)
{
	struct err e = { 0 };

	assert_null(disk_open(&w->cfg, &w->loop, &e));
	if (!strstr(e.text, words))
		fail_msg("'%s' does not say '%s'", e.text, words);
	assert_non_null(strstr(e.text, w->cfg.path));
	assert_null(strchr(e.text, '\n'));
}

static void a_missing_image_is_refused(void **state)
{
	struct world *w = *state;

	unlink(w->path);
	expect_refused(w, "cannot be opened: No such file");
}

static void an_empty_image_is_refused(void **state)
{
	struct world *w = *state;

	make_file(w, 0);
	expect_refused(w, "is empty");
}

static void an_odd_size_is_refused(void **state)
{
	struct world *w = *state;

	make_file(w, 1000);
	expect_refused(w, "has 1000 bytes, which is not a multiple of 512");
}

static void a_directory_is_refused(void **state)
{
	struct world *w = *state;

	w->cfg.path = w->dir;
	expect_refused(w, "is a directory");
	w->cfg.readonly = true;
	expect_refused(w, "is a directory");
}

static void a_fifo_is_refused_and_not_waited_for(void **state)
{
	struct world *w = *state;

	unlink(w->path);
	assert_int_equal(mkfifo(w->path, 0600), 0);
	expect_refused(w, "is neither a regular file nor a block device");
}

static void a_device_that_is_no_disk_is_refused(void **state)
{
	struct world *w = *state;

	w->cfg.path = "/dev/null";
	expect_refused(w, "is neither a regular file nor a block device");
}

static void an_image_marked_read_only_is_refused_for_writing(void **state)
{
	struct world *w = *state;

	assert_int_equal(chmod(w->path, 0444), 0);
	expect_refused(w, "',ro'");
	w->cfg.readonly = true;
	open_disk(w);
	assert_true(disk_backend(w->disk).info.readonly);
}

static void an_unreadable_image_is_refused(void **state)
{
	struct world *w = *state;

	if (geteuid() == 0)
		skip();
	assert_int_equal(chmod(w->path, 0), 0);
	expect_refused(w, "cannot be opened: Permission denied");
}

static void a_file_of_another_format_is_refused(void **state)
{
	static const struct {
		const char *magic;
		unsigned int off;
		const char *words;
	} formats[] = {
		{ "QFI\xfb", 0, "looks like a qcow2 image: say format=qcow2, or format=raw" },
		{ "KDMV", 0, "looks like a VMDK image" },
		{ "vhdxfile", 0, "looks like a VHDX image" },
		{ "\x7f\x10\xda\xbe", 64, "looks like a VDI image" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		make_file(w, 4096);
		write_file(w, formats[i].magic, strlen(formats[i].magic), formats[i].off);
		expect_refused(w, formats[i].words);
	}
}

static void a_format_that_was_said_is_not_guessed(void **state)
{
	struct world *w = *state;

	write_file(w, "QFI\xfb", 4, 0);
	w->cfg.format = DISK_FORMAT_RAW;
	open_disk(w);
	w->buf[0] = 0;
	assert_int_equal(transfer(w, BLOCK_READ, 0, 512), 0);
	assert_memory_equal(w->buf, "QFI\xfb", 4);
}

static void a_raw_image_has_no_backing_file(void **state)
{
	struct world *w = *state;

	w->cfg.backing = "other.img";
	expect_refused(w, "raw image, which has no backing file");
}

/* --- Locks --- */

static void an_image_is_not_opened_twice_for_writing(void **state)
{
	struct world *w = *state;

	open_disk(w);
	expect_refused(w, "is in use already, by another disk of this VM or another process");
	w->cfg.readonly = true;
	expect_refused(w, "is in use already");
}

static void readers_share_an_image_and_keep_writers_out(void **state)
{
	struct world *w = *state;
	struct disk *second;
	struct err e = { 0 };

	w->cfg.readonly = true;
	open_disk(w);
	second = disk_open(&w->cfg, &w->loop, &e);
	assert_non_null(second);
	w->cfg.readonly = false;
	expect_refused(w, "is in use already");
	disk_close(second);
}

static void the_lock_ends_with_the_disk(void **state)
{
	struct world *w = *state;

	open_disk(w);
	disk_close(w->disk);
	open_disk(w);
}

static void who_holds_the_lock_is_named(void **state)
{
	struct world *w = *state;
	char words[64];
	int to_us[2], to_child[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(to_us) | pipe(to_child), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
		int fd = open(w->path, O_RDWR);

		byte = (char)fcntl(fd, F_OFD_SETLK, &lock);
		if (write(to_us[1], &byte, 1) == 1 && read(to_child[0], &byte, 1) >= 0)
			_exit(0);
		_exit(1);
	}
	assert_int_equal(read(to_us[0], &byte, 1), 1);
	snprintf(words, sizeof(words), "is in use by process %d (", (int)pid);
	expect_refused(w, words);
	close(to_child[1]);
	close(to_child[0]);
	close(to_us[0]);
	close(to_us[1]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	open_disk(w);
}

/* --- Requests --- */

static void what_is_written_is_read_back(void **state)
{
	struct world *w = *state;

	open_disk(w);
	fill(w, 1);
	assert_int_equal(transfer(w, BLOCK_WRITE, 8192, 12288), 0);
	memset(w->buf, 0, sizeof(w->buf));
	assert_int_equal(transfer(w, BLOCK_READ, 8192, 12288), 0);
	expect_filled(w, 1, 12288);
	assert_int_equal(request(w, BLOCK_FLUSH, 0, 0, false), 0);
	disk_disconnect(w->disk);
	expect_in_file(w, 8192, w->buf, 12288);
}

static void the_rest_of_the_image_stays(void **state)
{
	struct world *w = *state;
	const uint8_t zero[512] = { 0 };

	open_disk(w);
	fill(w, 2);
	assert_int_equal(transfer(w, BLOCK_WRITE, 512, 512), 0);
	disk_disconnect(w->disk);
	expect_in_file(w, 0, zero, 512);
	expect_in_file(w, 1024, zero, 512);
}

static void durable_writes_work(void **state)
{
	struct world *w = *state;

	open_disk(w);
	fill(w, 3);
	assert_int_equal(request(w, BLOCK_WRITE, 0, 4096, true), 0);
	memset(w->buf, 0, sizeof(w->buf));
	assert_int_equal(transfer(w, BLOCK_READ, 0, 4096), 0);
	expect_filled(w, 3, 4096);
}

static void zeroes_replace_what_was_there(void **state)
{
	struct world *w = *state;

	for (int unmap = 0; unmap < 2; unmap++) {
		open_disk(w);
		fill(w, 4);
		assert_int_equal(transfer(w, BLOCK_WRITE, 0, 65536), 0);
		assert_int_equal(request(w, BLOCK_WRITE_ZEROES, 512, 40960, unmap), 0);
		assert_int_equal(transfer(w, BLOCK_READ, 0, 65536), 0);
		assert_int_equal(w->buf[511], pattern(4, 511));
		for (unsigned int i = 0; i < 40960; i++)
			assert_int_equal(w->buf[512 + i], 0);
		assert_int_equal(w->buf[512 + 40960], pattern(4, 512 + 40960));
		close_disk(w);
	}
}

static uint64_t blocks_of(struct world *w)
{
	struct stat st;

	assert_int_equal(stat(w->path, &st), 0);
	return (uint64_t)st.st_blocks;
}

static void a_discard_gives_the_storage_back(void **state)
{
	struct world *w = *state;
	uint64_t before;

	open_disk(w);
	fill(w, 5);
	assert_int_equal(transfer(w, BLOCK_WRITE, 0, 65536), 0);
	assert_int_equal(request(w, BLOCK_FLUSH, 0, 0, false), 0);
	assert_int_equal(fsync_path(w), 0);
	before = blocks_of(w);
	assert_int_equal(request(w, BLOCK_DISCARD, 0, 65536, false), 0);
	assert_true(blocks_of(w) + 65536 / 512 <= before);
}

static void many_requests_at_once_all_complete(void **state)
{
	struct world *w = *state;

	open_disk(w);
	many(w, BLOCK_WRITE);
	many(w, BLOCK_READ);
	for (unsigned int i = 0; i < MANY; i++)
		assert_int_equal(w->buf[i * 512], (uint8_t)(i + 1));
}

static void disconnecting_waits_for_what_is_in_flight(void **state)
{
	struct world *w = *state;

	open_disk(w);
	prepare_many(w, BLOCK_WRITE);
	start(w, w->many, MANY);
	disk_disconnect(w->disk);
	assert_int_equal(w->nr_pending, 0);
}

static void an_error_of_the_host_is_the_requests_result(void **state)
{
	struct world *w = *state;

	open_disk(w);
	assert_int_equal(truncate(w->path, 4096), 0);
	assert_int_equal(transfer(w, BLOCK_READ, 8192, 512), -EIO);
	assert_int_equal(transfer(w, BLOCK_READ, 3584, 1024), -EIO);
	assert_int_equal(transfer(w, BLOCK_READ, 3584, 512), 0);
}

/* O_DIRECT does not take everything that a guest may use as a buffer. */
static void buffers_may_lie_anywhere(void **state)
{
	struct world *w = *state;
	struct iovec iov[2] = { { w->buf + 1, 300 }, { w->buf + 4097, 724 } };
	struct block_request req = {
		.op = BLOCK_WRITE, .off = 0, .len = 1024, .iov = iov, .nr_iov = 2
	};

	open_disk(w);
	if (disk_backend(w->disk).info.logical_block > 1024)
		skip();
	fill(w, 7);
	start(w, &req, 1);
	finish(w);
	assert_int_equal(req.result, 0);
	expect_in_file(w, 0, w->buf + 1, 300);
	expect_in_file(w, 300, w->buf + 4097, 724);
}

static void a_disk_that_grows_tells_its_device(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	open_disk(w);
	assert_int_equal(disk_resize(w->disk, 2 * FILE_SIZE, &e), 0);
	assert_int_equal(w->size_told, 2 * FILE_SIZE);
	assert_int_equal(disk_backend(w->disk).info.size, 2 * FILE_SIZE);
	assert_int_equal(transfer(w, BLOCK_WRITE, 2 * FILE_SIZE - 512, 512), 0);
	assert_int_equal(disk_resize(w->disk, FILE_SIZE, &e), -EINVAL);
	assert_non_null(strstr(e.text, "only grows"));
	assert_int_equal(disk_resize(w->disk, 3 * FILE_SIZE + 1, &e), -EINVAL);
	assert_non_null(strstr(e.text, "grows by multiples of 512 bytes"));
	assert_int_equal(w->size_told, 2 * FILE_SIZE);
}

/* The guest's disk would grow, but the file would shrink. */
static void a_file_that_is_longer_than_the_guest_knows_is_not_cut(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	open_disk(w);
	assert_int_equal(truncate(w->path, 4 * FILE_SIZE), 0);
	assert_int_equal(disk_resize(w->disk, 2 * FILE_SIZE, &e), -EINVAL);
	assert_non_null(strstr(e.text, "only grows"));
	assert_int_equal(w->size_told, 0);
	assert_int_equal(disk_resize(w->disk, 4 * FILE_SIZE, NULL), 0);
	assert_int_equal(w->size_told, 4 * FILE_SIZE);
}

static void a_read_only_disk_keeps_its_size(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	w->cfg.readonly = true;
	open_disk(w);
	assert_int_equal(disk_resize(w->disk, 2 * FILE_SIZE, &e), -EROFS);
	assert_non_null(strstr(e.text, "is read-only"));
	assert_int_equal(disk_resize(w->disk, 0, NULL), -EROFS);
	assert_int_equal(w->size_told, 0);
}

static void an_image_resized_from_outside_is_noticed(void **state)
{
	struct world *w = *state;

	open_disk(w);
	assert_int_equal(truncate(w->path, 4 * FILE_SIZE), 0);
	assert_int_equal(disk_resize(w->disk, 0, NULL), 0);
	assert_int_equal(w->size_told, 4 * FILE_SIZE);
}

static void the_next_device_finds_the_same_image(void **state)
{
	struct world *w = *state;

	open_disk(w);
	fill(w, 6);
	assert_int_equal(transfer(w, BLOCK_WRITE, 0, 4096), 0);
	disk_disconnect(w->disk);
	connect_disk(w);
	memset(w->buf, 0, 4096);
	assert_int_equal(transfer(w, BLOCK_READ, 0, 4096), 0);
	expect_filled(w, 6, 4096);
}

static void a_size_has_whole_logical_blocks(void **state)
{
	struct world *w = *state;
	struct err e = { 0 };

	open_disk(w);
	w->disk->info.logical_block = 4096; /* as a disk of the host may have it */
	assert_int_equal(disk_resize(w->disk, FILE_SIZE + 512, &e), -EINVAL);
	assert_non_null(strstr(e.text, "multiples of 4096"));
	assert_int_equal(truncate(w->path, FILE_SIZE + 4096 + 512), 0);
	assert_int_equal(disk_resize(w->disk, 0, NULL), 0);
	assert_int_equal(w->size_told, FILE_SIZE + 4096);
}

/* What is left of a short read is given to the host by itself, and the host may be short of memory. */
static void the_rest_of_a_short_read_is_not_forgotten(void **state)
{
	struct world *w = *state;

	open_disk(w);
	fill(w, 1);
	assert_int_equal(transfer(w, BLOCK_WRITE, FILE_SIZE - 8192, 8192), 0);
	assert_int_equal(truncate(w->path, FILE_SIZE - 4096), 0);
	submits_until_busy = 2;
	alarm(10);
	assert_int_equal(transfer(w, BLOCK_READ, FILE_SIZE - 8192, 8192), -EIO);
	alarm(0);
	submits_until_busy = 0;
}

static void later_calls_done_end(void **state)
{
	struct world *w = *state;
	struct block_backend backend;

	open_disk(w);
	backend = disk_backend(w->disk);
	backend.later(backend.ctx);
	assert_int_equal(w->nr_ends, 0);
	assert_int_equal(loop_run(&w->loop), 0);
	assert_int_equal(w->nr_ends, 1);
}

/* The thread of whoever submits has other devices to serve. */
static void a_long_transfer_is_left_to_a_worker(void **state)
{
	struct world *w = *state;
	struct iovec iov[20];
	struct block_request req = { .op = BLOCK_WRITE,
				     .len = sizeof(iov) / sizeof(*iov) * sizeof(w->buf),
				     .iov = iov };

	make_file(w, 2 * (off_t)req.len);
	open_disk(w);
	fill(w, 1);
	for (req.nr_iov = 0; req.nr_iov < ARRAY_SIZE(iov); req.nr_iov++)
		iov[req.nr_iov] = (struct iovec){ w->buf, sizeof(w->buf) };
	start(w, &req, 1);
	assert_int_equal(w->nr_pending, 1);
	finish(w);
	assert_int_equal(req.result, 0);
	expect_in_file(w, (off_t)(req.len - sizeof(w->buf)), w->buf, sizeof(w->buf));
}

#define OPEN(name) cmocka_unit_test_setup_teardown(name, set_up_auto, tear_down)
#define EACH(name)                                                                \
	cmocka_unit_test_setup_teardown(name, set_up_auto, tear_down),            \
		cmocka_unit_test_setup_teardown(name, set_up_threads, tear_down), \
		cmocka_unit_test_setup_teardown(name, set_up_memory, tear_down),  \
		cmocka_unit_test_setup_teardown(name, set_up_through, tear_down), \
		cmocka_unit_test_setup_teardown(name, set_up_direct, tear_down),  \
		cmocka_unit_test_setup_teardown(name, set_up_direct_threads, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(a_missing_image_is_refused),
		OPEN(an_empty_image_is_refused),
		OPEN(an_odd_size_is_refused),
		OPEN(a_directory_is_refused),
		OPEN(a_fifo_is_refused_and_not_waited_for),
		OPEN(a_device_that_is_no_disk_is_refused),
		OPEN(an_image_marked_read_only_is_refused_for_writing),
		OPEN(an_unreadable_image_is_refused),
		OPEN(a_file_of_another_format_is_refused),
		OPEN(a_format_that_was_said_is_not_guessed),
		OPEN(a_raw_image_has_no_backing_file),
		OPEN(an_image_is_not_opened_twice_for_writing),
		OPEN(readers_share_an_image_and_keep_writers_out),
		OPEN(the_lock_ends_with_the_disk),
		OPEN(who_holds_the_lock_is_named),
		EACH(what_is_written_is_read_back),
		EACH(the_rest_of_the_image_stays),
		EACH(durable_writes_work),
		EACH(zeroes_replace_what_was_there),
		EACH(a_discard_gives_the_storage_back),
		EACH(many_requests_at_once_all_complete),
		EACH(disconnecting_waits_for_what_is_in_flight),
		EACH(an_error_of_the_host_is_the_requests_result),
		EACH(buffers_may_lie_anywhere),
		EACH(a_disk_that_grows_tells_its_device),
		EACH(a_file_that_is_longer_than_the_guest_knows_is_not_cut),
		EACH(a_read_only_disk_keeps_its_size),
		EACH(an_image_resized_from_outside_is_noticed),
		EACH(the_next_device_finds_the_same_image),
		EACH(a_size_has_whole_logical_blocks),
		OPEN(the_rest_of_a_short_read_is_not_forgotten),
		EACH(later_calls_done_end),
		EACH(a_long_transfer_is_left_to_a_worker),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
