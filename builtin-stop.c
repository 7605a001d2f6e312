/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm stop: VMs power off, or are stopped. */
#include "builtin.h"
#include "ipc/stop.h"
#include "util/bits.h"
#include "util/opt.h"

struct stop {
	struct target target; /* first, for target_parse() */
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

static const struct target_words target_words = {
	.command = "stop",
	.rows = rows,
	.nr = ARRAY_SIZE(rows),
	.usage =
		"Usage: lkvm stop [--force] [--timeout TIME] NAME\n"
		"       lkvm stop [--force] [--timeout TIME] --all\n"
		"\n"
		"Press the power button of a running virtual machine, wait until it is gone, and stop it\n"
		"if its guest does not power off in time.",
};

int builtin_stop(int argc, char **argv)
{
	struct stop stop = { .timeout = STOP_TIMEOUT_MS };
	int status;

	if (!target_parse(&target_words, &stop, argc, argv, &status))
		return status;
	return stop_target(&stop.target, stop.force, stop.timeout);
}
