/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm resume: wakes a VM that sleeps. */
#include <errno.h>
#include <stdio.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/client.h"
#include "ipc/name.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/opt.h"

struct resume {
	const char *name;
};

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "The VM, by its name", name_set, offsetof(struct resume, name) },
};

/* A bare word is the name. */
static int set_bare_word(void *target, const char *word, struct err *e)
{
	struct resume *resume = target;

	if (resume->name)
		return err_set(e, EINVAL, "'%s' is one word too many: the VM is '%s'", word,
			       resume->name);
	return name_set(&resume->name, word, e);
}

static void usage(void)
{
	puts("Usage: lkvm resume NAME\n"
	     "\n"
	     "Wake up a virtual machine that its guest put to sleep (SYSTEM_SUSPEND).\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

int builtin_resume(int argc, char **argv)
{
	const struct request request = { .command = "resume" };
	struct resume resume = { 0 };
	struct reply reply;
	struct err e = { 0 };
	bool help;
	int ret = opt_parse(rows, ARRAY_SIZE(rows), &resume, argc - 1, argv + 1, set_bare_word,
			    &help, NULL, &e);

	if (ret == 0 && !help && !resume.name)
		ret = err_set(&e, EINVAL, "which VM? See 'lkvm resume --help'");
	if (ret < 0) {
		log_error("resume: %s", e.text);
		return MACHINE_FAILED;
	}
	if (help) {
		usage();
		return MACHINE_OFF;
	}
	ret = client_call(resume.name, &request, &reply, &e);
	if (ret < 0 || reply.status < 0) {
		log_error("%s", ret < 0 ? e.text : reply.text);
		return MACHINE_FAILED;
	}
	log_info("%s", reply.text);
	return MACHINE_OFF;
}
