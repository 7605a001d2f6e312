/* SPDX-License-Identifier: BSD-2-Clause */
/* The keys of test plans, and what their values may be. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include "arm/map.h"
#include "arm/psci.h"
#include "ipc/verdict.h"
#include "plan_parts.h"
#include "util/bits.h"
#include "util/opt.h"

static int check_psci(const char *value, struct err *e)
{
	uint32_t version;

	return psci_parse(value, &version, e);
}

static int check_cpus(const char *value, struct err *e)
{
	uint32_t nr;

	if (opt_set_u32(&nr, value, NULL) < 0 || nr < 1 || nr > MAP_CPUS_MAX)
		return err_set(e, EINVAL, "'%s' is no number of CPUs: 1 to %d", value,
			       MAP_CPUS_MAX);
	return 0;
}

static int check_mem(const char *value, struct err *e)
{
	uint64_t size;

	return opt_set_size(&size, value, e);
}

static int check_regex(const char *value, struct err *e)
{
	struct verdict scratch = { 0 };
	int ret;

	ret = verdict_add_expect(&scratch, value, e);
	verdict_free(&scratch);
	return ret;
}

static int check_time(const char *value, struct err *e)
{
	uint64_t ms;

	return opt_set_time(&ms, value, e);
}

static int check_status(const char *value, struct err *e)
{
	uint32_t status;

	if (opt_set_u32(&status, value, NULL) < 0 || status > 255)
		return err_set(e, EINVAL, "'%s' is no exit status: 0 to 255", value);
	return 0;
}

static int check_jobs(const char *value, struct err *e)
{
	uint32_t jobs;

	if (opt_set_u32(&jobs, value, NULL) < 0 || jobs < 1 || jobs > PLAN_JOBS_MAX)
		return err_set(e, EINVAL, "'%s' is no number of jobs: 1 to %d", value,
			       PLAN_JOBS_MAX);
	return 0;
}

static int check_unsupported(const char *value, struct err *e)
{
	if (strcmp(value, "fail") && strcmp(value, "skip"))
		return err_set(e, EINVAL, "'%s' is neither fail nor skip", value);
	return 0;
}

/* Whether a plan may not hand lkvm run this option, because it has a key for it or the runner needs it itself. */
static int check_owner(const char *word, size_t len, struct err *e)
{
	/* With these lkvm run would not tell how the guest ends. */
	static const char *const refused[] = { "help",  "daemonize", "report",
					       "junit", "tap",       "pidfile" };

	for (size_t i = 0; i < PLAN_KEYS; i++) {
		const char *option = plan_keys[i].option;

		if (option && strlen(option) == len && !memcmp(option, word, len))
			return err_set(e, EINVAL, "--%s has a key of its own: %s", option,
				       plan_keys[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		if (strlen(refused[i]) == len && !memcmp(refused[i], word, len))
			return err_set(e, EINVAL, "--%s is not for plans", refused[i]);
	}
	return 0;
}

static int check_option(const char *value, struct err *e)
{
	size_t len = strncmp(value, "--", 2) ? 0 : strcspn(value + 2, "= \t");

	if (!len)
		return err_set(e, EINVAL,
			       "'%s' is no long option of lkvm run: --NAME or --NAME=VALUE", value);
	if (value[2 + len] && value[2 + len] != '=')
		return err_set(e, EINVAL, "'%s': an option and its value are one word: %.*s=VALUE",
			       value, (int)len + 2, value);
	return check_owner(value + 2, len, e);
}

static int check_name(const char *value, struct err *e)
{
	if (strlen(value) > 64)
		return err_set(e, EINVAL, "'%s' is longer than 64 bytes", value);
	return 0;
}

/* Those that vary come in the order in which they do: the last of them from row to row. */
const struct plan_key_info plan_keys[PLAN_KEYS] = {
	[PLAN_PSCI] = { "psci", "psci-version", .words = true, .vary = true, .check = check_psci },
	[PLAN_CPUS] = { "cpus", "cpus", .words = true, .vary = true, .check = check_cpus },
	[PLAN_MEM] = { "mem", "mem", .words = true, .vary = true, .check = check_mem },
	[PLAN_KERNEL] = { "kernel", "kernel", .vary = true },
	[PLAN_INITRD] = { "initrd", "initrd", .vary = true },
	[PLAN_PARAMS] = { "params", "params", .vary = true },
	[PLAN_EACH] = { "each", NULL, .words = true, .check = check_option },
	[PLAN_OPTION] = { "option", NULL, .check = check_option },
	[PLAN_EXPECT] = { "expect", "expect", .check = check_regex },
	[PLAN_REJECT] = { "reject", "reject", .check = check_regex },
	[PLAN_TIMEOUT_KEY] = { "timeout", "timeout", .once = true, .check = check_time },
	[PLAN_STATUS] = { "status", NULL, .once = true, .check = check_status },
	[PLAN_UNSUPPORTED] = { "unsupported", NULL, .once = true, .check = check_unsupported },
	[PLAN_JOBS] = { "jobs", NULL, .once = true, .whole = true, .check = check_jobs },
	[PLAN_NAME] = { "name", NULL, .once = true, .whole = true, .check = check_name },
};

int plan_find_key(const char *name, size_t len)
{
	for (int i = 0; i < PLAN_KEYS; i++)
		if (strlen(plan_keys[i].name) == len && !memcmp(plan_keys[i].name, name, len))
			return i;
	return -1;
}
