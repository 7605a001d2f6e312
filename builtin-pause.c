/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm pause: a VM's CPUs stand still until lkvm resume. */
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
	puts("Usage: lkvm pause NAME\n"
	     "       lkvm pause --all\n"
	     "\n"
	     "Let the CPUs of a running virtual machine stand still until 'lkvm resume'. Its devices and its\n"
	     "clock go on.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

int builtin_pause(int argc, char **argv)
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
		ret = target_check(&target, "pause", &e);
	if (ret < 0) {
		log_error("pause: %s", e.text);
		return MACHINE_FAILED;
	}
	return target_command(&target, "pause");
}
