/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm resume: a VM that was paused goes on, and one that sleeps is woken. */
#include "builtin.h"
#include "ipc/target.h"
#include "util/bits.h"
#include "util/opt.h"

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "The VM, by its name", name_set, offsetof(struct target, name) },
	{ 'a', "all", NULL, "All VMs of this user", opt_set_flag, offsetof(struct target, all) },
};

static const struct target_words target_words = {
	.command = "resume",
	.rows = rows,
	.nr = ARRAY_SIZE(rows),
	.usage =
		"Usage: lkvm resume NAME\n"
		"       lkvm resume --all\n"
		"\n"
		"Let a virtual machine that was paused go on, or wake up one that its guest put to sleep\n"
		"(SYSTEM_SUSPEND).",
};

int builtin_resume(int argc, char **argv)
{
	struct target target = { 0 };
	int status;

	if (!target_parse(&target_words, &target, argc, argv, &status))
		return status;
	return target_command(&target, "resume");
}
