/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the tests of the 9P server share: a folder of their own, a session over it, and a client that speaks
 * any message, right or wrong.
 */
#ifndef LKVM_TESTS_P9_WORLD_H
#define LKVM_TESTS_P9_WORLD_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>
#include "host/p9.h"
#include "util/bits.h"

enum {
	TSTATFS = 8,
	TLOPEN = 12,
	TLCREATE = 14,
	TSYMLINK = 16,
	TMKNOD = 18,
	TRENAME = 20,
	TREADLINK = 22,
	TGETATTR = 24,
	TSETATTR = 26,
	TXATTRWALK = 30,
	TXATTRCREATE = 32,
	TREADDIR = 40,
	TFSYNC = 50,
	TLOCK = 52,
	TGETLOCK = 54,
	TLINK = 70,
	TMKDIR = 72,
	TRENAMEAT = 74,
	TUNLINKAT = 76,
	TVERSION = 100,
	TATTACH = 104,
	TFLUSH = 108,
	TWALK = 110,
	TREAD = 116,
	TWRITE = 118,
	TCLUNK = 120,
	TREMOVE = 122,
};

#define ROOT    1 /* the fid of the shared folder */
#define NOFID   0xffffffffu
#define MESSAGE (P9_MSIZE_MAX + 64)

struct world {
	char top[64]; /* holds what the guest must never see, and */
	char dir[80]; /* the shared folder */
	bool ro;
	unsigned int fids_max;
	struct p9_session *s;

	uint8_t *out, *in; /* MESSAGE bytes each */
	uint32_t out_len, in_len;
	unsigned int cut;  /* parts have so many bytes each; 0: one part */
	const uint8_t *at; /* in the answer */
};

static inline char *path_of(const struct world *w, const char *name)
{
	static char buf[4][512];
	static unsigned int next;
	char *path = buf[next++ % 4];

	snprintf(path, sizeof(buf[0]), "%s/%s", w->dir, name);
	return path;
}

/* --- Messages --- */

static inline void put_bytes(struct world *w, const void *bytes, size_t len)
{
	assert_true(len <= MESSAGE - w->out_len);
	memcpy(w->out + w->out_len, bytes, len);
	w->out_len += (uint32_t)len;
}

static inline void put_number(struct world *w, uint64_t value, unsigned int len)
{
	uint8_t buf[8];

	put_le64(buf, value);
	put_bytes(w, buf, len);
}

/* b, w, d, q: a field of 1, 2, 4, 8 bytes; s: a string. */
static inline void vmessage(struct world *w, uint8_t type, const char *fmt, va_list args)
{
	w->out_len = 0;
	put_number(w, 0, 4);
	put_number(w, type, 1);
	put_number(w, 0x1234, 2);
	for (; *fmt; fmt++) {
		const char *text;

		switch (*fmt) {
		case 'b':
			put_number(w, (uint64_t)va_arg(args, int), 1);
			break;
		case 'w':
			put_number(w, (uint64_t)va_arg(args, int), 2);
			break;
		case 'd':
			put_number(w, va_arg(args, uint32_t), 4);
			break;
		case 'q':
			put_number(w, va_arg(args, uint64_t), 8);
			break;
		case 's':
			text = va_arg(args, const char *);
			put_number(w, strlen(text), 2);
			put_bytes(w, text, strlen(text));
			break;
		default:
			fail_msg("'%c' is no field", *fmt);
		}
	}
	put_le32(w->out, w->out_len);
}

static inline void message(struct world *w, uint8_t type, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vmessage(w, type, fmt, args);
	va_end(args);
}

static inline unsigned int parts_of(const struct world *w, uint8_t *buf, uint32_t len,
				    struct iovec *iov)
{
	unsigned int nr = 0;

	for (uint32_t at = 0; at < len; nr++) {
		uint32_t part = w->cut && nr < 120 && w->cut < len - at ? w->cut : len - at;

		iov[nr] = (struct iovec){ buf + at, part };
		at += part;
	}
	return nr;
}

/*
 * Has what stands in w->out answered in @room bytes. Returns 0, or the error it is answered with; the answer begins
 * at w->at. -EBADMSG also for what is not even that.
 */
static inline int answer_in(struct world *w, uint32_t room)
{
	struct iovec out[128], in[128];
	struct p9_request req = { .out = out, .in = in, .out_len = w->out_len, .in_len = room };

	req.nr_out = parts_of(w, w->out, w->out_len, out);
	req.nr_in = parts_of(w, w->in, room, in);
	memset(w->in, 0xee, room);
	if (p9_read_header(&req) < 0)
		return -EBADMSG;
	p9_answer(w->s, &req);
	assert_in_range(req.result, 7, room);
	w->in_len = (uint32_t)req.result;
	assert_int_equal(get_le32(w->in), w->in_len);
	assert_int_equal(get_le16(w->in + 5), get_le16(w->out + 5));
	w->at = w->in + 7;
	if (w->in[4] == 7) {
		assert_int_equal(w->in_len, 11);
		return -(int)get_le32(w->at);
	}
	assert_int_equal(w->in[4], w->out[4] + 1);
	return 0;
}

