/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The 9P server with a hostile client: bytes become messages, most of them well-formed, over a folder in memory
 * that is new for each input. Whatever is said, answers fit their room, and what is around the folder
 * stays as it is.
 *
 *	1 byte: read-only, and how the guest's buffers are cut; then messages: a byte each with what it needs
 */
#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/p9.h"
#include "util/bits.h"
#include "util/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROOM     4096
#define FIDS_MAX 6

struct input {
	const uint8_t *data;
	size_t left;
};

struct world {
	struct input in;
	char top[64], dir[80];
	struct p9_session *s;
	unsigned int cut;
	uint8_t out[ROOM], room[ROOM];
	uint32_t len;
};

static uint64_t take(struct input *in, unsigned int len)
{
	uint64_t value = 0;

	for (; len && in->left; len--, in->left--)
		value = value << 8 | *in->data++;
	return value;
}

/* --- Messages --- */

static void put(struct world *w, const void *buf, size_t len)
{
	if (len > ROOM - w->len)
		len = ROOM - w->len;
	memcpy(w->out + w->len, buf, len);
	w->len += (uint32_t)len;
}

static void put_number(struct world *w, uint64_t value, unsigned int len)
{
	uint8_t buf[8];

	put_le64(buf, value);
	put(w, buf, len);
}

static void put_name(struct world *w)
{
	static const char *const names[] = { "file",   "folder",   "link", "fifo",
					     "..",     "new",      "deep", "out",
					     ".",      "",         "a/b",  "../other",
					     "user.x", "9P2000.L", "new2", "/other" };
	const char *name = names[take(&w->in, 1) % ARRAY_SIZE(names)];

	put_number(w, strlen(name), 2);
	put(w, name, strlen(name));
}

/* Interesting ones among sizes, offsets and flags. */
static uint64_t number(struct world *w)
{
	static const uint64_t numbers[] = {
		0,     1,     2,          7,          24,         100,   512,
		4096,  65536, 1ULL << 31, 1ULL << 32, 1ULL << 63, ~0ULL, (1ULL << 63) - 1,
		01002, 0x1ff
	};
	uint8_t how = (uint8_t)take(&w->in, 1);

	return how < ARRAY_SIZE(numbers) ? numbers[how] : how & 128 ? take(&w->in, 2) : how;
}

/* f: a fid, s: a name, d, q: numbers of 4 and 8 bytes, b: of 1, w: names of a walk, m: a mode, x: data. */
static const struct {
	uint8_t type;
	const char *fields;
} messages[] = {
	{ 8, "f" },       { 12, "fd" },   { 14, "fsdmd" }, { 16, "fssd" },       { 18, "fsmddd" },
	{ 20, "ffs" },    { 22, "f" },    { 24, "fq" },    { 26, "fdmddqqqqq" }, { 30, "ffs" },
	{ 32, "fsqd" },   { 40, "fqd" },  { 50, "fd" },    { 52, "fbdqqds" },    { 54, "fbqqds" },
	{ 70, "ffs" },    { 72, "fsmd" }, { 74, "fsfs" },  { 76, "fsd" },        { 100, "ds" },
	{ 104, "fnssd" }, { 108, "b" },   { 110, "ffw" },  { 116, "fqd" },       { 118, "fqx" },
	{ 120, "f" },     { 122, "f" },   { 110, "ffw" },  { 12, "fd" },         { 116, "fqd" },
};

static void put_field(struct world *w, char field)
{
	static const uint32_t modes[] = { 0644,    S_IFIFO | 0600,  S_IFREG,
					  S_IFDIR, S_IFSOCK | 0700, 07777,
					  0,       S_IFLNK };
	unsigned int nr;

	switch (field) {
	case 'f':
		put_number(w, take(&w->in, 1) % (FIDS_MAX + 2), 4);
		break;
	case 'n':
		put_number(w, 0xffffffff, 4);
		break;
	case 's':
		put_name(w);
		break;
	case 'b':
	case 'd':
	case 'q':
		put_number(w, number(w), field == 'b' ? 1 : field == 'd' ? 4 : 8);
		break;
	case 'm':
		put_number(w, modes[take(&w->in, 1) % ARRAY_SIZE(modes)], 4);
		break;
	case 'w':
		nr = take(&w->in, 1) % 18;
		put_number(w, nr, 2);
		for (; nr; nr--)
			put_name(w);
		break;
	case 'x':
		nr = take(&w->in, 1) & 63;
		put_number(w, nr, 4);
		put(w, "0123456789012345678901234567890123456789012345678901234567890123", nr);
		break;
	}
}

