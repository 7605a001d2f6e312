/* SPDX-License-Identifier: BSD-2-Clause */
/* What a machine_control does to a machine that runs: each is a part's to do. */
#include <stdatomic.h>
#include "parts.h"

void machine_pause(struct machine *m)
{
	vm_pause(&m->vm);
}

void machine_continue(struct machine *m)
{
	vm_continue(&m->vm);
}

bool machine_wake(struct machine *m)
{
	return power_wake(m);
}

int machine_resize_disk(struct machine *m, const char *disk, uint64_t size, uint64_t *now,
			struct err *e)
{
	return disks_resize(m->disks, disk, size, now, e);
}

int machine_balloon(struct machine *m, const struct balloon_request *request,
		    struct balloon_state *state, struct err *e)
{
	return balloon_command(m->balloon, request, state, e);
}

void machine_press_power(struct machine *m)
{
	/* Its guest has no driver for a button. */
	if (m->command)
		command_terminate(m->command);
	else
		button_press(m);
}

bool machine_console_resize(struct machine *m, uint16_t cols, uint16_t rows)
{
	return consoles_resize(m->consoles, cols, rows);
}

int machine_sysrq(struct machine *m, char key, struct err *e)
{
	return consoles_sysrq(m->consoles, key, e);
}

void machine_get_state(struct machine *m, struct machine_state *state)
{
	*state = (struct machine_state){
		.paused = atomic_load(&m->vm.pauses),
		.asleep = power_sleeps(m),
		.nr_cpus = m->vm.nr_vcpus,
		.psci = m->psci,
		.ram_size = m->cfg->ram_size,
	};
}
