/* SPDX-License-Identifier: BSD-2-Clause */
/* For guests that touch what may not be there: data aborts are counted and stepped over. */
#ifndef GUEST_ABORT_H
#define GUEST_ABORT_H

#include <stdbool.h>
#include <stdint.h>

struct guest;

struct abort_log {
	volatile uint32_t nr;  /* data aborts so far */
	volatile uint64_t esr; /* of the last one */
	volatile uint64_t far;
};

/* From now on each data abort is noted in @log and its instruction skipped. */
void abort_catch(struct guest *g, struct abort_log *log);

/* Was there exactly one abort since @log was cleared, a synchronous external one? Clears it. */
bool abort_was_external(struct abort_log *log);

#endif
