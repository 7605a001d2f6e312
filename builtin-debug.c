/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lkvm debug: where a running VM's CPUs are, in registers and, by the frame pointers on their stacks, in functions; and
 * Linux's magic key. What the VM answers is shown as it comes; the symbols are this command's alone.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "arm/machine.h"
#include "builtin.h"
#include "ipc/target.h"
#include "util/bits.h"
#include "util/json.h"
#include "util/log.h"
#include "util/opt.h"
#include "util/symbols.h"

/* A kernel that moves itself does so by multiples of this. */
#define KASLR_ALIGN (64 * KiB)

struct debug_words {
	struct target target; /* first, for target_parse() */
	const char *symbols;
	char key[MESSAGE_KEY_SIZE];
	bool json;
};

static int set_key(void *field, const char *value, struct err *e)
{
	char *key = field;

	if (strlen(value) != 1 || !isgraph((unsigned char)*value))
		return err_set(e, EINVAL, "'%s' is not one key; h makes Linux print what it knows",
			       value);
	key[0] = *value;
	return 0;
}

static const struct opt rows[] = {
	{ 'n', "name", "NAME", "The VM, by its name", name_set,
	  offsetof(struct debug_words, target.name) },
	{ 0, "symbols", "FILE",
	  "Name functions by this System.map, copy of /proc/kallsyms or vmlinux", opt_set_string,
	  offsetof(struct debug_words, symbols) },
	{ 0, "sysrq", "KEY", "Type Linux's magic key and KEY on its console", set_key,
	  offsetof(struct debug_words, key) },
	{ 0, "json", NULL, "Print the CPUs as JSON", opt_set_flag,
	  offsetof(struct debug_words, json) },
};

static const struct target_words target_words = {
	.command = "debug",
	.rows = rows,
	.nr = ARRAY_SIZE(rows),
	.usage =
		"Usage: lkvm debug [--symbols FILE] [--json] NAME\n"
		"       lkvm debug --sysrq KEY NAME\n"
		"\n"
		"Show the registers of a running virtual machine's CPUs, and the functions that they are in.\n"
		"The machine stands still for that moment, and goes on.",
};

/* Where the kernel is, by its exception vectors: a CPU in it tells their address. */
static void find_kernel(struct symbols *symbols, const void *tree)
{
	uint64_t vectors = symbols_address(symbols, "vectors"), at;
	int node;

	fdt_for_each_subnode(node, tree, 0)
	{
		if (!vectors || message_number(tree, node, "VBAR_EL1", &at) < 0)
			continue;
		if (at >> 63 && (at - vectors) % KASLR_ALIGN == 0) {
			symbols->moved = at - vectors;
			return;
		}
	}
}

/* Its properties that are numbers, in their order, a few a line. */
static void print_registers(const struct symbols *symbols, const void *tree, int node)
{
	char text[SYMBOL_TEXT_SIZE];
	int property, column = 0;
	uint64_t value;

	if (message_number(tree, node, "pc", &value) == 0)
		printf("  pc %016" PRIx64 "  %s\n", value, symbols_name(symbols, value, text));
	fdt_for_each_property_offset(property, tree, node)
	{
		const char *name;

		fdt_getprop_by_offset(tree, property, &name, NULL);
		if (message_number(tree, node, name, &value) < 0 || !strcmp(name, "pc"))
			continue;
		snprintf(text, sizeof(text), "%.14s", name);
		printf("  %-14s %016" PRIx64, text, value);
		if (++column % 3 == 0)
			putchar('\n');
	}
	if (column % 3)
		putchar('\n');
}

static const fdt64_t *trace_of(const void *tree, int node, int *nr)
{
	const fdt64_t *trace = fdt_getprop(tree, node, "trace", nr);

	*nr = trace ? *nr / (int)sizeof(*trace) : 0;
	return trace;
}

static void print_cpu(const struct symbols *symbols, const void *tree, int node, uint64_t cpu)
{
	const char *state = message_text(tree, node, "state");
	char text[SYMBOL_TEXT_SIZE];
	int nr;
	const fdt64_t *trace = trace_of(tree, node, &nr);

	printf("CPU %" PRIu64 ", %s\n", cpu, state ? state : "strange");
	print_registers(symbols, tree, node);
	if (nr)
		puts("  called from");
	for (int i = 1; i < nr; i++) {
		uint64_t at = fdt64_ld(&trace[i]);

		printf("    %016" PRIx64 "  %s\n", at, symbols_name(symbols, at, text));
	}
}

