/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm snapshot: saves a running VM to a file. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/client.h"
#include "util/bits.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/opt.h"

/* Writing memory to a disk takes its time; who does not want to wait says so by Ctrl-C. */
#define PATIENCE_MS (24 * 3600 * 1000U)

struct options {
	const char *name, *path;
	bool stop;
};

static const struct opt rows[] = {
	{ 0, "stop", NULL, "Stop the VM where it was saved", opt_set_flag,
	  offsetof(struct options, stop) },
};

/* Bare words are the VM and the file. */
static int set_bare_word(void *target, const char *word, struct err *e)
{
	struct options *o = target;

	if (!o->name)
		return name_set(&o->name, word, e);
	if (o->path)
		return err_set(e, EINVAL, "'%s' is one word too many: the file is '%s'", word,
			       o->path);
	if (!*word)
		return err_set(e, EINVAL, "the name of the file is empty");
	o->path = word;
	return 0;
}

static void usage(void)
{
	puts("Usage: lkvm snapshot NAME FILE [--stop]\n"
	     "\n"
	     "Save the running virtual machine NAME, its memory and all its state, to FILE. It stands still\n"
	     "meanwhile and then goes on. 'lkvm restore FILE' goes on from there.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

/* The VM is in another folder: it gets the whole path. */
static int set_path(struct request *request, const char *path, struct err *e)
{
	autofree char *cwd = *path == '/' ? strdup("") : getcwd(NULL, 0);
	int len;

	if (!cwd)
		return err_sys(e, "cannot write %s", path);
	len = snprintf(request->path, sizeof(request->path), "%s%s%s", cwd, *path == '/' ? "" : "/",
		       path);
	if ((size_t)len >= sizeof(request->path))
		return err_set(e, ENAMETOOLONG, "%s: its whole path has more than %zu characters",
			       path, sizeof(request->path) - 1);
	for (const char *c = request->path; *c; c++) {
		if (*c < ' ' || *c > '~')
			return err_set(e, EINVAL,
				       "'%s' has other characters than ASCII in its path", path);
	}
	return 0;
}

static int take(const struct options *o, struct err *e)
{
	struct client_call call = CLIENT_CALL_NONE;
	struct request request = { 0 };
	int ret;

	if (!o->path)
		return err_set(e, EINVAL,
			       "say which VM, and to which file: lkvm snapshot NAME FILE");
	ret = set_path(&request, o->path, e);
	if (ret < 0)
		return ret;
	snprintf(request.command, sizeof(request.command), "%s",
		 o->stop ? "snapshot-stop" : "snapshot");
	snprintf(call.name, sizeof(call.name), "%s", o->name);
	client_call_all(&call, 1, &request, PATIENCE_MS);
	if (call.ret < 0)
		ret = err_set(e, -call.ret, "%s", call.e.text);
	else if (call.reply.status < 0)
		ret = err_set(e, -call.reply.status, "%s", call.reply.text);
	else
		puts(call.reply.text);
	client_end(&call, 1);
	return ret;
}

int builtin_snapshot(int argc, char **argv)
{
	struct options o = { 0 };
	struct err e = { 0 };
	bool help;
	int ret = opt_parse(rows, ARRAY_SIZE(rows), &o, argc - 1, argv + 1, set_bare_word, &help,
			    NULL, &e);

	if (ret == 0 && help) {
		usage();
		return MACHINE_OFF;
	}
	if (ret == 0)
		ret = take(&o, &e);
	if (ret < 0) {
		log_error("snapshot: %s", e.text);
		return MACHINE_FAILED;
	}
	return MACHINE_OFF;
}
