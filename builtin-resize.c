/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm resize: a disk of a running VM gets another size, and its guest hears of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/client.h"
#include "ipc/name.h"
#include "util/bits.h"
#include "util/log.h"
#include "util/opt.h"

struct resize {
	const char *name;
	struct request request;
	bool sized; /* there was a size, which may be 0 */
};

static int set_disk(struct request *request, const char *word, struct err *e)
{
	size_t len = strlen(word);

	if (len == 0 || len >= sizeof(request->disk))
		return err_set(e, EINVAL, "'%s' is no disk: a number from 0, or a serial", word);
	for (size_t i = 0; i < len; i++) {
		if (word[i] < ' ' || word[i] > '~')
			return err_set(e, EINVAL, "'%s' is no disk: it is not plain ASCII", word);
	}
	memcpy(request->disk, word, len + 1);
	return 0;
}

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "The VM, by its name", name_set, offsetof(struct resize, name) },
};

/* NAME DISK [SIZE], by their places; without NAME if that was an option's. */
static int set_bare_word(void *target, const char *word, struct err *e)
{
	struct resize *resize = target;

	if (!resize->name)
		return name_set(&resize->name, word, e);
	if (!resize->request.disk[0])
		return set_disk(&resize->request, word, e);
	if (resize->sized)
		return err_set(e, EINVAL, "'%s' is one word too many", word);
	resize->sized = true;
	return opt_set_size(&resize->request.size, word, e);
}

static void usage(void)
{
	puts("Usage: lkvm resize NAME DISK [SIZE]\n"
	     "\n"
	     "Give a disk of the running virtual machine NAME another size, and tell its guest.\n"
	     "DISK is its number, in the order of the -d options, from 0, or its serial.\n"
	     "SIZE is in MiB, or has a suffix: B K M G T. Without it (or with 0) the size that\n"
	     "the image has been given from outside is looked up.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

static int parse(struct resize *resize, int argc, char **argv, bool *help, struct err *e)
{
	int ret = opt_parse(rows, ARRAY_SIZE(rows), resize, argc - 1, argv + 1, set_bare_word, help,
			    NULL, e);

	if (ret < 0 || *help)
		return ret;
	if (!resize->name)
		return err_set(e, EINVAL, "which VM? See 'lkvm resize --help'");
	if (!resize->request.disk[0])
		return err_set(e, EINVAL, "which disk of VM %s? See 'lkvm resize --help'",
			       resize->name);
	return 0;
}

int builtin_resize(int argc, char **argv)
{
	struct resize resize = { .request.command = "resize" };
	struct reply reply;
	struct err e = { 0 };
	bool help;
	int ret = parse(&resize, argc, argv, &help, &e);

	if (ret < 0) {
		log_error("resize: %s", e.text);
		return MACHINE_FAILED;
	}
	if (help) {
		usage();
		return MACHINE_OFF;
	}
	ret = client_call(resize.name, &resize.request, &reply, &e);
	if (ret == 0)
		free(reply.tree);
	if (ret < 0 || reply.status < 0) {
		log_error("%s", ret < 0 ? e.text : reply.text);
		return MACHINE_FAILED;
	}
	log_info("%s", reply.text);
	return MACHINE_OFF;
}
