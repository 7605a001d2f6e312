/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm host: what this host's KVM offers, or a profile tells; profiles written and compared. */
#include <errno.h>
#include <stdio.h>
#include "arm/compare.h"
#include "arm/machine.h"
#include "arm/probe.h"
#include "arm/profile.h"
#include "builtin.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/opt.h"

/* What --compare finds, as exit statuses. Documented in lkvm-host(1). */
enum {
	HOST_BOTH_WAYS = 0,
	HOST_ONLY_A_TO_B = 1,
	HOST_ONLY_B_TO_A = 2,
	HOST_NEITHER = 3,
};

struct host {
	const char *dev;
	const char *profile; /* to take in place of this host */
	const char *output;
	const char *compare[2]; /* A and, or NULL for this host, B */
	bool json, all, pmu;
};

static int set_path(void *field, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, EINVAL, "the name of the file is empty");
	return opt_set_string(field, value, e);
}

static const struct opt rows[] = {
	{ 'o', "output", "FILE", "Write a host profile to FILE instead of showing it", set_path,
	  offsetof(struct host, output) },
	{ 0, "json", NULL, "Show it as JSON", opt_set_flag, offsetof(struct host, json) },
	{ 0, "all", NULL, "Show also ID registers that are zero", opt_set_flag,
	  offsetof(struct host, all) },
	{ 0, "profile", "FILE", "Take the host profile FILE in place of this host", set_path,
	  offsetof(struct host, profile) },
	{ 0, "compare", "FILE",
	  "Compare the host of profile FILE with this one, or with that of a\n"
	  "second profile: what differs, and which way a VM could go",
	  set_path, offsetof(struct host, compare[0]) },
	{ 0, "pmu", NULL, "Compare for a VM that is started with --pmu", opt_set_flag,
	  offsetof(struct host, pmu) },
	{ 0, "dev", "PATH", "KVM device (default: /dev/kvm)", set_path,
	  offsetof(struct host, dev) },
};

/* A bare word is the second profile of --compare. */
static int set_bare_word(void *target, const char *word, struct err *e)
{
	struct host *host = target;

	if (!host->compare[0])
		return err_set(e, EINVAL, "'%s' is one word too many", word);
	if (host->compare[1])
		return err_set(e, EINVAL, "'%s' is one word too many: two profiles are compared",
			       word);
	return set_path(&host->compare[1], word, e);
}

/* Options that say nothing together are refused, not ignored. */
static int check(const struct host *host, struct err *e)
{
	if (host->compare[0] && (host->output || host->json || host->all))
		return err_set(e, EINVAL, "--compare goes without -o, --json and --all");
	if (host->compare[1] && host->profile)
		return err_set(e, EINVAL, "three profiles: --compare takes two");
	if (host->pmu && !host->compare[0])
		return err_set(e, EINVAL, "--pmu goes with --compare");
	if (host->output && (host->json || host->all))
		return err_set(e, EINVAL,
			       "-o shows nothing, so that --json and --all mean nothing");
	return 0;
}

static void usage(void)
{
	puts("Usage: lkvm host [OPTIONS]\n"
	     "       lkvm host --compare FILE [FILE]\n"
	     "\n"
	     "Show what this host's KVM offers to guests: PSCI versions, firmware services,\n"
	     "mitigations, vCPU features, ID registers. Nothing is guessed: it is all tried on VMs\n"
	     "made for that.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

/* The host that the command is about: the one --profile names, or this one. */
static int take_host(const struct host *host, struct host_profile *p, struct err *e)
{
	return host->profile ? profile_read(p, host->profile, e) : host_probe(host->dev, p, e);
}

static int compare(const struct host *host, struct err *e)
{
	const char *name_b = host->compare[1] ? host->compare[1] : host->profile;
	struct host_profile a = PROFILE_NONE, b = PROFILE_NONE;
	bool a_to_b = false, b_to_a = false;
	int ret = profile_read(&a, host->compare[0], e);

	if (ret == 0)
		ret = host->compare[1] ? profile_read(&b, host->compare[1], e)
				       : take_host(host, &b, e);
	if (ret == 0)
		ret = compare_print(&a, host->compare[0], &b, name_b ? name_b : "this host",
				    host->pmu, stdout, &a_to_b, &b_to_a, e);
	profile_free(&a);
	profile_free(&b);
	if (ret < 0)
		return ret;
	if (a_to_b)
		return b_to_a ? HOST_BOTH_WAYS : HOST_ONLY_A_TO_B;
	return b_to_a ? HOST_ONLY_B_TO_A : HOST_NEITHER;
}

static int show(const struct host *host, struct err *e)
{
	struct host_profile p;
	int ret = take_host(host, &p, e);

	if (ret < 0)
		return ret;
	if (host->output)
		ret = profile_write(&p, host->output, e);
	else if (host->json)
		profile_print_json(&p, stdout);
	else
		profile_print(&p, host->all, stdout);
	profile_free(&p);
	return ret;
}

int builtin_host(int argc, char **argv)
{
	struct host host = { .dev = "/dev/kvm" };
	struct err e = { 0 };
	bool help;
	int ret;

	ret = opt_parse(rows, ARRAY_SIZE(rows), &host, argc - 1, argv + 1, set_bare_word, &help,
			NULL, &e);
	if (ret == 0 && !help)
		ret = check(&host, &e);
	if (ret < 0) {
		log_error("host: %s", e.text);
		return MACHINE_FAILED;
	}
	if (help) {
		usage();
		return MACHINE_OFF;
	}
	ret = host.compare[0] ? compare(&host, &e) : show(&host, &e);
	if (ret < 0) {
		log_error("%s", e.text);
		return MACHINE_FAILED;
	}
	return ret;
}
