/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of "-d FILE[,KEY[=VALUE]]...". A comma that belongs to a name is written twice. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "arm/disks.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/opt.h"
#include "virtio/blk.h"

/* The index of @value in @words, or -EINVAL with @e naming @list. */
static int find_word(const char *value, const char *const *words, const char *list, struct err *e)
{
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], value))
			return i;
	return err_set(e, EINVAL, "'%s' is none of %s", value, list);
}

/* Puts a copy of @value at *@field, which is the option's own. */
static int set_copy(char **field, const char *value, struct err *e)
{
	char *copy = strdup(value);

	if (!copy)
		return err_set(e, ENOMEM, "no memory for it");
	free(*field);
	*field = copy;
	return 0;
}

static int set_name(const char **field, const char *value, struct err *e)
{
	char *copy = (char *)*field;
	int ret;

	if (!*value)
		return err_set(e, EINVAL, "the name of the file is empty");
	ret = set_copy(&copy, value, e);
	*field = copy;
	return ret;
}

static int set_readonly(struct disk_option *disk, const char *value, struct err *e)
{
	(void)value;
	(void)e;
	disk->file.readonly = true;
	return 0;
}

static int set_direct(struct disk_option *disk, const char *value, struct err *e)
{
	(void)value;
	(void)e;
	disk->file.direct = true;
	return 0;
}

static int set_serial(struct disk_option *disk, const char *value, struct err *e)
{
	if (!*value || strlen(value) > VIRTIO_BLK_SERIAL_MAX)
		return err_set(e, EINVAL, "'%s' is no serial number: those have 1 to %d characters",
			       value, VIRTIO_BLK_SERIAL_MAX);
	for (const char *p = value; *p; p++)
		if (*p < ' ' || *p > '~')
			return err_set(e, EINVAL, "a serial number has printable characters only");
	return set_copy(&disk->serial, value, e);
}

static int find_format(const char *value, enum disk_format *format, struct err *e)
{
	static const char *const words[] = { "raw", "qcow2", NULL };
	int i = find_word(value, words, "raw, qcow2", e);

	if (i >= 0)
		*format = i ? DISK_FORMAT_QCOW2 : DISK_FORMAT_RAW;
	return i < 0 ? i : 0;
}

static int set_format(struct disk_option *disk, const char *value, struct err *e)
{
	return find_format(value, &disk->file.format, e);
}

static int set_backing(struct disk_option *disk, const char *value, struct err *e)
{
	return set_name(&disk->file.backing, value, e);
}

static int set_backing_format(struct disk_option *disk, const char *value, struct err *e)
{
	return find_format(value, &disk->file.backing_format, e);
}

static int set_cache(struct disk_option *disk, const char *value, struct err *e)
{
	static const char *const words[] = {
		[DISK_WRITEBACK] = "writeback",
		[DISK_WRITETHROUGH] = "writethrough",
		[DISK_UNSAFE] = "unsafe",
		NULL,
	};
	int i = find_word(value, words, "writeback, writethrough, unsafe", e);

	if (i >= 0)
		disk->file.cache = (enum disk_cache)i;
	return i < 0 ? i : 0;
}

static int set_aio(struct disk_option *disk, const char *value, struct err *e)
{
	static const char *const words[] = {
		[DISK_AIO_AUTO] = "auto",
		[DISK_AIO_URING] = "io_uring",
		[DISK_AIO_THREADS] = "threads",
		NULL,
	};
	int i = find_word(value, words, "auto, io_uring, threads", e);

	if (i >= 0)
		disk->file.aio = (enum disk_aio)i;
	return i < 0 ? i : 0;
}

static int set_queues(struct disk_option *disk, const char *value, struct err *e)
{
	uint32_t nr;
	int ret = opt_set_u32(&nr, value, e);

	if (ret == -EINVAL)
		return ret;
	if (ret < 0 || nr < 1 || nr > VIRTIO_BLK_QUEUES_MAX)
		return err_set(e, ERANGE, "'%s' is out of range: a disk has 1 to %d queues", value,
			       VIRTIO_BLK_QUEUES_MAX);
	disk->nr_queues = nr;
	return 0;
}

