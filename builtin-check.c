/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm check: whether a saved VM, or one that would be started on a host, can go on at another, before anything moves. */
#include <errno.h>
#include <stdio.h>
#include "arm/compare.h"
#include "arm/machine.h"
#include "arm/probe.h"
#include "arm/profile.h"
#include "builtin.h"
#include "kvm/kvm.h"
#include "snapshot/snapshot.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/opt.h"

/* The verdict as an exit status. Documented in lkvm-check(1). */
enum {
	CHECK_YES = 0,
	CHECK_NOTES = 1,
	CHECK_NO = 2,
};

struct check {
	struct machine_config cfg; /* of the VM */
	const char *path;          /* a snapshot, or a host's profile */
	const char *against;       /* a profile, or NULL: this host */
	bool json, pmu;
};

static int set_path(void *field, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, EINVAL, "the name of the file is empty");
	return opt_set_string(field, value, e);
}

static const struct opt rows[] = {
	{ 0, "against", "PROFILE",
	  "The host that it is to go to, by its profile ('lkvm host -o PROFILE'\n"
	  "there makes it; default: this host)",
	  set_path, offsetof(struct check, against) },
	{ 0, "json", NULL, "Show it as JSON, with what is the same, too", opt_set_flag,
	  offsetof(struct check, json) },
	{ 0, "pmu", NULL, "Of a profile: a VM that is started there with --pmu", opt_set_flag,
	  offsetof(struct check, pmu) },
	{ 'd', "disk", "FILE[,KEY...]",
	  "Another place of a disk of the VM, as 'lkvm restore' takes it", disk_parse,
	  offsetof(struct check, cfg.disks) },
	{ 0, "network", "MODE[,KEY...]", "What a network device of it would be; likewise",
	  network_parse, offsetof(struct check, cfg.networks) },
	{ 0, "allow", "NAME",
	  "What restore would be told to let pass: disk-changed, or the name of what is\n"
	  "unsafe; may be given several times",
	  allow_add, offsetof(struct check, cfg.allow) },
	{ 0, "dev", "PATH", "KVM device (default: /dev/kvm)", set_path,
	  offsetof(struct check, cfg.dev) },
};

static int set_bare_word(void *target, const char *word, struct err *e)
{
	struct check *check = target;

	if (check->path)
		return err_set(e, EINVAL, "'%s' is one word too many: '%s' is checked", word,
			       check->path);
	return set_path(&check->path, word, e);
}

static void usage(void)
{
	puts("Usage: lkvm check FILE [OPTIONS]\n"
	     "\n"
	     "Say whether the VM that 'lkvm snapshot' saved to FILE can go on at this host, before anything is moved:\n"
	     "yes (status 0), yes with notes (1) or no (2), and why. FILE can also be the profile of a host: then it is\n"
	     "about a VM that was started there with defaults.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

static int check_snapshot(struct check *check, const struct host_profile *to, struct comparison *c,
			  struct err *e)
{
	struct snapshot s = SNAPSHOT_NONE;
	int ret = snapshot_open(&s, check->path, &check->cfg, e);

	if (ret == 0)
		ret = snapshot_judge(&s.machine, &check->cfg, to,
				     check->against ? SNAPSHOT_THERE : SNAPSHOT_HERE, c, e);
	snapshot_close(&s);
	return ret;
}

static int check_profile(const struct check *check, const struct host_profile *to,
			 struct comparison *c, struct err *e)
{
	struct host_profile from = PROFILE_NONE;
	int ret = profile_read(&from, check->path, e);

	if (ret == 0)
		ret = compare_profiles(&from, to,
				       profile_default_features(&from) |
					       (check->pmu ? 1u << KVM_ARM_VCPU_PMU_V3 : 0),
				       c, e);
	profile_free(&from);
	return ret;
}

static int judge(struct check *check, struct err *e)
{
	const char *to_name = check->against ? check->against : "this host";
	struct comparison c = COMPARISON_NONE;
	struct host_profile to = PROFILE_NONE;
	int is_snapshot = snapshot_is(check->path, e);
	int ret = is_snapshot;

	if (ret == 0 && (check->cfg.disks.nr || check->cfg.networks.nr || check->cfg.allow.nr))
		return err_set(e, EINVAL,
			       "--disk, --network and --allow go with a snapshot: %s is none",
			       check->path);
	if (ret > 0 && check->pmu)
		return err_set(e, EINVAL, "--pmu goes with a profile: %s is a snapshot",
			       check->path);
	if (ret >= 0)
		ret = check->against ? profile_read(&to, check->against, e)
				     : host_probe(check->cfg.dev, &to, e);
	if (ret >= 0)
		ret = is_snapshot ? check_snapshot(check, &to, &c, e)
				  : check_profile(check, &to, &c, e);
	if (ret == 0) {
		enum compare_class worst = comparison_worst(&c);

		(check->json ? compare_print_check_json : compare_print_check)(&c, check->path,
									       to_name, stdout);
		ret = worst >= COMPARE_UNSAFE     ? CHECK_NO
		      : worst == COMPARE_HARMLESS ? CHECK_NOTES
						  : CHECK_YES;
	}
	comparison_free(&c);
	profile_free(&to);
	return ret;
}

int builtin_check(int argc, char **argv)
{
	struct check check = { .cfg = machine_config_default };
	struct err e = { 0 };
	bool help = false;
	int ret = opt_parse(rows, ARRAY_SIZE(rows), &check, argc - 1, argv + 1, set_bare_word,
			    &help, NULL, &e);

	if (ret == 0 && help) {
		usage();
		return MACHINE_OFF;
	}
	if (ret == 0 && !check.path)
		ret = err_set(&e, EINVAL, "say which file: lkvm check FILE");
	if (ret == 0)
		ret = judge(&check, &e);
	console_options_free(&check.cfg.console);
	disk_options_free(&check.cfg.disks);
	network_options_free(&check.cfg.networks);
	if (ret < 0) {
		log_error("check: %s", e.text);
		return MACHINE_FAILED;
	}
	return ret;
}
