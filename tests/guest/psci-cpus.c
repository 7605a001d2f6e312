/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The psci guest's other CPUs: each is taken through the same life of being off, on, off and on
 * again, one after another. What the first one saw is printed; another's answer only if it differs,
 * so that the output is the same for any number of CPUs.
 */
#include "guest.h"
#include "psci-call.h"

#define CPU_ON_32        0x84000003u
#define AFFINITY_INFO_32 0x84000004u

#define ANSWERS_MAX 24

#define CURRENTEL_EL1 (1 << 2)
#define DAIF_MASKED   0x3c0
#define SCTLR_M       (1 << 0)
#define SCTLR_C       (1 << 2)
#define SCTLR_I       (1 << 12)

/* What CPU_ON is given besides the target; all halves differ. */
#define CONTEXT_64 0xfedcba9876543210ul
#define CONTEXT_32 0x89abcdeful
#define GARBAGE    0x5555aaaa00000000ul /* above the W registers of a 32-bit call */

struct life {
	unsigned int nr;
	struct {
		const char *question;
		enum reading as;
		uint64_t answer;
	} said[ANSWERS_MAX];
};

struct arrival psci_arrival;

/* The answers a secondary got; it has nobody's stack to put them on. */
static volatile uint64_t asked_version, asked_affinity, asked_on_boot, asked_on_self;
static uint64_t boot_cpu;

static void note(struct life *life, const char *question, enum reading as, uint64_t answer)
{
	unsigned int nr = life->nr++;

	life->said[nr].question = question;
	life->said[nr].as = as;
	life->said[nr].answer = answer;
}

static void note_text(struct life *life, const char *question, const char *answer)
{
	note(life, question, READ_TEXT, (uint64_t)answer);
}

static void note_is(struct life *life, const char *question, bool is)
{
	note_text(life, question, is ? "yes" : "no");
}

static uint64_t affinity_info(uint64_t fn, uint64_t affinity)
{
	return call(fn, affinity, 0, 0).x[0];
}

/* On the secondary: ask what any CPU may ask. */
static void look_around(struct cpu *cpu)
{
	asked_version = call(PSCI_VERSION, 0, 0, 0).x[0];
	asked_affinity = affinity_info(PSCI_AFFINITY_INFO, boot_cpu);
	asked_on_boot = call(PSCI_CPU_ON, boot_cpu, (uint64_t)psci_secondary, 0).x[0];
	asked_on_self = call(PSCI_CPU_ON, cpu->affinity, (uint64_t)psci_secondary, 0).x[0];
	wake(&cpu->done);
	wait_until(&cpu->go, CPU_PATIENCE);
}

static void return_at_once(struct cpu *cpu)
{
	(void)cpu;
}

/* The CPU is on its way: did it come, and in which state? */
static bool note_arrival(struct life *life, struct cpu *cpu, uint64_t context)
{
	const struct arrival *a = &psci_arrival;

	if (!cpu_arrived(cpu)) {
		note_text(life, "psci secondary arrives", "no");
		return false;
	}
	note_is(life, "psci secondary: context id in x0", a->x0 == context);
	note_is(life, "psci secondary: EL1 with SP_EL1", a->el == CURRENTEL_EL1 && a->spsel == 1);
	note_is(life, "psci secondary: D, A, I and F masked", a->daif == DAIF_MASKED);
	note_is(life, "psci secondary: MMU and caches off",
		!(a->sctlr & (SCTLR_M | SCTLR_C | SCTLR_I)));
	note_is(life, "psci secondary: the CPU that was meant",
		(cpu->mpidr & MPIDR_AFFINITY) == cpu->affinity);
	return true;
}

