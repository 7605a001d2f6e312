/* SPDX-License-Identifier: BSD-2-Clause */
/* Holding a machine up that writes to its memory faster than that can be sent. The loop's thread. */
#ifndef LKVM_SNAPSHOT_BRAKE_H
#define LKVM_SNAPSHOT_BRAKE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "arm/machine.h"
#include "vm/timer.h"

struct brake {
	struct machine *m;
	struct loop *loop;
	bool works; /* if not, nothing is ever held up */
	/* brake.c's, zero at first; @timer LOOP_TIMER_NONE: */
	unsigned int percent;
	bool held;            /* the machine is, at the moment */
	uint64_t left;        /* by the last round */
	pthread_mutex_t lock; /* that the timer wants: the loop's thread is alone here */
	struct loop_timer timer;
};

/*
 * A round has left @left bytes to be sent again. If that is hardly less than the round before it left, the machine stands still for a larger part
 * of the time from now on.
 */
void brake_round(struct brake *b, uint64_t left);
/* It is held up no longer. */
void brake_release(struct brake *b);

#endif
