/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * CPUs: the list of them in the device tree, starting one, waiting for something another CPU does,
 * and the few system registers guests look at. entry.S shares the constants at the top.
 *
 * The MMU stays off, so all data is Device memory: exclusive and atomic instructions may not be
 * used on it. CPUs talk through volatile words with one writer each, and wait_until().
 */
#ifndef GUEST_CPU_H
#define GUEST_CPU_H

#define LINK_ADDRESS   0x40000000 /* of image.lds */
#define CPU_MAX        512
#define CPU_SLOT_SIZE  1536 /* struct cpu at the bottom, that CPU's stack above it */
#define CPU_SLOT_GUEST 0    /* offset of cpu.guest */

#define TRAP_FRAME_SIZE 304 /* struct trap of guest.h */

/* CNTKCTL_EL1: EVNTEN, and EVNTI 14: an event every 2^15 ticks, which ends a WFE */
#define CNTKCTL_EVENTS ((14 << 4) | (1 << 2))

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dt;
struct guest;

#define MPIDR_AFFINITY 0xff00fffffful /* Aff3 .. Aff0 */

#define sysreg_read(name)                                                    \
	({                                                                   \
		uint64_t value_;                                             \
		__asm__ volatile("mrs %0, " #name : "=r"(value_)::"memory"); \
		value_;                                                      \
	})

#define sysreg_write(name, value) \
	__asm__ volatile("msr " #name ", %0\n\tisb" ::"r"((uint64_t)(value)) : "memory")

/*
 * One secondary CPU. It lies at the bottom of that CPU's slot, and its address is the context id
 * given to CPU_ON: a CPU that arrives here has thereby shown that its context id was right.
 */
struct cpu {
	struct guest *guest;
	void (*run)(struct cpu *cpu); /* what the CPU does; when it returns: CPU_OFF */
	uint64_t affinity;            /* target of CPU_ON */
	unsigned int nr;
	/* written by the CPU itself */
	volatile uint64_t mpidr; /* its MPIDR_EL1 */
	volatile uint32_t arrived;
	volatile uint32_t off_failed; /* CPU_OFF came back; its result is in off_result */
	volatile int32_t off_result;
	/* for run() and whoever started it, as they agree */
	volatile uint32_t go;
	volatile uint32_t done;
};

/* One CPU of the device tree's /cpus; cpu_first() and cpu_next() walk through them. */
struct cpu_node {
	int node;        /* in the device tree; negative: no more */
	unsigned int nr; /* its place in the list, from 0 */
	uint64_t affinity;
	/* private */
	unsigned int cells;
};

/* First CPU of /cpus; node is negative if there is none. */
struct cpu_node cpu_first(const struct dt *dt);

/* Moves to the following CPU of /cpus. */
void cpu_next(const struct dt *dt, struct cpu_node *at);

/* Number of CPUs in the device tree. */
unsigned int cpu_count(const struct dt *dt);

/*
 * Makes slot @nr (below CPU_MAX, not in use by a CPU that is on) ready for a CPU that begins at
 * secondary_start with the result as its context id. For guests that call CPU_ON themselves.
 */
struct cpu *cpu_prepare(struct guest *g, unsigned int nr, uint64_t affinity,
			void (*run)(struct cpu *cpu));

/*
 * Starts the CPU with @affinity by PSCI CPU_ON in slot @nr (below CPU_MAX); it will call @run.
 * The slot must not be in use by a CPU that is on. *@cpu is set in any case. Returns PSCI's result.
 */
int cpu_on(struct guest *g, unsigned int nr, uint64_t affinity, void (*run)(struct cpu *cpu),
	   struct cpu **cpu);

/* Waits until @cpu has entered its run(). Returns false after CPU_PATIENCE seconds. */
bool cpu_arrived(struct cpu *cpu);

#define CPU_PATIENCE 20 /* seconds; hosts with far more vCPUs than CPUs exist */

/* Waits until *@word is not zero. Returns false if it still is after @seconds. */
bool wait_until(const volatile uint32_t *word, unsigned int seconds);

/* Sets *@word to 1, after all that was written before, and wakes the CPUs in wait_until(). */
void wake(volatile uint32_t *word);

/* The virtual counter, and its ticks a second. */
uint64_t counter_now(void);
uint64_t counter_hz(void);

/* Sleeps until an interrupt; an event or the event stream; hints that this CPU spins. */
static inline void cpu_wfi(void)
{
	__asm__ volatile("dsb sy\n\twfi" ::: "memory");
}

static inline void cpu_wfe(void)
{
	__asm__ volatile("wfe" ::: "memory");
}

static inline void cpu_yield(void)
{
	__asm__ volatile("yield" ::: "memory");
}

/* entry.S: where CPU_ON lets a CPU begin. */
void secondary_start(void);

#endif /* !__ASSEMBLER__ */
#endif