/* CPU_OFF was called: until AFFINITY_INFO says so, or CPU_OFF came back. */
static void note_off(struct life *life, struct cpu *cpu, const char *question)
{
	uint64_t start = counter_now(), limit = CPU_PATIENCE * counter_hz(), info;

	do {
		info = affinity_info(PSCI_AFFINITY_INFO, cpu->affinity);
		if (cpu->off_failed)
			note(life, "psci secondary: CPU_OFF came back", READ_PSCI,
			     (uint64_t)(int64_t)cpu->off_result);
	} while (info == PSCI_AFFINITY_ON && !cpu->off_failed && counter_now() - start < limit);
	note(life, question, READ_AFFINITY, info);
}

/* The first time on, by the function the device tree names; then off. */
static bool first_life(struct life *life, struct guest *g, unsigned int nr, uint64_t affinity)
{
	uint64_t entry = (uint64_t)psci_secondary, result;
	struct cpu *cpu = cpu_prepare(g, nr, affinity, look_around);

	note(life, "psci AFFINITY_INFO_32(secondary)", READ_AFFINITY,
	     affinity_info(AFFINITY_INFO_32, affinity));
	note(life, "psci AFFINITY_INFO_64(secondary)", READ_AFFINITY,
	     affinity_info(PSCI_AFFINITY_INFO, affinity));
	psci_arrival.cpu = (uint64_t)cpu;
	result = call(g->psci.cpu_on, affinity, entry, CONTEXT_64).x[0];
	note(life, "psci CPU_ON(secondary)", READ_PSCI, result);
	if (result)
		return false;
	note(life, "psci CPU_ON(secondary), again at once", READ_PSCI,
	     call(g->psci.cpu_on, affinity, entry, CONTEXT_64).x[0]);
	if (!note_arrival(life, cpu, CONTEXT_64) || !wait_until(&cpu->done, CPU_PATIENCE))
		return false;
	note(life, "psci CPU_ON_32(secondary), while it is on", READ_PSCI,
	     call(CPU_ON_32, affinity, entry, 0).x[0]);
	note(life, "psci AFFINITY_INFO_64(secondary), while it is on", READ_AFFINITY,
	     affinity_info(PSCI_AFFINITY_INFO, affinity));
	note(life, "psci on the secondary: PSCI_VERSION()", READ_VERSION, asked_version);
	note(life, "psci on the secondary: AFFINITY_INFO_64(boot CPU)", READ_AFFINITY,
	     asked_affinity);
	note(life, "psci on the secondary: CPU_ON_64(boot CPU)", READ_PSCI, asked_on_boot);
	note(life, "psci on the secondary: CPU_ON_64(self)", READ_PSCI, asked_on_self);
	wake(&cpu->go);
	note_off(life, cpu, "psci AFFINITY_INFO_64(secondary), after CPU_OFF");
	return true;
}

/* Once more: by the 32-bit call where there is one. */
static void second_life(struct life *life, struct guest *g, unsigned int nr, uint64_t affinity)
{
	uint64_t entry = (uint64_t)psci_secondary, start, limit, result;
	/* Under 0.1 nobody knows when the CPU has left the slot of its first life. */
	struct cpu *cpu = cpu_prepare(g, nr + CPU_MAX / 2, affinity, return_at_once);

	psci_arrival.cpu = (uint64_t)cpu;
	psci_arrival.x0 = 0;
	if (g->psci.claimed >= PSCI_V(0, 2)) {
		result = call(CPU_ON_32, affinity | GARBAGE, entry | GARBAGE, CONTEXT_32 | GARBAGE)
				 .x[0];
		note(life, "psci CPU_ON_32(secondary), after CPU_OFF", READ_PSCI, result);
		if (result || !cpu_arrived(cpu))
			return;
		note_is(life, "psci secondary: 32-bit context id in x0",
			psci_arrival.x0 == CONTEXT_32);
		note_off(life, cpu, "psci AFFINITY_INFO_64(secondary), after CPU_OFF again");
		return;
	}
	/* 0.1 does not tell when a CPU is off: CPU_ON is refused until it is. */
	start = counter_now();
	limit = CPU_PATIENCE * counter_hz();
	do {
		result = call(g->psci.cpu_on, affinity, entry, CONTEXT_64).x[0];
	} while ((int32_t)result == PSCI_INVALID_PARAMETERS && counter_now() - start < limit);
	note(life, "psci CPU_ON(secondary), after CPU_OFF", READ_PSCI, result);
	if (!result && cpu_arrived(cpu))
		note_is(life, "psci secondary: context id in x0, again",
			psci_arrival.x0 == CONTEXT_64);
}

