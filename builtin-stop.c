/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm stop: VMs power off, or are stopped. */
#include <errno.h>
#include <stdio.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/stop.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/opt.h"

struct stop {
	struct target target;
	bool force;
	uint64_t timeout; /* ms */
};

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "The VM, by its name", name_set,
	  offsetof(struct stop, target.name) },
	{ 'a', "all", NULL, "All VMs of this user", opt_set_flag,
	  offsetof(struct stop, target.all) },
	{ 0, "timeout", "TIME", "How long the guest may take to power off (30s)", opt_set_time,
	  offsetof(struct stop, timeout) },
	{ 'f', "force", NULL, "Do not ask the guest: stop at once", opt_set_flag,
	  offsetof(struct stop, force) },
};

static int set_bare_word(void *target, const char *word, struct err *e)
{
	return target_set_word(&((struct stop *)target)->target, word, e);
}

static void usage(void)
{
	puts("Usage: lkvm stop [--force] [--timeout TIME] NAME\n"
	     "       lkvm stop [--force] [--timeout TIME] --all\n"
	     "\n"
	     "Press the power button of a running virtual machine, wait until it is gone, and stop it\n"
	     "if its guest does not power off in time.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

int builtin_stop(int argc, char **argv)
{
	struct stop stop = { .timeout = STOP_TIMEOUT_MS };
	struct err e = { 0 };
	bool help;
	int ret = opt_parse(rows, ARRAY_SIZE(rows), &stop, argc - 1, argv + 1, set_bare_word, &help,
			    NULL, &e);

	if (ret == 0 && help) {
		usage();
		return MACHINE_OFF;
	}
	if (ret == 0)
		ret = target_check(&stop.target, "stop", &e);
	if (ret < 0) {
		log_error("stop: %s", e.text);
		return MACHINE_FAILED;
	}
	return stop_target(&stop.target, stop.force, stop.timeout);
}
