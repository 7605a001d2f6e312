/* SPDX-License-Identifier: BSD-2-Clause */
/* Folders: what is in them, and what changes that. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "p9_session.h"
#include "util/bits.h"
#include "util/cleanup.h"

#define ENTRY_HEADER 24         /* qid[13] offset[8] type[1] name[s], without the name */
#define DIRENTS      (16 * KiB) /* read from the host at once */
#define REMOVEDIR    0x200      /* of Tunlinkat */

/* --- What is in them --- */

/* Puts one entry, all of it or nothing; returns whether it had room. */
static bool put_entry(struct p9_call *c, const struct dirent64 *entry, dev_t dev, uint32_t end)
{
	size_t len = strlen(entry->d_name);
	uint8_t buf[ENTRY_HEADER + NAME_MAX + 1];

	if (len > NAME_MAX || ENTRY_HEADER + len > end - c->out.len)
		return false;
	buf[0] = entry->d_type == DT_DIR ? 0x80 : entry->d_type == DT_LNK ? 0x02 : 0;
	put_le32(buf + 1, 0);
	put_le64(buf + 5, p9_qid_path(c->s, dev, entry->d_ino));
	put_le64(buf + 13, (uint64_t)entry->d_off);
	buf[21] = entry->d_type;
	put_le16(buf + 22, (uint16_t)len);
	memcpy(buf + ENTRY_HEADER, entry->d_name, len);
	p9_put(&c->out, buf, (uint32_t)(ENTRY_HEADER + len));
	return true;
}

/*
 * Fills the answer up to byte @end from where the descriptor stands; with the fid's lock. Every offset is the
 * host's, so that a client can go on at any of them.
 */
static int put_entries(struct p9_call *c, const struct p9_fid *fid, dev_t dev, uint32_t end)
{
	uint8_t buf[DIRENTS] __attribute__((aligned(8)));
	uint32_t begin = c->out.len;

	for (;;) {
		/* An entry of the host's takes about as much room as ours. */
		size_t want = end - c->out.len < sizeof(buf) ? end - c->out.len : sizeof(buf);
		ssize_t len = getdents64(fid->fd, buf, want);

		/* EINVAL: not even one fits. */
		if (len < 0 && !(errno == EINVAL && c->out.len > begin))
			return -errno;
		if (len <= 0)
			return 0;
		for (ssize_t at = 0; at < len;) {
			const struct dirent64 *entry = (const void *)(buf + at);

			if (!put_entry(c, entry, dev, end))
				return c->out.len > begin ? 0 : -EINVAL;
			at += entry->d_reclen;
		}
	}
}

static int read_entries(struct p9_call *c, struct p9_fid *fid, uint64_t off, uint32_t len)
{
	uint32_t begin = c->out.len;
	uint8_t count[4];
	struct stat st;
	int ret = 0;

	if (!fid->open)
		return -EBADF;
	if (fstat(fid->fd, &st) < 0)
		return -errno;
	p9_put32(&c->out, 0);
	pthread_mutex_lock(&fid->lock);
	if (lseek(fid->fd, (off_t)off, SEEK_SET) < 0)
		ret = -errno;
	else
		ret = put_entries(c, fid, st.st_dev, c->out.len + len);
	pthread_mutex_unlock(&fid->lock);
	put_le32(count, c->out.len - begin - 4);
	p9_put_at(&c->out, begin, count, sizeof(count));
	return ret;
}

int p9_readdir(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in);
	uint64_t off = p9_get64(&c->in);
	uint32_t len = p9_get32(&c->in);
	struct p9_fid *fid;
	int ret = p9_get_fid(c, nr, &fid);

	if (ret < 0)
		return ret;
	ret = read_entries(c, fid, off, p9_limit(c, len));
	p9_fid_put(c->s, fid);
	return ret;
}

/* --- New things in them --- */

void p9_own(const struct p9_session *s, int fd, uint32_t uid, uint32_t gid, uint32_t mode)
{
	char path[P9_PROC_SIZE];

	if (!s->privileged)
		return;
	/* Where the host does not let us it stays lkvm's own. */
	if (fchownat(fd, "", uid, gid, AT_EMPTY_PATH) == 0 && mode & (S_ISUID | S_ISGID)) {
		p9_proc_path(fd, path);
		if (chmod(path, mode & 07777) < 0)
			return;
	}
}

/* What was made as @name becomes its owner's, and the answer. */
static int answer_new(struct p9_call *c, const struct p9_fid *dir, const char *name, uint32_t gid,
		      uint32_t mode)
{
	autofd int fd = p9_open_name(dir->fd, name);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	/* Somebody on the host may have put another one there meanwhile. */
	if ((st.st_mode & S_IFMT) == (mode & S_IFMT) && (S_ISDIR(st.st_mode) || st.st_nlink == 1))
		p9_own(c->s, fd, dir->uid, gid, S_ISLNK(mode) ? 0 : mode);
	p9_put_qid(c, &st);
	return 0;
}