static unsigned int parts_of(const struct world *w, uint8_t *buf, uint32_t len, struct iovec *iov)
{
	unsigned int nr = 0;

	for (uint32_t at = 0; at < len; nr++) {
		uint32_t part = w->cut && nr < 100 && w->cut < len - at ? w->cut : len - at;

		iov[nr] = (struct iovec){ buf + at, part };
		at += part;
	}
	return nr;
}

static void answer(struct world *w, uint32_t room)
{
	struct iovec out[101], in[101];
	struct p9_request req = { .out = out, .in = in, .out_len = w->len, .in_len = room };

	req.nr_out = parts_of(w, w->out, w->len, out);
	req.nr_in = parts_of(w, w->room, room, in);
	if (p9_read_header(&req) < 0)
		return;
	p9_answer(w->s, &req);
	assert(req.result >= 7 && (uint32_t)req.result <= room);
	assert(get_le32(w->room) == (uint32_t)req.result);
}

static void send_message(struct world *w)
{
	uint8_t which = (uint8_t)take(&w->in, 1);
	uint32_t room = ROOM;

	w->len = 0;
	put_number(w, 0, 4);
	if (which < 0xf0) {
		const char *field = messages[which % ARRAY_SIZE(messages)].fields;

		put_number(w, messages[which % ARRAY_SIZE(messages)].type, 1);
		put_number(w, 1, 2);
		for (; *field; field++)
			put_field(w, *field);
	} else {
		/* Whatever there is. */
		for (unsigned int nr = (unsigned int)take(&w->in, 1); nr; nr--)
			put_number(w, take(&w->in, 1), 1);
	}
	put_le32(w->out, w->len);
	if (which >= 0xf8)
		put_le32(w->out, (uint32_t)number(w));
	if (which & 1 && which > 0xc0)
		room = (uint32_t)take(&w->in, 1);
	answer(w, room);
}

/* --- Folders --- */

static void make_file(const char *dir, const char *name)
{
	char path[200];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT, 0644);
	assert(fd >= 0 && write(fd, "content", 7) == 7);
	close(fd);
}

static void make_folder(struct world *w)
{
	char path[200];

	strcpy(w->top, "/dev/shm/lkvm-p9-fuzz.XXXXXX");
	if (!mkdtemp(w->top))
		abort();
	snprintf(w->dir, sizeof(w->dir), "%s/share", w->top);
	mkdir(w->dir, 0755);
	make_file(w->top, "other");
	make_file(w->dir, "file");
	snprintf(path, sizeof(path), "%s/folder", w->dir);
	mkdir(path, 0755);
	make_file(path, "deep");
	snprintf(path, sizeof(path), "%s/link", w->dir);
	assert(!symlink("../other", path));
	snprintf(path, sizeof(path), "%s/out", w->dir);
	assert(!symlink("..", path));
	snprintf(path, sizeof(path), "%s/fifo", w->dir);
	mkfifo(path, 0644);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* Files that nobody may enter are no obstacle: a fuzzer runs as root, or its messages do not get there. */
static void check_and_remove(struct world *w)
{
	char path[200], buf[16];
	struct dirent *entry;
	unsigned int nr = 0;
	struct stat st;
	DIR *dir = opendir(w->top);
	int fd;

	while ((entry = readdir(dir)))
		nr += entry->d_name[0] != '.';
	closedir(dir);
	assert(nr == 2);
	snprintf(path, sizeof(path), "%s/other", w->top);
	fd = open(path, O_RDONLY);
	assert(fd >= 0 && read(fd, buf, sizeof(buf)) == 7 && !memcmp(buf, "content", 7));
	assert(fstat(fd, &st) == 0 && st.st_nlink == 1 && (st.st_mode & 07777) == 0644);
	close(fd);
	nftw(w->top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t version[] = { 19, 0, 0,   0,   100, 0,   0,   0,   16,  0,  0,
					   8,  0, '9', 'P', '2', '0', '0', '0', '.', 'L' };
	struct world *w = calloc(1, sizeof(*w));
	struct p9_config cfg;
	struct err e;
	uint8_t how;

	log_set_level(LOG_ERROR);
	umask(022);
	w->in = (struct input){ data, size };
	how = (uint8_t)take(&w->in, 1);
	w->cut = how >> 1 & 31;
	make_folder(w);
	cfg = (struct p9_config){ .dir = w->dir, .ro = how & 1, .fids_max = FIDS_MAX };
	w->s = p9_session_open(&cfg, &e);
	assert(w->s);
	memcpy(w->out, version, sizeof(version));
	w->len = sizeof(version);
	put_le32(w->out, w->len);
	answer(w, ROOM);
	while (w->in.left)
		send_message(w);
	p9_session_close(w->s);
	check_and_remove(w);
	free(w);
	return 0;
}
