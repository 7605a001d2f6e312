/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The table of fids. Clients number them one after the other, so their lowest bits spread them over the
 * buckets; one that does not only makes itself slow.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "p9_session.h"
#include "util/cleanup.h"

/*
 * At most so many fids a session, as the host's limit of open files allows: what they hold open is memory of the
 * host's kernel, some 2 KiB each. A guest that caches names has a fid for each file it has ever seen, so that
 * less would be the end of a walk through a large tree.
 */
#define FIDS_MAX 262143

/* Descriptors for the rest of lkvm, and those in the hands of requests. */
#define DESCRIPTORS_KEPT 512

unsigned int p9_fids_max(unsigned int nr)
{
	rlim_t want = (rlim_t)FIDS_MAX * nr + DESCRIPTORS_KEPT;
	struct rlimit limit, more;
	rlim_t each;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return 1;
	if (limit.rlim_cur < want) {
		more = (struct rlimit){ want, limit.rlim_max < want ? want : limit.rlim_max };
		if (setrlimit(RLIMIT_NOFILE, &more) < 0) {
			more.rlim_max = limit.rlim_max;
			more.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
			setrlimit(RLIMIT_NOFILE, &more);
		}
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	each = (limit.rlim_cur > 2 * DESCRIPTORS_KEPT ? limit.rlim_cur - DESCRIPTORS_KEPT
						      : limit.rlim_cur / 2) /
	       nr;
	return each < FIDS_MAX ? (unsigned int)each : FIDS_MAX;
}

struct p9_fid *p9_fid_new(int fd, uint32_t uid, int *error)
{
	struct p9_fid *fid = NULL;

	if (fd < 0) {
		*error = fd;
		return NULL;
	}
	fid = calloc(1, sizeof(*fid));
	if (!fid) {
		*error = -ENOMEM;
		close(fd);
		return NULL;
	}
	fid->refs = 1;
	fid->fd = fd;
	fid->uid = uid;
	pthread_mutex_init(&fid->lock, NULL);
	return fid;
}

static void destroy(struct p9_session *s, struct p9_fid *fid)
{
	if (fid->xattr)
		__atomic_fetch_sub(&s->xattr_bytes, fid->xattr->size, __ATOMIC_RELAXED);
	free(fid->xattr);
	close_fd(&fid->fd);
	pthread_mutex_destroy(&fid->lock);
	free(fid);
}

void p9_fid_put(struct p9_session *s, struct p9_fid *fid)
{
	if (fid && __atomic_sub_fetch(&fid->refs, 1, __ATOMIC_ACQ_REL) == 0)
		destroy(s, fid);
}

/* The place where the fid @nr is linked, or would be. With the lock held. */
static struct p9_fid **find(struct p9_session *s, uint32_t nr)
{
	struct p9_fid **link = &s->bucket[nr % P9_BUCKETS];

	while (*link && (*link)->nr != nr)
		link = &(*link)->next;
	return link;
}

struct p9_fid *p9_fid_get(struct p9_session *s, uint32_t nr)
{
	struct p9_fid *fid;

	pthread_mutex_lock(&s->lock);
	fid = *find(s, nr);
	if (fid)
		__atomic_add_fetch(&fid->refs, 1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&s->lock);
	return fid;
}

int p9_fid_add(struct p9_session *s, uint32_t nr, struct p9_fid *fid)
{
	struct p9_fid **link;
	int ret = 0;

	fid->nr = nr;
	pthread_mutex_lock(&s->lock);
	link = find(s, nr);
	if (nr == P9_NONE)
		ret = -EINVAL;
	else if (*link)
		ret = -EBUSY;
	else if (s->nr_fids == s->fids_max)
		ret = -EMFILE;
	if (ret == 0) {
		*link = fid;
		s->nr_fids++;
	}
	pthread_mutex_unlock(&s->lock);
	if (ret < 0)
		p9_fid_put(s, fid);
	return ret;
}

int p9_fid_replace(struct p9_session *s, struct p9_fid *old, struct p9_fid *fid)
{
	struct p9_fid **link;
	bool found;

	fid->nr = old->nr;
	pthread_mutex_lock(&s->lock);
	link = find(s, old->nr);
	found = *link == old;
	if (found) {
		fid->next = old->next;
		*link = fid;
	}
	pthread_mutex_unlock(&s->lock);
	p9_fid_put(s, found ? old : fid);
	return found ? 0 : -EBADF;
}

struct p9_fid *p9_fid_take(struct p9_session *s, uint32_t nr)
{
	struct p9_fid **link, *fid;

	pthread_mutex_lock(&s->lock);
	link = find(s, nr);
	fid = *link;
	if (fid) {
		*link = fid->next;
		s->nr_fids--;
	}
	pthread_mutex_unlock(&s->lock);
	return fid;
}

void p9_fids_clear(struct p9_session *s)
{
	for (unsigned int i = 0; i < P9_BUCKETS; i++) {
		struct p9_fid *fid, *next;

		pthread_mutex_lock(&s->lock);
		fid = s->bucket[i];
		s->bucket[i] = NULL;
		for (next = fid; next; next = next->next)
			s->nr_fids--;
		pthread_mutex_unlock(&s->lock);
		for (; fid; fid = next) {
			next = fid->next;
			p9_fid_put(s, fid);
		}
	}
}
