/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the 9P2000.L server is made of. A session answers messages, several at once on any threads; what
 * the guest can name are its fids, and each of them holds a descriptor beneath the shared folder:
 *
 *	p9.c		sessions, the table of messages, those about the session itself
 *	p9_wire.c	fields in and out of guest memory
 *	p9_fid.c	the table of fids
 *	p9_path.c	from names to descriptors, never out of the folder
 *	p9_walk.c, p9_file.c, p9_dir.c, p9_attr.c, p9_xattr.c, p9_lock.c	the messages
 */
#ifndef LKVM_HOST_P9_SESSION_H
#define LKVM_HOST_P9_SESSION_H

#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include "host/p9.h"

/* --- p9_wire.c: little-endian fields; each byte of the guest's is read once --- */

#define P9_HEADER_SIZE 7 /* size[4] type[1] tag[2] */

/* Goes through a message. Beyond its end, and after a string that is none, fields are 0 and empty. */
struct p9_reader {
	const struct iovec *iov; /* the part where it is */
	unsigned int nr_iov;     /* with that */
	size_t off;              /* within that part */
	uint32_t left;           /* bytes of the message */
	int error;               /* the first: 0, -EBADMSG, -ENAMETOOLONG, -EINVAL */
};

/* The message in @iov from its byte @off on; there are as many, @off + @len, in it. */
struct p9_reader p9_reader(const struct iovec *iov, unsigned int nr_iov, size_t off, uint32_t len);
uint8_t p9_get8(struct p9_reader *r);
uint16_t p9_get16(struct p9_reader *r);
uint32_t p9_get32(struct p9_reader *r);
uint64_t p9_get64(struct p9_reader *r);
/*
 * A string of less than @size bytes into @buf. A longer one is -ENAMETOOLONG, one with a NUL in it -EINVAL:
 * the host would take it for another.
 */
void p9_get_string(struct p9_reader *r, char *buf, size_t size);
/* A string that names something in a folder: not empty, no '/', neither "." nor "..". */
void p9_get_name(struct p9_reader *r, char *buf);
/* Up to @len bytes of what is left of the message into @buf; returns how many. */
uint32_t p9_get_bytes(struct p9_reader *r, void *buf, uint32_t len);

/* Fills an answer from P9_HEADER_SIZE on. */
struct p9_writer {
	const struct iovec *iov;
	unsigned int nr_iov;
	uint32_t room; /* bytes in all */
	uint32_t len;  /* bytes so far, with the header */
	bool full;     /* something had no room */
};

void p9_put(struct p9_writer *w, const void *buf, uint32_t len);
void p9_put8(struct p9_writer *w, uint8_t value);
void p9_put16(struct p9_writer *w, uint16_t value);
void p9_put32(struct p9_writer *w, uint32_t value);
void p9_put64(struct p9_writer *w, uint64_t value);
void p9_put_string(struct p9_writer *w, const char *text);
/* The same at byte @off, which has room for it. */
void p9_put_at(const struct p9_writer *w, uint32_t off, const void *buf, uint32_t len);

/* Up to @len bytes of @iov from byte @off on as parts of their own in @to; returns how many parts. */
unsigned int p9_slice(const struct iovec *iov, unsigned int nr_iov, size_t off, uint64_t len,
		      struct iovec *to, unsigned int nr_to);

/* --- p9_fid.c --- */

#define P9_BUCKETS 16384

/* Values of extended attributes that a session's fids may hold at once, in bytes. */
#define P9_XATTR_BYTES (4 << 20)

#define P9_XATTR_NAME_SIZE 256 /* with its NUL */

/* The value of an extended attribute, or the list of their names: what a fid can be instead of a file. */
struct p9_xattr {
	bool create; /* to be set when the fid is clunked */
	uint32_t flags;
	char name[P9_XATTR_NAME_SIZE];
	uint32_t size, filled; /* bytes of the value, and of those that have been written */
	uint8_t value[];
};

/*
 * A fid is made, put in the table, and never changed: opening a file puts another one in its place. Whoever
 * uses one holds a reference, so that another message can clunk it.
 */
struct p9_fid {
	struct p9_fid *next; /* in its bucket */
	uint32_t nr;
	unsigned int refs;
	uint32_t uid;           /* who new files belong to; P9_NONE: nobody said */
	int fd;                 /* O_PATH unless @open */
	bool open;              /* for reading or writing, as its flags say */
	struct p9_xattr *xattr; /* or NULL */
	pthread_mutex_t lock;   /* of the descriptor's position, and of @xattr */
};

#define P9_NONE 0xffffffffu

struct p9_session {
	int root; /* O_PATH */
	dev_t root_dev;
	bool root_is_proc, ro, privileged;
	uint32_t msize;       /* 0: no version agreed on. Atomic */
	uint32_t xattr_bytes; /* held by fids. Atomic */

