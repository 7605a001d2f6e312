/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A machine built part by part on the fake KVM, without threads and streams: for the tests of the
 * parts. Everything is as arm/machine.c does it, up to where a test wants to look.
 */
#ifndef LKVM_FAKE_BOARD_H
#define LKVM_FAKE_BOARD_H

#include "../../arm/parts.h"
#include "fake/fake_kvm.h"
#include "vm/loop.h"

struct board {
	struct machine_config cfg;
	struct machine m;
	struct loop loop;
	int kvm;
};

/* A VM with RAM and vCPUs not yet initialised, as @cfg wants it, on a host like @host. */
void board_open(struct board *b, const struct fake_host *host, const struct machine_config *cfg);
/* The same and initialised vCPUs and GIC: all that a device tree tells of. */
void board_build(struct board *b, const struct fake_host *host, const struct machine_config *cfg);
/* Ends it, and the fake. */
void board_close(struct board *b);

#endif
