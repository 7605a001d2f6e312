/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Extended attributes. Their values travel by Tread and Twrite, through fids that are a value: one that
 * Txattrwalk made has it from the start, one that Txattrcreate made collects it and sets it when it is clunked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include "p9_session.h"
#include "util/cleanup.h"

#define VALUE_MAX 65536 /* the kernel's own limits of a value and of a list */

/* Room for a value, within what a session may hold: NULL with *error set. */
static struct p9_xattr *make_room(struct p9_session *s, uint32_t size, int *error)
{
	struct p9_xattr *xattr = NULL;

	*error = -ENOSPC;
	if (__atomic_add_fetch(&s->xattr_bytes, size, __ATOMIC_RELAXED) <= P9_XATTR_BYTES) {
		*error = -ENOMEM;
		xattr = calloc(1, sizeof(*xattr) + size);
	}
	if (xattr)
		xattr->size = size;
	else
		__atomic_fetch_sub(&s->xattr_bytes, size, __ATOMIC_RELAXED);
	return xattr;
}

/* A fid of the same file that is @xattr, which it owns. */
static struct p9_fid *make_fid(struct p9_session *s, const struct p9_fid *file,
			       struct p9_xattr *xattr, int *error)
{
	int fd = p9_clone(file);
	struct p9_fid *fid = p9_fid_new(fd, file->uid, error);

	if (fid) {
		fid->xattr = xattr;
	} else {
		__atomic_fetch_sub(&s->xattr_bytes, xattr->size, __ATOMIC_RELAXED);
		free(xattr);
	}
	return fid;
}

/* The value of @name, or all names if that is empty, into @buf of VALUE_MAX bytes. */
static ssize_t get_value(const struct p9_fid *fid, const char *name, void *buf)
{
	char path[P9_PROC_SIZE];
	ssize_t len;

	p9_proc_path(fid->fd, path);
	len = name[0] ? getxattr(path, name, buf, VALUE_MAX) : listxattr(path, buf, VALUE_MAX);
	return len < 0 ? -errno : len;
}

static int xattrwalk(struct p9_call *c, const struct p9_fid *file, uint32_t newnr, const char *name)
{
	autofree uint8_t *buf = malloc(VALUE_MAX);
	struct p9_xattr *xattr;
	struct p9_fid *fid;
	ssize_t len;
	int ret;

	if (!buf)
		return -ENOMEM;
	len = get_value(file, name, buf);
	if (len < 0)
		return (int)len;
	xattr = make_room(c->s, (uint32_t)len, &ret);
	if (!xattr)
		return ret;
	memcpy(xattr->value, buf, (size_t)len);
	fid = make_fid(c->s, file, xattr, &ret);
	if (!fid)
		return ret;
	p9_put64(&c->out, (uint64_t)len);
	return p9_fid_add(c->s, newnr, fid);
}

int p9_xattrwalk(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in), newnr = p9_get32(&c->in);
	char name[P9_XATTR_NAME_SIZE];
	struct p9_fid *file = NULL;
	int ret;

	p9_get_string(&c->in, name, sizeof(name));
	ret = p9_get_fid(c, nr, &file);
	if (ret == 0)
		ret = xattrwalk(c, file, newnr, name);
	p9_fid_put(c->s, file);
	return ret;
}

static int xattrcreate(struct p9_call *c, struct p9_fid *file, const char *name, uint64_t size,
		       uint32_t flags)
{
	struct p9_xattr *xattr;
	struct p9_fid *fid;
	int ret;

	if (size > VALUE_MAX)
		return -E2BIG;
	if (!name[0] || flags & ~(uint32_t)(XATTR_CREATE | XATTR_REPLACE))
		return -EINVAL;
	xattr = make_room(c->s, (uint32_t)size, &ret);
	if (!xattr)
		return ret;
	xattr->create = true;
	xattr->flags = flags;
	strcpy(xattr->name, name);
	fid = make_fid(c->s, file, xattr, &ret);
	return fid ? p9_fid_replace(c->s, file, fid) : ret;
}

int p9_xattrcreate(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in), flags;
	char name[P9_XATTR_NAME_SIZE];
	struct p9_fid *file = NULL;
	uint64_t size;
	int ret;

	p9_get_string(&c->in, name, sizeof(name));
	size = p9_get64(&c->in);
	flags = p9_get32(&c->in);
	ret = p9_get_fid(c, nr, &file);
	if (ret == 0)
		ret = xattrcreate(c, file, name, size, flags);
	p9_fid_put(c->s, file);
	return ret;
}

int p9_xattr_read(struct p9_call *c, struct p9_fid *fid, uint64_t off, uint32_t len)
{
	const struct p9_xattr *xattr = fid->xattr;

	if (xattr->create)
		return -EINVAL;
	if (off >= xattr->size)
		len = 0;
	else if (len > xattr->size - off)
		len = xattr->size - (uint32_t)off;
	p9_put32(&c->out, len);
	p9_put(&c->out, xattr->value + (len ? off : 0), len);
	return 0;
}

int p9_xattr_write(struct p9_call *c, struct p9_fid *fid, uint64_t off, uint32_t len)
{
	struct p9_xattr *xattr = fid->xattr;
	int ret = 0;

	pthread_mutex_lock(&fid->lock);
	if (!xattr->create || off != xattr->filled)
		ret = -EINVAL;
	else if (len > xattr->size - xattr->filled)
		ret = -ENOSPC;
	else
		xattr->filled += p9_get_bytes(&c->in, xattr->value + off, len);
	pthread_mutex_unlock(&fid->lock);
	p9_put32(&c->out, len);
	return ret;
}

/*
 * No value and REPLACE is how Linux says that the attribute is to go; an empty value, which is set with other flags,
 * looks the same otherwise.
 */
static int set_value(const struct p9_fid *fid)
{
	const struct p9_xattr *xattr = fid->xattr;
	char path[P9_PROC_SIZE];
	int ret;

	if (xattr->filled != xattr->size)
		return -EINVAL;
	p9_proc_path(fid->fd, path);
	if (!xattr->size && xattr->flags == XATTR_REPLACE)
		ret = removexattr(path, xattr->name);
	else
		ret = setxattr(path, xattr->name, xattr->value, xattr->size, (int)xattr->flags);
	return ret < 0 ? -errno : 0;
}

int p9_xattr_commit(struct p9_fid *fid)
{
	int ret;

	/* Somebody may still be writing to it. */
	pthread_mutex_lock(&fid->lock);
	ret = set_value(fid);
	pthread_mutex_unlock(&fid->lock);
	return ret;
}
