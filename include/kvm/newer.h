/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What lkvm uses and the oldest supported kernel headers (linux-libc-dev of Debian 12: 6.1) lack.
 * Each line names the release that brought it.
 */
#ifndef LKVM_KVM_NEWER_H
#define LKVM_KVM_NEWER_H

/* 6.15: discovery of the CPU implementations that a VM may run on. */
#ifndef KVM_REG_ARM_VENDOR_HYP_BMAP_2
#define KVM_REG_ARM_VENDOR_HYP_BMAP_2 KVM_REG_ARM_FW_FEAT_BMAP_REG(3)
#endif

#endif
