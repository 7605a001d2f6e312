/* SPDX-License-Identifier: BSD-2-Clause */
/* The 9P server: what each message does to a folder of the host's, and what it says of it. */
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include "p9_world.h"

#define ENTRIES 3000

/* --- Sessions --- */

static void a_version_is_agreed_on(void **state)
{
	struct world *w = *state;

	assert_int_equal(call(w, TVERSION, "ds", 8192, "9P2000.L"), 0);
	assert_int_equal(get(w, 4), 8192);
	assert_int_equal(get(w, 2), 8);
	assert_memory_equal(w->at, "9P2000.L", 8);
	assert_int_equal(call(w, TVERSION, "ds", UINT32_MAX, "9P2000.L"), 0);
	assert_int_equal(get(w, 4), P9_MSIZE_MAX);
	assert_int_equal(call(w, TVERSION, "ds", 100, "9P2000.L"), -EMSGSIZE);
}

static void another_version_is_not_known(void **state)
{
	struct world *w = *state;

	assert_int_equal(call(w, TVERSION, "ds", 8192, "9P2000.u"), 0);
	get(w, 4);
	assert_int_equal(get(w, 2), 7);
	assert_memory_equal(w->at, "unknown", 7);
	assert_int_equal(call(w, TGETATTR, "dq", ROOT, ~0ULL), -EINVAL);
}

static void a_new_version_ends_what_was_open(void **state)
{
	struct world *w = *state;

	assert_int_equal(call(w, TVERSION, "ds", 8192, "9P2000.L"), 0);
	assert_int_equal(call(w, TGETATTR, "dq", ROOT, ~0ULL), -EBADF);
}

static void a_reset_ends_what_was_open(void **state)
{
	struct world *w = *state;

	p9_session_reset(w->s);
	assert_int_equal(call(w, TGETATTR, "dq", ROOT, ~0ULL), -EINVAL);
	start_session(w);
	assert_int_equal(call(w, TGETATTR, "dq", ROOT, ~0ULL), 0);
}

static void messages_that_are_not_known_are_refused(void **state)
{
	static const uint8_t known[] = { TSTATFS,      TLOPEN,    TLCREATE,  TSYMLINK,  TMKNOD,
					 TRENAME,      TREADLINK, TGETATTR,  TSETATTR,  TXATTRWALK,
					 TXATTRCREATE, TREADDIR,  TFSYNC,    TLOCK,     TGETLOCK,
					 TLINK,        TMKDIR,    TRENAMEAT, TUNLINKAT, TVERSION,
					 TATTACH,      TFLUSH,    TWALK,     TREAD,     TWRITE,
					 TCLUNK,       TREMOVE };
	struct world *w = *state;

	for (unsigned int type = 0; type < 256; type++)
		if (!memchr(known, (int)type, sizeof(known)))
			assert_int_equal(call(w, (uint8_t)type, "d", ROOT), -EOPNOTSUPP);
}

static void a_message_larger_than_agreed_is_refused(void **state)
{
	struct world *w = *state;
	char data[5000] = { 0 };

	assert_int_equal(call(w, TVERSION, "ds", 4096, "9P2000.L"), 0);
	assert_int_equal(write_to(w, ROOT, 0, data, sizeof(data)), -EMSGSIZE);
}

static void an_answer_that_has_no_room_is_an_error(void **state)
{
	struct world *w = *state;

	message(w, TGETATTR, "dq", ROOT, ~0ULL);
	assert_int_equal(answer_in(w, 100), -EMSGSIZE);
	assert_int_equal(answer_in(w, 11), -EMSGSIZE);
	assert_int_equal(answer_in(w, 10), -EBADMSG);
}

static void another_tree_is_not_there(void **state)
{
	struct world *w = *state;

	assert_int_equal(call(w, TATTACH, "ddssd", 2, NOFID, "root", "/etc", 0), -ENOENT);
	assert_int_equal(call(w, TATTACH, "ddssd", 2, 1, "root", "", 0), -EOPNOTSUPP);
	assert_int_equal(call(w, TATTACH, "ddssd", NOFID, NOFID, "root", "", 0), -EINVAL);
	assert_int_equal(call(w, TATTACH, "ddssd", ROOT, NOFID, "root", "", 0), -EBUSY);
}

