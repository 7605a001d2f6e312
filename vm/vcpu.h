/* SPDX-License-Identifier: BSD-2-Clause */
/* Between vm.c and vcpu.c: the life of a vCPU thread. */
#ifndef LKVM_VM_VCPU_H
#define LKVM_VM_VCPU_H

#include "vm/vm.h"

/* Installs the handler of the signal that vcpu_kick() sends. Once a process is enough. */
int vcpu_kick_setup(struct err *e);

/* Starts the vCPU's thread. Returns 0, or -errno with @e set. */
int vcpu_start(struct vcpu *vcpu, struct err *e);

#endif
