/* SPDX-License-Identifier: BSD-2-Clause */
/* The 9P server against a client that wants out of the folder, or the server to hang or to fall. */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include "p9_world.h"

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

/* What a fid is, by the number of its inode. */
static uint64_t inode(struct world *w, uint32_t fid)
{
	assert_int_equal(call(w, TGETATTR, "dq", fid, ~0ULL), 0);
	w->at += 8 + 1 + 4;
	return get(w, 8);
}

static ino_t host_inode(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_ino;
}

static void dotdot_at_the_root_stays(void **state)
{
	struct world *w = *state;

	assert_int_equal(walk(w, ROOT, 2, "../../../.."), 0);
	assert_int_equal(inode(w, 2), host_inode(w->dir));
	assert_int_equal(walk(w, ROOT, 3, "../secret"), 0);
	assert_int_equal(call(w, TGETATTR, "dq", 3, ~0ULL), -EBADF);
	host_dir(w, "a");
	assert_int_equal(walk(w, ROOT, 4, "a/../../a"), 0);
	assert_int_equal(inode(w, 4), host_inode(path_of(w, "a")));
	host_file(w, "file", "");
	assert_int_equal(walk(w, ROOT, 5, "file"), 0);
	assert_int_equal(walk(w, 5, 6, ".."), -ENOTDIR);
}

static void dotdot_does_not_leave_a_folder_that_was_moved_away(void **state)
{
	struct world *w = *state;

	host_dir(w, "a");
	host_dir(w, "a/b");
	assert_int_equal(walk(w, ROOT, 2, "a/b"), 0);
	assert_int_equal(walk(w, 2, 3, "../.."), 0);
	assert_int_equal(inode(w, 3), host_inode(w->dir));
	assert_int_equal(rename(path_of(w, "a"), path_of(w, "../away")), 0);
	assert_int_equal(walk(w, 2, 4, ".."), -ENOENT);
	assert_int_equal(walk(w, 2, 4, "../.."), -ENOENT);
}

static void a_tree_that_is_moved_away_stays_usable_and_leads_nowhere_else(void **state)
{
	struct world *w = *state;

	host_dir(w, "a");
	host_dir(w, "a/b");
	host_file(w, "a/b/file", "hello");
	assert_int_equal(open_file(w, 2, "a/b/file", O_RDWR), 0);
	assert_int_equal(walk(w, ROOT, 3, "a/b"), 0);
	assert_int_equal(rename(path_of(w, "a"), path_of(w, "../away")), 0);
	assert_int_equal(read_from(w, 2, 0, 100), 5);
	assert_int_equal(walk(w, 3, 4, "file"), 0);
	assert_int_equal(walk(w, 3, 5, "../../secret"), -ENOENT);
	/* By its fid nothing can be removed or moved out there. */
	assert_int_equal(call(w, TRENAME, "dds", 3, ROOT, "back"), -ENOENT);
	assert_int_equal(call(w, TREMOVE, "d", 4), -ENOENT);
	assert_int_equal(access(path_of(w, "../away/b/file"), F_OK), 0);
}

