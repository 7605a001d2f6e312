/* SPDX-License-Identifier: BSD-2-Clause */
/* The control socket's commands debug and sysrq, on a machine that is none. */
#include <libfdt.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include "../../ipc/commands.h"
#include "arm/machine.h"
#include "gdb_world.h"

static int pauses;
static char typed;

void machine_pause(struct machine *m)
{
	(void)m;
	pauses++;
}

void machine_continue(struct machine *m)
{
	(void)m;
	pauses--;
}

int machine_sysrq(struct machine *m, char key, struct err *e)
{
	(void)m;
	typed = key;
	return key == 'h' ? 0 : err_set(e, EAGAIN, "the guest does not read its console");
}

unsigned int debug_backtrace(struct machine *m, unsigned int cpu, uint64_t *at, unsigned int max)
{
	(void)m;
	assert_int_equal(pauses, 1);
	assert_true(max >= 2);
	at[0] = 0xffff800008000000 + cpu;
	at[1] = 0xffff800008000010;
	return 2;
}

/* The answer's tree, the caller's to free. */
static void *run(void (*command)(struct steered *vm, const struct request *request, struct dt *dt),
		 unsigned int nr_cpus, const struct request *request)
{
	static struct machine m;
	struct steered vm = { .name = "web", .machine = &m };
	struct dt dt = { 0 };

	m.nr_cpus = nr_cpus;
	memcpy(m.regs[1][0], "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	assert_int_equal(message_start(&dt, NULL), 0);
	command(&vm, request, &dt);
	assert_int_equal(dt_finish(&dt, NULL), 0);
	assert_true(fdt_totalsize(dt.blob) <= MESSAGE_MAX);
	assert_int_equal(pauses, 0);
	return dt.blob;
}

static void cpus_are_told_with_registers_and_stacks(void **state)
{
	void *tree = run(command_debug, 3, &(struct request){ 0 });
	int node = fdt_path_offset(tree, "/cpu@1"), len;
	const fdt64_t *trace;
	uint64_t value;

	(void)state;
	assert_int_equal(message_number(tree, 0, "cpus", &value), 0);
	assert_int_equal(value, 3);
	assert_int_equal(message_number(tree, node, "x0", &value), 0);
	assert_int_equal(value, 0x0807060504030201);
	assert_string_equal(message_text(tree, node, "state"), "on");
	trace = fdt_getprop(tree, node, "trace", &len);
	assert_int_equal(len, 16);
	assert_int_equal(fdt64_ld(&trace[0]), 0xffff800008000001);
	assert_int_equal(fdt64_ld(&trace[1]), 0xffff800008000010);
	/* One that is off has no stack. */
	node = fdt_path_offset(tree, "/cpu@2");
	assert_string_equal(message_text(tree, node, "state"), "off");
	assert_null(fdt_getprop(tree, node, "trace", NULL));
	free(tree);
}

static void a_later_message_begins_at_a_later_cpu(void **state)
{
	void *tree = run(command_debug, 3, &(struct request){ .cpu = 2 });

	(void)state;
	assert_true(fdt_path_offset(tree, "/cpu@1") < 0);
	assert_true(fdt_path_offset(tree, "/cpu@2") > 0);
	free(tree);
	tree = run(command_debug, 3, &(struct request){ .cpu = UINT64_MAX });
	assert_true(fdt_first_subnode(tree, 0) < 0);
	free(tree);
}

static void the_magic_key_is_typed_or_why_not(void **state)
{
	void *tree = run(command_sysrq, 1, &(struct request){ .key = "h" });
	uint64_t value;

	(void)state;
	assert_int_equal(typed, 'h');
	assert_int_equal(message_number(tree, 0, "status", &value), 0);
	assert_int_equal(value, 0);
	free(tree);
	tree = run(command_sysrq, 1, &(struct request){ 0 });
	assert_int_equal(message_number(tree, 0, "status", &value), 0);
	assert_int_equal((int32_t)value, -EAGAIN);
	assert_non_null(strstr(message_text(tree, 0, "text"), "does not read its console"));
	free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpus_are_told_with_registers_and_stacks),
		cmocka_unit_test(a_later_message_begins_at_a_later_cpu),
		cmocka_unit_test(the_magic_key_is_typed_or_why_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
