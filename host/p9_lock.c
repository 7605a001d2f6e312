/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Locks on ranges of open files. On the host they belong to the open file (open file description locks), that
 * is, to the fid; which process of the guest has them is the guest's to know.
 */
#include <errno.h>
#include <fcntl.h>
#include "p9_session.h"

enum { TYPE_READ, TYPE_WRITE, TYPE_NONE };
enum { STATUS_OK, STATUS_BLOCKED };

#define HOLDER_SIZE 256 /* of the name of a client's machine */

static const short host_types[] = {
	[TYPE_READ] = F_RDLCK,
	[TYPE_WRITE] = F_WRLCK,
	[TYPE_NONE] = F_UNLCK,
};

/* Length 0: to the end of the file, wherever that will be. */
static int get_range(struct p9_reader *r, uint8_t type, struct flock *lock)
{
	uint64_t start = p9_get64(r), len = p9_get64(r);

	if (r->error)
		return r->error;
	if (type > TYPE_NONE || start > INT64_MAX || len > INT64_MAX)
		return -EINVAL;
	*lock = (struct flock){
		.l_type = host_types[type],
		.l_whence = SEEK_SET,
		.l_start = (off_t)start,
		.l_len = (off_t)len,
	};
	return 0;
}

/* Never waits: a client that wants to is told, and asks again. */
int p9_lock(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in);
	uint8_t type = p9_get8(&c->in), status = STATUS_OK;
	char holder[HOLDER_SIZE];
	struct p9_fid *fid = NULL;
	struct flock lock;
	int ret;

	p9_get32(&c->in); /* whether it wants to wait */
	ret = get_range(&c->in, type, &lock);
	p9_get32(&c->in); /* the process */
	p9_get_string(&c->in, holder, sizeof(holder));
	if (ret == 0)
		ret = p9_get_fid(c, nr, &fid);
	if (ret == 0 && fcntl(fid->fd, F_OFD_SETLK, &lock) < 0) {
		if (errno == EAGAIN || errno == EACCES)
			status = STATUS_BLOCKED;
		else
			ret = -errno;
	}
	if (ret == 0)
		p9_put8(&c->out, status);
	p9_fid_put(c->s, fid);
	return ret;
}

int p9_getlock(struct p9_call *c)
{
	uint32_t nr = p9_get32(&c->in), process;
	uint8_t type = p9_get8(&c->in);
	char holder[HOLDER_SIZE];
	struct p9_fid *fid = NULL;
	struct flock lock;
	int ret = get_range(&c->in, type, &lock);

	process = p9_get32(&c->in);
	p9_get_string(&c->in, holder, sizeof(holder));
	if (ret == 0 && type == TYPE_NONE)
		ret = -EINVAL;
	if (ret == 0)
		ret = p9_get_fid(c, nr, &fid);
	if (ret == 0 && fcntl(fid->fd, F_OFD_GETLK, &lock) < 0)
		ret = -errno;
	if (ret == 0) {
		type = lock.l_type == F_UNLCK   ? TYPE_NONE
		       : lock.l_type == F_RDLCK ? TYPE_READ
						: TYPE_WRITE;
		p9_put8(&c->out, type);
		p9_put64(&c->out, (uint64_t)lock.l_start);
		p9_put64(&c->out, (uint64_t)lock.l_len);
		p9_put32(&c->out, lock.l_type == F_UNLCK ? process : 0);
		p9_put_string(&c->out, holder);
	}
	p9_fid_put(c->s, fid);
	return ret;
}