static void names_are_names(void **state)
{
	static const char *const bad[] = { "", "/", "a/b", "../secret", "/etc/passwd", "." };
	struct world *w = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		message(w, TWALK, "ddws", ROOT, 2, 1, bad[i]);
		assert_int_equal(answer(w), -EINVAL);
	}
	for (unsigned int i = 0; i <= ARRAY_SIZE(bad); i++) {
		const char *name = i < ARRAY_SIZE(bad) ? bad[i] : "..";

		assert_int_equal(call(w, TLCREATE, "dsddd", ROOT, name, O_RDWR, 0644, 0), -EINVAL);
		assert_int_equal(call(w, TMKDIR, "dsdd", ROOT, name, 0755, 0), -EINVAL);
		assert_int_equal(call(w, TSYMLINK, "dssd", ROOT, name, "x", 0), -EINVAL);
		assert_int_equal(call(w, TMKNOD, "dsdddd", ROOT, name, S_IFIFO, 0, 0, 0), -EINVAL);
		assert_int_equal(call(w, TLINK, "dds", ROOT, ROOT, name), -EINVAL);
		assert_int_equal(call(w, TRENAME, "dds", ROOT, ROOT, name), -EINVAL);
		assert_int_equal(call(w, TRENAMEAT, "dsds", ROOT, name, ROOT, "x"), -EINVAL);
		assert_int_equal(call(w, TRENAMEAT, "dsds", ROOT, "x", ROOT, name), -EINVAL);
		assert_int_equal(call(w, TUNLINKAT, "dsd", ROOT, name, 0x200), -EINVAL);
	}
	/* The host would only see what is before a NUL. */
	message(w, TWALK, "ddww", ROOT, 2, 1, 4);
	put_bytes(w, "..\0x", 4);
	put_le32(w->out, w->out_len);
	assert_int_equal(answer(w), -EINVAL);
}

static void names_of_4_kib_are_too_long(void **state)
{
	struct world *w = *state;
	char name[4097], longest[256];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memcpy(longest, name, 255);
	longest[255] = '\0';
	message(w, TWALK, "ddws", ROOT, 2, 1, name);
	assert_int_equal(answer(w), -ENAMETOOLONG);
	assert_int_equal(call(w, TMKDIR, "dsdd", ROOT, name, 0755, 0), -ENAMETOOLONG);
	assert_int_equal(call(w, TMKDIR, "dsdd", ROOT, longest, 0755, 0), 0);
	longest[254] = '\0';
	assert_int_equal(call(w, TSYMLINK, "dssd", ROOT, "link", name, 0), -ENAMETOOLONG);
	name[4095] = '\0';
	assert_int_equal(call(w, TSYMLINK, "dssd", ROOT, "link", name, 0), 0);
	assert_int_equal(walk(w, ROOT, 2, "link"), 0);
	assert_int_equal(call(w, TREADLINK, "d", 2), 0);
	assert_int_equal(get(w, 2), 4095);
	assert_int_equal(call(w, TXATTRWALK, "dds", ROOT, 3, name), -ENAMETOOLONG);
	/* All sixteen names of a walk as long as can be. */
	message(w, TWALK, "ddw", ROOT, 2, 16);
	for (unsigned int i = 0; i < 16; i++) {
		put_number(w, 65535, 2);
		w->out_len += 65535 / 16;
	}
	put_le32(w->out, w->out_len);
	assert_int_equal(answer(w), -ENAMETOOLONG);
}

static void symbolic_links_are_not_followed(void **state)
{
	static const char *const targets[] = { "..", "../secret", "/etc/passwd", "/", "a" };
	struct world *w = *state;

	host_dir(w, "a");
	host_file(w, "a/file", "");
	for (unsigned int i = 0; i < ARRAY_SIZE(targets); i++) {
		unlink(path_of(w, "link"));
		assert_int_equal(symlink(targets[i], path_of(w, "link")), 0);
		assert_int_equal(walk(w, ROOT, 2, "link"), 0);
		assert_int_equal(get(w, 2), 1);
		assert_int_equal(get(w, 1), 2);
		assert_int_equal(inode(w, 2), host_inode(path_of(w, "link")));
		assert_int_equal(call(w, TLOPEN, "dd", 2, O_RDONLY), -ELOOP);
		assert_int_equal(walk(w, 2, 3, "file"), -ENOTDIR);
		assert_int_equal(walk(w, 2, 3, ".."), -ENOTDIR);
		assert_int_equal(walk(w, ROOT, 3, "link/file"), 0);
		assert_int_equal(get(w, 2), 1);
		/* Nothing is made behind it, and what it leads to is not cut short. */
		assert_int_equal(call(w, TMKDIR, "dsdd", 2, "new", 0755, 0), -ENOTDIR);
		assert_int_equal(call(w, TUNLINKAT, "dsd", 2, "file", 0), -ENOTDIR);
		assert_int_equal(walk(w, ROOT, 4, ""), 0);
		assert_int_equal(call(w, TLCREATE, "dsddd", 4, "link", O_RDWR | 01000, 0644, 0),
				 -ELOOP);
		assert_int_equal(call(w, TSETATTR, "dddddqqqqq", 2, 8, 0, 0, 0, 0ULL, 0ULL, 0ULL,
				      0ULL, 0ULL),
				 -EINVAL);
		assert_int_equal(clunk(w, 2), 0);
		assert_int_equal(clunk(w, 4), 0);
	}
	assert_int_equal(access(path_of(w, "a/file"), F_OK), 0);
	assert_int_equal(access(path_of(w, "../new"), F_OK), -1);
}