static void what_cannot_be_shared_is_named(void **state)
{
	struct world *w = *state;
	struct p9_config cfg = { .dir = path_of(w, "missing") };
	struct err e = { 0 };

	assert_null(p9_session_open(&cfg, &e));
	assert_non_null(strstr(e.text, "missing' cannot be shared: No such file"));
	host_file(w, "file", "");
	cfg.dir = path_of(w, "file");
	assert_null(p9_session_open(&cfg, &e));
	assert_non_null(strstr(e.text, "is not a folder"));
}

/* --- Walks --- */

static void a_walk_finds_files(void **state)
{
	struct world *w = *state;
	struct stat st;

	host_dir(w, "a");
	host_dir(w, "a/b");
	host_file(w, "a/b/c", "");
	assert_int_equal(walk(w, ROOT, 2, "a/b/c"), 0);
	assert_int_equal(get(w, 2), 3);
	assert_int_equal(get(w, 1), 0x80);
	w->at += 12 + 13;
	assert_int_equal(get(w, 1), 0);
	get(w, 4);
	assert_int_equal(stat(path_of(w, "a/b/c"), &st), 0);
	assert_int_equal(get(w, 8), st.st_ino);
	assert_int_equal(call(w, TGETATTR, "dq", 2, ~0ULL), 0);
}

static void a_walk_that_ends_early_makes_no_fid(void **state)
{
	struct world *w = *state;

	host_dir(w, "a");
	assert_int_equal(walk(w, ROOT, 2, "a/b/c"), 0);
	assert_int_equal(get(w, 2), 1);
	assert_int_equal(w->in_len, 9 + 13);
	assert_int_equal(call(w, TGETATTR, "dq", 2, ~0ULL), -EBADF);
	assert_int_equal(walk(w, ROOT, 2, "b/c"), -ENOENT);
	assert_int_equal(walk(w, ROOT, ROOT, "a/b"), 0);
	assert_int_equal(walk(w, ROOT, 2, "a"), 0); /* it still is the root */
}

static void a_walk_can_replace_its_fid(void **state)
{
	struct world *w = *state;

	host_dir(w, "a");
	host_file(w, "a/file", "");
	assert_int_equal(walk(w, ROOT, 2, ""), 0);
	assert_int_equal(walk(w, 2, 2, "a"), 0);
	assert_int_equal(walk(w, 2, 3, "file"), 0);
	assert_int_equal(walk(w, 2, 3, "file"), -EBUSY);
	assert_int_equal(walk(w, 3, 4, "file"), -ENOTDIR);
	assert_int_equal(walk(w, 99, 4, "file"), -EBADF);
}

static void more_than_16_names_are_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(walk(w, ROOT, 2, "../../../../../../../../../../../../../../../.."), 0);
	assert_int_equal(walk(w, ROOT, 3, "../../../../../../../../../../../../../../../../.."),
			 -EINVAL);
}

static void a_qid_is_another_one_on_another_file_system(void **state)
{
	struct world *w = *state;
	struct p9_config cfg = { .dir = "/", .fids_max = 100 };
	struct stat st, proc;
	struct err e;

	p9_session_close(w->s);
	w->s = p9_session_open(&cfg, &e);
	assert_non_null(w->s);
	start_session(w);
	assert_int_equal(walk(w, ROOT, 2, "proc/cpuinfo"), 0);
	assert_int_equal(stat("/", &st), 0);
	assert_int_equal(stat("/proc", &proc), 0);
	if (st.st_dev == proc.st_dev)
		skip();
	w->at += 2 + 5;
	assert_int_not_equal(get(w, 8), proc.st_ino);
}

/* --- Files --- */

