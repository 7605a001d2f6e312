/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm console: the console of a running VM, at this terminal. */
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

static const struct target_words target_words = {
	.command = "console",
	.rows = rows,
	.nr = ARRAY_SIZE(rows),
	.usage =
		"Usage: lkvm console NAME\n"
		"\n"
		"Attach to the console of a running virtual machine: what it says is shown, beginning with\n"
		"the end of what it said before, and what you type it gets. Ctrl-A d leaves it, Ctrl-A x ends\n"
		"the machine, Ctrl-A h helps.",
};

int builtin_console(int argc, char **argv)
{
	struct target target = { 0 };
	struct err e = { 0 };
	int status;

	if (!target_parse(&target_words, &target, argc, argv, &status))
		return status;
	if (console_attach(target.name, &e) < 0) {
		log_error("%s", e.text);
		return MACHINE_FAILED;
	}
	return MACHINE_OFF;
}
