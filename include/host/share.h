/* SPDX-License-Identifier: BSD-2-Clause */
/* A shared folder: a 9P server (host/p9.h) on threads of its own, behind a 9P device. */
#ifndef LKVM_HOST_SHARE_H
#define LKVM_HOST_SHARE_H

#include "host/p9.h"
#include "vm/loop.h"

struct share;

/* Opens a folder and makes it ready to serve on @loop. Returns NULL with @e naming it and what is wrong. */
struct share *share_open(const struct p9_config *cfg, struct loop *loop, struct err *e);

/* What the device is given; valid until share_close(). */
struct p9_backend share_backend(struct share *share);

/* Connects the device that was given share_backend(). */
void share_connect(struct share *share, struct p9_frontend frontend);

/*
 * Disconnects it, after waiting for everything in flight (done() is called for it, with the device's lock held), and
 * closes what its guest had open. Neither loop nor vCPUs run. Without a device: nothing.
 */
void share_disconnect(struct share *share);

/* NULL is fine. */
void share_close(struct share *share);

#endif