static void print_first(const struct life *life)
{
	unsigned int i;

	for (i = 0; i < life->nr; i++) {
		print("%s = ", life->said[i].question);
		print_reading(life->said[i].as, life->said[i].answer);
		print("\n");
	}
}

static void print_differences(unsigned int cpu, const struct life *life, const struct life *first)
{
	unsigned int i;

	for (i = 0; i < life->nr || i < first->nr; i++) {
		if (i < life->nr && i < first->nr &&
		    life->said[i].question == first->said[i].question &&
		    life->said[i].answer == first->said[i].answer)
			continue;
		print("psci CPU %u differs", cpu);
		if (i < life->nr) {
			print(": %s = ", life->said[i].question);
			print_reading(life->said[i].as, life->said[i].answer);
		}
		print("\n");
	}
}

void ask_cpus(struct guest *g)
{
	struct life first, life;
	struct cpu_node at;
	bool is_first = true;

	boot_cpu = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;
	for (at = cpu_first(&g->dt); at.node >= 0 && at.nr < CPU_MAX / 2; cpu_next(&g->dt, &at)) {
		if (at.affinity == boot_cpu)
			continue;
		life.nr = 0;
		if (first_life(&life, g, at.nr, at.affinity))
			second_life(&life, g, at.nr, at.affinity);
		if (is_first) {
			first = life;
			is_first = false;
			print_first(&first);
		} else {
			print_differences(at.nr, &life, &first);
		}
	}
}

static void stay(struct cpu *cpu)
{
	wait_until(&cpu->go, CPU_PATIENCE);
}

void ask_system_suspend(struct guest *g)
{
	uint64_t boot = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;
	struct cpu_node at = cpu_first(&g->dt);
	struct life life = { .nr = 0 };
	struct cpu *cpu;

	while (at.node >= 0 && at.affinity == boot)
		cpu_next(&g->dt, &at);
	if (at.node >= 0 && !cpu_on(g, at.nr, at.affinity, stay, &cpu) && cpu_arrived(cpu)) {
		ask_to_sleep(g, "psci SYSTEM_SUSPEND_64(), while another CPU is on",
			     PSCI_SYSTEM_SUSPEND, false, 0);
		wake(&cpu->go);
		note_off(&life, cpu, "");
	}
	ask_to_sleep(g, "psci SYSTEM_SUSPEND_64()", PSCI_SYSTEM_SUSPEND, false, 0);
	ask_to_sleep(g, "psci SYSTEM_SUSPEND_32()", 0x8400000e, false, 0);
}

void ask_bad_addresses(struct guest *g)
{
	static const char *const names[] = { "unaligned", "where no memory is",
					     "beyond all memory" };
	const uint64_t addresses[] = { (uint64_t)psci_secondary + 2, 0x0d000000, ~0xffful };
	uint64_t boot = sysreg_read(mpidr_el1) & MPIDR_AFFINITY;
	struct cpu_node at;
	unsigned int nr = 0;

	for (at = cpu_first(&g->dt); at.node >= 0 && nr < 3; cpu_next(&g->dt, &at)) {
		struct answer a;

		if (at.affinity == boot)
			continue;
		a = call(g->psci.cpu_on, at.affinity, addresses[nr], 0);
		print("psci CPU_ON(secondary) at an address %s", names[nr]);
		print_answer(READ_PSCI, &a);
		nr++;
	}
}
