/* SPDX-License-Identifier: BSD-2-Clause */
/* What lkvm debug asks for: the CPUs' registers and stacks, at one moment, and Linux's magic key. */
#include <string.h>
#include "arm/debug.h"
#include "arm/machine.h"
#include "commands.h"
#include "util/bits.h"

/* So many CPUs fit in a message; one with more is asked again. */
#define CPUS_MAX 64
/* Return addresses of a CPU. */
#define TRACE_MAX 32

/* What gdb has as "general" and "system" registers, those of 16 bytes not among them. */
static void put_registers(struct machine *m, unsigned int cpu, struct dt *dt)
{
	const struct debug_register *reg;

	for (unsigned int nr = 0; (reg = debug_register(nr)); nr++) {
		uint8_t value[DEBUG_REGISTER_MAX] = { 0 };

		if (reg->kind != DEBUG_REG_VECTOR && reg->kind != DEBUG_REG_MASK &&
		    debug_get_register(m, cpu, nr, value) == 0)
			dt_u64(dt, reg->name, get_le64(value));
	}
}

static void put_trace(struct machine *m, unsigned int cpu, struct dt *dt)
{
	uint64_t at[TRACE_MAX];
	uint8_t bytes[TRACE_MAX * 8];
	unsigned int nr = debug_backtrace(m, cpu, at, TRACE_MAX);

	for (unsigned int i = 0; i < nr; i++) {
		uint64_t big = htobe64(at[i]);

		memcpy(bytes + 8 * (size_t)i, &big, sizeof(big));
	}
	dt_bytes(dt, "trace", bytes, 8 * (size_t)nr);
}

/* All CPUs of a message stand still while they are looked at. */
void command_debug(struct steered *vm, const struct request *request, struct dt *dt)
{
	struct machine *m = vm->machine;
	unsigned int nr = debug_nr_cpus(m);
	unsigned int first = request->cpu < nr ? (unsigned int)request->cpu : nr;
	unsigned int end = nr - first > CPUS_MAX ? first + CPUS_MAX : nr;

	message_answer(dt, 0, "VM %s has %u CPUs", vm->name, nr);
	dt_u64(dt, "cpus", nr);
	machine_pause(m);
	for (unsigned int cpu = first; cpu < end; cpu++) {
		bool on = debug_cpu_is_on(m, cpu);

		dt_begin(dt, "cpu@%x", cpu);
		dt_string(dt, "state", on ? "on" : "off");
		put_registers(m, cpu, dt);
		if (on)
			put_trace(m, cpu, dt);
		dt_end(dt);
	}
	machine_continue(m);
}

void command_sysrq(struct steered *vm, const struct request *request, struct dt *dt)
{
	struct err e = { 0 };
	int ret = machine_sysrq(vm->machine, request->key[0], &e);

	if (ret < 0)
		message_answer(dt, ret, "VM %s: %s", vm->name, e.text);
	else
		message_answer(dt, 0, "VM %s: sysrq %s is typed", vm->name, request->key);
}
