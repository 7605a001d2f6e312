/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The psci guest's suspend calls. The virtual timer's interrupt ends the sleep: it reaches the CPU,
 * which has it masked.
 */
#include "gic.h"
#include "guest.h"
#include "psci-call.h"

#define CONTEXT 0x76543210ul

/* power_state, original format: bits 25:24 level, bit 16 power-down, the rest the platform's */
#define STANDBY    0x00000000
#define POWER_DOWN 0x00010000
#define RESERVED   0xfcfe0000 /* bits that must be 0 */

#define CNTV_CTL_ENABLE 1

/* A CPU that resumes at its entry point has lost its system registers. */
struct saved {
	uint64_t vbar, tpidr, cntkctl;
};

static void restore(const struct saved *s)
{
	sysreg_write(vbar_el1, s->vbar);
	sysreg_write(tpidr_el1, s->tpidr);
	sysreg_write(cntkctl_el1, s->cntkctl);
}

void ask_to_sleep(struct guest *g, const char *text, uint32_t fn, bool has_state, uint32_t state)
{
	struct saved saved = {
		.vbar = sysreg_read(vbar_el1),
		.tpidr = sysreg_read(tpidr_el1),
		.cntkctl = sysreg_read(cntkctl_el1),
	};
	uint64_t entry = (uint64_t)psci_resume;
	uint64_t wake_up;
	struct answer a;
	bool slept;

	if (!gic_enable_ppi(&g->dt, PPI_VIRTUAL_TIMER, true)) {
		print("%s = not called: nothing would wake this CPU\n", text);
		return;
	}
	wake_up = counter_now() + counter_hz() / 500;
	sysreg_write(cntv_cval_el0, wake_up);
	sysreg_write(cntv_ctl_el0, CNTV_CTL_ENABLE);
	if (has_state)
		a = call(fn, state, entry, CONTEXT);
	else
		a = call(fn, entry, CONTEXT, 0);
	slept = counter_now() >= wake_up;
	sysreg_write(cntv_ctl_el0, 0);
	gic_enable_ppi(&g->dt, PPI_VIRTUAL_TIMER, false);
	if ((uint32_t)a.x[0] == RESUMED)
		restore(&saved);

	print("%s", text);
	print_answer(READ_PSCI, &a);
	if ((uint32_t)a.x[0] == RESUMED)
		print("%s, context id = %s\n", text, a.x[1] == CONTEXT ? "as given" : "WRONG");
	if ((uint32_t)a.x[0] == RESUMED || !a.x[0])
		print("%s, until = %s\n", text,
		      slept ? "the timer's interrupt" : "nothing: at once");
}

void ask_suspend(struct guest *g)
{
	ask_to_sleep(g, "psci CPU_SUSPEND_32(standby)", 0x84000001, true, STANDBY);
	ask_to_sleep(g, "psci CPU_SUSPEND_64(standby)", 0xc4000001, true, STANDBY);
	ask_to_sleep(g, "psci CPU_SUSPEND_32(power down)", 0x84000001, true, POWER_DOWN);
	ask_to_sleep(g, "psci CPU_SUSPEND_64(power down)", 0xc4000001, true, POWER_DOWN);
	ask_to_sleep(g, "psci CPU_SUSPEND_64(reserved bits)", 0xc4000001, true, RESERVED);
	ask_to_sleep(g, "psci CPU_DEFAULT_SUSPEND_32()", 0x8400000c, false, 0);
	ask_to_sleep(g, "psci CPU_DEFAULT_SUSPEND_64()", 0xc400000c, false, 0);
	/* A CPU that freezes is woken by nothing: an implementation that has it ends this test. */
	ask("psci CPU_FREEZE()", READ_PSCI, 0x8400000b, 0, 0, 0);
}
