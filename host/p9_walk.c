/* SPDX-License-Identifier: BSD-2-Clause */
/* How a client comes by fids, goes from one to another, and gives them up. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>
#include "p9_session.h"
#include "util/cleanup.h"

#define NAMES_MAX 16 /* of one Twalk */

int p9_attach(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in), afid = p9_get32(&c->in), uid;
	char user[256], tree[16];
	struct p9_fid *fid;
	struct stat st;
	int ret;

	p9_get_string(&c->in, user, sizeof(user));
	p9_get_string(&c->in, tree, sizeof(tree));
	uid = p9_get32(&c->in);
	if (c->in.error)
		return c->in.error;
	if (afid != P9_NONE)
		return -EOPNOTSUPP; /* nobody has to prove who they are */
	if (tree[0] && strcmp(tree, "/"))
		return -ENOENT;
	if (fstat(c->s->root, &st) < 0)
		return -errno;
	ret = fcntl(c->s->root, F_DUPFD_CLOEXEC, 0);
	fid = p9_fid_new(ret < 0 ? -errno : ret, uid, &ret);
	if (!fid)
		return ret;
	ret = p9_fid_add(c->s, nr, fid);
	if (ret == 0)
		p9_put_qid(c, &st);
	return ret;
}

int p9_clone(const struct p9_fid *fid)
{
	char path[P9_PROC_SIZE];
	int fd;

	if (fid->open) {
		p9_proc_path(fid->fd, path);
		fd = open(path, O_PATH | O_CLOEXEC);
	} else {
		fd = fcntl(fid->fd, F_DUPFD_CLOEXEC, 0);
	}
	return fd < 0 ? -errno : fd;
}

/* Lest ".." be a name where only folders have one. */
static int step(const struct p9_session *s, int fd, const char *name)
{
	return strcmp(name, "..") ? p9_open_name(fd, name) : p9_open_parent(s, fd);
}

/* Names that may be "..", unlike others. */
static void get_walk_name(struct p9_reader *r, char *name)
{
	struct p9_reader before = *r;

	p9_get_string(r, name, NAME_MAX + 1);
	if (!r->error && !strcmp(name, ".."))
		return;
	*r = before;
	p9_get_name(r, name);
}

/*
 * Walks @fid's names as far as there are files of them. *fd, where it is, moves on with each. Returns how many
 * there were; -errno: not even the first.
 */
static int walk_names(struct p9_call *c, int *fd, uint16_t nr)
{
	char name[NAME_MAX + 1];
	struct stat st;

	for (uint16_t i = 0; i < nr; i++) {
		int next, ret = 0;

		get_walk_name(&c->in, name);
		next = c->in.error ? c->in.error : step(c->s, *fd, name);
		if (next < 0)
			ret = next;
		else if (fstat(next, &st) < 0)
			ret = -errno;
		if (ret < 0) {
			close_fd(&next);
			return i ? i : ret;
		}
		close_fd(fd);
		*fd = next;
		p9_put_qid(c, &st);
	}
	return nr;
}

static int walk_from(struct p9_call *c, struct p9_fid *old, uint32_t newnr, uint16_t nr_names)
{
	uint32_t at = c->out.len;
	autofd int fd = p9_clone(old);
	struct p9_fid *fid;
	uint8_t count[2];
	int nr, ret;

	if (fd < 0)
		return fd;
	p9_put16(&c->out, 0);
	nr = walk_names(c, &fd, nr_names);
	if (nr < 0)
		return nr;
	if (c->out.full)
		return -EMSGSIZE;
	count[0] = (uint8_t)nr;
	count[1] = 0;
	p9_put_at(&c->out, at, count, sizeof(count));
	if (nr < nr_names)
		return 0; /* no new fid */
	fid = p9_fid_new(take_fd(&fd), old->uid, &ret);
	if (!fid)
		return ret;
	return newnr == old->nr ? p9_fid_replace(c->s, old, fid) : p9_fid_add(c->s, newnr, fid);
}

int p9_walk(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in), newnr = p9_get32(&c->in);
	uint16_t nr_names = p9_get16(&c->in);
	struct p9_fid *fid;
	int ret;

	if (c->in.error)
		return c->in.error;
	if (nr_names > NAMES_MAX)
		return -EINVAL;
	fid = p9_fid_get(c->s, nr);
	if (!fid)
		return -EBADF;
	ret = fid->xattr ? -EINVAL : walk_from(c, fid, newnr, nr_names);
	p9_fid_put(c->s, fid);
	return ret;
}

int p9_clunk(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in);
	struct p9_fid *fid;
	int ret = 0;

	if (c->in.error)
		return c->in.error;
	fid = p9_fid_take(c->s, nr);
	if (!fid)
		return -EBADF;
	if (fid->xattr && fid->xattr->create)
		ret = p9_xattr_commit(fid);
	p9_fid_put(c->s, fid);
	return ret;
}

static int remove_file(struct p9_call *c, const struct p9_fid *fid)
{
	char name[NAME_MAX + 1];
	autofd int dir = -1;
	struct stat st;

	if (c->s->ro)
		return -EROFS;
	if (fid->xattr)
		return -EINVAL;
	if (fstat(fid->fd, &st) < 0)
		return -errno;
	dir = p9_locate(c->s, fid->fd, name);
	if (dir < 0)
		return dir;
	return unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
}

int p9_remove(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in);
	struct p9_fid *fid;
	int ret;

	if (c->in.error)
		return c->in.error;
	fid = p9_fid_take(c->s, nr);
	if (!fid)
		return -EBADF;
	ret = remove_file(c, fid);
	p9_fid_put(c->s, fid);
	return ret;
}
