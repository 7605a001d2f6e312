/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of the psci guest share: calls to the firmware that watch every register, and one
 * line of output for each, "CALL = ANSWER". Answers are the specifications' names where there is
 * one, so that the same output comes from every firmware that behaves the same.
 */
#ifndef PSCI_CALL_H
#define PSCI_CALL_H

#define RESUMED 0x72657375 /* in x0 where a suspended CPU began at its entry point */

/* Offsets in struct arrival. */
#define ARRIVAL_CPU   0
#define ARRIVAL_X0    8
#define ARRIVAL_EL    16
#define ARRIVAL_SPSEL 24
#define ARRIVAL_DAIF  32
#define ARRIVAL_SCTLR 40

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stdint.h>

struct guest;

/* An affinity that no machine of ours has, and that also fits the 32-bit calls. */
#define MISSING_CPU 0x00ffff00ul

struct registers {
	uint64_t x[31];
};

/* psci-registers.S: loads all registers from @r, calls, and stores all in @r. */
void psci_hvc(struct registers *r);
void psci_hvc_1(struct registers *r); /* with an immediate of 1, which the SMCCC reserves */
void psci_smc(struct registers *r);

/* psci-registers.S: an entry point for calls that suspend; the call comes back with RESUMED, x0. */
void psci_resume(void);

struct answer {
	uint64_t x[4];
	uint32_t changed; /* bit n: the call changed xn, of x4 to x30 */
};

/* Calls @fn by HVC, with values in all other registers by which a change shows. */
struct answer call(uint64_t fn, uint64_t a1, uint64_t a2, uint64_t a3);

/* As call(), by one of the instructions above. */
struct answer call_by(void (*instruction)(struct registers *r), uint64_t fn, uint64_t a1,
		      uint64_t a2, uint64_t a3);

/* The registers of x4 to x30 that any call so far has changed, a bit each. */
uint32_t call_ever_changed(void);

/* How x0 is to be read. */
enum reading {
	READ_PSCI,     /* DEN 0022, return codes */
	READ_AFFINITY, /* AFFINITY_INFO */
	READ_TRUSTED,  /* MIGRATE_INFO_TYPE */
	READ_SMCCC,    /* DEN 0028, return codes */
	READ_TRNG,     /* DEN 0098, return codes */
	READ_VERSION,  /* major << 16 | minor */
	READ_TEXT,     /* a string's address */
};

/* Prints the meaning of @value, which is hexadecimal where it has no name. */
void print_reading(enum reading as, uint64_t value);

/* Ends a line that said what was asked: " = ", the reading of x0, the registers that changed. */
void print_answer(enum reading as, const struct answer *a);

/* Calls @fn and prints the line. */
void ask(const char *text, enum reading as, uint64_t fn, uint64_t a1, uint64_t a2, uint64_t a3);

/* How a CPU found itself after CPU_ON, as psci_secondary leaves it. One CPU arrives at a time. */
struct arrival {
	volatile uint64_t cpu; /* its struct cpu, put there before the call */
	volatile uint64_t x0;
	volatile uint64_t el;
	volatile uint64_t spsel;
	volatile uint64_t daif;
	volatile uint64_t sctlr;
};
extern struct arrival psci_arrival;

/* psci-registers.S: the entry point for CPU_ON. */
void psci_secondary(void);

/* The parts, in the order they are printed. Each only makes calls that come back. */
void ask_functions(void);
void ask_features(void);
void ask_suspend(struct guest *g);
void ask_cpus(struct guest *g);
void ask_services(struct guest *g);

/*
 * CPU_ON at addresses where nothing can run, for up to three CPUs. They may stay on for good, at
 * whatever is there, so that the machine has to be ended next.
 */
void ask_bad_addresses(struct guest *g);

/* SYSTEM_SUSPEND, while another CPU is on if there is one, and when it is off. */
void ask_system_suspend(struct guest *g);

/* Calls @fn, which is to suspend at @state or, without one, the system; prints what woke it. */
void ask_to_sleep(struct guest *g, const char *text, uint32_t fn, bool has_state, uint32_t state);

#endif /* !__ASSEMBLER__ */
#endif
