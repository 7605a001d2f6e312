/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of --allow. */
#include <errno.h>
#include <string.h>
#include "arm/allow.h"

int allow_add(void *field, const char *name, struct err *e)
{
	struct allow *allow = field;

	if (!*name)
		return err_set(e, EINVAL, "'' is no name of a difference");
	if (allow->nr == ALLOW_MAX)
		return err_set(e, E2BIG, "'%s' is one too many: up to %d can be allowed", name,
			       ALLOW_MAX);
	allow->name[allow->nr++] = name;
	return 0;
}

bool allow_has(const struct allow *allow, const char *name)
{
	for (unsigned int i = 0; i < allow->nr; i++) {
		if (!strcmp(allow->name[i], name))
			return true;
	}
	return false;
}
