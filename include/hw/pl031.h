/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A PL031 real time clock (Arm DDI 0224): a counter of seconds with one alarm. It counts from the start, as
 * firmware leaves it to an operating system, and begins with the host's time. Registers are 32 bits
 * wide; narrower and wider accesses are of the register they start at.
 *
 * The guest sets its clock by writing RTCLR, which is an offset to the host's. The timer is asked for
 * only while the alarm's interrupt is unmasked and still to come.
 */
#ifndef LKVM_HW_PL031_H
#define LKVM_HW_PL031_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "vm/bus.h"
#include "vm/dt_in.h"
#include "vm/irq.h"
#include "vm/timer.h"

#define PL031_REGS_SIZE 0x1000

struct pl031 {
	pthread_mutex_t lock;
	struct irq irq; /* level */
	struct clock clock;
	struct timer timer;
	uint64_t seen;   /* the clock's second up to which @match was looked for */
	uint32_t offset; /* of the counter to the clock's seconds, modulo 2^32 */
	uint32_t match, load;
	bool raw, unmasked; /* RTCRIS, RTCIMSC */
};

extern const struct mmio_ops pl031_mmio;

/*
 * Makes one that tells @clock's time, nanoseconds since 1970. @timer, which calls pl031_due(@rtc), wants
 * rtc->lock: loop_timer_init() may be given it before this. It must stay where it is; pl031_destroy() ends it.
 */
void pl031_init(struct pl031 *rtc, struct irq irq, struct clock clock, struct timer timer);
void pl031_destroy(struct pl031 *rtc);

/* The alarm may be due; @rtc is a struct pl031. With its lock held. */
void pl031_due(void *rtc);

/*
 * Its registers for a snapshot, as properties of the node that @dt is at; and from such a node, which may hold anything: what is no
 * state of such a device is refused (in->ret), and it is as before then. With the lock held.
 */
void pl031_save(const struct pl031 *rtc, struct dt *dt);
void pl031_restore(struct pl031 *rtc, struct dt_in *in, int node);

#endif
