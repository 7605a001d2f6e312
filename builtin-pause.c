/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm pause: a VM's CPUs stand still until lkvm resume. */
#include "builtin.h"
#include "ipc/target.h"
#include "util/bits.h"
#include "util/opt.h"

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "The VM, by its name", name_set, offsetof(struct target, name) },
	{ 'a', "all", NULL, "All VMs of this user", opt_set_flag, offsetof(struct target, all) },
};

static const struct target_words target_words = {
	.command = "pause",
	.rows = rows,
	.nr = ARRAY_SIZE(rows),
	.usage =
		"Usage: lkvm pause NAME\n"
		"       lkvm pause --all\n"
		"\n"
		"Let the CPUs of a running virtual machine stand still until 'lkvm resume'. Its devices and its\n"
		"clock go on.",
};

int builtin_pause(int argc, char **argv)
{
	struct target target = { 0 };
	int status;

	if (!target_parse(&target_words, &target, argc, argv, &status))
		return status;
	return target_command(&target, "pause");
}