/* Swaps a folder for a symbolic link to the outside, and back, until told otherwise. */
struct swap {
	char a[600], b[600];
	bool stop;
};

static void *swap(void *arg)
{
	struct swap *swap = arg;

	while (!__atomic_load_n(&swap->stop, __ATOMIC_RELAXED))
		syscall(SYS_renameat2, AT_FDCWD, swap->a, AT_FDCWD, swap->b, RENAME_EXCHANGE);
	return NULL;
}

static void a_folder_swapped_for_a_symlink_leads_nowhere(void **state)
{
	struct world *w = *state;
	struct swap s = { 0 };
	ino_t secret = host_inode(path_of(w, "../secret"));
	unsigned int found = 0, refused = 0;
	pthread_t thread;

	host_dir(w, "a");
	host_dir(w, "a/b");
	host_file(w, "a/b/secret", "harmless");
	assert_int_equal(symlink("../..", path_of(w, "a/link")), 0);
	snprintf(s.a, sizeof(s.a), "%s/a/b", w->dir);
	snprintf(s.b, sizeof(s.b), "%s/a/link", w->dir);
	assert_int_equal(pthread_create(&thread, NULL, swap, &s), 0);
	for (unsigned int i = 0; i < 20000; i++) {
		assert_int_equal(walk(w, ROOT, 2, "a/b/secret"), 0);
		if (get(w, 2) < 3) {
			refused++;
			continue;
		}
		found++;
		assert_int_not_equal(inode(w, 2), secret);
		assert_int_equal(clunk(w, 2), 0);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	assert_true(found > 0 && refused > 0);
}

static void fifos_sockets_and_devices_are_not_opened(void **state)
{
	struct world *w = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(mkfifo(path_of(w, "fifo"), 0666), 0);
	assert_int_equal(symlink(w->dir, "/var/tmp/lkvm-p9-short"), 0);
	strcpy(addr.sun_path, "/var/tmp/lkvm-p9-short/socket");
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	unlink("/var/tmp/lkvm-p9-short");
	close(fd);
	alarm(10); /* an open FIFO waits for its other end */
	for (unsigned int i = 0; i < 2; i++) {
		const char *name = i ? "socket" : "fifo";

		assert_int_equal(open_file(w, 2, name, O_RDONLY), -ENXIO);
		assert_int_equal(open_file(w, 2, name, O_RDWR | 01000), -ENXIO);
		assert_int_equal(walk(w, ROOT, 2, ""), 0);
		assert_int_equal(call(w, TLCREATE, "dsddd", 2, name, O_RDWR, 0644, 0), -ENXIO);
		assert_int_equal(clunk(w, 2), 0);
	}
	alarm(0);
	p9_session_close(w->s);
	w->s = p9_session_open(&(struct p9_config){ .dir = "/dev", .fids_max = 100 }, NULL);
	assert_non_null(w->s);
	start_session(w);
	assert_int_equal(open_file(w, 2, "null", O_RDONLY), -ENXIO);
	assert_int_equal(open_file(w, 2, "tty", O_RDWR), -ENXIO);
}

static void processes_are_not_files(void **state)
{
	static const char *const names[] = { "mem", "maps", "environ", "cmdline" };
	struct world *w = *state;
	const char *const roots[] = { "/", "/proc" };

	for (unsigned int root = 0; root < 2; root++) {
		struct p9_config cfg = { .dir = roots[root], .fids_max = 100 };

		p9_session_close(w->s);
		w->s = p9_session_open(&cfg, NULL);
		assert_non_null(w->s);
		start_session(w);
		for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
			char path[64];

			snprintf(path, sizeof(path), "%s%d/%s", root ? "" : "proc/", getpid(),
				 names[i]);
			assert_int_equal(open_file(w, 2, path, O_RDONLY), -EACCES);
			assert_int_equal(open_file(w, 2, path, O_RDWR), -EACCES);
		}
		/* A magic link is a link like others. */
		assert_int_equal(walk(w, ROOT, 2, root ? "self" : "proc/self"), 0);
		assert_int_equal(walk(w, 2, 3, "cwd"), -ENOTDIR);
		assert_int_equal(clunk(w, 2), 0);
	}
}

