/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lkvm restore: a saved VM goes on. What it is, its file says; options are for what belongs to this host: its
 * name, where its console is, which CPUs it may use.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/control.h"
#include "ipc/name.h"
#include "snapshot/snapshot.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/opt.h"

struct restore {
	struct machine_config cfg;
	const char *path;
};

static int set_path(void *field, const char *value, struct err *e)
{
	if (!*value)
		return err_set(e, EINVAL, "the name of the file is empty");
	return opt_set_string(field, value, e);
}

static int set_clock(void *field, const char *value, struct err *e)
{
	if (strcmp(value, "stop") && strcmp(value, "run"))
		return err_set(e, EINVAL, "'%s' is none of stop, run", value);
	*(bool *)field = *value == 'r';
	return 0;
}

static const struct opt rows[] = {
	{ 0, "name", "NAME", "Name of the VM (default: guest-PID)", name_set,
	  offsetof(struct restore, cfg.name) },
	{ 0, "console", "TYPE[,KEY...]",
	  "Where its console is, which is serial or virtio as it was: lkvm's own input and\n"
	  "output (default), or pty, file=PATH; log=PATH gets a copy",
	  console_parse, offsetof(struct restore, cfg.console) },
	{ 'd', "disk", "FILE[,KEY...]",
	  "Another place of a disk; once for each that the VM has, in their order\n"
	  "(default: the files that they were)",
	  disk_parse, offsetof(struct restore, cfg.disks) },
	{ 0, "network", "MODE[,KEY...]", "What a network device is on this host; likewise",
	  network_parse, offsetof(struct restore, cfg.networks) },
	{ 0, "allow", "NAME",
	  "Go on although this is not as it was: disk-changed, counter-frequency, or a\n"
	  "register that 'lkvm check' calls unsafe; may be given several times",
	  allow_add, offsetof(struct restore, cfg.allow) },
	{ 0, "clock", "stop|run",
	  "Whether the guest's clock stood still since it was saved (default), or ran on",
	  set_clock, offsetof(struct restore, cfg.clock_run) },
	{ 0, "sandbox", "on|off", "Confine lkvm to what it needs (default: on); see lkvm-run(1)",
	  opt_set_switch, offsetof(struct restore, cfg.sandbox) },
	{ 0, "dev", "PATH", "KVM device (default: /dev/kvm)", set_path,
	  offsetof(struct restore, cfg.dev) },
};

static int set_bare_word(void *target, const char *word, struct err *e)
{
	struct restore *r = target;

	if (r->path)
		return err_set(e, EINVAL, "'%s' is one word too many: the file is '%s'", word,
			       r->path);
	return set_path(&r->path, word, e);
}

static void usage(void)
{
	puts("Usage: lkvm restore FILE [OPTIONS]\n"
	     "\n"
	     "Let the virtual machine go on that 'lkvm snapshot' saved to FILE. FILE must stay as it is while\n"
	     "the machine runs, which reads its memory from there as it is needed, and writes nothing to it.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

static int restore(struct restore *r, struct snapshot *s, int argc, char **argv, struct err *e)
{
	char name[NAME_MAX_LEN + 1];
	bool help;
	int ret;

	snprintf(name, sizeof(name), "guest-%d", (int)getpid());
	r->cfg.name = name;
	ret = opt_parse(rows, ARRAY_SIZE(rows), r, argc - 1, argv + 1, set_bare_word, &help, NULL,
			e);
	if (ret == 0 && help) {
		usage();
		return MACHINE_OFF;
	}
	if (ret == 0 && !r->path)
		ret = err_set(e, EINVAL, "say from which file: lkvm restore FILE");
	if (ret == 0)
		ret = snapshot_open(s, r->path, &r->cfg, e);
	if (ret < 0) {
		err_wrap(e, 0, "restore");
		return MACHINE_FAILED;
	}
	r->cfg.named = r->cfg.name != name;
	machine_add_control(&r->cfg, &control_server, NULL);
	return machine_run(&r->cfg, e);
}

int builtin_restore(int argc, char **argv)
{
	struct restore r = { .cfg = machine_config_default };
	struct snapshot s = SNAPSHOT_NONE;
	struct err e = { 0 };
	int status = restore(&r, &s, argc, argv, &e);

	if (*e.text)
		log_error("%s", e.text);
	console_options_free(&r.cfg.console);
	disk_options_free(&r.cfg.disks);
	network_options_free(&r.cfg.networks);
	snapshot_close(&s);
	return status;
}
