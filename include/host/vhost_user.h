/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A process that serves a device's queues, spoken to by the vhost-user protocol over a socket: a struct
 * vhost_backend. It gets the guest's memory, so it can harm the guest; it cannot harm lkvm: whatever it sends, or if it
 * sends nothing, the worst is that its device needs a reset, which then finds no back end any more. For one life of a machine.
 */
#ifndef LKVM_HOST_VHOST_USER_H
#define LKVM_HOST_VHOST_USER_H

#include "util/err.h"
#include "vm/loop.h"
#include "vm/vhostdev.h"

struct vhost_user;

/*
 * Takes the connected stream socket *@fd over (it becomes -1, also on failure) and agrees with who is at its other end; for
 * a device of @nr_queues queues. Blocks, ten seconds at most: before the loop runs. Returns NULL with @e set.
 */
struct vhost_user *vhost_user_open(int *fd, unsigned int nr_queues, struct loop *loop,
				   struct err *e);

/* What virtio_vhost_init() wants. */
struct vhost_backend vhost_user_backend(struct vhost_user *v);

/*
 * Gives it the machine's RAM (which has to have a file), the eventfd @kick[] of each queue (slots_lend_bells(), not
 * owned), and the device. @gone(@ctx) is called once if the connection ends or is given up, with the device's
 * lock held, before the device hears of it: it sees to it that the process touches no memory any more. Before
 * vCPUs run. Returns 0, or -errno with @e set.
 */
int vhost_user_connect(struct vhost_user *v, const struct ram *ram, const int *kick,
		       struct vhost_frontend frontend, void (*gone)(void *ctx), void *ctx,
		       struct err *e);

/* Hangs up, whatever is in flight: the process is to be ended next. When the loop does not run. NULL is fine. */
void vhost_user_close(struct vhost_user *v);

#endif
