/* SPDX-License-Identifier: BSD-2-Clause */
/* Names of VMs, for every command that takes one. A name is part of a path: it has no slash. */
#include <errno.h>
#include <string.h>
#include "ipc/name.h"
#include "util/opt.h"

int name_set(void *field, const char *value, struct err *e)
{
	size_t len = strspn(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				   "0123456789._-");

	if (!len || value[len] || len > NAME_MAX_LEN)
		return err_set(e, EINVAL,
			       "'%s' is not a name: 1 to %d of the characters A-Z a-z 0-9 . _ -",
			       value, NAME_MAX_LEN);
	return opt_set_string(field, value, e);
}
