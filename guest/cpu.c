/* SPDX-License-Identifier: BSD-2-Clause */
/* Finding, starting and waiting for CPUs; the counter. */
#include "guest.h"
#include "str.h"

extern char __cpu_slots[];

/* Called by entry.S on a CPU's own stack; when it comes back the CPU sleeps. */
void cpu_start(struct cpu *cpu);

_Static_assert(offsetof(struct cpu, guest) == CPU_SLOT_GUEST, "entry.S reads cpu.guest");
_Static_assert(sizeof(struct trap) == TRAP_FRAME_SIZE, "entry.S fills struct trap");

/* Moves @at to the first CPU at or after its node; a tree's /cpus may hold other things too. */
static void settle(const struct dt *dt, struct cpu_node *at)
{
	const char *type;
	const uint8_t *reg;
	uint32_t len;

	for (; at->node >= 0; at->node = dt_sibling(dt, at->node)) {
		type = dt_string(dt, at->node, "device_type");
		reg = dt_prop(dt, at->node, "reg", &len);
		if (type && !strcmp(type, "cpu") && reg && len == 4 * at->cells) {
			at->affinity = dt_cells(reg, at->cells);
			return;
		}
	}
}

struct cpu_node cpu_first(const struct dt *dt)
{
	int cpus = dt_path(dt, "/cpus");
	struct cpu_node at = {
		.node = dt_child(dt, cpus),
		.cells = dt_u32(dt, cpus, "#address-cells", 2),
	};

	if (at.cells < 1 || at.cells > 2)
		at.node = -1;
	settle(dt, &at);
	return at;
}

void cpu_next(const struct dt *dt, struct cpu_node *at)
{
	at->node = dt_sibling(dt, at->node);
	at->nr++;
	settle(dt, at);
}

unsigned int cpu_count(const struct dt *dt)
{
	struct cpu_node at;

	for (at = cpu_first(dt); at.node >= 0;)
		cpu_next(dt, &at);
	return at.nr;
}

struct cpu *cpu_prepare(struct guest *g, unsigned int nr, uint64_t affinity,
			void (*run)(struct cpu *cpu))
{
	struct cpu *c = (struct cpu *)(__cpu_slots + (size_t)nr * CPU_SLOT_SIZE);

	*c = (struct cpu){ .guest = g, .run = run, .affinity = affinity, .nr = nr };
	return c;
}

int cpu_on(struct guest *g, unsigned int nr, uint64_t affinity, void (*run)(struct cpu *cpu),
	   struct cpu **cpu)
{
	*cpu = cpu_prepare(g, nr, affinity, run);
	return psci_cpu_on(&g->psci, affinity, (uint64_t)secondary_start, (uint64_t)*cpu);
}

void cpu_start(struct cpu *cpu)
{
	cpu->mpidr = sysreg_read(mpidr_el1);
	wake(&cpu->arrived);
	cpu->run(cpu);
	cpu->off_result = psci_cpu_off(&cpu->guest->psci);
	wake(&cpu->off_failed);
}

bool cpu_arrived(struct cpu *cpu)
{
	return wait_until(&cpu->arrived, CPU_PATIENCE);
}

bool wait_until(const volatile uint32_t *word, unsigned int seconds)
{
	uint64_t start = counter_now(), limit = seconds * counter_hz();

	while (!*word) {
		if (counter_now() - start > limit)
			return false;
		cpu_wfe();
	}
	__asm__ volatile("dmb sy" ::: "memory");
	return true;
}

void wake(volatile uint32_t *word)
{
	__asm__ volatile("dmb sy" ::: "memory");
	*word = 1;
	__asm__ volatile("dsb sy\n\tsev" ::: "memory");
}

uint64_t counter_now(void)
{
	__asm__ volatile("isb" ::: "memory");
	return sysreg_read(cntvct_el0);
}

uint64_t counter_hz(void)
{
	uint64_t hz = sysreg_read(cntfrq_el0) & 0xffffffff;

	return hz ? hz : 1000000000; /* firmware that forgot: waits get long, not wrong */
}
