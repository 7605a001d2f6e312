/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pseudo-terminal at the host's end of a guest's line: whoever opens the name it has, by screen(1) for
 * instance, is connected, and may go and come again.
 *
 * While nobody has it open, what the guest sends is lost, as on a serial line without a cable; input is what was
 * typed while somebody had. To one who has it open and reads slowly nothing is lost: the guest waits.
 */
#ifndef LKVM_HOST_PTY_H
#define LKVM_HOST_PTY_H

#include "util/err.h"
#include "vm/chardev.h"
#include "vm/loop.h"

struct pty;

/*
 * Makes one, raw, and adds it to @loop. Like all of this file but the back end's functions, to be
 * called on the loop's thread or while the loop does not run. Returns NULL with @e set on failure.
 */
struct pty *pty_open(struct loop *loop, struct err *e);

/* What to open: "/dev/pts/5". Valid until pty_close(). */
const char *pty_name(const struct pty *pty);

/* What the device is given as its back end; valid until pty_close(). */
struct char_backend pty_backend(struct pty *pty);

/* Connects the device (after pty_backend()); from now on input flows. @pty keeps a copy. */
void pty_connect(struct pty *pty, struct char_frontend frontend);

/* Forgets the device; input waits until the next pty_connect(). The device must be quiet: no vCPU runs. */
void pty_disconnect(struct pty *pty);

/* Leaves the loop and frees @pty; its name is gone. NULL is fine. */
void pty_close(struct pty *pty);

#endif
