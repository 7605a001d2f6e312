/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sessions of the 9P2000.L server: a table of messages, and around each of them what all have in common. A
 * message that fails is answered with its error number (Rlerror), which is the host's: those of Linux are
 * the protocol's.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "landlock.h"
#include "p9_session.h"
#include "util/bits.h"
#include "util/cleanup.h"

#define MSIZE_MIN 4096

#define RLERROR      7
#define RLERROR_SIZE (P9_HEADER_SIZE + 4)
#define TVERSION     100

/* --- Sessions --- */

static int open_root(struct p9_session *s, const char *dir, struct err *e)
{
	struct statfs fs;
	struct stat st;
	int fd;

	s->root = open(dir, O_PATH | O_CLOEXEC);
	if (s->root < 0 || fstat(s->root, &st) < 0 || fstatfs(s->root, &fs) < 0)
		return err_sys(e, "'%s' cannot be shared", dir);
	if (!S_ISDIR(st.st_mode))
		return err_set(e, ENOTDIR, "'%s' cannot be shared: it is not a folder", dir);
	s->root_dev = st.st_dev;
	s->root_is_proc = fs.f_type == PROC_SUPER_MAGIC;
	fd = p9_reopen(s, s->root, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return err_set(e, -fd, "'%s' cannot be shared: %s%s", dir, strerror(-fd),
			       fd == -ENOENT ? " (is /proc mounted?)" : "");
	close(fd);
	fd = p9_open_name(s->root, ".");
	if (fd < 0)
		return err_set(e, -fd,
			       "'%s' cannot be shared: %s (lookups beneath a folder need openat2, "
			       "of Linux 5.6)",
			       dir, strerror(-fd));
	close(fd);
	return 0;
}

struct p9_session *p9_session_open(const struct p9_config *cfg, struct err *e)
{
	struct p9_session *s = calloc(1, sizeof(*s));

	if (!s) {
		err_sys(e, "'%s' cannot be shared", cfg->dir);
		return NULL;
	}
	s->ro = cfg->ro;
	s->privileged = geteuid() == 0;
	s->fids_max = cfg->fids_max;
	pthread_mutex_init(&s->lock, NULL);
	if (open_root(s, cfg->dir, e) < 0) {
		p9_session_close(s);
		return NULL;
	}
	return s;
}

int p9_session_confine(const struct p9_session *s)
{
	return landlock_beneath(s->root);
}

void p9_session_close(struct p9_session *s)
{
	if (!s)
		return;
	p9_fids_clear(s);
	close_fd(&s->root);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void p9_session_reset(struct p9_session *s)
{
	__atomic_store_n(&s->msize, 0, __ATOMIC_RELAXED);
}

void p9_session_clear(struct p9_session *s)
{
	p9_session_reset(s);
	p9_fids_clear(s);
}

/* A new session on the same channel: nothing of the old one stays. */
static int version(struct p9_call *c)
{
	uint32_t msize = p9_get32(&c->in);
	char text[32];
	bool known;

	p9_get_string(&c->in, text, sizeof(text));
	/* A version whose name is too long is one more that is not known. */
	if (c->in.error == -EBADMSG)
		return c->in.error;
	if (msize < MSIZE_MIN)
		return -EMSGSIZE;
	msize = msize < P9_MSIZE_MAX ? msize : P9_MSIZE_MAX;
	known = !strcmp(text, "9P2000.L");
	p9_fids_clear(c->s);
	__atomic_store_n(&c->s->msize, known ? msize : 0, __ATOMIC_RELAXED);
	p9_put32(&c->out, msize);
	p9_put_string(&c->out, known ? "9P2000.L" : "unknown");
	return 0;
}

/* A request that is being answered is waited for by whoever hands them over (share.c). */
static int flush(struct p9_call *c)
{
	(void)c;
	return 0;
}

/* --- Messages --- */

static const struct message {
	int (*run)(struct p9_call *c);
	bool writes; /* refused in a folder that is read-only */
} messages[] = {
	[8] = { p9_statfs, false },      [12] = { p9_lopen, false }, /* judges its flags itself */
	[14] = { p9_lcreate, true },     [16] = { p9_symlink, true },
	[18] = { p9_mknod, true },       [20] = { p9_rename, true },
	[22] = { p9_readlink, false },   [24] = { p9_getattr, false },
	[26] = { p9_setattr, true },     [30] = { p9_xattrwalk, false },
	[32] = { p9_xattrcreate, true }, [40] = { p9_readdir, false },
	[50] = { p9_fsync, false },      [52] = { p9_lock, false },
	[54] = { p9_getlock, false },    [70] = { p9_link, true },
	[72] = { p9_mkdir, true },       [74] = { p9_renameat, true },
	[76] = { p9_unlinkat, true },    [TVERSION] = { version, false },
	[104] = { p9_attach, false },    [P9_TFLUSH] = { flush, false },
	[110] = { p9_walk, false },      [116] = { p9_read, false },
	[118] = { p9_write, true },      [120] = { p9_clunk, false },
	[122] = { p9_remove, false }, /* clunks its fid in any case */
};

uint64_t p9_qid_path(const struct p9_session *s, dev_t dev, ino_t ino)
{
	uint64_t x = dev;

	if (dev == s->root_dev)
		return ino;
	/* Another file system has inodes of the same numbers. Any mix of bits that spreads the device's. */
	x = (x + 0x9e3779b97f4a7c15) * 0xbf58476d1ce4e5b9;
	x = (x ^ x >> 27) * 0x94d049bb133111eb;
	return ino ^ (x ^ x >> 31);
}

void p9_put_qid(struct p9_call *c, const struct stat *st)
{
	p9_put8(&c->out, S_ISDIR(st->st_mode) ? 0x80 : S_ISLNK(st->st_mode) ? 0x02 : 0);
	/* Another one after each change. */
	p9_put32(&c->out, (uint32_t)st->st_mtim.tv_sec ^ (uint32_t)st->st_mtim.tv_nsec << 2 ^
				  (uint32_t)st->st_size << 12);
	p9_put64(&c->out, p9_qid_path(c->s, st->st_dev, st->st_ino));
}

int p9_get_fid(struct p9_call *c, uint32_t nr, struct p9_fid **fid)
{
	struct p9_fid *found;

	if (c->in.error)
		return c->in.error;
	found = p9_fid_get(c->s, nr);
	if (!found)
		return -EBADF;
	if (found->xattr) {
		p9_fid_put(c->s, found);
		return -EINVAL;
	}
	*fid = found;
	return 0;
}

uint32_t p9_limit(const struct p9_call *c, uint32_t len)
{
	uint32_t room = c->out.room < c->msize ? c->out.room : c->msize;
	uint32_t header = P9_HEADER_SIZE + 4;

	room = room > header ? room - header : 0;
	return len < room ? len : room;
}

int p9_read_header(struct p9_request *req)
{
	struct p9_reader in = p9_reader(req->out, req->nr_out, 0, req->out_len);

	req->size = p9_get32(&in);
	req->type = p9_get8(&in);
	req->tag = p9_get16(&in);
	req->oldtag = req->type == P9_TFLUSH ? p9_get16(&in) : 0;
	if (in.error || req->size < P9_HEADER_SIZE || req->size > req->out_len ||
	    req->size > P9_MSIZE_MAX || req->in_len < RLERROR_SIZE)
		return -EBADMSG;
	return 0;
}

static int run(struct p9_call *c)
{
	uint8_t type = c->req->type;
	const struct message *m = type < ARRAY_SIZE(messages) ? &messages[type] : NULL;
	int ret;

	if (!m || !m->run)
		return -EOPNOTSUPP;
	c->msize = __atomic_load_n(&c->s->msize, __ATOMIC_RELAXED);
	if (!c->msize && type != TVERSION && type != P9_TFLUSH)
		return -EINVAL;
	if (c->msize && c->req->size > c->msize && type != TVERSION)
		return -EMSGSIZE;
	if (m->writes && c->s->ro)
		return -EROFS;
	ret = m->run(c);
	return ret == 0 && c->out.full ? -EMSGSIZE : ret;
}

/* Puts the header before what is there, which completes @req. */
static void finish(struct p9_request *req, const struct p9_writer *out, uint8_t type)
{
	uint8_t header[P9_HEADER_SIZE];

	put_le32(header, out->len);
	header[4] = type;
	put_le16(header + 5, req->tag);
	p9_put_at(out, 0, header, sizeof(header));
	req->result = (int)out->len;
}

static struct p9_writer writer(const struct p9_request *req)
{
	return (struct p9_writer){
		.iov = req->in,
		.nr_iov = req->nr_in,
		.room = req->in_len,
		.len = P9_HEADER_SIZE,
	};
}

void p9_refuse(struct p9_request *req, int error)
{
	struct p9_writer out = writer(req);

	p9_put32(&out, (uint32_t)error);
	finish(req, &out, RLERROR);
}

void p9_answer(struct p9_session *s, struct p9_request *req)
{
	struct p9_call c = {
		.s = s,
		.req = req,
		.in = p9_reader(req->out, req->nr_out, P9_HEADER_SIZE, req->size - P9_HEADER_SIZE),
		.out = writer(req),
	};
	int ret = run(&c);

	if (ret < 0)
		p9_refuse(req, -ret);
	else
		finish(req, &c.out, req->type + 1);
}