	pthread_mutex_t lock; /* guards the rest */
	unsigned int nr_fids, fids_max;
	struct p9_fid *bucket[P9_BUCKETS];
};

/*
 * Makes a fid of @fd, which it owns from then on, also on failure (a negative one is passed on). Returns NULL
 * with *error set.
 */
struct p9_fid *p9_fid_new(int fd, uint32_t uid, int *error);
/* The fid @nr, or NULL; for p9_fid_put(). */
struct p9_fid *p9_fid_get(struct p9_session *s, uint32_t nr);
/* NULL is fine. */
void p9_fid_put(struct p9_session *s, struct p9_fid *fid);
/*
 * Puts @fid in the table as @nr, with the caller's reference, which is gone on failure, too: -EMFILE:
 * there are too many, -EBUSY: it is in use.
 */
int p9_fid_add(struct p9_session *s, uint32_t nr, struct p9_fid *fid);
/* The same in place of @old, -EBADF if that is not there any more. */
int p9_fid_replace(struct p9_session *s, struct p9_fid *old, struct p9_fid *fid);
/* Takes it out of the table: as p9_fid_get(). */
struct p9_fid *p9_fid_take(struct p9_session *s, uint32_t nr);
/* Takes all of them out. */
void p9_fids_clear(struct p9_session *s);

/* --- p9_path.c --- */

/* "/proc/self/fd/N", by which the kernel takes an O_PATH descriptor where it wants a name. */
#define P9_PROC_SIZE 32
void p9_proc_path(int fd, char buf[P9_PROC_SIZE]);

/* @name in the folder @dir as an O_PATH descriptor, of a symbolic link itself; or -errno. */
int p9_open_name(int dir, const char *name);
/* ".." of @dir, no further up than the shared folder. */
int p9_open_parent(const struct p9_session *s, int dir);
/* Opens what the O_PATH descriptor @fd stands for: regular files and folders only. -errno. */
int p9_reopen(const struct p9_session *s, int fd, int flags);
/* Where @fd is now: its folder, as a descriptor, and its name (NAME_MAX + 1 bytes) there; or -errno. */
int p9_locate(const struct p9_session *s, int fd, char *name);

/* A descriptor of @fid's file that is not open, or -errno; p9_walk.c. */
int p9_clone(const struct p9_fid *fid);

/* --- p9.c --- */

struct p9_call {
	struct p9_session *s;
	const struct p9_request *req;
	struct p9_reader in;
	struct p9_writer out;
	uint32_t msize;
};

/* qid[13] of @st: type, version, path. */
void p9_put_qid(struct p9_call *c, const struct stat *st);
/* The path of a qid: a number that no two files of the share have at once. */
uint64_t p9_qid_path(const struct p9_session *s, dev_t dev, ino_t ino);

/*
 * The fid @nr, which is a file and no attribute, for p9_fid_put(). *fid is untouched on failure: -EBADF, -EINVAL,
 * or, if the message could not be read, what is wrong with it.
 */
int p9_get_fid(struct p9_call *c, uint32_t nr, struct p9_fid **fid);
/* @len, or less if that does not fit in the answer to a read: a header, count[4], data. */
uint32_t p9_limit(const struct p9_call *c, uint32_t len);
/* Makes @fd, which is new, @uid's and @gid's, as far as the host lets us, and @mode what it was then. */
void p9_own(const struct p9_session *s, int fd, uint32_t uid, uint32_t gid, uint32_t mode);

/* One message each: reads c->in, writes c->out. Returns 0, or -errno to be the answer. */
int p9_attach(struct p9_call *c);
int p9_walk(struct p9_call *c);
int p9_clunk(struct p9_call *c);
int p9_remove(struct p9_call *c);

int p9_lopen(struct p9_call *c);
int p9_lcreate(struct p9_call *c);
int p9_read(struct p9_call *c);
int p9_write(struct p9_call *c);
int p9_fsync(struct p9_call *c);
int p9_lock(struct p9_call *c);
int p9_getlock(struct p9_call *c);

int p9_readdir(struct p9_call *c);
int p9_mkdir(struct p9_call *c);
int p9_symlink(struct p9_call *c);
int p9_mknod(struct p9_call *c);
int p9_link(struct p9_call *c);
int p9_rename(struct p9_call *c);
int p9_renameat(struct p9_call *c);
int p9_unlinkat(struct p9_call *c);

int p9_statfs(struct p9_call *c);
int p9_getattr(struct p9_call *c);
int p9_setattr(struct p9_call *c);
int p9_readlink(struct p9_call *c);

int p9_xattrwalk(struct p9_call *c);
int p9_xattrcreate(struct p9_call *c);
/* Read and write of a fid that is an attribute; its end. */
int p9_xattr_read(struct p9_call *c, struct p9_fid *fid, uint64_t off, uint32_t len);
int p9_xattr_write(struct p9_call *c, struct p9_fid *fid, uint64_t off, uint32_t len);
int p9_xattr_commit(struct p9_fid *fid);

#endif
