/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of --vsock. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "arm/vsock.h"
#include "util/cleanup.h"
#include "util/opt.h"
#include "virtio/vsock.h"

static int set_cid(struct vsock_options *vsock, const char *word, struct err *e)
{
	uint32_t cid;
	int ret = opt_set_u32(&cid, word, e);

	if (ret == -EINVAL)
		return ret;
	if (ret < 0 || cid < VSOCK_CID_GUEST_MIN || cid > VSOCK_CID_GUEST_MAX)
		return err_set(e, ERANGE, "'%s' is no guest's: a guest has a CID from %u to %u",
			       word, VSOCK_CID_GUEST_MIN, VSOCK_CID_GUEST_MAX);
	vsock->cid = cid;
	return 0;
}

static int set_key(struct vsock_options *vsock, const char *word, struct err *e)
{
	if (!strncmp(word, "unix=", 5)) {
		if (!word[5])
			return err_set(e, EINVAL, "'unix=' needs the path of a socket");
		free(vsock->path);
		vsock->path = strdup(word + 5);
		return vsock->path ? 0 : err_sys(e, "no memory");
	}
	if (!strncmp(word, "transport=", 10))
		return transport_parse(word + 10, &vsock->bus, e);
	return err_set(e, EINVAL, "'%s' is none of unix=, transport=", word);
}

int vsock_parse(void *field, const char *value, struct err *e)
{
	struct vsock_options *vsock = field;
	autofree char *text = strdup(value);
	struct vsock_options new = { 0 };
	char *rest = text;
	int ret;

	if (!text)
		return err_sys(e, "no memory for '%s'", value);
	ret = set_cid(&new, opt_next_word(&rest), e);
	while (ret == 0 && rest)
		ret = set_key(&new, opt_next_word(&rest), e);
	if (ret < 0) {
		vsock_options_free(&new);
		return ret;
	}
	vsock_options_free(vsock);
	*vsock = new;
	return 0;
}

void vsock_options_free(struct vsock_options *vsock)
{
	free(vsock->path);
	*vsock = (struct vsock_options){ 0 };
}