static void a_hard_link_of_a_symbolic_link_is_one(void **state)
{
	struct world *w = *state;

	assert_int_equal(symlink("../secret", path_of(w, "link")), 0);
	assert_int_equal(walk(w, ROOT, 2, "link"), 0);
	assert_int_equal(call(w, TLINK, "dds", ROOT, 2, "hard"), 0);
	assert_int_equal(host_inode(path_of(w, "hard")), host_inode(path_of(w, "link")));
	assert_int_not_equal(host_inode(path_of(w, "hard")), host_inode(path_of(w, "../secret")));
	assert_int_equal(open_file(w, 3, "hard", O_RDONLY), -ELOOP);
	/* Of a folder there is none. */
	host_dir(w, "a");
	assert_int_equal(walk(w, ROOT, 4, "a"), 0);
	assert_int_equal(call(w, TLINK, "dds", ROOT, 4, "b"), -EPERM);
}

static void so_many_fids_are_an_error(void **state)
{
	struct world *w = *state;
	unsigned int nr = 0;
	int ret;

	for (uint32_t i = 0; i < 65536; i++) {
		ret = walk(w, ROOT, 100 + i, "");
		if (ret < 0)
			break;
		nr++;
	}
	assert_int_equal(ret, -EMFILE);
	assert_int_equal(nr, w->fids_max - 1);
	assert_true(nr >= 4096 || w->fids_max < 4096);
	/* The others work, and there is room again as some go. */
	assert_int_equal(call(w, TGETATTR, "dq", 100, ~0ULL), 0);
	assert_int_equal(clunk(w, 100), 0);
	assert_int_equal(walk(w, ROOT, 100, ""), 0);
	assert_int_equal(walk(w, ROOT, 99, ""), -EMFILE);
}

