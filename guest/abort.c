/* SPDX-License-Identifier: BSD-2-Clause */
/* Catching data aborts; see abort.h. */
#include "abort.h"
#include "guest.h"

static bool step_over(struct guest *g, struct trap *t)
{
	struct abort_log *log = g->on_trap_data;

	if (ESR_EC(t->esr) != EC_DABT_CUR)
		return false;
	log->nr++;
	log->esr = t->esr;
	log->far = t->far;
	t->elr += 4;
	return true;
}

void abort_catch(struct guest *g, struct abort_log *log)
{
	*log = (struct abort_log){ 0 };
	g->on_trap_data = log;
	g->on_trap = step_over;
}

bool abort_was_external(struct abort_log *log)
{
	bool was = log->nr == 1 && ESR_FSC(log->esr) == FSC_EXTERNAL;

	log->nr = 0;
	return was;
}
