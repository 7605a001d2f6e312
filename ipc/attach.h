/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * People at a running VM's console, over connections of its control socket: what lkvm console shows. All see the output,
 * and each may type.
 */
#ifndef LKVM_IPC_ATTACH_H
#define LKVM_IPC_ATTACH_H

#include <stdbool.h>
#include "util/err.h"
#include "vm/loop.h"

/* So many may be attached at once. */
#define ATTACH_MAX 8
/* Output that is kept for those who are slow; who is further behind loses some, and is told. */
#define ATTACH_SIZE 65536
/* How much of what was said before is shown to who comes: about a screenful. */
#define ATTACH_BEFORE 2048

struct machine;
struct attach;

/* Returns NULL with @e set. attach_close() ends it. All on the loop's thread. */
struct attach *attach_open(struct loop *loop, struct err *e);

/* machine_control.running() */
void attach_running(struct attach *a, struct machine *m);

/* Whether one more may be attached; the place of one who has gone is free. */
bool attach_has_room(struct attach *a);

/* Attaches who is at the other end of @fd, a connected stream socket that does not block. Takes @fd, also if it fails. */
void attach_add(struct attach *a, int fd);

/* What is left of the output is sent to those who take it, and all are hung up on. NULL is fine. */
void attach_close(struct attach *a);

#endif