static void a_host_without_descriptors_is_an_error(void **state)
{
	struct world *w = *state;
	struct rlimit limit, low;
	uint32_t nr = 0;
	int ret;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = (struct rlimit){ 100, limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	do
		ret = walk(w, ROOT, 100 + nr++, "");
	while (ret == 0 && nr < 200);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(ret, -EMFILE);
	assert_int_equal(walk(w, ROOT, 99, ""), 0);
}

static void sizes_and_offsets_have_a_sign_on_the_host(void **state)
{
	static const uint64_t numbers[] = { 1ULL << 63, ~0ULL, ~0ULL - 4095, (1ULL << 63) - 1 };
	struct world *w = *state;

	host_file(w, "file", "hello");
	assert_int_equal(open_file(w, 2, "file", O_RDWR), 0);
	assert_int_equal(open_file(w, 3, "", O_RDONLY), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(numbers); i++) {
		uint64_t n = numbers[i];
		bool negative = n >> 63;
		int ret;

		assert_int_equal(read_from(w, 2, n, 100), -EINVAL); /* its end has none */
		ret = write_to(w, 2, n, "x", 1);
		assert_true(ret == -EINVAL || ret == -EFBIG || ret == -ENOSPC);
		ret = call(w, TSETATTR, "dddddqqqqq", 2, 8, 0, 0, 0, n, 0ULL, 0ULL, 0ULL, 0ULL);
		assert_true(ret == -EINVAL || ret == -EFBIG);
		ret = call(w, TREADDIR, "dqd", 3, n, 1000);
		assert_true(!negative || ret == -EINVAL);
		ret = call(w, TLOCK, "dbdqqds", 2, 1, 0, n, 1ULL, 1, "x");
		assert_int_equal(ret, negative ? -EINVAL : 0);
		assert_int_equal(call(w, TLOCK, "dbdqqds", 2, 1, 0, 1ULL, n, 1, "x"),
				 negative ? -EINVAL : 0);
		ret = call(w, TXATTRCREATE, "dsqd", ROOT, "user.x", n, 0);
		assert_int_equal(ret, -E2BIG);
		/* Times that would mean something else to the kernel. */
		assert_int_equal(call(w, TSETATTR, "dddddqqqqq", 2, 0x1b0, 0, 0, 0, 0ULL, 0ULL, n,
				      0ULL, 0x3fffffffULL),
				 -EINVAL);
	}
	assert_int_equal(read_from(w, 2, 0, 100), 5);
}

static void messages_that_are_cut_off_are_refused(void **state)
{
	static const struct {
		uint8_t type;
		const char *fmt;
	} all[] = {
		{ TLOPEN, "dd" },           { TLCREATE, "dsddd" }, { TSYMLINK, "dssd" },
		{ TMKNOD, "dsdddd" },       { TRENAME, "dds" },    { TGETATTR, "dq" },
		{ TSETATTR, "dddddqqqqq" }, { TXATTRWALK, "dds" }, { TXATTRCREATE, "dsqd" },
		{ TREADDIR, "dqd" },        { TFSYNC, "dd" },      { TLOCK, "dbdqqds" },
		{ TGETLOCK, "dbqqds" },     { TLINK, "dds" },      { TMKDIR, "dsdd" },
		{ TRENAMEAT, "dsds" },      { TUNLINKAT, "dsd" },  { TVERSION, "ds" },
		{ TATTACH, "ddssd" },       { TWALK, "ddws" },     { TREAD, "dqd" },
		{ TWRITE, "dqd" },          { TCLUNK, "d" },       { TREMOVE, "d" },
		{ TSTATFS, "d" },           { TREADLINK, "d" },
	};
	struct world *w = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(all); i++) {
		uint32_t len = 0;

		do {
			w->out_len = 0;
			put_number(w, 0, 4);
			put_number(w, all[i].type, 1);
			put_number(w, 0, 2);
			for (const char *p = all[i].fmt; *p; p++) {
				if (*p == 's') {
					put_number(w, 1, 2);
					put_bytes(w, "x", 1);
				} else if (*p == 'w') {
					put_number(w, 1, 2);
				} else {
					put_number(w, ROOT, *p == 'b' ? 1 : *p == 'd' ? 4 : 8);
				}
			}
			if (7 + len >= w->out_len)
				break;
			w->out_len = 7 + len++;
			put_le32(w->out, w->out_len);
			assert_int_equal(answer(w), -EBADMSG);
		} while (true);
		assert_true(len > 0);
	}
	/* Nothing of that had an effect. */
	assert_int_equal(call(w, TGETATTR, "dq", ROOT, ~0ULL), 0);
	assert_int_equal(access(path_of(w, "x"), F_OK), -1);
}

static void a_header_that_lies_is_no_message(void **state)
{
	static const uint32_t sizes[] = { 0, 6, 20, 0x80000000, UINT32_MAX };
	struct world *w = *state;

	for (unsigned int i = 0; i < ARRAY_SIZE(sizes); i++) {
		message(w, TGETATTR, "dq", ROOT, ~0ULL);
		put_le32(w->out, sizes[i]);
		assert_int_equal(answer(w), -EBADMSG);
	}
	message(w, TGETATTR, "dq", ROOT, ~0ULL);
	for (uint32_t len = 0; len < 7; len++) {
		w->out_len = len;
		assert_int_equal(answer(w), -EBADMSG);
	}
}

