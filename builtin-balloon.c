/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lkvm balloon: a running VM's guest gives memory back, or tells how it has its memory. Both take the guest a
 * while, in which the VM goes on and this command asks it again and again.
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/client.h"
#include "ipc/name.h"
#include "util/bits.h"
#include "util/json.h"
#include "util/log.h"
#include "util/opt.h"

#define UNIT (64 * KiB) /* the largest page that a guest can have */

/* How often is asked again, and for how long while nothing changes. */
#define PERIOD_MS       50
#define ANSWER_PERIODS  (2000 / PERIOD_MS)
#define BALLOON_PERIODS (5000 / PERIOD_MS)

struct balloon_words {
	const char *name;
	uint64_t size;
	bool sized, json;
};

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "The VM, by its name", name_set,
	  offsetof(struct balloon_words, name) },
	{ 0, "json", NULL, "Print the statistics as JSON", opt_set_flag,
	  offsetof(struct balloon_words, json) },
};

/* What the guest tells, as people and programs read it. */
static const struct {
	const char *text, *key;
	bool bytes;
} stats[BALLOON_NR_STATS] = {
	[BALLOON_SWAP_IN] = { "swapped in", "swap_in", true },
	[BALLOON_SWAP_OUT] = { "swapped out", "swap_out", true },
	[BALLOON_MAJOR_FAULTS] = { "major faults", "major_faults", false },
	[BALLOON_MINOR_FAULTS] = { "minor faults", "minor_faults", false },
	[BALLOON_FREE] = { "free", "free", true },
	[BALLOON_TOTAL] = { "total", "total", true },
	[BALLOON_AVAILABLE] = { "available", "available", true },
	[BALLOON_CACHES] = { "caches", "caches", true },
	[BALLOON_HUGE_PAGES] = { "huge pages allocated", "huge_pages", false },
	[BALLOON_HUGE_PAGE_FAILURES] = { "huge pages refused", "huge_page_failures", false },
	[BALLOON_OOM_KILLS] = { "killed for want of memory", "oom_kills", false },
};

/* NAME [SIZE], by their places; without NAME if that was an option's. */
static int set_bare_word(void *target, const char *word, struct err *e)
{
	struct balloon_words *words = target;
	int ret;

	if (!words->name)
		return name_set(&words->name, word, e);
	if (words->sized)
		return err_set(e, EINVAL, "'%s' is one word too many", word);
	words->sized = true;
	ret = opt_set_size(&words->size, word, e);
	if (ret == 0 && words->size % UNIT)
		return err_set(e, EINVAL, "'%s' is no multiple of %d KiB", word, (int)(UNIT / KiB));
	return ret;
}

static void usage(void)
{
	puts("Usage: lkvm balloon NAME SIZE\n"
	     "       lkvm balloon NAME [--json]\n"
	     "\n"
	     "Make the guest of the running virtual machine NAME give SIZE of its memory back to the\n"
	     "host, all in all; 0: it may have everything again. SIZE is in MiB, or has a suffix:\n"
	     "B K M G T. Without SIZE: show how much that is, and what the guest tells of its memory.\n"
	     "The machine has to have been started with --balloon.\n");
	opt_print(stdout, rows, ARRAY_SIZE(rows));
}

static int parse(struct balloon_words *words, int argc, char **argv, bool *help, struct err *e)
{
	int ret = opt_parse(rows, ARRAY_SIZE(rows), words, argc - 1, argv + 1, set_bare_word, help,
			    NULL, e);

	if (ret < 0 || *help)
		return ret;
	if (!words->name)
		return err_set(e, EINVAL, "which VM? See 'lkvm balloon --help'");
	if (words->sized && words->json)
		return err_set(e, EINVAL, "--json shows what is, and goes without a size");
	return 0;
}

/* A later version may tell more, an earlier one less: what did not come is not known. */
static int read_state(const void *tree, struct balloon_state *state)
{
	int len = 0;
	const fdt64_t *stat = fdt_getprop(tree, 0, "statistics", &len);
	int ret = message_number(tree, 0, "target", &state->target);

	if (ret == 0)
		ret = message_number(tree, 0, "actual", &state->actual);
	if (ret == 0)
		ret = message_number(tree, 0, "answers", &state->answers);
	for (size_t i = 0; i < BALLOON_NR_STATS; i++)
		state->stat[i] = stat && (i + 1) * sizeof(*stat) <= (size_t)len
					 ? fdt64_ld(&stat[i])
					 : BALLOON_STAT_UNKNOWN;
	return ret;
}

