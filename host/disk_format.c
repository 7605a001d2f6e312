/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formats of images by their first bytes: only to refuse what the user did not name. The guest
 * writes its disk's first bytes, so nothing is ever opened as what it looks like.
 */
#include <string.h>
#include "disk_engine.h"
#include "util/bits.h"
#include "util/file.h"

static const struct {
	const char *name;
	unsigned int off, len;
	const char *magic;
} formats[] = {
	{ "qcow2", 0, 4, "QFI\xfb" },
	{ "QED", 0, 4, "QED\0" },
	{ "VMDK", 0, 4, "KDMV" },
	{ "VMDK", 0, 4, "COWD" },
	{ "VHDX", 0, 8, "vhdxfile" },
	{ "VHD", 0, 8, "conectix" },
	{ "VDI", 64, 4, "\x7f\x10\xda\xbe" },
};

int disk_format_guess(const struct disk_file *file, const char **name, struct err *e)
{
	uint8_t start[BLOCK_SECTOR] = { 0 };
	uint64_t len = file->size < sizeof(start) ? file->size : sizeof(start);
	int ret = file_read_at(file->fd, start, len, 0);

	*name = NULL;
	if (ret < 0)
		return err_set(e, -ret, "cannot be read: %s", strerror(-ret));
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!memcmp(start + formats[i].off, formats[i].magic, formats[i].len))
			*name = formats[i].name;
	return 0;
}
