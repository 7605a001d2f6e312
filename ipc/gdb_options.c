/* SPDX-License-Identifier: BSD-2-Clause */
/* The words of --gdb. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "ipc/gdb.h"
#include "util/cleanup.h"
#include "util/opt.h"

int gdb_parse(void *field, const char *value, struct err *e)
{
	struct gdb_options *gdb = field;
	autofree char *text = strdup(value);
	struct gdb_options new = { 0 };
	char *rest = text;
	int ret;

	if (!text)
		return err_sys(e, "no memory for '%s'", value);
	ret = address_parse(&new.address, opt_next_word(&rest), e);
	while (ret == 0 && rest) {
		const char *word = opt_next_word(&rest);

		if (strcmp(word, "wait") != 0)
			return err_set(e, EINVAL, "'%s' is not wait", word);
		new.wait = true;
	}
	if (ret == 0)
		*gdb = new;
	return ret;
}
