/* SPDX-License-Identifier: BSD-2-Clause */
/* Open files: data goes between the host's file and the guest's memory without a copy in between. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "p9_session.h"
#include "util/bits.h"
#include "util/cleanup.h"

#define IOUNIT_ANY 0 /* as much as a message holds */

/* Parts of a buffer: a guest's queue allows for fewer (VIRTIO_P9_QUEUE_SIZE). */
#define PARTS_MAX 256

#define READ_HEADER (P9_HEADER_SIZE + 4) /* count[4] */

/*
 * The protocol's flags, which are those of one architecture, as this host's. Others have no meaning here. O_APPEND
 * least of all: each write says where it goes, and a guest that caches writes pages, which are not
 * the end of a file, by the same descriptor.
 */
static const struct {
	uint32_t p9;
	int host;
} open_flags[] = {
	{ 01000, O_TRUNC },
	{ 010000, O_DSYNC },
	{ 0200000, O_DIRECTORY },
	{ 04000000, O_SYNC },
};

#define P9_EXCL 0200

static int host_flags(uint32_t flags)
{
	int host = (int)(flags & O_ACCMODE);

	for (unsigned int i = 0; i < ARRAY_SIZE(open_flags); i++)
		if (flags & open_flags[i].p9)
			host |= open_flags[i].host;
	return host;
}

static bool changes(int flags)
{
	return (flags & O_ACCMODE) != O_RDONLY || flags & O_TRUNC;
}

/* Answers with what is open now, and makes @fid that: @fd becomes the table's, also on failure. */
static int answer_open(struct p9_call *c, struct p9_fid *fid, int fd)
{
	struct p9_fid *open;
	struct stat st;
	int ret = 0;

	if (fd >= 0 && fstat(fd, &st) < 0) {
		ret = -errno;
		close_fd(&fd);
		return ret;
	}
	open = p9_fid_new(fd, fid->uid, &ret);
	if (!open)
		return ret;
	open->open = true;
	p9_put_qid(c, &st);
	p9_put32(&c->out, IOUNIT_ANY);
	return p9_fid_replace(c->s, fid, open);
}

static int lopen(struct p9_call *c, struct p9_fid *fid, uint32_t p9_flags)
{
	int flags = host_flags(p9_flags);

	if (fid->open)
		return -EINVAL;
	if (c->s->ro && changes(flags))
		return -EROFS;
	return answer_open(c, fid, p9_reopen(c->s, fid->fd, flags));
}

int p9_lopen(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in), flags = p9_get32(&c->in);
	struct p9_fid *fid;
	int ret = p9_get_fid(c, nr, &fid);

	if (ret < 0)
		return ret;
	ret = lopen(c, fid, flags);
	p9_fid_put(c->s, fid);
	return ret;
}

/* Makes a file that is not there yet; -EEXIST if it is, whatever it may be. */
static int create(int dir, const char *name, int flags, uint32_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)(flags & ~(O_DIRECTORY | O_TRUNC)) | O_CREAT |
			 O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		.mode = mode & 07777,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	int fd;

	do
		fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));
	while (fd < 0 && errno == EAGAIN);
	return fd < 0 ? -errno : fd;
}

/* Opens the file that somebody else has made just before. */
static int open_existing(const struct p9_session *s, int dir, const char *name, int flags)
{
	autofd int fd = p9_open_name(dir, name);

	return fd < 0 ? fd : p9_reopen(s, fd, flags);
}

static int lcreate(struct p9_call *c, struct p9_fid *fid, const char *name, uint32_t p9_flags,
		   uint32_t mode, uint32_t gid)
{
	int flags = host_flags(p9_flags);
	int fd;

	if (fid->open)
		return -EINVAL;
	fd = create(fid->fd, name, flags, mode);
	if (fd >= 0)
		p9_own(c->s, fd, fid->uid, gid, mode);
	else if (fd == -EEXIST && !(p9_flags & P9_EXCL))
		fd = open_existing(c->s, fid->fd, name, flags);
	return answer_open(c, fid, fd);
}

int p9_lcreate(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in), flags, mode, gid;
	char name[NAME_MAX + 1];
	struct p9_fid *fid;
	int ret;

	p9_get_name(&c->in, name);
	flags = p9_get32(&c->in);
	mode = p9_get32(&c->in);
	gid = p9_get32(&c->in);
	ret = p9_get_fid(c, nr, &fid);
	if (ret < 0)
		return ret;
	ret = lcreate(c, fid, name, flags, mode, gid);
	p9_fid_put(c->s, fid);
	return ret;
}

/* --- Data --- */

static int read_file(struct p9_call *c, const struct p9_fid *fid, uint64_t off, uint32_t len)
{
	struct iovec iov[PARTS_MAX];
	unsigned int nr;
	ssize_t done = 0;

	nr = p9_slice(c->out.iov, c->out.nr_iov, READ_HEADER, len, iov, PARTS_MAX);
	done = preadv(fid->fd, iov, (int)nr, (off_t)off);
	if (done < 0)
		return -errno;
	p9_put32(&c->out, (uint32_t)done);
	c->out.len += (uint32_t)done;
	return 0;
}

int p9_read(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in);
	uint64_t off = p9_get64(&c->in);
	uint32_t len = p9_get32(&c->in);
	struct p9_fid *fid;
	int ret;

	if (c->in.error)
		return c->in.error;
	len = p9_limit(c, len);
	fid = p9_fid_get(c->s, nr);
	if (!fid)
		return -EBADF;
	ret = fid->xattr ? p9_xattr_read(c, fid, off, len) : read_file(c, fid, off, len);
	p9_fid_put(c->s, fid);
	return ret;
}

static int write_file(struct p9_call *c, const struct p9_fid *fid, uint64_t off, uint32_t len)
{
	struct iovec iov[PARTS_MAX];
	unsigned int nr;
	ssize_t done;

	nr = p9_slice(c->in.iov, c->in.nr_iov, c->in.off, len, iov, PARTS_MAX);
	done = pwritev(fid->fd, iov, (int)nr, (off_t)off);
	if (done < 0)
		return -errno;
	p9_put32(&c->out, (uint32_t)done);
	return 0;
}

int p9_write(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in);
	uint64_t off = p9_get64(&c->in);
	uint32_t len = p9_get32(&c->in);
	struct p9_fid *fid;
	int ret;

	if (c->in.error || len > c->in.left)
		return -EBADMSG;
	fid = p9_fid_get(c->s, nr);
	if (!fid)
		return -EBADF;
	ret = fid->xattr ? p9_xattr_write(c, fid, off, len) : write_file(c, fid, off, len);
	p9_fid_put(c->s, fid);
	return ret;
}

int p9_fsync(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in), data_only = p9_get32(&c->in);
	struct p9_fid *fid;
	int ret = p9_get_fid(c, nr, &fid);

	if (ret < 0)
		return ret;
	ret = (data_only ? fdatasync(fid->fd) : fsync(fid->fd)) < 0 ? -errno : 0;
	p9_fid_put(c->s, fid);
	return ret;
}
