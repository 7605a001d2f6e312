/* SPDX-License-Identifier: BSD-2-Clause */
/* lkvm list: the VMs of this user, and how each is. They are asked all at once. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/target.h"
#include "util/bits.h"
#include "util/json.h"
#include "util/log.h"
#include "util/opt.h"
#include "vm/timer.h"

/* A VM that has not answered by then is listed as one that hangs. */
#define PATIENCE_MS 2000

#define TIME_TEXT_SIZE 32

static const struct opt rows[] = {
	{ 0, "json", NULL, "Print the list as JSON", opt_set_flag, 0 },
};

static void usage(void)
{
	puts("Usage: lkvm list [--json]\n"
	     "\n"
	     "List the running virtual machines of this user.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

/* What one of them told; texts are never NULL. */
struct facts {
	const char *state, *psci;
	uint64_t pid, cpus, memory, uptime;
};

static void read_facts(const struct client_call *call, struct facts *facts)
{
	const void *tree = call->reply.tree;

	*facts = (struct facts){ .state = "hangs", .psci = "-", .pid = (uint64_t)call->pid };
	if (call->ret < 0) {
		facts->state = call->ret == -EAGAIN ? "hangs" : "strange";
		return;
	}
	facts->state = message_text(tree, 0, "state");
	facts->psci = message_text(tree, 0, "psci");
	if (!facts->state)
		facts->state = "strange"; /* of another version of lkvm */
	if (!facts->psci)
		facts->psci = "-";
	message_number(tree, 0, "pid", &facts->pid);
	message_number(tree, 0, "cpus", &facts->cpus);
	message_number(tree, 0, "memory-bytes", &facts->memory);
	message_number(tree, 0, "uptime-ns", &facts->uptime);
}

/* "42s", "3m07s", "5h12m", "3d04h": what two units tell. */
static void format_time(uint64_t ns, char text[TIME_TEXT_SIZE])
{
	uint64_t s = ns / NS_PER_S;

	if (s < 60)
		snprintf(text, TIME_TEXT_SIZE, "%" PRIu64 "s", s);
	else if (s < 3600)
		snprintf(text, TIME_TEXT_SIZE, "%" PRIu64 "m%02" PRIu64 "s", s / 60, s % 60);
	else if (s < 86400)
		snprintf(text, TIME_TEXT_SIZE, "%" PRIu64 "h%02" PRIu64 "m", s / 3600,
			 s % 3600 / 60);
	else
		snprintf(text, TIME_TEXT_SIZE, "%" PRIu64 "d%02" PRIu64 "h", s / 86400,
			 s % 86400 / 3600);
}

static void print_row(const char *name, int width, const struct facts *facts)
{
	char memory[32] = "-", cpus[32] = "-", uptime[TIME_TEXT_SIZE] = "-";

	if (facts->memory)
		snprintf(memory, sizeof(memory), "%" PRIu64 "M", (uint64_t)(facts->memory / MiB));
	if (facts->cpus)
		snprintf(cpus, sizeof(cpus), "%" PRIu64, facts->cpus);
	if (facts->uptime)
		format_time(facts->uptime, uptime);
	printf("%-*s %7" PRIu64 " %-8.20s %5s %8s %5.8s %7s\n", width, name, facts->pid,
	       facts->state, cpus, memory, facts->psci, uptime);
}

static void print_table(const struct target *target, const struct client_call *calls, int nr)
{
	int width = (int)strlen("NAME");
	struct facts facts;

	for (int i = 0; i < nr; i++) {
		int len = (int)strlen(calls[i].name);

		width = len > width ? len : width;
	}
	printf("%-*s %7s %-8s %5s %8s %5s %7s\n", width, "NAME", "PID", "STATE", "CPUS", "MEMORY",
	       "PSCI", "UPTIME");
	for (int i = 0; i < nr; i++) {
		if (target_is_gone(target, &calls[i]))
			continue;
		read_facts(&calls[i], &facts);
		print_row(calls[i].name, width, &facts);
	}
}

static void print_json(const struct target *target, const struct client_call *calls, int nr)
{
	struct json j = { .out = stdout };
	struct facts facts;

	json_array(&j, NULL);
	for (int i = 0; i < nr; i++) {
		if (target_is_gone(target, &calls[i]))
			continue;
		read_facts(&calls[i], &facts);
		json_object(&j, NULL);
		json_string(&j, "name", calls[i].name);
		json_number(&j, "pid", (int64_t)facts.pid);
		json_string(&j, "state", facts.state);
		if (calls[i].ret == 0) {
			json_number(&j, "cpus", (int64_t)facts.cpus);
			json_number(&j, "memory_bytes", (int64_t)facts.memory);
			json_string(&j, "psci", facts.psci);
			json_number(&j, "uptime_ms", (int64_t)(facts.uptime / 1000000));
		}
		json_end(&j);
	}
	json_end(&j);
}

int builtin_list(int argc, char **argv)
{
	const struct request request = { .command = "status" };
	const struct target everybody = { .all = true };
	struct client_call *calls = NULL;
	struct err e = { 0 };
	bool help, json = false;
	int nr =
		opt_parse(rows, ARRAY_SIZE(rows), &json, argc - 1, argv + 1, NULL, &help, NULL, &e);

	if (nr == 0 && help) {
		usage();
		return MACHINE_OFF;
	}
	if (nr == 0)
		nr = target_find(&everybody, &calls, &e);
	if (nr < 0) {
		log_error("list: %s", e.text);
		return MACHINE_FAILED;
	}
	client_call_all(calls, (size_t)nr, &request, PATIENCE_MS);
	(json ? print_json : print_table)(&everybody, calls, nr);
	target_free(calls, nr);
	return MACHINE_OFF;
}