/* Sends one command. Returns 0, or -errno with @e set, which may be the VM's answer. */
static int call(const struct balloon_words *words, const char *command, struct balloon_state *state,
		struct err *e)
{
	struct request request = { .size = words->size };
	struct reply reply;
	int ret;

	snprintf(request.command, sizeof(request.command), "%s", command);
	ret = client_call(words->name, &request, &reply, e);
	if (ret < 0)
		return ret;
	ret = reply.status < 0 ? err_set(e, -reply.status, "%s", reply.text)
			       : read_state(reply.tree, state);
	if (ret == -ENOENT && reply.status == 0)
		err_set(e, EPROTO, "VM %s does not say how its balloon is", words->name);
	free(reply.tree);
	return ret;
}

/* Waits a moment and looks how it stands. */
static int call_again(const struct balloon_words *words, struct balloon_state *state, struct err *e)
{
	const struct timespec period = { .tv_nsec = PERIOD_MS * 1000000L };

	nanosleep(&period, NULL);
	return call(words, "balloon", state, e);
}

/* Until the guest has given as much as it should, or does nothing any more. */
static int inflate(const struct balloon_words *words, struct err *e)
{
	struct balloon_state state = { 0 };
	int ret = call(words, "balloon-set", &state, e), idle = 0;

	while (ret == 0 && state.actual != words->size && idle < BALLOON_PERIODS) {
		uint64_t before = state.actual;

		ret = call_again(words, &state, e);
		idle = state.actual == before ? idle + 1 : 0;
	}
	if (ret < 0)
		return ret;
	if (state.actual != words->size)
		return err_set(e, EAGAIN,
			       "VM %s: the guest has given back %" PRIu64 " of %" PRIu64
			       " MiB so far, and does not go on",
			       words->name, (uint64_t)(state.actual / MiB),
			       (uint64_t)(words->size / MiB));
	log_info("VM %s: the guest has given back %" PRIu64 " MiB", words->name,
		 (uint64_t)(state.actual / MiB));
	return 0;
}

static void print_text(const struct balloon_state *state)
{
	printf("%-27s%" PRIu64 " MiB of %" PRIu64 " MiB\n", "given back",
	       (uint64_t)(state->actual / MiB), (uint64_t)(state->target / MiB));
	for (size_t i = 0; i < BALLOON_NR_STATS; i++) {
		uint64_t value = state->stat[i];

		if (value == BALLOON_STAT_UNKNOWN)
			continue;
		if (stats[i].bytes)
			printf("%-27s%" PRIu64 " KiB\n", stats[i].text, (uint64_t)(value / KiB));
		else
			printf("%-27s%" PRIu64 "\n", stats[i].text, value);
	}
}

/* @value may be any number, and only half of them are JSON's. */
static void json_count(struct json *j, const char *key, uint64_t value)
{
	json_number(j, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void print_json(const struct balloon_state *state)
{
	struct json j = { .out = stdout };

	json_object(&j, NULL);
	json_count(&j, "target", state->target);
	json_count(&j, "actual", state->actual);
	json_object(&j, "guest");
	for (size_t i = 0; i < BALLOON_NR_STATS; i++) {
		if (state->stat[i] != BALLOON_STAT_UNKNOWN)
			json_count(&j, stats[i].key, state->stat[i]);
	}
	json_end(&j);
	json_end(&j);
}

static int show(const struct balloon_words *words, struct err *e)
{
	struct balloon_state state = { 0 };
	int ret = call(words, "balloon-ask", &state, e);
	uint64_t before = state.answers;

	for (int i = 0; ret == 0 && state.answers == before && i < ANSWER_PERIODS; i++)
		ret = call_again(words, &state, e);
	if (ret < 0)
		return ret;
	if (state.answers == before)
		log_warning("VM %s: the guest does not answer%s", words->name,
			    before ? ", and this is what it told before"
				   : ": it has no driver for its balloon");
	if (words->json)
		print_json(&state);
	else
		print_text(&state);
	return 0;
}

int builtin_balloon(int argc, char **argv)
{
	struct balloon_words words = { 0 };
	struct err e = { 0 };
	bool help;
	int ret = parse(&words, argc, argv, &help, &e);

	if (ret < 0) {
		log_error("balloon: %s", e.text);
		return MACHINE_FAILED;
	}
	if (help) {
		usage();
		return MACHINE_OFF;
	}
	ret = words.sized ? inflate(&words, &e) : show(&words, &e);
	if (ret < 0) {
		log_error("%s", e.text);
		return MACHINE_FAILED;
	}
	return MACHINE_OFF;
}
