/* SPDX-License-Identifier: BSD-2-Clause */
/* A file at the host's end of a guest's line, alone or as a copy. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "host/charfile.h"
#include "util/cleanup.h"
#include "util/log.h"

static void write_all(struct charfile *file, const uint8_t *buf, size_t len)
{
	while (len && !atomic_load_explicit(&file->failed, memory_order_relaxed)) {
		ssize_t n = write(file->fd, buf, len);

		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		} else if ((n == 0 || errno != EINTR) && !atomic_exchange(&file->failed, true)) {
			log_warning("cannot write %s (%s); the VM runs on without it", file->path,
				    n == 0 ? "no room" : strerror(errno));
		}
	}
}

static size_t charfile_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct charfile *file = ctx;

	if (file->below.output)
		len = file->below.output(file->below.ctx, buf, len);
	write_all(file, buf, len);
	return len;
}

static void charfile_input_ready(void *ctx)
{
	struct charfile *file = ctx;

	if (file->below.input_ready)
		file->below.input_ready(file->below.ctx);
}

struct char_backend charfile_backend(struct charfile *file, struct char_backend below)
{
	file->below = below;
	return (struct char_backend){ .output = charfile_output,
				      .input_ready = charfile_input_ready,
				      .ctx = file };
}

/* O_NONBLOCK: a FIFO without a reader is refused here and not waited for; it means nothing to files. */
int charfile_open(struct charfile *file, const char *path, struct err *e)
{
	struct stat st;

	*file = CHARFILE_NONE;
	file->path = path;
	file->fd =
		open(path, O_WRONLY | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0666);
	if (file->fd < 0 || fstat(file->fd, &st) < 0)
		return err_sys(e, "cannot open %s", path);
	if (!S_ISREG(st.st_mode) && !(S_ISCHR(st.st_mode) && !isatty(file->fd)))
		return err_set(e, EINVAL, "%s is no regular file", path);
	return 0;
}

void charfile_close(struct charfile *file)
{
	close_fd(&file->fd);
}
