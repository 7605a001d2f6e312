/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm resume: a VM that was paused goes on, and one that sleeps is woken. */
#include <errno.h>
#include <stdio.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/target.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/opt.h"

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "The VM, by its name", name_set, offsetof(struct target, name) },
	{ 'a', "all", NULL, "All VMs of this user", opt_set_flag, offsetof(struct target, all) },
};

static int set_bare_word(void *target, const char *word, struct err *e)
{
	return target_set_word(target, word, e);
}

static void usage(void)
{
	puts("Usage: lkvm resume NAME\n"
	     "       lkvm resume --all\n"
	     "\n"
	     "Let a virtual machine that was paused go on, or wake up one that its guest put to sleep\n"
	     "(SYSTEM_SUSPEND).\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

int builtin_resume(int argc, char **argv)
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
		ret = target_check(&target, "resume", &e);
	if (ret < 0) {
		log_error("resume: %s", e.text);
		return MACHINE_FAILED;
	}
	return target_command(&target, "resume");
}
