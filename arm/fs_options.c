/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of "--fs DIR,TAG[,KEY=VALUE]...". A comma that belongs to a name is written twice. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "arm/fs.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/opt.h"

static int set_tag(struct fs_option *fs, const char *tag, struct err *e)
{
	size_t len = strlen(tag);

	if (!len || len > VIRTIO_FS_TAG_MAX)
		return err_set(e, EINVAL, "'%s' is no tag: those have 1 to %d characters", tag,
			       VIRTIO_FS_TAG_MAX);
	for (const char *p = tag; *p; p++)
		if (*p <= ' ' || *p > '~')
			return err_set(e, EINVAL,
				       "a tag has printable characters only, and no blanks");
	memcpy(fs->tag, tag, len + 1);
	return 0;
}

/* Makes *@field the one of @words that @value is; or -EINVAL with @e naming @list. */
static int set_word(const char **field, const char *value, const char *const *words,
		    const char *list, struct err *e)
{
	for (; *words; words++) {
		if (!strcmp(*words, value)) {
			*field = *words;
			return 0;
		}
	}
	return err_set(e, EINVAL, "'%s' is none of %s", value, list);
}

static int set_cache(struct fs_option *fs, const char *value, struct err *e)
{
	static const char *const words[] = { "auto", "always", "none", NULL };

	return set_word(&fs->cache, value, words, "auto, always, none", e);
}

static int set_sandbox(struct fs_option *fs, const char *value, struct err *e)
{
	static const char *const words[] = { "namespace", "chroot", NULL };

	return set_word(&fs->sandbox, value, words, "namespace, chroot", e);
}

static int set_transport(struct fs_option *fs, const char *value, struct err *e)
{
	return transport_parse(value, &fs->bus, e);
}

static const struct {
	const char *name;
	int (*set)(struct fs_option *fs, const char *value, struct err *e);
} keys[] = {
	{ "cache", set_cache },
	{ "sandbox", set_sandbox },
	{ "transport", set_transport },
};

static int parse_key(struct fs_option *fs, char *word, struct err *e)
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
		if (!value)
			return err_set(e, EINVAL, "'%s' needs a value: %s=...", word, word);
		ret = keys[i].set(fs, value, e);
		return ret < 0 ? err_wrap(e, ret, "%s", word) : 0;
	}
	return err_set(
		e, EINVAL,
		"'%s' is none of cache=, sandbox=, transport= (a comma in a name is written twice)",
		word);
}

static int parse(struct fs_option *fs, char *rest, struct err *e)
{
	const char *dir = opt_next_word(&rest);
	int ret;

	if (!*dir)
		return err_set(e, EINVAL, "the name of the folder is empty");
	if (!rest)
		return err_set(e, EINVAL, "it has no tag for the guest to mount it by: %s,TAG",
			       dir);
	ret = set_tag(fs, opt_next_word(&rest), e);
	while (ret == 0 && rest)
		ret = parse_key(fs, opt_next_word(&rest), e);
	if (ret < 0)
		return ret;
	fs->dir = strdup(dir);
	return fs->dir ? 0 : err_set(e, ENOMEM, "no memory for it");
}

int fs_parse(void *field, const char *value, struct err *e)
{
	struct fs_options *options = field;
	autofree char *text = strdup(value);
	struct fs_option fs = { 0 };
	int ret;

	if (options->nr == FS_MAX)
		return err_set(e, E2BIG, "'%s' is one too many: a VM has up to %d of them", value,
			       FS_MAX);
	if (!text)
		return err_set(e, ENOMEM, "no memory for '%s'", value);
	ret = parse(&fs, text, e);
	if (ret < 0)
		return err_wrap(e, ret, "'%s'", value);
	for (uint32_t i = 0; i < options->nr; i++) {
		if (!strcmp(options->fs[i].tag, fs.tag)) {
			free(fs.dir);
			return err_set(e, EEXIST, "'%s': the tag '%s' is another folder's", value,
				       fs.tag);
		}
	}
	options->fs[options->nr++] = fs;
	return 0;
}

void fs_options_free(struct fs_options *options)
{
	for (uint32_t i = 0; i < options->nr; i++)
		free(options->fs[i].dir);
	*options = (struct fs_options){ 0 };
}
