/* SPDX-License-Identifier: BSD-2-Clause */
/* Words to a service manager: the protocol of sd_notify(3), which is one datagram a message. */
#ifndef LKVM_IPC_NOTIFY_H
#define LKVM_IPC_NOTIFY_H

#include "util/err.h"

/*
 * Connects to the socket at @address: a path, or an abstract name behind '@'. Returns the descriptor, or
 * -errno with @e set.
 */
int notify_open(const char *address, struct err *e);

/*
 * Sends a message, lines "NAME=VALUE", to @fd, which may be -1: nobody listens. A message that cannot
 * be sent is a warning: the VM is not worse for it. Waits a second at the most.
 */
void notify_send(int fd, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
