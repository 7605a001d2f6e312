/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From entry.S to guest_main() and to the machine's end, and what happens to exceptions. The guest
 * lives on the boot CPU's stack; every CPU finds it through TPIDR_EL1.
 */
#include "guest.h"
#include "str.h"

/* Called by entry.S. @entry: x0..x3 as the boot CPU began. Does not come back. */
void guest_start(const uint64_t *entry);
/* Called by entry.S for every exception. */
void trap_handle(struct trap *t);

static void find_memory(struct guest *g)
{
	uint64_t address, size;
	bool first = true;
	int node = -1;

	while ((node = dt_next(&g->dt, node)) >= 0) {
		unsigned int i;

		if (!dt_has_string(&g->dt, node, "device_type", "memory"))
			continue;
		for (i = 0; dt_reg(&g->dt, node, i, &address, &size); i++) {
			if (first)
				g->ram_base = address;
			first = false;
			g->ram_size += size;
		}
	}
}

void guest_start(const uint64_t *entry)
{
	struct guest g = { .entry = entry, .bootargs = "" };
	const char *bootargs;

	g.dt_ok = dt_open(&g.dt, (const void *)entry[0]);
	uart_open_console(&g.console, &g.dt);
	sysreg_write(tpidr_el1, &g); /* from here on exceptions are printed */
	psci_open(&g.psci, &g.dt);
	power_open(&g.power, &g.dt);
	find_memory(&g);
	bootargs = dt_string(&g.dt, dt_path(&g.dt, "/chosen"), "bootargs");
	if (bootargs)
		g.bootargs = bootargs;

	if (guest_main(&g))
		power_reset(&g);
	power_off(&g);
}

void trap_handle(struct trap *t)
{
	struct guest *g = guest_this();

	if (g && g->on_trap && g->on_trap(g, t))
		return;
	if (g && !g->dying) {
		g->dying = 1;
		print("\nexception: vector %lu, mpidr 0x%lx, esr 0x%lx, elr 0x%lx, far 0x%lx\n",
		      t->vector, sysreg_read(mpidr_el1), t->esr, t->elr, t->far);
		power_reset(g);
	}
	/* Too early, or the report itself failed: trust nothing that was read from memory. */
	smccc_call(SMCCC_HVC, PSCI_SYSTEM_RESET, 0, 0, 0);
	for (;;)
		cpu_wfi();
}

/* The text behind @name where it begins a word of the command line; NULL if it does not. */
static const char *find_word(const struct guest *g, const char *name)
{
	size_t len = strlen(name);
	const char *s = g->bootargs;

	while (*s) {
		const char *end = s;

		while (*end && *end != ' ')
			end++;
		if ((size_t)(end - s) >= len && !memcmp(s, name, len) &&
		    (s + len == end || s[len] == '='))
			return s + len;
		for (s = end; *s == ' ';)
			s++;
	}
	return NULL;
}

bool guest_has_arg(const struct guest *g, const char *word)
{
	const char *end = find_word(g, word);

	return end && (!*end || *end == ' ');
}

uint64_t guest_arg(const struct guest *g, const char *name, uint64_t other)
{
	const char *s = find_word(g, name);
	uint64_t value = 0;
	unsigned int base = 10;

	if (!s || *s++ != '=')
		return other;
	if (s[0] == '0' && s[1] == 'x') {
		base = 16;
		s += 2;
	}
	for (;; s++) {
		unsigned int digit;

		if (*s >= '0' && *s <= '9')
			digit = (unsigned int)(*s - '0');
		else if (*s >= 'a' && *s <= 'f')
			digit = (unsigned int)(*s - 'a') + 10;
		else
			return value;
		if (digit >= base)
			return value;
		value = value * base + digit;
	}
}
