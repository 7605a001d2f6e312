/* SPDX-License-Identifier: BSD-2-Clause */
/* One VM or all of them: what the commands that have a say in running VMs share. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "arm/machine.h"
#include "ipc/target.h"
#include "socket.h"
#include "util/cleanup.h"
#include "util/log.h"

static int set_word(void *into, const char *word, struct err *e)
{
	struct target *target = into;

	if (target->name)
		return err_set(e, EINVAL, "'%s' is one word too many: the VM is '%s'", word,
			       target->name);
	return name_set(&target->name, word, e);
}

/* Whether it is said which VM. */
static int check(const struct target *target, const char *command, struct err *e)
{
	if (target->all && target->name)
		return err_set(e, EINVAL, "VM '%s', or all of them? See 'lkvm %s --help'",
			       target->name, command);
	if (!target->all && !target->name)
		return err_set(e, EINVAL, "which VM? See 'lkvm %s --help'", command);
	return 0;
}

bool target_parse(const struct target_words *words, void *into, int argc, char **argv, int *status)
{
	struct err e = { 0 };
	bool help;
	int ret = opt_parse(words->rows, words->nr, into, argc - 1, argv + 1, set_word, &help, NULL,
			    &e);

	if (ret == 0 && !help)
		ret = check(into, words->command, &e);
	*status = ret < 0 ? MACHINE_FAILED : MACHINE_OFF;
	if (ret < 0) {
		log_error("%s: %s", words->command, e.text);
		return false;
	}
	if (help) {
		puts(words->usage);
		opt_print(stdout, words->rows, words->nr);
	}
	return !help;
}

int target_find(const struct target *target, struct client_call **calls, struct err *e)
{
	autofree struct socket_name *names = NULL;
	int nr = target->all ? socket_list(&names, e) : 1;

	*calls = NULL;
	if (nr <= 0)
		return nr;
	*calls = calloc((size_t)nr, sizeof(**calls));
	if (!*calls)
		return err_sys(e, "cannot reach %d VMs", nr);
	for (int i = 0; i < nr; i++) {
		struct client_call *call = &(*calls)[i];

		*call = CLIENT_CALL_NONE;
		snprintf(call->name, sizeof(call->name), "%s",
			 target->all ? names[i].text : target->name);
	}
	return nr;
}

void target_free(struct client_call *calls, int nr)
{
	if (calls)
		client_end(calls, (size_t)nr);
	free(calls);
}

bool target_is_gone(const struct target *target, const struct client_call *call)
{
	if (!target->all || (call->ret != -ENOENT && call->ret != -ECONNRESET))
		return false;
	socket_remove_dead(call->name);
	return true;
}

bool target_report(const struct client_call *call)
{
	bool good = call->ret == 0 && call->reply.status == 0;

	if (good)
		log_info("%s", call->reply.text);
	else
		log_error("%s", call->ret < 0 ? call->e.text : call->reply.text);
	return good;
}

int target_command(const struct target *target, const char *command)
{
	struct request request = { 0 };
	struct client_call *calls;
	struct err e = { 0 };
	int nr = target_find(target, &calls, &e);
	bool good = nr >= 0;

	if (nr < 0)
		log_error("%s", e.text);
	if (nr == 0)
		log_info("there are no VMs");
	snprintf(request.command, sizeof(request.command), "%s", command);
	if (nr > 0)
		client_call_all(calls, (size_t)nr, &request, CLIENT_PATIENCE_MS);
	for (int i = 0; i < nr; i++) {
		if (!target_is_gone(target, &calls[i]))
			good &= target_report(&calls[i]);
	}
	target_free(calls, nr);
	return good ? MACHINE_OFF : MACHINE_FAILED;
}
