/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's pvpanic device, and who hears of a panic by it. */
#include "parts.h"

/* A vCPU's thread, with the device's lock held. */
static void happened(void *ctx, unsigned int events)
{
	struct machine *m = ctx;
	bool saved = events & PVPANIC_CRASH_LOADED;

	if (events & PVPANIC_SHUTDOWN) {
		vm_stop(&m->vm, VM_OFF);
		return;
	}
	if (m->panic.heard)
		m->panic.heard(m->panic.ctx);
	else if (log_limit_ok(&m->panic.limit))
		log_warning("VM %s: the guest's kernel panicked%s", m->cfg->name,
			    saved ? "; its crash kernel takes over" : "");
}

int panic_add(struct machine *m, struct err *e)
{
	pvpanic_init(&m->panic.dev, happened, m);
	return bus_add(&m->vm.bus,
		       &(struct mmio_region){
			       .name = "pvpanic",
			       .base = MAP_PVPANIC,
			       .size = PVPANIC_REGS_SIZE,
			       .ops = &pvpanic_mmio,
			       .dev = &m->panic.dev,
			       .lock = &m->panic.dev.lock,
		       },
		       e);
}

void panic_remove(struct machine *m)
{
	if (m->panic.dev.happened)
		pvpanic_destroy(&m->panic.dev);
}

void machine_watch_panic(struct machine *m, void (*heard)(void *ctx), void *ctx)
{
	m->panic.heard = heard;
	m->panic.ctx = ctx;
}
