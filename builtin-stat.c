/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lkvm stat: what a running VM does and takes. It answers with a tree of counters, whose names tell their units, and which is
 * shown as it comes: what a later lkvm counts, this one prints, too.
 */
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/target.h"
#include "util/bits.h"
#include "util/json.h"
#include "util/log.h"
#include "util/opt.h"
#include "util/words.h"
#include "vm/timer.h"

#define COLUMN   14
#define TEXT_MAX 96

struct stat_words {
	struct target target; /* first, for target_parse() */
	bool json, watch;
	uint64_t period; /* ms */
};

static int set_period(void *field, const char *value, struct err *e)
{
	struct stat_words *words = field;

	words->watch = true;
	return opt_set_time(&words->period, value, e);
}

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "The VM, by its name", name_set,
	  offsetof(struct stat_words, target.name) },
	{ 0, "json", NULL, "Print the statistics as JSON", opt_set_flag,
	  offsetof(struct stat_words, json) },
	{ 'w', "watch", "TIME", "Show them again and again, TIME apart, with what has changed",
	  set_period, 0 },
};

static const struct target_words target_words = {
	.command = "stat",
	.rows = rows,
	.nr = ARRAY_SIZE(rows),
	.usage =
		"Usage: lkvm stat [--json] [--watch TIME] NAME\n"
		"\n"
		"Show what a running virtual machine has done since its guest was last started, and takes:\n"
		"exits of its CPUs by kind, processor time, memory, and what its devices have moved.",
};

/* --- Numbers, by what their names say --- */

/* Takes @suffix off the end of @name; returns whether it was there. */
static bool take_suffix(char *name, const char *suffix)
{
	size_t len = strlen(name), cut = strlen(suffix);

	if (len <= cut || strcmp(name + len - cut, suffix) != 0)
		return false;
	name[len - cut] = '\0';
	return true;
}

static void format_bytes(uint64_t value, char text[TEXT_MAX])
{
	if (value < 10 * KiB)
		snprintf(text, TEXT_MAX, "%" PRIu64 "B", value);
	else if (value < 10 * MiB)
		snprintf(text, TEXT_MAX, "%" PRIu64 "K", (uint64_t)(value / KiB));
	else
		snprintf(text, TEXT_MAX, "%" PRIu64 "M", (uint64_t)(value / MiB));
}

/* "reads 120", "cpu 1.250s", with what came in the last @ns: "(+60/s)", "(12%)". */
static void print_number(struct words *w, const char *property, uint64_t value, uint64_t delta,
			 uint64_t ns)
{
	char name[32], text[TEXT_MAX], rate[TEXT_MAX] = "", word[3 * TEXT_MAX];
	double seconds = (double)ns / NS_PER_S;

	snprintf(name, sizeof(name), "%s", property);
	if (take_suffix(name, "-ns")) {
		snprintf(text, sizeof(text), "%.3fs", (double)value / NS_PER_S);
		if (delta && ns)
			snprintf(rate, sizeof(rate), "(%.0f%%)",
				 100.0 * (double)delta / (double)ns);
	} else if (take_suffix(name, "-bytes")) {
		format_bytes(value, text);
		format_bytes(ns ? (uint64_t)((double)delta / seconds) : 0, word);
		if (delta && ns)
			snprintf(rate, sizeof(rate), "(+%.80s/s)", word);
	} else {
		snprintf(text, sizeof(text), "%" PRIu64, value);
		if (delta && ns)
			snprintf(rate, sizeof(rate), "(+%.0f/s)", (double)delta / seconds);
	}
	snprintf(word, sizeof(word), "%s %s%s ", name, text, rate);
	words_add(w, word);
}

/* What came from outside, without what a terminal would take for a command. */
static void copy_plain(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
	for (; *to; to++)
		*to = *to < ' ' || *to > '~' ? '?' : *to;
}

/* --- Showing --- */

/* A sample: the tree, and when it came. */
struct sample {
	const void *tree;
	uint64_t ns;
};

/* One line: the node's name and its numbers, with their changes since @before, if that has a tree. */
static void print_node(const struct sample *now, const struct sample *before, int node)
{
	const char *node_name = fdt_get_name(now->tree, node, NULL);
	int then = before->tree ? fdt_subnode_offset(before->tree, 0, node_name) : -1, property;
	struct words w = { .out = stdout, .column = COLUMN, .indent = COLUMN };
	char name[32];

	copy_plain(name, sizeof(name), node_name);
	printf("%-*s", COLUMN, name);
	fdt_for_each_property_offset(property, now->tree, node)
	{
		const char *key;
		uint64_t value, old = 0;

		fdt_getprop_by_offset(now->tree, property, &key, NULL);
		copy_plain(name, sizeof(name), key);
		if (message_number(now->tree, node, key, &value) < 0)
			continue;
		if (then >= 0)
			message_number(before->tree, then, key, &old);
		print_number(&w, name, value, value > old ? value - old : 0,
			     then >= 0 ? now->ns - before->ns : 0);
	}
	putchar('\n');
}

