/* SPDX-License-Identifier: BSD-2-Clause */
/* The machine's socket device: what lkvm run's --vsock says. */
#ifndef LKVM_ARM_VSOCK_H
#define LKVM_ARM_VSOCK_H

#include <stdint.h>
#include "arm/transport.h"
#include "util/err.h"

struct vsock_options {
	uint64_t cid; /* the guest's; 0: there is no device */
	char *path;   /* the unix socket; NULL: the host's kernel serves the device; malloc()ed */
	enum virtio_bus bus;
};

/*
 * Reads "--vsock VALUE": a CID, and after commas unix=PATH, transport=BUS. Takes the place of what was read before.
 * Returns 0, or -errno with @e naming what is wrong.
 * A setter for option rows: @vsock is a struct vsock_options.
 */
int vsock_parse(void *vsock, const char *value, struct err *e);
void vsock_options_free(struct vsock_options *vsock);

#endif
