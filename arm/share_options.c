/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of "--9p DIR,TAG[,KEY[=VALUE]]...". A comma that belongs to a name is written twice. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "arm/shares.h"
#include "util/cleanup.h"
#include "util/opt.h"

/* A guest types it, in mount's options as well. */
static int check_tag(const char *tag, struct err *e)
{
	if (!*tag || strlen(tag) > SHARE_TAG_MAX)
		return err_set(e, EINVAL, "'%s' is no tag: those have 1 to %d characters", tag,
			       SHARE_TAG_MAX);
	for (const char *p = tag; *p; p++)
		if (*p <= ' ' || *p > '~')
			return err_set(e, EINVAL,
				       "a tag has printable characters only, and no blanks");
	return 0;
}

static int parse_key(struct share_option *share, char *word, struct err *e)
{
	if (!*word)
		return err_set(e, EINVAL, "nothing follows a comma");
	if (!strcmp(word, "ro")) {
		share->ro = true;
		return 0;
	}
	if (!strncmp(word, "transport=", strlen("transport=")))
		return transport_parse(word + strlen("transport="), &share->bus, e);
	return err_set(e, EINVAL,
		       "'%s' is none of ro, transport= (a comma in a folder's name is written "
		       "twice)",
		       word);
}

int share_add(struct share_options *shares, struct share_option share, struct err *e)
{
	struct share_option *all;

	if (!*share.dir)
		return err_set(e, EINVAL, "the name of the folder is empty");
	if (check_tag(share.tag, e) < 0)
		return -EINVAL;
	for (uint32_t i = 0; i < shares->nr; i++)
		if (!strcmp(shares->share[i].tag, share.tag))
			return err_set(e, EEXIST, "the tag '%s' is taken: '%s' has it", share.tag,
				       shares->share[i].dir);
	if (shares->nr == SHARES_MAX)
		return err_set(e, E2BIG, "one too many: a VM has up to %d shared folders",
			       SHARES_MAX);
	all = realloc(shares->share, (shares->nr + 1) * sizeof(*all));
	if (!all)
		return err_set(e, ENOMEM, "no memory for it");
	shares->share = all;
	share.dir = strdup(share.dir);
	share.tag = strdup(share.tag);
	if (!share.dir || !share.tag) {
		free(share.dir);
		free(share.tag);
		return err_set(e, ENOMEM, "no memory for it");
	}
	all[shares->nr++] = share;
	return 0;
}

int share_parse(void *field, const char *value, struct err *e)
{
	struct share_options *shares = field;
	autofree char *text = strdup(value);
	struct share_option share = { 0 };
	char *rest = text;
	int ret = 0;

	if (!text)
		return err_set(e, ENOMEM, "no memory for '%s'", value);
	share.dir = opt_next_word(&rest);
	if (!rest)
		return err_set(e, EINVAL,
			       "'%s' has no tag, by which the guest finds it: say DIR,TAG", value);
	share.tag = opt_next_word(&rest);
	while (ret == 0 && rest)
		ret = parse_key(&share, opt_next_word(&rest), e);
	if (ret == 0)
		ret = share_add(shares, share, e);
	return ret < 0 ? err_wrap(e, ret, "'%s'", value) : 0;
}

void share_options_free(struct share_options *shares)
{
	for (uint32_t i = 0; i < shares->nr; i++) {
		free(shares->share[i].dir);
		free(shares->share[i].tag);
	}
	free(shares->share);
	*shares = (struct share_options){ 0 };
}