int p9_mkdir(struct p9_call *c)
{
	struct p9_fid *dir = NULL;
	uint32_t nr = p9_get32(&c->in), mode, gid;
	char name[NAME_MAX + 1];
	int ret;

	p9_get_name(&c->in, name);
	mode = p9_get32(&c->in);
	gid = p9_get32(&c->in);
	ret = p9_get_fid(c, nr, &dir);
	if (ret == 0)
		ret = mkdirat(dir->fd, name, mode & 07777) < 0 ? -errno : 0;
	if (ret == 0)
		ret = answer_new(c, dir, name, gid, (mode & 07777) | S_IFDIR);
	p9_fid_put(c->s, dir);
	return ret;
}

int p9_symlink(struct p9_call *c)
{
	struct p9_fid *dir = NULL;
	char name[NAME_MAX + 1], target[PATH_MAX];
	uint32_t nr = p9_get32(&c->in), gid;
	int ret;

	p9_get_name(&c->in, name);
	p9_get_string(&c->in, target, sizeof(target));
	gid = p9_get32(&c->in);
	ret = p9_get_fid(c, nr, &dir);
	if (ret == 0)
		ret = symlinkat(target, dir->fd, name) < 0 ? -errno : 0;
	if (ret == 0)
		ret = answer_new(c, dir, name, gid, S_IFLNK);
	p9_fid_put(c->s, dir);
	return ret;
}

int p9_mknod(struct p9_call *c)
{
	struct p9_fid *dir = NULL;
	uint32_t nr = p9_get32(&c->in), mode, major_nr, minor_nr, gid;
	char name[NAME_MAX + 1];
	int ret;

	p9_get_name(&c->in, name);
	mode = p9_get32(&c->in);
	major_nr = p9_get32(&c->in);
	minor_nr = p9_get32(&c->in);
	gid = p9_get32(&c->in);
	ret = p9_get_fid(c, nr, &dir);
	if (ret == 0 && S_ISDIR(mode))
		ret = -EINVAL;
	if (ret == 0)
		ret = mknodat(dir->fd, name, mode & (S_IFMT | 07777), makedev(major_nr, minor_nr)) <
				      0
			      ? -errno
			      : 0;
	if (ret == 0)
		ret = answer_new(c, dir, name, gid,
				 mode & S_IFMT ? mode & (S_IFMT | 07777) : mode | S_IFREG);
	p9_fid_put(c->s, dir);
	return ret;
}

int p9_link(struct p9_call *c)
{
	struct p9_fid *dir = NULL, *fid = NULL;
	uint32_t dir_nr = p9_get32(&c->in), nr = p9_get32(&c->in);
	char name[NAME_MAX + 1], path[P9_PROC_SIZE];
	int ret;

	p9_get_name(&c->in, name);
	ret = p9_get_fid(c, dir_nr, &dir);
	if (ret == 0)
		ret = p9_get_fid(c, nr, &fid);
	if (ret == 0) {
		p9_proc_path(fid->fd, path);
		/* The link that is followed is the one in /proc: to the file itself, even to a symbolic link. */
		if (linkat(AT_FDCWD, path, dir->fd, name, AT_SYMLINK_FOLLOW) < 0)
			ret = -errno;
	}
	p9_fid_put(c->s, fid);
	p9_fid_put(c->s, dir);
	return ret;
}

/* --- Changes --- */

int p9_rename(struct p9_call *c)
{
	struct p9_fid *fid = NULL, *dir = NULL;
	uint32_t nr = p9_get32(&c->in), dir_nr = p9_get32(&c->in);
	char name[NAME_MAX + 1], old[NAME_MAX + 1];
	autofd int old_dir = -1;
	int ret;

	p9_get_name(&c->in, name);
	ret = p9_get_fid(c, nr, &fid);
	if (ret == 0)
		ret = p9_get_fid(c, dir_nr, &dir);
	if (ret == 0) {
		old_dir = p9_locate(c->s, fid->fd, old);
		ret = old_dir < 0 ? old_dir : 0;
	}
	if (ret == 0 && renameat(old_dir, old, dir->fd, name) < 0)
		ret = -errno;
	p9_fid_put(c->s, dir);
	p9_fid_put(c->s, fid);
	return ret;
}

int p9_renameat(struct p9_call *c)
{
	struct p9_fid *from = NULL, *to = NULL;
	char old[NAME_MAX + 1], name[NAME_MAX + 1];
	uint32_t from_nr = p9_get32(&c->in), to_nr;
	int ret;

	p9_get_name(&c->in, old);
	to_nr = p9_get32(&c->in);
	p9_get_name(&c->in, name);
	ret = p9_get_fid(c, from_nr, &from);
	if (ret == 0)
		ret = p9_get_fid(c, to_nr, &to);
	if (ret == 0 && renameat(from->fd, old, to->fd, name) < 0)
		ret = -errno;
	p9_fid_put(c->s, to);
	p9_fid_put(c->s, from);
	return ret;
}

int p9_unlinkat(struct p9_call *c)
{
	struct p9_fid *dir = NULL;
	char name[NAME_MAX + 1];
	uint32_t nr = p9_get32(&c->in), flags;
	int ret;

	p9_get_name(&c->in, name);
	flags = p9_get32(&c->in);
	ret = p9_get_fid(c, nr, &dir);
	if (ret == 0 && unlinkat(dir->fd, name, flags & REMOVEDIR ? AT_REMOVEDIR : 0) < 0)
		ret = -errno;
	p9_fid_put(c->s, dir);
	return ret;
}