static void data_goes_both_ways(void **state)
{
	static uint8_t data[100000];
	struct world *w = *state;

	for (unsigned int i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7 + i / 256);
	for (unsigned int cut = 0; cut < 4000; cut = cut * 3 + 5) {
		w->cut = cut;
		assert_int_equal(create_file(w, 2, "file"), 0);
		assert_int_equal(write_to(w, 2, 10, data, sizeof(data)), sizeof(data));
		assert_int_equal(read_from(w, 2, 10, sizeof(data)), sizeof(data));
		assert_memory_equal(w->at, data, sizeof(data));
		assert_int_equal(read_from(w, 2, 50, 5), 5);
		assert_memory_equal(w->at, data + 40, 5);
		assert_int_equal(read_from(w, 2, sizeof(data), 100), 10);
		assert_int_equal(read_from(w, 2, sizeof(data) + 10, 100), 0);
		assert_int_equal(call(w, TFSYNC, "dd", 2, cut & 1), 0);
		assert_int_equal(clunk(w, 2), 0);
		assert_int_equal(unlink(path_of(w, "file")), 0);
	}
}

static void an_answer_is_never_larger_than_agreed(void **state)
{
	static uint8_t data[20000];
	struct world *w = *state;

	assert_int_equal(create_file(w, 2, "file"), 0);
	assert_int_equal(write_to(w, 2, 0, data, sizeof(data)), sizeof(data));
	assert_int_equal(call(w, TVERSION, "ds", 8192, "9P2000.L"), 0);
	assert_int_equal(call(w, TATTACH, "ddssd", ROOT, NOFID, "root", "", getuid()), 0);
	assert_int_equal(open_file(w, 2, "file", O_RDONLY), 0);
	assert_int_equal(read_from(w, 2, 0, UINT32_MAX), 8192 - 11);
}

static void a_write_that_says_more_than_it_has_is_refused(void **state)
{
	struct world *w = *state;

	assert_int_equal(create_file(w, 2, "file"), 0);
	message(w, TWRITE, "dqd", 2, 0ULL, 100);
	put_bytes(w, "0123456789", 10);
	put_le32(w->out, w->out_len);
	assert_int_equal(answer(w), -EBADMSG);
}

