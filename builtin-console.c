/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm console: the console of a running VM, at this terminal. */
#include <errno.h>
#include <stdio.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/console.h"
#include "ipc/target.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/opt.h"

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "The VM, by its name", name_set, offsetof(struct target, name) },
};

static int set_bare_word(void *target, const char *word, struct err *e)
{
	return target_set_word(target, word, e);
}

static void usage(void)
{
	puts("Usage: lkvm console NAME\n"
	     "\n"
	     "Attach to the console of a running virtual machine: what it says is shown, beginning with\n"
	     "the end of what it said before, and what you type it gets. Ctrl-A d leaves it, Ctrl-A x ends\n"
	     "the machine, Ctrl-A h helps.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

int builtin_console(int argc, char **argv)
{
	struct target target = { 0 };
	struct err e = { 0 };
	bool help;
	int ret = opt_parse(rows, ARRAY_SIZE(rows), &target, argc - 1, argv + 1, set_bare_word,
			    &help, NULL, &e);

	if (ret == 0 && help) {
		usage();
		return MACHINE_OFF;
	}
	if (ret == 0)
		ret = target_check(&target, "console", &e);
	if (ret < 0) {
		log_error("console: %s", e.text);
		return MACHINE_FAILED;
	}
	if (console_attach(target.name, &e) < 0) {
		log_error("%s", e.text);
		return MACHINE_FAILED;
	}
	return MACHINE_OFF;
}
