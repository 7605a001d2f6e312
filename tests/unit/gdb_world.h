/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine for gdb's server, in place of the real one: CPUs that are numbers, 64 KiB of memory at MEMORY, and a note of
 * what it was told.
 */
#ifndef LKVM_TESTS_GDB_WORLD_H
#define LKVM_TESTS_GDB_WORLD_H

#include <errno.h>
#include <string.h>
#include "arm/debug.h"
#include "util/err.h"

#define MEMORY      0xffff000000010000ULL
#define MEMORY_SIZE 65536
#define CPUS_MAX    8

struct machine {
	unsigned int nr_cpus;
	bool attached, halted;
	void (*stopped)(void *ctx);
	void *ctx;
	uint8_t regs[CPUS_MAX][128][DEBUG_REGISTER_MAX];
	uint8_t memory[MEMORY_SIZE];
	enum debug_action action[CPUS_MAX];
	struct debug_stop stop;
	bool has_stop, refuses;
	unsigned int nr_goes, nr_points, nr_sets;
	enum debug_point point;
	uint64_t point_addr, point_len;
};

static const struct debug_register regs_a[] = {
	{ .name = "x0", .type = "int", .size = 8 },
	{ .name = "pc", .type = "code_ptr", .size = 8 },
	{ .name = "cpsr", .type = "int", .size = 4 },
};
static const struct debug_register regs_b[] = {
	{ .name = "v0", .type = "aarch64v", .size = 16 },
	{ .name = "none", .type = "int", .size = 4 }, /* that a CPU does not have */
};

const struct debug_registers debug_registers[] = {
	{ "org.gnu.gdb.aarch64.core", regs_a, 3 },
	{ "org.gnu.gdb.aarch64.fpu", regs_b, 2 },
	{ NULL, NULL, 0 },
};

const struct debug_register *debug_register(unsigned int nr)
{
	return nr < 3 ? &regs_a[nr] : nr < 5 ? &regs_b[nr - 3] : NULL;
}

int debug_attach(struct machine *m, void (*stopped)(void *ctx), void *ctx, struct err *e)
{
	if (m->refuses)
		return err_set(e, ENODEV, "it does not want to");
	m->attached = true;
	m->stopped = stopped;
	m->ctx = ctx;
	return 0;
}

void debug_detach(struct machine *m)
{
	m->attached = m->halted = false;
	m->nr_points = 0;
}

void debug_halt(struct machine *m)
{
	m->halted = true;
}

int debug_go(struct machine *m, const enum debug_action *action)
{
	memcpy(m->action, action, m->nr_cpus * sizeof(*action));
	m->halted = false;
	m->nr_goes++;
	return 0;
}

bool debug_take_stop(struct machine *m, struct debug_stop *stop)
{
	bool had = m->has_stop;

	if (had) {
		*stop = m->stop;
		m->has_stop = false;
		m->halted = true;
	}
	return had;
}

unsigned int debug_nr_cpus(const struct machine *m)
{
	return m->nr_cpus;
}

bool debug_cpu_is_on(struct machine *m, unsigned int cpu)
{
	(void)m;
	return cpu != 2;
}

int debug_get_register(struct machine *m, unsigned int cpu, unsigned int nr, void *value)
{
	if (nr >= 4)
		return -ENOENT;
	memcpy(value, m->regs[cpu][nr], debug_register(nr)->size);
	return 0;
}

/* What gdb calls PC, where the real one has it. */
int debug_set_register(struct machine *m, unsigned int cpu, unsigned int nr, const void *value)
{
	if (nr == DEBUG_REG_PC)
		nr = 1;
	if (nr >= 4)
		return -ENOENT;
	m->nr_sets++;
	memcpy(m->regs[cpu][nr], value, debug_register(nr)->size);
	return 0;
}

static bool there(uint64_t va, size_t len)
{
	return va - MEMORY <= MEMORY_SIZE && len <= MEMORY_SIZE - (va - MEMORY);
}

int debug_read(struct machine *m, unsigned int cpu, uint64_t va, void *buf, size_t len)
{
	(void)cpu;
	if (!there(va, len))
		return -EFAULT;
	memcpy(buf, m->memory + (va - MEMORY), len);
	return 0;
}

int debug_write(struct machine *m, unsigned int cpu, uint64_t va, const void *buf, size_t len)
{
	(void)cpu;
	if (!there(va, len))
		return -EFAULT;
	memcpy(m->memory + (va - MEMORY), buf, len);
	return 0;
}

int debug_insert(struct machine *m, unsigned int cpu, enum debug_point point, uint64_t va,
		 uint64_t len)
{
	(void)cpu;
	if (m->nr_points == 4)
		return -ENOSPC;
	m->nr_points++;
	m->point = point;
	m->point_addr = va;
	m->point_len = len;
	return 0;
}

int debug_remove(struct machine *m, enum debug_point point, uint64_t va, uint64_t len)
{
	(void)point;
	(void)va;
	(void)len;
	if (m->nr_points)
		m->nr_points--;
	return 0;
}

#endif