static void json_cpu(struct json *j, const struct symbols *symbols, const void *tree, int node,
		     uint64_t cpu)
{
	const char *state = message_text(tree, node, "state");
	char text[SYMBOL_TEXT_SIZE];
	int property, nr;
	const fdt64_t *trace = trace_of(tree, node, &nr);
	uint64_t value;

	json_object(j, NULL);
	json_number(j, "cpu", (int64_t)cpu);
	json_string(j, "state", state ? state : "strange");
	json_object(j, "registers");
	fdt_for_each_property_offset(property, tree, node)
	{
		const char *name;

		fdt_getprop_by_offset(tree, property, &name, NULL);
		if (message_number(tree, node, name, &value) == 0)
			json_hex(j, name, value, 16);
	}
	json_end(j);
	json_array(j, "trace");
	for (int i = 0; i < nr; i++) {
		json_object(j, NULL);
		json_hex(j, "address", fdt64_ld(&trace[i]), 16);
		json_string(j, "symbol", symbols_name(symbols, fdt64_ld(&trace[i]), text));
		json_end(j);
	}
	json_end(j);
	json_end(j);
}

/* One message's CPUs, from @first on. Returns how many there were. */
static uint64_t print_cpus(const struct symbols *symbols, const void *tree, uint64_t first,
			   struct json *j)
{
	uint64_t nr = 0;
	int node;

	fdt_for_each_subnode(node, tree, 0)
	{
		if (j)
			json_cpu(j, symbols, tree, node, first + nr);
		else
			print_cpu(symbols, tree, node, first + nr);
		nr++;
	}
	return nr;
}

/* Asks for the CPUs, as many messages as that takes. */
static int show(const struct debug_words *words, struct symbols *symbols, struct json *j,
		struct err *e)
{
	struct request request = { .command = "debug" };
	uint64_t cpus = 1, more = 1;

	while (more && request.cpu < cpus) {
		struct reply reply = { 0 };
		int ret = client_call(words->target.name, &request, &reply, e);

		if (ret == 0 && reply.status < 0)
			ret = err_set(e, -reply.status, "%s", reply.text);
		if (ret == 0) {
			if (request.cpu == 0)
				find_kernel(symbols, reply.tree);
			message_number(reply.tree, 0, "cpus", &cpus);
			more = print_cpus(symbols, reply.tree, request.cpu, j);
			request.cpu += more;
		}
		free(reply.tree);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int show_all(const struct debug_words *words, struct err *e)
{
	struct symbols symbols = { 0 };
	struct json j = { .out = stdout };
	int ret = words->symbols ? symbols_load(&symbols, words->symbols, e) : 0;

	if (ret == 0 && words->json)
		json_array(&j, NULL);
	if (ret == 0)
		ret = show(words, &symbols, words->json ? &j : NULL, e);
	if (ret == 0 && words->json)
		json_end(&j);
	symbols_free(&symbols);
	return ret;
}

static int type_key(const struct debug_words *words, struct err *e)
{
	struct request request = { .command = "sysrq" };
	struct reply reply = { 0 };
	int ret;

	request.key[0] = words->key[0];
	ret = client_call(words->target.name, &request, &reply, e);
	free(reply.tree);
	if (ret == 0 && reply.status < 0)
		return err_set(e, -reply.status, "%s", reply.text);
	if (ret == 0)
		log_info("%s", reply.text);
	return ret;
}

int builtin_debug(int argc, char **argv)
{
	struct debug_words words = { 0 };
	struct err e = { 0 };
	int ret, status;

	if (!target_parse(&target_words, &words, argc, argv, &status))
		return status;
	if (words.key[0] && (words.symbols || words.json)) {
		log_error("debug: --sysrq goes without --symbols and --json");
		return MACHINE_FAILED;
	}
	ret = words.key[0] ? type_key(&words, &e) : show_all(&words, &e);
	if (ret == 0)
		return MACHINE_OFF;
	log_error("%s", e.text);
	return MACHINE_FAILED;
}