static int set_transport(struct disk_option *disk, const char *value, struct err *e)
{
	return transport_parse(value, &disk->bus, e);
}

static int set_bps(struct disk_option *disk, const char *value, struct err *e)
{
	return opt_set_rate(&disk->bps, value, e);
}

static int set_iops(struct disk_option *disk, const char *value, struct err *e)
{
	int ret = opt_set_u32(&disk->iops, value, e);

	if (ret == 0 && !disk->iops)
		return err_set(e, EINVAL, "'%s': a disk without a single request a second is none",
			       value);
	return ret;
}

static const struct {
	const char *name;
	bool has_value;
	int (*set)(struct disk_option *disk, const char *value, struct err *e);
} keys[] = {
	{ "ro", false, set_readonly },
	{ "direct", false, set_direct },
	{ "serial", true, set_serial },
	{ "format", true, set_format },
	{ "cache", true, set_cache },
	{ "queues", true, set_queues },
	{ "transport", true, set_transport },
	{ "backing", true, set_backing },
	{ "backing-format", true, set_backing_format },
	{ "aio", true, set_aio },
	{ "bps", true, set_bps },
	{ "iops", true, set_iops },
};

#define KEYS                                                                                           \
	"ro, direct, serial=, format=, cache=, queues=, transport=, backing=, backing-format=, aio=, " \
	"bps=, iops="

static int parse_key(struct disk_option *disk, char *word, struct err *e)
{
	char *value = strchr(word, '=');
	int ret;

	if (!*word)
		return err_set(e, EINVAL, "nothing follows a comma");
	if (value)
		*value++ = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].name, word))
			continue;
		if (keys[i].has_value && !value)
			return err_set(e, EINVAL, "'%s' needs a value: %s=...", word, word);
		if (!keys[i].has_value && value)
			return err_set(e, EINVAL, "'%s' takes no value", word);
		ret = keys[i].set(disk, value, e);
		return ret < 0 && keys[i].has_value ? err_wrap(e, ret, "%s", word) : ret;
	}
	return err_set(e, EINVAL,
		       "'%s' is none of " KEYS " (a comma in a file's name is written twice)",
		       word);
}

static void free_option(struct disk_option *disk)
{
	free((char *)disk->file.path);
	free((char *)disk->file.backing);
	free(disk->serial);
	free(disk->text);
}

int disk_parse(void *field, const char *value, struct err *e)
{
	struct disk_options *disks = field;
	autofree char *text = strdup(value);
	struct disk_option disk = { 0 }, *all;
	char *rest = text;
	int ret;

	if (disks->nr == DISKS_MAX)
		return err_set(e, E2BIG, "'%s' is one too many: a VM has up to %d disks", value,
			       DISKS_MAX);
	all = realloc(disks->disk, (disks->nr + 1) * sizeof(*all));
	if (all)
		disks->disk = all;
	if (!all || !text)
		return err_set(e, ENOMEM, "no memory for '%s'", value);
	ret = set_copy(&disk.text, value, e);
	if (ret == 0)
		ret = set_name(&disk.file.path, opt_next_word(&rest), e);
	while (ret == 0 && rest)
		ret = parse_key(&disk, opt_next_word(&rest), e);
	if (ret == 0 && disk.file.backing_format != DISK_FORMAT_UNSAID && !disk.file.backing)
		ret = err_set(e, EINVAL, "'backing-format' needs 'backing=', the file it is of");
	if (ret < 0) {
		free_option(&disk);
		return err_wrap(e, ret, "'%s'", value);
	}
	disks->disk[disks->nr++] = disk;
	return 0;
}

void disk_options_free(struct disk_options *disks)
{
	for (uint32_t i = 0; i < disks->nr; i++)
		free_option(&disks->disk[i]);
	free(disks->disk);
	*disks = (struct disk_options){ 0 };
}
