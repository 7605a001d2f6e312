/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A doorbell: an address that the guest writes to wake the loop. KVM signals an eventfd
 * (KVM_IOEVENTFD) without leaving the kernel on the vCPU's side, so that the vCPU goes on at once.
 */
#ifndef LKVM_VM_DOORBELL_H
#define LKVM_VM_DOORBELL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include "util/err.h"
#include "vm/loop.h"
#include "vm/ram.h"

struct doorbell {
	struct loop_source source;
	struct loop *loop;
	int vm;
	gpa_t gpa;
	uint64_t value;
	unsigned int len;
	bool match, placed;
	pthread_mutex_t *lock;
	void (*rung)(void *ctx, unsigned int nr);
	void *ctx;
	unsigned int nr;
};

#define DOORBELL_NONE ((struct doorbell){ .source.fd = -1 })

/*
 * Makes a doorbell without an address yet. @rung is called on @loop's thread with @lock held after the guest
 * rang, once for any number of rings in the meantime. @vm: KVM's descriptor of the VM. @bell must stay where it is.
 * Returns 0, or -errno with @e set; doorbell_close() also after that.
 */
int doorbell_open(struct doorbell *bell, struct loop *loop, int vm, pthread_mutex_t *lock,
		  void (*rung)(void *ctx, unsigned int nr), void *ctx, unsigned int nr,
		  struct err *e);

/*
 * Hears writes of @len bytes (0: any width) at @gpa, with @match only those of @value; in place of an earlier address. Any
 * thread. Returns 0, or -errno: the guest's writes then come by the bus.
 */
int doorbell_place(struct doorbell *bell, gpa_t gpa, unsigned int len, bool match, uint64_t value);
void doorbell_remove(struct doorbell *bell);

/*
 * Somebody else, who has the eventfd returned, hears it from now on, and the loop does not. The descriptor
 * stays the bell's. Loop's thread, or when it does not run.
 */
int doorbell_lend(struct doorbell *bell);

/* Loop's thread, or when it does not run. DOORBELL_NONE is fine. */
void doorbell_close(struct doorbell *bell);

#endif
