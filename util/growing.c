/* SPDX-License-Identifier: BSD-2-Clause */
/* Files that grow up to a limit. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "util/cleanup.h"
#include "util/growing.h"
#include "util/opt.h"

#define OPEN_FLAGS (O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)
#define OPEN_MODE  0666

static const char *name_of(const struct growing *file)
{
	const char *slash = strrchr(file->path, '/');

	return slash ? slash + 1 : file->path;
}

/* The folder is kept open: what is put aside stays beside the file wherever lkvm goes meanwhile. */
static int open_folder(struct growing *file, struct err *e)
{
	autofree char *path = strdup(file->path);

	if (path)
		file->dir = open(dirname(path), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (!path || file->dir < 0)
		return err_sys(e, "cannot open the folder of %s", file->path);
	return 0;
}

/* O_NONBLOCK: a FIFO without a reader is refused here and not waited for; it means nothing to files. */
int growing_open(struct growing *file, const char *path, const struct growing_limit *limit,
		 struct err *e)
{
	struct stat st;

	*file = GROWING_NONE;
	file->path = path;
	file->line_ended = true;
	file->fd = open(path, OPEN_FLAGS, OPEN_MODE);
	if (file->fd < 0 || fstat(file->fd, &st) < 0)
		return err_sys(e, "cannot open %s", path);
	if (!S_ISREG(st.st_mode) && !(S_ISCHR(st.st_mode) && !isatty(file->fd)))
		return err_set(e, EINVAL, "%s is no regular file", path);
	if (!limit->max || !S_ISREG(st.st_mode))
		return 0;
	if (strlen(name_of(file)) > NAME_MAX - strlen(".999"))
		return err_set(e, ENAMETOOLONG,
			       "%s has too long a name for a file with max=", path);
	file->limit = *limit;
	if (!file->limit.keep)
		file->limit.keep = GROWING_KEEP;
	file->size = (uint64_t)st.st_size;
	return open_folder(file, e);
}

/* PATH.@nr, or PATH itself. */
static void old_name(const struct growing *file, uint32_t nr, char *name)
{
	if (nr)
		snprintf(name, NAME_MAX + 1, "%s.%u", name_of(file), nr);
	else
		snprintf(name, NAME_MAX + 1, "%s", name_of(file));
}

/* The file becomes PATH.1 and another one takes its place. Until that is there, all goes on in the old one. */
static int put_aside(struct growing *file)
{
	char from[NAME_MAX + 1], to[NAME_MAX + 1];
	int fd, ret;

	for (uint32_t nr = file->limit.keep; nr > 0; nr--) {
		old_name(file, nr - 1, from);
		old_name(file, nr, to);
		if (renameat(file->dir, from, file->dir, to) < 0 && errno != ENOENT)
			return -errno;
	}
	fd = openat(file->dir, name_of(file), OPEN_FLAGS | O_EXCL, OPEN_MODE);
	if (fd < 0) {
		ret = -errno;
		renameat(file->dir, to, file->dir, from);
		return ret;
	}
	close_fd(&file->fd);
	file->fd = fd;
	file->size = 0;
	file->line_ended = true;
	return 0;
}

static int write_all(struct growing *file, const uint8_t *buf, size_t len)
{
	while (len) {
		ssize_t n = write(file->fd, buf, len);

		if (n > 0) {
			file->size += (uint64_t)n;
			file->line_ended = buf[n - 1] == '\n';
			buf += n;
			len -= (size_t)n;
		} else if (n == 0 || errno != EINTR) {
			return n == 0 ? -ENOSPC : -errno;
		}
	}
	return 0;
}

/* How many of @len bytes still belong into this file: up to the end of the line that reaches the limit. */
static size_t share(const struct growing *file, const uint8_t *buf, size_t len)
{
	uint64_t max = file->limit.max;
	size_t from, most;
	const uint8_t *end;

	if (!max || file->size + len < max)
		return len;
	if (file->size >= max + GROWING_SLACK || (file->size >= max && file->line_ended))
		return 0;
	from = file->size < max ? (size_t)(max - file->size) - 1 : 0;
	most = (size_t)(max + GROWING_SLACK - file->size);
	if (most > len)
		most = len;
	end = memchr(buf + from, '\n', most - from);
	return end ? (size_t)(end + 1 - buf) : most;
}

int growing_write(struct growing *file, const void *buf, size_t len)
{
	const uint8_t *p = buf;
	int trouble = 0, ret;

	pthread_mutex_lock(&file->lock);
	while (len && file->fd >= 0 && !file->failed) {
		size_t nr = share(file, p, len);

		ret = nr ? write_all(file, p, nr) : put_aside(file);
		if (ret < 0) {
			trouble = ret;
			file->failed = nr > 0;
			file->limit.max = 0;
		}
		p += nr;
		len -= nr;
	}
	pthread_mutex_unlock(&file->lock);
	return trouble;
}

void growing_close(struct growing *file)
{
	close_fd(&file->fd);
	close_fd(&file->dir);
}

int growing_parse_word(struct growing_limit *limit, const char *word, struct err *e)
{
	int ret;

	if (!strncmp(word, "max=", 4)) {
		ret = opt_set_size(&limit->max, word + 4, e);
		if (ret == 0 && limit->max < GROWING_MAX_MIN)
			ret = err_set(e, ERANGE, "'%s': a file has %d bytes at least", word,
				      GROWING_MAX_MIN);
	} else if (!strncmp(word, "keep=", 5)) {
		ret = opt_set_u32(&limit->keep, word + 5, e);
		if (ret == 0 && (limit->keep < 1 || limit->keep > GROWING_KEEP_MAX))
			ret = err_set(e, ERANGE, "'%s': 1 to %d old files can be kept", word,
				      GROWING_KEEP_MAX);
	} else {
		return 0;
	}
	return ret < 0 ? ret : 1;
}