static void a_new_file_has_the_mode_that_was_asked_for(void **state)
{
	struct world *w = *state;
	struct stat st;

	assert_int_equal(walk(w, ROOT, 2, ""), 0);
	assert_int_equal(call(w, TLCREATE, "dsddd", 2, "file", O_RDWR, 04751, getgid()), 0);
	assert_int_equal(stat(path_of(w, "file"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 04751);
	assert_int_equal(call(w, TMKDIR, "dsdd", ROOT, "dir", 01772, getgid()), 0);
	assert_int_equal(get(w, 1), 0x80);
	assert_int_equal(stat(path_of(w, "dir"), &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 01772);
}

static void a_file_that_is_there_is_created_only_without_excl(void **state)
{
	struct world *w = *state;

	host_file(w, "file", "hello");
	assert_int_equal(walk(w, ROOT, 2, ""), 0);
	assert_int_equal(call(w, TLCREATE, "dsddd", 2, "file", O_RDWR | 0200, 0644, 0), -EEXIST);
	assert_int_equal(call(w, TLCREATE, "dsddd", 2, "file", O_RDWR, 0644, 0), 0);
	assert_int_equal(read_from(w, 2, 0, 100), 5);
	assert_int_equal(walk(w, ROOT, 3, ""), 0);
	assert_int_equal(call(w, TLCREATE, "dsddd", 3, "file", O_RDWR | 01000, 0644, 0), 0);
	assert_int_equal(read_from(w, 2, 0, 100), 0);
}

static void a_write_goes_where_it_says_even_if_opened_to_append(void **state)
{
	struct world *w = *state;

	host_file(w, "file", "hello");
	assert_int_equal(open_file(w, 2, "file", O_RDWR | 02000), 0);
	assert_int_equal(write_to(w, 2, 1, "a", 1), 1);
	assert_int_equal(read_from(w, 2, 0, 100), 5);
	assert_memory_equal(w->at, "hallo", 5);
}

static void a_fid_is_opened_once(void **state)
{
	struct world *w = *state;

	host_file(w, "file", "hello");
	assert_int_equal(walk(w, ROOT, 2, "file"), 0);
	assert_int_equal(read_from(w, 2, 0, 100), -EBADF);
	assert_int_equal(call(w, TLOPEN, "dd", 2, O_RDONLY), 0);
	assert_int_equal(call(w, TLOPEN, "dd", 2, O_RDONLY), -EINVAL);
	assert_int_equal(write_to(w, 2, 0, "x", 1), -EBADF);
	assert_int_equal(walk(w, 2, 3, ""), 0);
	assert_int_equal(call(w, TLOPEN, "dd", 3, O_RDWR), 0);
	assert_int_equal(write_to(w, 3, 0, "x", 1), 1);
}

static void a_file_that_was_unlinked_stays_open(void **state)
{
	struct world *w = *state;

	assert_int_equal(create_file(w, 2, "file"), 0);
	assert_int_equal(call(w, TUNLINKAT, "dsd", ROOT, "file", 0), 0);
	assert_int_equal(access(path_of(w, "file"), F_OK), -1);
	assert_int_equal(write_to(w, 2, 0, "hello", 5), 5);
	assert_int_equal(read_from(w, 2, 0, 100), 5);
	assert_int_equal(call(w, TGETATTR, "dq", 2, ~0ULL), 0);
	assert_int_equal(call(w, TSETATTR,
			      "ddddd"
			      "qqqqq",
			      2, 8, 0, 0, 0, 2ULL, 0ULL, 0ULL, 0ULL, 0ULL),
			 0);
	assert_int_equal(read_from(w, 2, 0, 100), 2);
	assert_int_equal(clunk(w, 2), 0);
}

static void a_lock_is_seen_by_others(void **state)
{
	struct world *w = *state;

	assert_int_equal(create_file(w, 2, "file"), 0);
	assert_int_equal(open_file(w, 3, "file", O_RDWR), 0);
	assert_int_equal(call(w, TLOCK, "dbdqqds", 2, 1, 1, 10ULL, 10ULL, 77, "guest"), 0);
	assert_int_equal(get(w, 1), 0);
	assert_int_equal(call(w, TLOCK, "dbdqqds", 3, 0, 1, 15ULL, 0ULL, 78, "guest"), 0);
	assert_int_equal(get(w, 1), 1);
	assert_int_equal(call(w, TGETLOCK, "dbqqds", 3, 0, 0ULL, 0ULL, 78, "guest"), 0);
	assert_int_equal(get(w, 1), 1);
	assert_int_equal(get(w, 8), 10);
	assert_int_equal(get(w, 8), 10);
	assert_int_equal(call(w, TLOCK, "dbdqqds", 2, 2, 1, 0ULL, 0ULL, 77, "guest"), 0);
	assert_int_equal(call(w, TGETLOCK, "dbqqds", 3, 0, 0ULL, 0ULL, 78, "guest"), 0);
	assert_int_equal(get(w, 1), 2);
	assert_int_equal(call(w, TLOCK, "dbdqqds", 3, 0, 1, 15ULL, 0ULL, 78, "guest"), 0);
	assert_int_equal(get(w, 1), 0);
	assert_int_equal(call(w, TLOCK, "dbdqqds", 3, 9, 1, 15ULL, 0ULL, 78, "guest"), -EINVAL);
	/* It ends with the fid. */
	assert_int_equal(clunk(w, 3), 0);
	assert_int_equal(call(w, TGETLOCK, "dbqqds", 2, 1, 0ULL, 0ULL, 78, "guest"), 0);
	assert_int_equal(get(w, 1), 2);
}

/* --- Folders --- */

/* Reads @fid from @off on; counts what begins with "e" in @seen. Returns the offset after, 0 at the end. */
static uint64_t read_entries(struct world *w, uint32_t fid, uint64_t off, uint32_t len,
			     uint8_t *seen)
{
	const uint8_t *end;
	uint64_t next = 0;

	assert_int_equal(call(w, TREADDIR, "dqd", fid, off, len), 0);
	end = w->at + 4 + get_le32(w->at);
	assert_true(end == w->in + w->in_len && get(w, 4) <= len);
	while (w->at < end) {
		char name[256] = { 0 };
		uint32_t size;

		w->at += 13;
		next = get(w, 8);
		get(w, 1);
		size = (uint32_t)get(w, 2);
		assert_true(size < sizeof(name) && w->at + size <= end);
		memcpy(name, w->at, size);
		w->at += size;
		if (name[0] == 'e')
			seen[atoi(name + 1)]++;
		else
			assert_int_equal(name[0], '.');
	}
	return next;
}

static void all_of_a_large_folder_is_read_once(void **state)
{
	static const uint32_t lengths[] = { 300, 1000, 65536, 500000 };
	static uint8_t seen[ENTRIES];
	struct world *w = *state;
	char name[64];

	for (unsigned int i = 0; i < ENTRIES; i++) {
		snprintf(name, sizeof(name), "e%u-%.*s", i, (int)(i % 40),
			 "0123456789012345678901234567890123456789");
		host_file(w, name, "");
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(lengths); i++) {
		uint64_t off = 0;

		memset(seen, 0, sizeof(seen));
		assert_int_equal(open_file(w, 2, "", O_RDONLY | 0200000), 0);
		do
			off = read_entries(w, 2, off, lengths[i], seen);
		while (off);
		for (unsigned int j = 0; j < ENTRIES; j++)
			assert_int_equal(seen[j], 1);
		assert_int_equal(clunk(w, 2), 0);
	}
}

static void a_folder_is_read_again_from_anywhere(void **state)
{
	static uint8_t first[ENTRIES], again[ENTRIES], rest[ENTRIES];
	struct world *w = *state;
	uint64_t middle, off;
	char name[64];

	for (unsigned int i = 0; i < 200; i++) {
		snprintf(name, sizeof(name), "e%u", i);
		host_file(w, name, "");
	}
	assert_int_equal(open_file(w, 2, "", O_RDONLY), 0);
	middle = read_entries(w, 2, 0, 1000, first);
	for (off = middle; off;)
		off = read_entries(w, 2, off, 1000, rest);
	for (off = middle; off;)
		off = read_entries(w, 2, off, 777, again);
	for (unsigned int i = 0; i < 200; i++) {
		assert_int_equal(first[i] + rest[i], 1);
		assert_int_equal(rest[i], again[i]);
	}
	assert_int_equal(call(w, TREADDIR, "dqd", 2, 0ULL, 20), -EINVAL);
	assert_int_equal(call(w, TREADDIR, "dqd", ROOT, 0ULL, 1000), -EBADF);
	assert_int_equal(read_from(w, 2, 0, 100), -EISDIR);
}

static void things_are_made_and_removed(void **state)
{
	struct world *w = *state;
	struct stat st;
	char buf[100];

	assert_int_equal(call(w, TMKDIR, "dsdd", ROOT, "dir", 0755, 0), 0);
	assert_int_equal(call(w, TMKDIR, "dsdd", ROOT, "dir", 0755, 0), -EEXIST);
	assert_int_equal(call(w, TSYMLINK, "dssd", ROOT, "link", "/etc/passwd", 0), 0);
	assert_int_equal(get(w, 1), 2);
	assert_int_equal(readlink(path_of(w, "link"), buf, sizeof(buf)), 11);
	assert_int_equal(walk(w, ROOT, 2, "link"), 0);
	assert_int_equal(call(w, TREADLINK, "d", 2), 0);
	assert_int_equal(get(w, 2), 11);
	assert_memory_equal(w->at, "/etc/passwd", 11);
	assert_int_equal(call(w, TREADLINK, "d", ROOT), -EINVAL);
	assert_int_equal(call(w, TMKNOD, "dsdddd", ROOT, "fifo", S_IFIFO | 0622, 0, 0, 0), 0);
	assert_int_equal(stat(path_of(w, "fifo"), &st), 0);
	assert_int_equal(st.st_mode, S_IFIFO | 0622);
	assert_int_equal(call(w, TLINK, "dds", ROOT, 2, "dir/x"), -EINVAL);
	assert_int_equal(call(w, TLINK, "dds", ROOT, 2, "same"), 0);
	assert_int_equal(lstat(path_of(w, "same"), &st), 0);
	assert_int_equal(st.st_nlink, 2);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(call(w, TUNLINKAT, "dsd", ROOT, "dir", 0), -EISDIR);
	assert_int_equal(call(w, TUNLINKAT, "dsd", ROOT, "dir", 0x200), 0);
	assert_int_equal(call(w, TUNLINKAT, "dsd", ROOT, "fifo", 0), 0);
	assert_int_equal(call(w, TUNLINKAT, "dsd", ROOT, "fifo", 0), -ENOENT);
}

static void things_are_renamed(void **state)
{
	struct world *w = *state;

	host_dir(w, "a");
	host_dir(w, "b");
	host_file(w, "a/file", "hello");
	assert_int_equal(walk(w, ROOT, 2, "a"), 0);
	assert_int_equal(walk(w, ROOT, 3, "b"), 0);
	assert_int_equal(walk(w, ROOT, 4, "a/file"), 0);
	assert_int_equal(call(w, TRENAMEAT, "dsds", 2, "file", 3, "other"), 0);
	assert_int_equal(access(path_of(w, "b/other"), F_OK), 0);
	assert_int_equal(call(w, TLOPEN, "dd", 4, O_RDONLY), 0);
	assert_int_equal(read_from(w, 4, 0, 100), 5);
	/* By its fid alone: where it is by now. */
	assert_int_equal(call(w, TRENAME, "dds", 4, ROOT, "third"), 0);
	assert_int_equal(access(path_of(w, "third"), F_OK), 0);
	assert_int_equal(call(w, TREMOVE, "d", 4), 0);
	assert_int_equal(access(path_of(w, "third"), F_OK), -1);
	assert_int_equal(clunk(w, 4), -EBADF);
	assert_int_equal(call(w, TREMOVE, "d", 2), 0);
	assert_int_equal(access(path_of(w, "a"), F_OK), -1);
	assert_int_equal(walk(w, ROOT, 5, ""), 0);
	assert_int_equal(call(w, TREMOVE, "d", 5), -EBUSY);
}

/* --- Attributes --- */

static int setattr(struct world *w, uint32_t fid, uint32_t what, uint32_t mode, uint64_t size,
		   uint64_t sec, uint64_t nsec)
{
	return call(w, TSETATTR, "dddddqqqqq", fid, what, mode, getuid(), getgid(), size, sec, nsec,
		    sec + 1, nsec);
}

static void attributes_are_those_of_the_host(void **state)
{
	struct world *w = *state;
	struct stat st;

	host_file(w, "file", "hello");
	assert_int_equal(stat(path_of(w, "file"), &st), 0);
	assert_int_equal(walk(w, ROOT, 2, "file"), 0);
	assert_int_equal(call(w, TGETATTR, "dq", 2, ~0ULL), 0);
	assert_int_equal(w->in_len, 160);
	assert_int_equal(get(w, 8), 0x7ff);
	w->at += 13;
	assert_int_equal(get(w, 4), st.st_mode);
	assert_int_equal(get(w, 4), st.st_uid);
	assert_int_equal(get(w, 4), st.st_gid);
	assert_int_equal(get(w, 8), 1);
	get(w, 8);
	assert_int_equal(get(w, 8), 5);
	get(w, 8);
	assert_int_equal(get(w, 8), st.st_blocks);
	get(w, 8);
	get(w, 8);
	assert_int_equal(get(w, 8), st.st_mtim.tv_sec);
	assert_int_equal(get(w, 8), st.st_mtim.tv_nsec);
}

static void attributes_are_changed(void **state)
{
	struct world *w = *state;
	struct stat st;

	host_file(w, "file", "hello");
	assert_int_equal(walk(w, ROOT, 2, "file"), 0);
	/* Mode, owner, size, times as given. */
	assert_int_equal(setattr(w, 2, 0x1 | 0x2 | 0x4 | 0x8 | 0x30 | 0x180, 0600, 3, 1000, 5), 0);
	assert_int_equal(stat(path_of(w, "file"), &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | 0600);
	assert_int_equal(st.st_size, 3);
	assert_int_equal(st.st_atim.tv_sec, 1000);
	assert_int_equal(st.st_mtim.tv_sec, 1001);
	assert_int_equal(st.st_mtim.tv_nsec, 5);
	/* Now, and not at all. */
	assert_int_equal(setattr(w, 2, 0x10, 0, 0, 0, 0), 0);
	assert_int_equal(stat(path_of(w, "file"), &st), 0);
	assert_true(st.st_atim.tv_sec > 1000);
	assert_int_equal(st.st_mtim.tv_sec, 1001);
}

static void a_symbolic_link_has_times_of_its_own(void **state)
{
	struct world *w = *state;
	struct stat st, secret;

	assert_int_equal(stat(path_of(w, "../secret"), &secret), 0);
	assert_int_equal(symlink("../secret", path_of(w, "link")), 0);
	assert_int_equal(walk(w, ROOT, 2, "link"), 0);
	assert_int_equal(setattr(w, 2, 0x30 | 0x180, 0, 0, 1000, 0), 0);
	assert_int_equal(setattr(w, 2, 0x1, 0777, 0, 0, 0), -EOPNOTSUPP);
	assert_int_equal(lstat(path_of(w, "link"), &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1001);
	assert_int_equal(stat(path_of(w, "../secret"), &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, secret.st_mtim.tv_sec);
	assert_int_equal(st.st_mode, secret.st_mode);
}

static void the_file_system_is_described(void **state)
{
	struct world *w = *state;
	struct statfs fs;

	assert_int_equal(statfs(w->dir, &fs), 0);
	assert_int_equal(call(w, TSTATFS, "d", ROOT), 0);
	assert_int_equal(w->in_len, 67);
	assert_int_equal(get(w, 4), (uint32_t)fs.f_type);
	assert_int_equal(get(w, 4), fs.f_bsize);
	assert_int_equal(get(w, 8), fs.f_blocks);
}

static int set_xattr(struct world *w, const char *name, const char *value, uint32_t flags)
{
	assert_int_equal(walk(w, ROOT, 9, "file"), 0);
	assert_int_equal(call(w, TXATTRCREATE, "dsqd", 9, name, (uint64_t)strlen(value), flags), 0);
	if (*value)
		assert_int_equal(write_to(w, 9, 0, value, (uint32_t)strlen(value)), strlen(value));
	return clunk(w, 9);
}

static void extended_attributes_are_set_listed_read_and_removed(void **state)
{
	struct world *w = *state;
	char value[100];
	int ret;

	host_file(w, "file", "");
	ret = set_xattr(w, "user.a", "hello", 0);
	if (ret == -EOPNOTSUPP)
		skip();
	assert_int_equal(ret, 0);
	assert_int_equal(set_xattr(w, "user.a", "again", XATTR_CREATE), -EEXIST);
	assert_int_equal(set_xattr(w, "user.empty", "", 0), 0);
	assert_int_equal(getxattr(path_of(w, "file"), "user.a", value, sizeof(value)), 5);
	assert_int_equal(getxattr(path_of(w, "file"), "user.empty", value, sizeof(value)), 0);
	assert_int_equal(walk(w, ROOT, 2, "file"), 0);
	assert_int_equal(call(w, TXATTRWALK, "dds", 2, 3, "user.a"), 0);
	assert_int_equal(get(w, 8), 5);
	assert_int_equal(read_from(w, 3, 0, 100), 5);
	assert_memory_equal(w->at, "hello", 5);
	assert_int_equal(read_from(w, 3, 3, 100), 2);
	assert_int_equal(read_from(w, 3, ~0ULL, 100), 0);
	assert_int_equal(call(w, TXATTRWALK, "dds", 2, 4, ""), 0);
	assert_true(get(w, 8) >= sizeof("user.a") + sizeof("user.empty"));
	assert_int_equal(call(w, TXATTRWALK, "dds", 2, 5, "user.none"), -ENODATA);
	assert_int_equal(set_xattr(w, "user.a", "", XATTR_REPLACE), 0);
	assert_int_equal(getxattr(path_of(w, "file"), "user.a", value, sizeof(value)), -1);
	/* Only what was promised arrives: no more, and no less. */
	assert_int_equal(call(w, TXATTRCREATE, "dsqd", 2, "user.b", 4ULL, 0), 0);
	assert_int_equal(write_to(w, 2, 0, "abcde", 5), -ENOSPC);
	assert_int_equal(write_to(w, 2, 0, "ab", 2), 2);
	assert_int_equal(clunk(w, 2), -EINVAL);
}

/* --- Read-only --- */

static void nothing_changes_in_a_folder_that_is_read_only(void **state)
{
	struct world *w = *state;

	host_file(w, "file", "hello");
	reopen_ro(w);
	assert_int_equal(walk(w, ROOT, 2, "file"), 0);
	assert_int_equal(call(w, TLOPEN, "dd", 2, O_RDWR), -EROFS);
	assert_int_equal(call(w, TLOPEN, "dd", 2, O_WRONLY), -EROFS);
	assert_int_equal(call(w, TLOPEN, "dd", 2, O_RDONLY | 01000), -EROFS);
	assert_int_equal(call(w, TLCREATE, "dsddd", ROOT, "new", O_RDWR, 0644, 0), -EROFS);
	assert_int_equal(call(w, TMKDIR, "dsdd", ROOT, "new", 0755, 0), -EROFS);
	assert_int_equal(call(w, TSYMLINK, "dssd", ROOT, "new", "x", 0), -EROFS);
	assert_int_equal(call(w, TMKNOD, "dsdddd", ROOT, "new", S_IFIFO, 0, 0, 0), -EROFS);
	assert_int_equal(call(w, TLINK, "dds", ROOT, 2, "new"), -EROFS);
	assert_int_equal(call(w, TRENAME, "dds", 2, ROOT, "new"), -EROFS);
	assert_int_equal(call(w, TRENAMEAT, "dsds", ROOT, "file", ROOT, "new"), -EROFS);
	assert_int_equal(call(w, TUNLINKAT, "dsd", ROOT, "file", 0), -EROFS);
	assert_int_equal(setattr(w, 2, 0x1, 0, 0, 0, 0), -EROFS);
	assert_int_equal(call(w, TXATTRCREATE, "dsqd", 2, "user.a", 1ULL, 0), -EROFS);
	assert_int_equal(write_to(w, 2, 0, "x", 1), -EROFS);
	assert_int_equal(call(w, TREMOVE, "d", 2), -EROFS);
	assert_int_equal(open_file(w, 2, "file", O_RDONLY), 0);
	assert_int_equal(read_from(w, 2, 0, 100), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_version_is_agreed_on),
		TEST(another_version_is_not_known),
		TEST(a_new_version_ends_what_was_open),
		TEST(a_reset_ends_what_was_open),
		TEST(messages_that_are_not_known_are_refused),
		TEST(a_message_larger_than_agreed_is_refused),
		TEST(an_answer_that_has_no_room_is_an_error),
		TEST(another_tree_is_not_there),
		TEST(what_cannot_be_shared_is_named),
		TEST(a_walk_finds_files),
		TEST(a_walk_that_ends_early_makes_no_fid),
		TEST(a_walk_can_replace_its_fid),
		TEST(more_than_16_names_are_refused),
		TEST(a_qid_is_another_one_on_another_file_system),
		TEST(data_goes_both_ways),
		TEST(an_answer_is_never_larger_than_agreed),
		TEST(a_write_that_says_more_than_it_has_is_refused),
		TEST(a_new_file_has_the_mode_that_was_asked_for),
		TEST(a_file_that_is_there_is_created_only_without_excl),
		TEST(a_write_goes_where_it_says_even_if_opened_to_append),
		TEST(a_fid_is_opened_once),
		TEST(a_file_that_was_unlinked_stays_open),
		TEST(a_lock_is_seen_by_others),
		TEST(all_of_a_large_folder_is_read_once),
		TEST(a_folder_is_read_again_from_anywhere),
		TEST(things_are_made_and_removed),
		TEST(things_are_renamed),
		TEST(attributes_are_those_of_the_host),
		TEST(attributes_are_changed),
		TEST(a_symbolic_link_has_times_of_its_own),
		TEST(the_file_system_is_described),
		TEST(extended_attributes_are_set_listed_read_and_removed),
		TEST(nothing_changes_in_a_folder_that_is_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
