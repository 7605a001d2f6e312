/* SPDX-License-Identifier: BSD-2-Clause */
/* A file at the host's end of a guest's line, alone or as a copy. */
#include <string.h>
#include "host/charfile.h"
#include "util/log.h"

static void write_all(struct charfile *file, const uint8_t *buf, size_t len)
{
	int ret = growing_write(&file->file, buf, len);

	if (ret == 0)
		return;
	if (file->file.failed)
		log_warning("cannot write %s (%s); the VM runs on without it", file->file.path,
			    strerror(-ret));
	else
		log_warning("cannot put %s aside (%s); it grows beyond its max=", file->file.path,
			    strerror(-ret));
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

int charfile_open(struct charfile *file, const char *path, const struct growing_limit *limit,
		  struct err *e)
{
	file->below = (struct char_backend){ 0 };
	return growing_open(&file->file, path, limit, e);
}

void charfile_close(struct charfile *file)
{
	growing_close(&file->file);
}
