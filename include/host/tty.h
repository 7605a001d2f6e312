/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The host's end of the guest's first serial line: lkvm's own stdin and stdout, which may be a
 * terminal, a pipe, a socket, a file or /dev/null, each on its own.
 *
 * A terminal on stdin is made raw while the VM runs and put back on every way out. Ctrl-A is the
 * escape there: x ends the VM, h or ? shows help, Ctrl-A or a sends a Ctrl-A. It works whatever the
 * guest does: keys wait in a buffer, and when the guest takes none for so long that it is full, keys
 * for the guest are lost rather than the escape. In a background job the terminal is left alone.
 * Bytes from anything else reach the guest as they are, and are read only as the guest takes them.
 *
 * Output is byte-exact, never blocks a vCPU or the loop, and is never dropped: a slow reader makes
 * the guest's transmitter wait. When the reader is gone, that is said once, and the VM runs on
 * without one.
 */
#ifndef LKVM_HOST_TTY_H
#define LKVM_HOST_TTY_H

#include "util/err.h"
#include "vm/chardev.h"
#include "vm/loop.h"

struct tty;

/*
 * Opens the console on @in_fd and @out_fd (normally 0 and 1; both stay the caller's, and either may
 * be closed) and adds it to @loop. @quit is called on the loop's thread when the person types
 * Ctrl-A x; it must not close the console. The caller ignores SIGPIPE. Like all of this file but the
 * back end's functions, to be called on the loop's thread or while the loop does not run.
 * Returns NULL with @e set on failure, with the terminal as it was.
 */
struct tty *tty_open(struct loop *loop, int in_fd, int out_fd, void (*quit)(void *ctx), void *ctx,
		     struct err *e);

/* What the device is given as its back end; valid until tty_close(). */
struct char_backend tty_backend(struct tty *tty);

/* Connects the device (after tty_backend()); from now on input flows. @tty keeps a copy. */
void tty_connect(struct tty *tty, struct char_frontend frontend);

/*
 * Forgets the device, for example before a reboot, after taking over what it still holds back; input
 * waits until the next tty_connect(). The device must be quiet: no vCPU runs.
 */
void tty_disconnect(struct tty *tty);

/*
 * Writes out what the guest has sent, waiting for a slow reader up to @timeout_ms, puts the
 * terminal back as it was, leaves the loop and frees @tty. NULL is fine. Disconnects the device if
 * that is not done yet.
 */
void tty_close(struct tty *tty, int timeout_ms);

#endif
