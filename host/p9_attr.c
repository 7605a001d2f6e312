/* SPDX-License-Identifier: BSD-2-Clause */
/* What is known about files, and what of it can be changed. */
#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "p9_session.h"
#include "util/bits.h"
#include "util/cleanup.h"

#define GETATTR_BASIC 0x7ff /* all that stat() tells */

/* Of Tsetattr: what is to be set. */
#define SET_MODE     0x001
#define SET_UID      0x002
#define SET_GID      0x004
#define SET_SIZE     0x008
#define SET_ATIME    0x010 /* to now, but for */
#define SET_MTIME    0x020
#define SET_CTIME    0x040
#define SET_ATIME_TO 0x080 /* to the time given */
#define SET_MTIME_TO 0x100

static void put_time(struct p9_call *c, const struct timespec *time)
{
	p9_put64(&c->out, (uint64_t)time->tv_sec);
	p9_put64(&c->out, (uint64_t)time->tv_nsec);
}

static void put_stat(struct p9_call *c, const struct stat *st)
{
	const struct timespec none = { 0 };

	p9_put64(&c->out, GETATTR_BASIC);
	p9_put_qid(c, st);
	p9_put32(&c->out, st->st_mode);
	p9_put32(&c->out, st->st_uid);
	p9_put32(&c->out, st->st_gid);
	p9_put64(&c->out, st->st_nlink);
	p9_put64(&c->out, st->st_rdev);
	p9_put64(&c->out, (uint64_t)st->st_size);
	p9_put64(&c->out, (uint64_t)st->st_blksize);
	p9_put64(&c->out, (uint64_t)st->st_blocks);
	put_time(c, &st->st_atim);
	put_time(c, &st->st_mtim);
	put_time(c, &st->st_ctim);
	put_time(c, &none);   /* of birth */
	p9_put64(&c->out, 0); /* generation */
	p9_put64(&c->out, 0); /* version of the data */
}

int p9_getattr(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in);
	struct p9_fid *fid = NULL;
	struct stat st;
	int ret;

	p9_get64(&c->in); /* what is asked for: more costs nothing */
	ret = p9_get_fid(c, nr, &fid);
	if (ret == 0 && fstat(fid->fd, &st) < 0)
		ret = -errno;
	if (ret == 0)
		put_stat(c, &st);
	p9_fid_put(c->s, fid);
	return ret;
}

struct change {
	uint32_t what, mode, uid, gid;
	uint64_t size;
	struct timespec time[2];
};

static int get_change(struct p9_reader *r, struct change *change)
{
	*change = (struct change){ .what = p9_get32(r) };
	change->mode = p9_get32(r);
	change->uid = p9_get32(r);
	change->gid = p9_get32(r);
	change->size = p9_get64(r);
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t sec = p9_get64(r), nsec = p9_get64(r);
		bool set = change->what & (i ? SET_MTIME : SET_ATIME);
		bool to = change->what & (i ? SET_MTIME_TO : SET_ATIME_TO);

		/* Larger ones have a meaning to the kernel that a client cannot know. */
		if (set && to && nsec >= 1000000000)
			return -EINVAL;
		change->time[i] = (struct timespec){ .tv_nsec = set ? UTIME_NOW : UTIME_OMIT };
		if (set && to)
			change->time[i] = (struct timespec){ (time_t)sec, (long)nsec };
	}
	return r->error;
}

static int resize(const struct p9_fid *fid, const char *path, uint64_t size)
{
	int flags = fid->open ? fcntl(fid->fd, F_GETFL) : O_RDONLY;
	int ret;

	if (size > INT64_MAX)
		return -EINVAL;
	/* Who has it open for writing may, whatever its mode is by now. */
	if (flags >= 0 && (flags & O_ACCMODE) != O_RDONLY)
		ret = ftruncate(fid->fd, (off_t)size);
	else
		ret = truncate(path, (off_t)size);
	return ret < 0 ? -errno : 0;
}

/* The mode after the owner, whose change takes bits of it away; the times after the size, which changes them. */
static int apply(const struct p9_fid *fid, const struct change *change)
{
	uint32_t what = change->what;
	uint32_t uid = what & SET_UID ? change->uid : P9_NONE;
	uint32_t gid = what & SET_GID ? change->gid : P9_NONE;
	char path[P9_PROC_SIZE];
	struct stat st;
	int ret = 0;

	if (fstat(fid->fd, &st) < 0)
		return -errno;
	p9_proc_path(fid->fd, path);
	if (what & (SET_UID | SET_GID | SET_CTIME) &&
	    fchownat(fid->fd, "", uid, gid, AT_EMPTY_PATH) < 0 && what & (SET_UID | SET_GID))
		return -errno;
	if (what & SET_MODE && S_ISLNK(st.st_mode))
		return -EOPNOTSUPP;
	if (what & SET_MODE && chmod(path, change->mode & 07777) < 0)
		return -errno;
	if (what & SET_SIZE)
		ret = resize(fid, path, change->size);
	if (ret == 0 && what & (SET_ATIME | SET_MTIME) &&
	    utimensat(AT_FDCWD, path, change->time, 0) < 0)
		return -errno;
	return ret;
}

int p9_setattr(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in);
	struct p9_fid *fid = NULL;
	struct change change;
	int ret = get_change(&c->in, &change);

	if (ret == 0)
		ret = p9_get_fid(c, nr, &fid);
	if (ret == 0)
		ret = apply(fid, &change);
	p9_fid_put(c->s, fid);
	return ret;
}

int p9_readlink(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in);
	struct p9_fid *fid = NULL;
	char target[PATH_MAX];
	ssize_t len = 0;
	int ret = p9_get_fid(c, nr, &fid);

	if (ret == 0) {
		len = readlinkat(fid->fd, "", target, sizeof(target) - 1);
		/* ENOENT is what the kernel says of a file that is no link. */
		if (len < 0)
			ret = errno == ENOENT ? -EINVAL : -errno;
	}
	if (ret == 0) {
		target[len] = '\0';
		p9_put_string(&c->out, target);
	}
	p9_fid_put(c->s, fid);
	return ret;
}

int p9_statfs(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in);
	struct p9_fid *fid = NULL;
	struct statfs fs;
	uint8_t id[8];
	int ret = p9_get_fid(c, nr, &fid);

	if (ret == 0 && fstatfs(fid->fd, &fs) < 0)
		ret = -errno;
	if (ret == 0) {
		memcpy(id, &fs.f_fsid, sizeof(id));
		p9_put32(&c->out, (uint32_t)fs.f_type);
		p9_put32(&c->out, (uint32_t)fs.f_bsize);
		p9_put64(&c->out, fs.f_blocks);
		p9_put64(&c->out, fs.f_bfree);
		p9_put64(&c->out, fs.f_bavail);
		p9_put64(&c->out, fs.f_files);
		p9_put64(&c->out, fs.f_ffree);
		p9_put(&c->out, id, sizeof(id));
		p9_put32(&c->out, (uint32_t)fs.f_namelen);
	}
	p9_fid_put(c->s, fid);
	return ret;
}