static void print_text(const struct client_call *call, const struct sample *now,
		       const struct sample *before)
{
	const char *state = message_text(now->tree, 0, "state");
	uint64_t cpus = 0, memory = 0, up = 0;
	int node;

	message_number(now->tree, 0, "cpus", &cpus);
	message_number(now->tree, 0, "memory-bytes", &memory);
	message_number(now->tree, 0, "uptime-ns", &up);
	printf("%-*s%s, pid %d, %" PRIu64 " CPUs, %" PRIu64 " MiB, up %.1f s\n", COLUMN, call->name,
	       state ? state : "strange", (int)call->pid, cpus, (uint64_t)(memory / MiB),
	       (double)up / NS_PER_S);
	fdt_for_each_subnode(node, now->tree, 0) print_node(now, before, node);
}

/* JSON's names have no '-'. */
static void json_value(struct json *j, const void *tree, int node, const char *name)
{
	const char *text = message_text(tree, node, name);
	char key[64];
	uint64_t value;

	copy_plain(key, sizeof(key), name);
	for (char *c = key; *c; c++)
		*c = *c == '-' ? '_' : *c;
	if (text)
		json_string(j, key, text);
	else if (message_number(tree, node, name, &value) == 0)
		json_number(j, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

static void json_node(struct json *j, const void *tree, int node)
{
	static const char *const of_messages[] = { "compatible", "version", "status", "text" };
	int property;

	fdt_for_each_property_offset(property, tree, node)
	{
		const char *name;
		bool hidden = false;

		fdt_getprop_by_offset(tree, property, &name, NULL);
		for (size_t i = 0; i < ARRAY_SIZE(of_messages) && node == 0; i++)
			hidden |= !strcmp(name, of_messages[i]);
		if (!hidden)
			json_value(j, tree, node, name);
	}
}

static void print_json(const struct client_call *call, const void *tree)
{
	struct json j = { .out = stdout };
	int node;

	json_object(&j, NULL);
	json_string(&j, "name", call->name);
	json_node(&j, tree, 0);
	fdt_for_each_subnode(node, tree, 0)
	{
		char name[64];

		copy_plain(name, sizeof(name), fdt_get_name(tree, node, NULL));
		json_object(&j, name);
		json_node(&j, tree, node);
		json_end(&j);
	}
	json_end(&j);
}

/* Asks once and shows. @before is what was shown then; it becomes what is shown now. */
static bool show(const struct stat_words *words, struct client_call *call, struct sample *before)
{
	const struct request request = { .command = "stat" };
	struct sample now;

	client_call_all(call, 1, &request, CLIENT_PATIENCE_MS);
	if (call->ret < 0 || call->reply.status < 0) {
		log_error("%s", call->ret < 0 ? call->e.text : call->reply.text);
		return false;
	}
	now = (struct sample){ .tree = call->reply.tree, .ns = clock_boottime.now(NULL) };
	if (words->watch && isatty(STDOUT_FILENO))
		fputs("\033[H\033[J", stdout);
	if (words->json)
		print_json(call, now.tree);
	else
		print_text(call, &now, before);
	fflush(stdout);
	free((void *)before->tree);
	call->reply.tree = NULL;
	*before = now;
	return !ferror(stdout);
}

int builtin_stat(int argc, char **argv)
{
	struct stat_words words = { 0 };
	struct client_call call = CLIENT_CALL_NONE;
	struct sample before = { 0 };
	bool good;
	int status;

	if (!target_parse(&target_words, &words, argc, argv, &status))
		return status;
	snprintf(call.name, sizeof(call.name), "%s", words.target.name);
	good = show(&words, &call, &before);
	while (good && words.watch) {
		const struct timespec period = {
			.tv_sec = (time_t)(words.period / 1000),
			.tv_nsec = (long)(words.period % 1000) * 1000000,
		};

		nanosleep(&period, NULL);
		good = show(&words, &call, &before);
	}
	client_end(&call, 1);
	free((void *)before.tree);
	return good ? MACHINE_OFF : MACHINE_FAILED;
}
