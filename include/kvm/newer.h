/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lkvm uses and the oldest supported kernel headers (linux-libc-dev of Debian 12: 6.1) lack.
 * Each line names the release that brought it. Nothing yet: the file is where it goes.
 */
#ifndef LKVM_KVM_NEWER_H
#define LKVM_KVM_NEWER_H

#endif