static inline int answer(struct world *w)
{
	return answer_in(w, MESSAGE);
}

static inline int call(struct world *w, uint8_t type, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vmessage(w, type, fmt, args);
	va_end(args);
	return answer(w);
}

/* The next @len bytes of the answer as a number. */
static inline uint64_t get(struct world *w, unsigned int len)
{
	uint8_t buf[8] = { 0 };

	assert_true(len <= sizeof(buf) && w->at + len <= w->in + w->in_len);
	memcpy(buf, w->at, len);
	w->at += len;
	return get_le64(buf);
}

/* --- Conversations --- */

/* Walks from @from by the names in @path, which '/' separates ("": none), to @to. */
static inline int walk(struct world *w, uint32_t from, uint32_t to, const char *path)
{
	uint16_t nr = 0;

	message(w, TWALK, "ddw", from, to, 0);
	while (*path) {
		size_t len = strcspn(path, "/");

		put_number(w, len, 2);
		put_bytes(w, path, len);
		path += len + (path[len] == '/');
		nr++;
	}
	put_le16(w->out + 15, nr);
	put_le32(w->out, w->out_len);
	return answer(w);
}

static inline int clunk(struct world *w, uint32_t fid)
{
	return call(w, TCLUNK, "d", fid);
}

static inline int create_file(struct world *w, uint32_t fid, const char *name)
{
	assert_int_equal(walk(w, ROOT, fid, ""), 0);
	return call(w, TLCREATE, "dsddd", fid, name, O_RDWR, 0644, getgid());
}

static inline int open_file(struct world *w, uint32_t fid, const char *path, uint32_t flags)
{
	int ret = walk(w, ROOT, fid, path);

	if (ret < 0)
		return ret;
	ret = call(w, TLOPEN, "dd", fid, flags);
	if (ret < 0)
		assert_int_equal(clunk(w, fid), 0);
	return ret;
}

/* Returns how many bytes were written, or -errno. */
static inline int write_to(struct world *w, uint32_t fid, uint64_t off, const void *data,
			   uint32_t len)
{
	int ret;

	message(w, TWRITE, "dqd", fid, off, len);
	put_bytes(w, data, len);
	put_le32(w->out, w->out_len);
	ret = answer(w);
	return ret < 0 ? ret : (int)get(w, 4);
}

/* Returns how many bytes were read, which begin at w->at, or -errno. */
static inline int read_from(struct world *w, uint32_t fid, uint64_t off, uint32_t len)
{
	int ret = call(w, TREAD, "dqd", fid, off, len);

	return ret < 0 ? ret : (int)get(w, 4);
}

static inline void start_session(struct world *w)
{
	assert_int_equal(call(w, TVERSION, "ds", P9_MSIZE_MAX, "9P2000.L"), 0);
	assert_int_equal(call(w, TATTACH, "ddssd", ROOT, NOFID, "root", "", getuid()), 0);
}

/* --- Worlds --- */

static inline void host_file(struct world *w, const char *name, const char *text)
{
	int fd = open(path_of(w, name), O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static inline void host_dir(struct world *w, const char *name)
{
	assert_int_equal(mkdir(path_of(w, name), 0755), 0);
}

static inline void open_session(struct world *w)
{
	struct p9_config cfg = { .dir = w->dir, .ro = w->ro, .fids_max = w->fids_max };
	struct err e = { 0 };

	w->s = p9_session_open(&cfg, &e);
	if (!w->s)
		fail_msg("%s", e.text);
	start_session(w);
}

static inline int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	umask(0);
	w->out = malloc(MESSAGE);
	w->in = malloc(MESSAGE);
	assert_true(w->out && w->in);
	snprintf(w->top, sizeof(w->top), "/var/tmp/lkvm-p9.XXXXXX");
	assert_non_null(mkdtemp(w->top));
	snprintf(w->dir, sizeof(w->dir), "%s/share", w->top);
	assert_int_equal(mkdir(w->dir, 0755), 0);
	host_file(w, "../secret", "secret");
	w->fids_max = p9_fids_max(1);
	open_session(w);
	*state = w;
	return 0;
}

static inline int tear_down(void **state)
{
	struct world *w = *state;
	char command[100];

	p9_session_close(w->s);
	snprintf(command, sizeof(command), "rm -rf %s", w->top);
	assert_int_equal(system(command), 0);
	free(w->out);
	free(w->in);
	free(w);
	return 0;
}

/* The same session, but read-only. */
static inline void reopen_ro(struct world *w)
{
	p9_session_close(w->s);
	w->ro = true;
	open_session(w);
}

#endif