static void attributes_that_are_held_are_bounded(void **state)
{
	struct world *w = *state;
	unsigned int nr = 0;
	int ret;

	host_file(w, "file", "");
	do {
		assert_int_equal(walk(w, ROOT, 100 + nr, "file"), 0);
		ret = call(w, TXATTRCREATE, "dsqd", 100 + nr, "user.x", 65536ULL, 0);
		nr++;
	} while (ret == 0 && nr < 1000);
	assert_int_equal(ret, -ENOSPC);
	assert_int_equal(clunk(w, 100), -EINVAL);
	assert_int_equal(call(w, TXATTRCREATE, "dsqd", 100 + nr - 1, "user.x", 65536ULL, 0), 0);
}

/* Four threads, each with fids of its own and a few that it shares with the others. */
static void *be_busy(void *arg)
{
	struct world w = *(struct world *)arg;
	unsigned int seed = (unsigned int)(uintptr_t)&w;

	w.out = malloc(MESSAGE);
	w.in = malloc(MESSAGE);
	for (unsigned int i = 0; i < 3000; i++) {
		uint32_t fid = 50 + (uint32_t)rand_r(&seed) % 4;

		switch (rand_r(&seed) % 8) {
		case 0:
			walk(&w, ROOT, fid, "a/file");
			break;
		case 1:
			call(&w, TLOPEN, "dd", fid, O_RDWR);
			break;
		case 2:
			write_to(&w, fid, 0, "hello", 5);
			break;
		case 3:
			read_from(&w, fid, 0, 100);
			break;
		case 4:
			clunk(&w, fid);
			break;
		case 5:
			call(&w, TXATTRCREATE, "dsqd", fid, "user.x", 5ULL, 0);
			break;
		case 6:
			walk(&w, fid, fid, "");
			break;
		case 7:
			if (i % 100 == 0)
				call(&w, TVERSION, "ds", 8192, "9P2000.L");
			call(&w, TATTACH, "ddssd", ROOT, NOFID, "root", "", 0);
			break;
		}
	}
	free(w.out);
	free(w.in);
	return NULL;
}

static void messages_about_one_fid_may_come_at_once(void **state)
{
	struct world *w = *state;
	pthread_t thread[4];

	host_dir(w, "a");
	host_file(w, "a/file", "");
	for (unsigned int i = 0; i < ARRAY_SIZE(thread); i++)
		assert_int_equal(pthread_create(&thread[i], NULL, be_busy, w), 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(thread); i++)
		pthread_join(thread[i], NULL);
	start_session(w);
	assert_int_equal(walk(w, ROOT, 50, "a/file"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dotdot_at_the_root_stays),
		TEST(dotdot_does_not_leave_a_folder_that_was_moved_away),
		TEST(a_tree_that_is_moved_away_stays_usable_and_leads_nowhere_else),
		TEST(names_are_names),
		TEST(names_of_4_kib_are_too_long),
		TEST(symbolic_links_are_not_followed),
		TEST(a_folder_swapped_for_a_symlink_leads_nowhere),
		TEST(fifos_sockets_and_devices_are_not_opened),
		TEST(processes_are_not_files),
		TEST(a_hard_link_of_a_symbolic_link_is_one),
		TEST(so_many_fids_are_an_error),
		TEST(a_host_without_descriptors_is_an_error),
		TEST(sizes_and_offsets_have_a_sign_on_the_host),
		TEST(messages_that_are_cut_off_are_refused),
		TEST(a_header_that_lies_is_no_message),
		TEST(attributes_that_are_held_are_bounded),
		TEST(messages_about_one_fid_may_come_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
